# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quoting of commands for a FlashSystem, the names of the client's objects on it, and the kinds of its errors."""

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
    "arguments",
    [["svcinfo", "lsvdisk", "-delim", "!"], ["a b"], ["a;b", "c|d"], [""], ["a&b", "<>", "(x)"], ["#", "~", "*"]],
)
def test_a_command_line_splits_into_its_arguments(arguments: list[str]) -> None:
    assert shlex.split(command_line(arguments)) == arguments


@pytest.mark.parametrize(
    "argument", ["a'b", 'a"b', "a$b", "a`b", "a\\b", "a\nb", "a\n", "a\tb", "a\0b", "\u00e9", "\x7f"]
)
def test_an_argument_that_cannot_be_quoted_safely_is_refused(argument: str) -> None:
    with pytest.raises(Invalid):
        command_line(["svcinfo", "lsvdisk", argument])


def test_a_snapshot_name_has_its_source_and_whether_it_is_consistent() -> None:
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


def test_a_new_udid_belongs_to_no_volume_and_no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "UDIDS", (1, 4))
    names = [naming.snapshot_name("monday", naming.sources_of(SERIAL, "2")[0], True), "db1"]
    assert naming.unused_udid(SERIAL, ["", "1", "4"], names) == "3"


def test_the_name_of_a_snapshot_of_openstack_is_short_enough() -> None:
    name = "snapshot-7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"
    rules = capabilities.capabilities(lambda: None)
    assert len(name) <= rules.snapshot_name.longest
    for source in naming.sources_of(SERIAL, "32767"):
        assert len(naming.snapshot_name(name, source, True)) <= ledger.NAME_LONGEST.value


def test_a_temporary_name_has_its_time_source_and_target() -> None:
    with unfinished.begin() as stamp:
        name = naming.temporary_name(stamp, True, "2047", "x" * 63)
        unmapped = naming.parse_temporary(naming.temporary_name(stamp, False, "0", "clone"))
    assert len(name) <= ledger.NAME_LONGEST.value
    assert naming.parse_temporary(name) == (stamp, True, "2047", naming.digest_of("x" * 63))
    assert unmapped is not None
    assert not unmapped.mapped
    assert naming.parse_temporary("of-copy-other") is None


def test_the_name_rule_excludes_the_names_of_snapshots_and_temporary_volumes() -> None:
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
def test_a_valid_host_name_is_kept(name: str) -> None:
    assert naming.safe_host_name(name) == name


@pytest.mark.parametrize("name", ["node#1", "9node", "x" * 64, "n\u00f6de", "-dash", "space ", 'a"b', "a;b"])
def test_an_invalid_host_name_becomes_a_valid_one_always_the_same(name: str) -> None:
    safe = naming.safe_host_name(name)
    assert len(safe) <= ledger.HOST_NAME_LONGEST.value
    assert re.match(rf"(?:{ledger.NAME_PATTERN.value})\Z", safe)
    assert naming.safe_host_name(name) == safe == naming.safe_host_name(safe) != name


def error(status: int, stdout: str = "", stderr: str = "") -> Exception:
    return refusals.error_of(Output(status, stdout, stderr, "svctask x"), lambda text: text)


def test_known_codes_have_their_kinds_of_errors() -> None:
    for code in ("CMMVC5753E", "CMMVC5754E", "CMMVC5804E"):
        assert isinstance(error(1, stderr=code + " gone\n"), NotFound)
    for code in ("CMMVC5860E", "CMMVC8710E"):
        caught = error(1, stderr=f"\n{code} no\nroom\n")
        assert isinstance(caught, NoSpace)
        assert (caught.code, caught.said) == (code, "no room")
    assert isinstance(error(1, stderr="CMMVC6071E x"), refusals.NeedsForce)
    assert isinstance(error(1, stderr="CMMVC6045E x"), refusals.NeedsForce)


def test_an_unknown_code_is_reported_unchanged() -> None:
    assert "CMMVC9999E odd" in str(error(1, stderr="CMMVC9999E odd"))


def test_a_failure_without_a_code_leaves_it_unknown_whether_the_command_was_carried_out() -> None:
    assert isinstance(error(255, stderr="Service unavailable"), AnswerUnreadable)


def test_a_refused_login_is_recognised_on_stdout() -> None:
    assert refusals.is_expired(Output(1, "CMMVC7017E Login has failed\n", ""))
    assert not refusals.is_expired(Output(0, "id!0\n", ""))
