# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent to a FlashSystem as one word, and what our names on it say."""

from __future__ import annotations

import re
import shlex

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import unfinished
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Invalid, NoSpace, NotFound
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.confirm import AnswerUnreadable
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.ssh import Output, command_line
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.flashsystem import (
    capabilities,
    ledger,
    names as naming,
    refusals,
)

SERIAL = "60050760b12cb8570000000000000001"


@pytest.mark.parametrize(
    "words",
    [["svcinfo", "lsvdisk", "-delim", "!"], ["a b"], ["a;b", "c|d"], [""], ["a&b", "<>", "(x)"], ["#", "~", "*"]],
)
def test_a_command_line_splits_into_its_words_again(words: list[str]) -> None:
    assert shlex.split(command_line(words)) == words


@pytest.mark.parametrize("word", ["a'b", 'a"b', "a$b", "a`b", "a\\b", "a\nb", "a\n", "a\tb", "a\0b", "\u00e9", "\x7f"])
def test_what_no_quoting_makes_safe_is_refused(word: str) -> None:
    with pytest.raises(Invalid):
        command_line(["svcinfo", "lsvdisk", word])


def test_a_snapshot_name_says_of_what_and_how() -> None:
    for consistent, kind in ((True, "snap"), (False, "live")):
        for udid, end in (("", "-000000000001"), ("4660", "_000000011234"), ("odd", "-000000000001")):
            name = naming.snapshot_name("monday", naming.sources_of(SERIAL, udid)[0], consistent)
            assert name == f"monday.{kind}{end}"
            assert naming.parse_snapshot(name) == ("monday", consistent, end)
            assert end in naming.sources_of(SERIAL, udid)
    for name in (
        "monday",
        "monday.snap-",
        "monday.snap-00000000000G",
        ".snap-000000000001",
        "monday.snap-0000000000011",
        "monday.snap_00000001123",
    ):
        assert naming.parse_snapshot(name) is None


def test_a_new_udid_is_that_of_no_other_volume_and_of_no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "UDIDS", (1, 4))
    names = [naming.snapshot_name("monday", naming.sources_of(SERIAL, "2")[0], True), "db1"]
    assert naming.unused_udid(SERIAL, ["", "1", "4"], names) == "3"


def test_a_snapshot_of_openstack_fits() -> None:
    name = "snapshot-7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"
    rules = capabilities.capabilities(lambda: None)
    assert len(name) <= rules.snapshot_name.longest
    for source in naming.sources_of(SERIAL, "32767"):
        assert len(naming.snapshot_name(name, source, True)) <= ledger.NAME_LONGEST


def test_a_temporary_name_says_when_of_what_and_for_what() -> None:
    with unfinished.begin() as stamp:
        name = naming.temporary_name(stamp, True, "2047", "x" * 63)
        kept = naming.parse_temporary(naming.temporary_name(stamp, False, "0", "clone"))
    assert len(name) <= ledger.NAME_LONGEST
    assert naming.parse_temporary(name) == (stamp, True, "2047", naming.digest_of("x" * 63))
    assert kept is not None
    assert not kept.mapped
    assert naming.parse_temporary("of-copy-mine") is None


def test_no_volume_can_be_given_a_name_of_ours() -> None:
    rule = capabilities.capabilities(lambda: None).volume_name
    with unfinished.begin() as stamp:
        temporary = naming.temporary_name(stamp, True, "1", "a")
    for name in (
        naming.snapshot_name("a", naming.sources_of(SERIAL, "")[0], True),
        naming.snapshot_name("a", naming.sources_of(SERIAL, "7")[0], False),
        temporary,
        "1a",
        " a",
        "a ",
        "a/b",
    ):
        assert not re.match(rf"(?:{rule.pattern})\Z", name)
    for name in ("a", "_a", "A b.c-d_e", "snap-1", "a.snap-1"):
        assert re.match(rf"(?:{rule.pattern})\Z", name)


@pytest.mark.parametrize("name", ["web", "_web", "db server 1", "A.b-c_d", "x" * 63])
def test_a_legal_host_name_stays(name: str) -> None:
    assert naming.safe_host_name(name) == name


@pytest.mark.parametrize("name", ["node#1", "9node", "x" * 64, "n\u00f6de", "-dash", "space ", 'a"b', "a;b"])
def test_any_other_becomes_a_legal_one_always_the_same(name: str) -> None:
    safe = naming.safe_host_name(name)
    assert len(safe) <= ledger.NAME_LONGEST
    assert re.match(rf"(?:{ledger.NAME_PATTERN})\Z", safe)
    assert naming.safe_host_name(name) == safe == naming.safe_host_name(safe) != name


def error(status: int, stdout: str = "", stderr: str = "") -> Exception:
    return refusals.error_of(Output(status, stdout, stderr, "svctask x"), lambda text: text)


def test_codes_mean_kinds() -> None:
    for code in ("CMMVC5753E", "CMMVC5754E", "CMMVC5804E"):
        assert isinstance(error(1, stderr=code + " gone\n"), NotFound)
    for code in ("CMMVC5860E", "CMMVC8710E"):
        found = error(1, stderr=f"\n{code} no\nroom\n")
        assert isinstance(found, NoSpace)
        assert (found.code, found.said) == (code, "no room")
    assert isinstance(error(1, stderr="CMMVC6071E x"), refusals.NeedsForce)
    assert isinstance(error(1, stderr="CMMVC6045E x"), refusals.NeedsForce)


def test_an_unknown_code_is_reported_as_it_is() -> None:
    assert "CMMVC9999E odd" in str(error(1, stderr="CMMVC9999E odd"))


def test_what_is_not_the_array_s_own_word_leaves_it_open_whether_it_was_done() -> None:
    assert isinstance(error(255, stderr="Service unavailable"), AnswerUnreadable)


def test_a_refused_login_on_stdout() -> None:
    assert refusals.is_expired(Output(1, "CMMVC7017E Login has failed\n", ""))
    assert not refusals.is_expired(Output(0, "id!0\n", ""))
