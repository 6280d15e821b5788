# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Incomplete, damaged and foreign answers: every read of every array, field by field.

The answers of the simulated array are recorded once. Then the client gets them again, each time with one field missing,
null, empty or of another type, or truncated, or with another content type, or replaced by the page of a proxy. The
outcome is an error or an entry that is reported as unreadable; never another exception, and never an absent object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Listing
from tests.module.arrays import CONTRACT, GIB, ArrayUnderTest
from tests.module.operations import build
from tests.module.tape import READS, WITHOUT_COMPLETENESS, Mangled, Tape, outcome
from tests.support.json_values import keys_of, with_value

PAGE = "<html><head><title>502 Bad Gateway</title></head><body>a proxy</body></html>"
ABSENT = {
    # A volume that is not a snapshot reports null or an empty list as its source (sheet, section 2)
    ("xtremio", "ancestor-vol-id", "null"),
    # An initiator without a host may be missing in the answer (HOSTS_OF_UNLISTED_PORT)
    ("dsware", "iqn.2026-01.org.example:host2", "left out"),
}
"""Changes of an answer that mean on this array that an object is absent: vendor, field and change."""


def json_changes(text: str) -> Iterator[Mangled]:
    document = json.loads(text)
    for key in sorted(set(keys_of(document))):
        for label, replacement, strict in (
            ("left out", ..., True),
            ("null", None, True),
            ("text", "nonsense", False),
            ("a number", -1, False),
            ("huge", -(10**30), False),
            ("an empty list", [], False),
            ("an empty object", {}, False),
        ):
            yield Mangled(f"{key}: {label}", json.dumps(with_value(document, key, replacement)), strict)
    for label, other in (("null", "null"), ("a list", "[]"), ("text", '"text"'), ("a number", "7"), ("empty", "{}")):
        yield Mangled(f"everything: {label}", other, True)


def table_changes(text: str) -> Iterator[Mangled]:
    """The changes of a table whose first line names the columns, or of lines with a name and a value each."""
    rows = [line.split("!") for line in text.splitlines()]
    if not rows:
        return
    if len(rows[0]) == 2:
        for number, row in enumerate(rows):
            yield Mangled(f"{row[0]}: left out", _table(rows[:number] + rows[number + 1 :]), True)
            for replacement in ("", "nonsense", "-1"):
                changed = [*rows[:number], [row[0], replacement], *rows[number + 1 :]]
                yield Mangled(f"{row[0]}: {replacement!r}", _table(changed), False)
        return
    for number, column in enumerate(rows[0]):
        yield Mangled(f"{column}: left out", _table([row[:number] + row[number + 1 :] for row in rows]), True)
        for replacement in ("", "nonsense", "-1"):
            changed = [row[:number] + [replacement] + row[number + 1 :] for row in rows[1:]]
            yield Mangled(f"{column}: {replacement!r}", _table([rows[0], *changed]), False)
    for width in (1, len(rows[0]) // 2):
        yield Mangled(f"rows of {width} fields", _table([rows[0], *(row[:width] for row in rows[1:])]), True)
        yield Mangled(f"the last row truncated after {width} fields", _table([*rows[:-1], rows[-1][:width]]), True)


def _table(rows: list[list[str]]) -> str:
    return "".join("!".join(row) + "\n" for row in rows)


FIELD = re.compile(r"(?<=[\[,\n])(\w+)=([^,\[\]\n]*)")


def field_changes(text: str) -> Iterator[Mangled]:
    """The changes of lines ``key=value`` and ``volume0=[key=value,key=value]``."""
    for key in sorted({match[1] for match in FIELD.finditer(f"\n{text}")}):
        field = re.compile(rf"(?<![\w])({key})=([^,\[\]\n]*)")
        without = field.sub("", text).replace(",,", ",").replace("[,", "[").replace(",]", "]")
        yield Mangled(f"{key}: left out", without, True)
        for replacement in ("", "nonsense", "-1"):
            yield Mangled(f"{key}: {replacement!r}", field.sub(rf"\1={replacement}", text), False)


def changes(wire: str, text: str) -> Iterator[Mangled]:
    try:
        yield from {"http": json_changes, "ssh": table_changes, "tcp": field_changes}[wire](text)
    except ValueError:
        pass  # a page, which a client may read before it sends its password
    # A command without a result prints nothing; the exit status that follows proves that the output is complete
    yield Mangled("an empty answer", "", wire != "ssh")
    if text.strip():
        for numerator in (1, 2, 3):
            cut = text[: len(text) * numerator // 4]
            yield Mangled(f"the first {numerator} of 4 parts", cut, wire != "ssh")
        yield Mangled("all but the last character", text.rstrip()[:-1], wire != "ssh")
    yield Mangled("a page", PAGE, True, "text/html")
    if wire == "http":
        yield Mangled("a page with the content type of JSON", PAGE, True, "application/json")
        for content_type in ("text/html", "text/plain", ""):
            yield Mangled(f"the content type {content_type!r}", text, True, content_type)


@pytest.fixture(params=CONTRACT, ids=lambda row: row.name)
def filled(request: pytest.FixtureRequest, arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    """An array with objects of every kind."""
    array = arrays[request.param.name]
    array.reset()
    needs = "data1 data2 sunday" + (" used1 web1 old1" if array.row.hosts else "")
    needs += "" if array.cannot("groups") else " group1"
    with array.library() as client:
        build(client, array.subject, needs, lambda name: array.write(name, GIB))
    return array


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> Tape:
    return Tape(monkeypatch)


@pytest.mark.parametrize("read", READS)
def test_a_changed_answer_is_reported_and_makes_no_object_absent(filled: ArrayUnderTest, tape: Tape, read: str) -> None:
    read_objects = READS[read]
    settings = filled.settings(filled.connection, timeout=2.0, wait_timeout=2.0)
    with connect(settings) as client:
        tape.used.clear()
        complete = outcome(lambda: read_objects(client, filled), read)
        requests = list(dict.fromkeys(tape.used))
    defects = []
    for wire, request in requests:
        for mangled in changes(wire, tape.text_of(tape.answers[request])):
            where = f"{read}, {request!r}, {mangled.change}"
            with connect(settings) as client:
                tape.replaced = {request: mangled}
                try:
                    result = outcome(partial(read_objects, client, filled), where)
                except AssertionError as error:
                    defects.append(str(error))
                    continue
                finally:
                    tape.replaced = {}
            if (
                read in WITHOUT_COMPLETENESS
                or not mangled.strict
                or not isinstance(result, Listing)
                or not result.complete
            ):
                continue
            if isinstance(complete, Listing) and len(result) < len(complete):
                change = (filled.subject.vendor, *mangled.change.split(": "))
                if change not in ABSENT:
                    defects.append(f"{where}: {len(complete) - len(result)} of {len(complete)} count as absent")
    assert defects == [], "\n".join(defects)


def test_a_session_with_a_changed_first_answer_begins_or_fails_with_an_error(
    filled: ArrayUnderTest, tape: Tape
) -> None:
    settings = filled.settings(filled.connection, timeout=2.0, wait_timeout=2.0)
    connect(settings).close()
    defects = []
    for wire, request in list(dict.fromkeys(tape.used)):
        for mangled in changes(wire, tape.text_of(tape.answers[request])):
            tape.replaced = {request: mangled}
            try:
                client = outcome(lambda: connect(settings), f"{request!r}, {mangled.change}")
                if not isinstance(client, FlashError):
                    client.close()
            except AssertionError as error:
                defects.append(str(error))
    tape.replaced = {}
    assert defects == [], "\n".join(defects)
