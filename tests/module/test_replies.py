# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that lack something, have nonsense in them, or are something else: every read of every array, field by field.

What the simulated array answers is recorded once, and then given to the client again and again, each time with one
field left out, null, empty or of another type, cut off, with another content type, or in the form of a proxy's page.
The outcome is an error that says so or an entry that is reported as unreadable; never another exception, and never an
object that is not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Listing
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.ssh import SshTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.tcp import TcpTransport
from tests.module.arrays import CONTRACT, GIB, ArrayUnderTest
from tests.module.operations import build

PAGE = "<html><head><title>502 Bad Gateway</title></head><body>a proxy</body></html>"
Read = Callable[[Any, ArrayUnderTest], Any]
READS: dict[str, Read] = {
    "info": lambda client, array: client.info(),
    "capacity": lambda client, array: client.capacity(),
    "pools": lambda client, array: client.pools(),
    "ports": lambda client, array: client.ports(),
    "volumes": lambda client, array: client.volumes(),
    "one volume": lambda client, array: client.volumes(["data1"]),
    "snapshots": lambda client, array: client.snapshots(),
    "snapshots of a volume": lambda client, array: client.snapshots(volumes=["data1"]),
    "hosts": lambda client, array: client.hosts(),
    "one host": lambda client, array: client.hosts(["web1"]),
    "host of an initiator": lambda client, array: client.find_hosts([one.address for one in array.subject.parsed(2)]),
    "mappings": lambda client, array: client.mappings(),
    "mappings of a volume": lambda client, array: client.mappings(volumes=["used1"]),
    "mappings of a host": lambda client, array: client.mappings(hosts=["web1"]),
    "groups": lambda client, array: client.groups() if hasattr(client, "groups") else Listing(),
}
LOOSE = ("info", "capacity", "ports")
"""A port that does not report that it is a target and up is of no use to anybody."""
ABSENT = {
    # A volume that is no snapshot reports null or an empty list as its source (sheet, section 2)
    ("xtremio", "ancestor-vol-id", "null"),
    # An initiator without a host may be missing in the answer (HOSTS_OF_UNLISTED_PORT)
    ("dsware", "iqn.2026-01.org.example:host2", "left out"),
}
"""Field by field, what means on this array that nothing is there."""


class Mangled(NamedTuple):
    """An answer that is not as expected."""

    done: str
    """What was done to the answer."""
    text: str
    strict: bool
    """Whether nothing may be absent because of it."""
    content_type: str | None = None
    """Over HTTP, the content type instead of the present one."""


def json_mangles(text: str) -> Iterator[Mangled]:
    document = json.loads(text)
    for key in sorted(set(_keys(document))):
        for label, put, strict in (
            ("left out", ..., True),
            ("null", None, True),
            ("text", "nonsense", False),
            ("a number", -1, False),
            ("huge", -(10**30), False),
            ("an empty list", [], False),
            ("an empty object", {}, False),
        ):
            yield Mangled(f"{key}: {label}", json.dumps(_with(document, key, put)), strict)
    for label, other in (("null", "null"), ("a list", "[]"), ("text", '"text"'), ("a number", "7"), ("empty", "{}")):
        yield Mangled(f"everything: {label}", other, True)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _with(value: Any, key: str, put: Any) -> Any:
    if isinstance(value, dict):
        kept = {one: _with(inner, key, put) for one, inner in value.items() if one != key or put is not ...}
        return {**kept, key: put} if key in value and put is not ... else kept
    return [_with(inner, key, put) for inner in value] if isinstance(value, list) else value


def table_mangles(text: str) -> Iterator[Mangled]:
    """Of a table whose first line names the columns, or of lines with a name and a value each."""
    rows = [line.split("!") for line in text.splitlines()]
    if not rows:
        return
    if len(rows[0]) == 2:
        for number, row in enumerate(rows):
            yield Mangled(f"{row[0]}: left out", _table(rows[:number] + rows[number + 1 :]), True)
            for put in ("", "nonsense", "-1"):
                changed = [*rows[:number], [row[0], put], *rows[number + 1 :]]
                yield Mangled(f"{row[0]}: {put!r}", _table(changed), False)
        return
    for number, column in enumerate(rows[0]):
        yield Mangled(f"{column}: left out", _table([row[:number] + row[number + 1 :] for row in rows]), True)
        for put in ("", "nonsense", "-1"):
            changed = [row[:number] + [put] + row[number + 1 :] for row in rows[1:]]
            yield Mangled(f"{column}: {put!r}", _table([rows[0], *changed]), False)
    for width in (1, len(rows[0]) // 2):
        yield Mangled(f"rows of {width} fields", _table([rows[0], *(row[:width] for row in rows[1:])]), True)
        yield Mangled(f"the last row cut off after {width} fields", _table([*rows[:-1], rows[-1][:width]]), True)


def _table(rows: list[list[str]]) -> str:
    return "".join("!".join(row) + "\n" for row in rows)


FIELD = re.compile(r"(?<=[\[,\n])(\w+)=([^,\[\]\n]*)")


def field_mangles(text: str) -> Iterator[Mangled]:
    """Of lines ``key=value`` and ``volume0=[key=value,key=value]``."""
    for key in sorted({found[1] for found in FIELD.finditer(f"\n{text}")}):
        one = re.compile(rf"(?<![\w])({key})=([^,\[\]\n]*)")
        without = one.sub("", text).replace(",,", ",").replace("[,", "[").replace(",]", "]")
        yield Mangled(f"{key}: left out", without, True)
        for put in ("", "nonsense", "-1"):
            yield Mangled(f"{key}: {put!r}", one.sub(rf"\1={put}", text), False)


def mangles(wire: str, text: str) -> Iterator[Mangled]:
    try:
        yield from {"http": json_mangles, "ssh": table_mangles, "tcp": field_mangles}[wire](text)
    except ValueError:
        pass  # a page, which a client may look at before it sends its password
    # A command that finds nothing prints nothing, and the exit status that follows says that it printed everything
    yield Mangled("nothing at all", "", wire != "ssh")
    if text.strip():
        for numerator in (1, 2, 3):
            cut = text[: len(text) * numerator // 4]
            yield Mangled(f"the first {numerator} of 4 parts", cut, wire != "ssh")
        yield Mangled("all but the last character", text.rstrip()[:-1], wire != "ssh")
    yield Mangled("a page", PAGE, True, "text/html")
    if wire == "http":
        yield Mangled("a page that is said to be JSON", PAGE, True, "application/json")
        for content_type in ("text/html", "text/plain", ""):
            yield Mangled(f"the content type {content_type!r}", text, True, content_type)


class Tape:
    """The answers of an array, recorded, and given again with one of them mangled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[Any, Any] = {}
        self.used: list[tuple[str, str]] = []
        """The wire and the request of each answer that was given."""
        self.instead: dict[str, Mangled] = {}
        """By request, the answer to give instead."""
        for transport, method, wire in (
            (HttpTransport, "_once", "http"),
            (SshTransport, "_run", "ssh"),
            (TcpTransport, "_once", "tcp"),
        ):
            monkeypatch.setattr(transport, method, self._recording(getattr(transport, method), wire))

    def _recording(self, send: Callable[..., Any], wire: str) -> Callable[..., Any]:
        def call(transport: Any, *given: Any) -> Any:
            if wire == "http":
                request = f"{given[0].method} {given[0].target} {(given[0].body or b'').decode()}".rstrip()
            else:
                request = given[0] if wire == "ssh" else given[1].decode()
            if request not in self.answers:
                self.answers[request] = send(transport, *given)
            self.used.append((wire, request))
            answer = self.answers[request]
            return self._put(answer, self.instead[request]) if request in self.instead else answer

        return call

    @staticmethod
    def text_of(answer: Any) -> str:
        if isinstance(answer, bytes):
            return answer.decode()
        return str(answer.stdout if hasattr(answer, "stdout") else answer.text)

    @staticmethod
    def _put(answer: Any, mangled: Mangled) -> Any:
        if isinstance(answer, bytes):
            return mangled.text.encode()
        if hasattr(answer, "stdout"):
            return replace(answer, stdout=mangled.text)
        headers = dict(answer.headers)
        if mangled.content_type is not None:
            headers["content-type"] = mangled.content_type
        return replace(answer, body=mangled.text.encode(), headers=headers)


@pytest.fixture(params=CONTRACT, ids=lambda row: row.name)
def held(request: pytest.FixtureRequest, arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    """An array with some of everything."""
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


def outcome(work: Callable[[], Any], where: str) -> Any:
    """What it returns, or the error that says what is wrong; any other exception is a defect."""
    try:
        return work()
    except FlashError as error:
        if not str(error):
            raise AssertionError(f"{where}: an error without a message") from error
        return error
    except Exception as error:
        raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("read", READS)
def test_an_answer_that_is_not_as_expected_is_reported_and_nothing_is_absent(
    held: ArrayUnderTest, tape: Tape, read: str
) -> None:
    ask = READS[read]
    settings = held.settings(held.connection, timeout=2.0, wait_timeout=2.0)
    with connect(settings) as client:
        tape.used.clear()
        complete = outcome(lambda: ask(client, held), read)
        requests = list(dict.fromkeys(tape.used))
    wrong = []
    for wire, request in requests:
        for mangled in mangles(wire, tape.text_of(tape.answers[request])):
            where = f"{read}, {request!r}, {mangled.done}"
            with connect(settings) as client:
                tape.instead = {request: mangled}
                try:
                    found = outcome(partial(ask, client, held), where)
                except AssertionError as error:
                    wrong.append(str(error))
                    continue
                finally:
                    tape.instead = {}
            if read in LOOSE or not mangled.strict or not isinstance(found, Listing) or not found.complete:
                continue
            if isinstance(complete, Listing) and len(found) < len(complete):
                about = (held.subject.vendor, *mangled.done.split(": "))
                if about not in ABSENT:
                    wrong.append(f"{where}: {len(complete) - len(found)} of {len(complete)} are taken for absent")
    assert wrong == [], "\n".join(wrong)


def test_a_session_that_begins_with_an_odd_answer_begins_or_says_why_not(held: ArrayUnderTest, tape: Tape) -> None:
    settings = held.settings(held.connection, timeout=2.0, wait_timeout=2.0)
    connect(settings).close()
    wrong = []
    for wire, request in list(dict.fromkeys(tape.used)):
        for mangled in mangles(wire, tape.text_of(tape.answers[request])):
            tape.instead = {request: mangled}
            try:
                begun = outcome(lambda: connect(settings), f"{request!r}, {mangled.done}")
                if not isinstance(begun, FlashError):
                    begun.close()
            except AssertionError as error:
                wrong.append(str(error))
    tape.instead = {}
    assert wrong == [], "\n".join(wrong)
