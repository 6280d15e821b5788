# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The editor of configuration files, with oslo.config's own parser as the judge.

Whatever the file looks like: what was asked for is what oslo.config reads afterwards, everything else it reads as
before, and of the lines of everything else not a byte is another one.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings, strategies as st

from ansible_collections.openflash.storage.plugins.module_utils.oslo_conf import ConfError, Document, normal
from tests.openstack.conftest import CLIENTS, HERE
from tests.support.clients import client_python

Sections = dict[str, dict[str, list[str]]]
Parse = Callable[[str], dict[str, Any]]


class Judge:
    def __init__(self) -> None:
        python = client_python(CLIENTS / "requirements-cinder29.txt")
        self._process = subprocess.Popen(
            [str(python), str(HERE / "parse_conf.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, text: str) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def parse() -> Iterator[Parse]:
    judge = Judge()
    yield judge
    judge.stop()


# -- files --------------------------------------------------------------------------------------------------------

SECTIONS = ["DEFAULT", "xtremio", "XtremIO", "nova", "a b"]
KEYS = ["enabled_backends", "san_ip", "multi", "a-b", "debug"]
WORDS = st.sampled_from(
    [
        "",
        "x",
        "a,b",
        "a, b , c",
        '"quoted"',
        "'",
        "'a b'",
        "with = equals",
        "a:b",
        "# no comment",
        "[x]",
        "ä",
        "$a",
        "a,,b,",
    ]
)
SPACE = st.sampled_from(["", " ", "  ", "\t"])
FREE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)


@st.composite
def assignments(draw: st.DrawFn) -> list[str]:
    head = draw(st.sampled_from(KEYS)) + draw(SPACE) + draw(st.sampled_from("=:")) + draw(SPACE)
    lines = [head + draw(WORDS | FREE) + draw(SPACE)]
    return lines + [" " + draw(SPACE) + draw(WORDS) for _more in range(draw(st.integers(0, 2)))]


LINES = st.one_of(
    assignments(),
    assignments(),
    st.sampled_from(SECTIONS).map(lambda name: [f"[{name}]"]),
    st.sampled_from([[""], ["  "], ["# a comment = 1"], ["; san_ip = old"], ["#enabled_backends = <None>"]]),
)


@st.composite
def files(draw: st.DrawFn) -> str:
    lines = ["[DEFAULT]"] if draw(st.booleans()) else [f"[{draw(st.sampled_from(SECTIONS))}]"]
    for block in draw(st.lists(LINES, max_size=12)):
        lines += block
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    return end.join(lines) + draw(st.sampled_from([end, end, ""]))


# One line, of what a password may be made of
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12) | WORDS
MEMBERS = st.sampled_from(["a", "b", "xtremio", "c"])


def same_but(before: Sections, after: Sections, section: str, key: str) -> None:
    """The rest of the file means what it meant."""

    def rest(sections: Sections) -> Sections:
        kept = {
            name: {one: values for one, values in options.items() if (name, one) != (normal(section), key)}
            for name, options in sections.items()
        }
        return {name: options for name, options in kept.items() if options}

    assert rest(after) == rest(before)


def untouched(text: str, section: str, key: str) -> list[str]:
    """The lines of a file apart from one key, without the blank lines and the header that come with a new section."""
    document = Document(text)
    return [
        item.text.rstrip("\r\n")
        for item in document._items
        if not (item.kind == "option" and item.key == key and normal(item.section) == normal(section))
        and not item.blank
        and not (item.kind == "section" and normal(item.section) == normal(section))
    ]


# -- properties ---------------------------------------------------------------------------------------------------

RUNS = settings(max_examples=150, deadline=None)


@RUNS
@given(text=files())
def test_reads_what_oslo_config_reads(parse: Parse, text: str) -> None:
    judged = parse(text)
    if "error" in judged:
        with pytest.raises(ConfError):
            Document(text)
        return
    document = Document(text)
    assert str(document) == text
    for section, options in judged["sections"].items():
        assert document.keys(section) == list(options)
        for key, values in options.items():
            assert document.values(section, key) == values


@RUNS
@given(
    text=files(),
    section=st.sampled_from(SECTIONS + ["new"]),
    key=st.sampled_from(KEYS),
    values=st.lists(VALUES, max_size=3),
)
def test_set(parse: Parse, text: str, section: str, key: str, values: list[str]) -> None:
    judged = parse(text)
    assume("error" not in judged)
    document = Document(text)
    document.set(section, key, values)
    found = str(document)
    after = parse(found)["sections"]
    assert after.get(normal(section), {}).get(key, []) == values
    same_but(judged["sections"], after, section, key)
    assert untouched(found, section, key) == untouched(text, section, key)
    document.set(section, key, values)
    assert str(document) == found


@RUNS
@given(text=files(), section=st.sampled_from(SECTIONS), key=st.sampled_from(KEYS), member=MEMBERS)
def test_members(parse: Parse, text: str, section: str, key: str, member: str) -> None:
    def members(sections: Sections) -> list[str]:
        value = sections.get(normal(section), {}).get(key, [""])[-1]
        return [one.strip() for one in value.split(",") if one.strip()]

    judged = parse(text)
    assume("error" not in judged)
    before = members(judged["sections"])
    document = Document(text)
    document.add_member(section, key, member)
    found = str(document)
    after = parse(found)["sections"]
    assert members(after) == before + ([] if member in before else [member])
    same_but(judged["sections"], after, section, key)
    assert untouched(found, section, key) == untouched(text, section, key)
    document.remove_member(section, key, member)
    after = parse(str(document))["sections"]
    assert member not in members(after)
    same_but(judged["sections"], after, section, key)
    if member not in before and before:
        assert members(after) == before


@RUNS
@given(text=files(), section=st.sampled_from(SECTIONS))
def test_remove_a_section(parse: Parse, text: str, section: str) -> None:
    judged = parse(text)
    assume("error" not in judged)
    document = Document(text)
    document.remove_section(section)
    after = parse(str(document))["sections"]
    assert normal(section) not in after
    assert after == {name: one for name, one in judged["sections"].items() if name != normal(section)}


@RUNS
@given(
    text=files(), options=st.dictionaries(st.sampled_from(KEYS), st.lists(VALUES, min_size=1, max_size=2), min_size=1)
)
def test_a_new_section_leaves_no_trace(parse: Parse, text: str, options: dict[str, list[str]]) -> None:
    """What was added and removed again leaves the bytes as they were, but for an end of the last line."""
    assume("error" not in parse(text))
    document = Document(text)
    for key, values in options.items():
        document.set("new", key, values)
    assert parse(str(document))["sections"]["new"] == options
    document.remove_section("new")
    end = document._end if text and text[-1] not in "\r\n" else ""
    assert str(document) == text + end


# -- by hand ------------------------------------------------------------------------------------------------------

BY_HAND = [
    ("[DEFAULT]\nenabled_backends = lvm\n", "[DEFAULT]\nenabled_backends = lvm, new\n"),
    ("[DEFAULT]\nenabled_backends=lvm,ceph\n", "[DEFAULT]\nenabled_backends=lvm,ceph,new\n"),
    ("[DEFAULT]\r\nenabled_backends : a, b\r\n", "[DEFAULT]\r\nenabled_backends : a, b, new\r\n"),
    ("[DEFAULT]\nenabled_backends = a,\n  b\n# c\n", "[DEFAULT]\nenabled_backends = a,\n  b, new\n# c\n"),
    ("[DEFAULT]\n# enabled_backends = x\n", "[DEFAULT]\nenabled_backends = new\n# enabled_backends = x\n"),
    ("[DEFAULT]\nenabled_backends =\n", "[DEFAULT]\nenabled_backends = new\n"),
    ("[a]\nb = 1", "[a]\nb = 1\n\n[DEFAULT]\nenabled_backends = new\n"),
]


@pytest.mark.parametrize(("before", "after"), BY_HAND)
def test_how_a_member_is_written(before: str, after: str) -> None:
    document = Document(before)
    document.add_member("DEFAULT", "enabled_backends", "new")
    assert str(document) == after
