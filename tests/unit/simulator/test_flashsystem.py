# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output, the refusals and the codes of the simulated command line, by an independent SSH client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.flashsystem import IQN, WWPNS, FlashSystemUnderTest, empty_array
from tests.support.simulator import Simulator

CREATE = "svctask mkvdisk -mdiskgrp mdiskgrp0 -iogrp 0 -size 1 -unit gb -name"
WWPN = WWPNS[0].upper()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": "plain", "vendor": "flashsystem", "protocol": "both"},
        {
            "name": "later",
            "vendor": "flashsystem",
            "assume": {"flashsystem.lists.empty_header": True, "flashsystem.mappings.shared_code": "CMMVC6045E"},
        },
        {"name": "small", "vendor": "flashsystem", "pools": [{"name": "mdiskgrp0", "size": "2GiB"}]},
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> FlashSystemUnderTest:
    return empty_array(simulator, "plain")


def test_a_list_has_a_header_and_one_delimiter(array: FlashSystemUnderTest) -> None:
    assert array.cli(f"{CREATE} db1") == (0, "Virtual Disk, id [0], successfully created\n", "")
    status, text, _ = array.cli("svcinfo lsvdisk -bytes -delim !")
    header, row = text.splitlines()
    fields = dict(zip(header.split("!"), row.split("!"), strict=True))
    assert (status, fields["id"], fields["name"], fields["capacity"]) == (0, "0", "db1", str(1 << 30))
    assert len(fields["vdisk_UID"]) == 32
    assert fields["vdisk_UID"].startswith("6005076")
    assert array.cli("svcinfo lsvdisk -bytes -delim ! -nohdr")[1] == row + "\n"
    assert array.cli("lsvdisk")[1].split()[:2] == header.split("!")[:2]


def test_an_object_has_a_line_for_each_attribute(array: FlashSystemUnderTest) -> None:
    array.cli(f"svctask mkhost -force -hbawwpn {WWPN} -name web")
    array.cli(f"svctask addhostport -force -hbawwpn {WWPNS[1].upper()} web")
    for reference in ("web", "0"):
        lines = array.cli(f"svcinfo lshost -delim ! {reference}")[1].splitlines()
        assert lines[:3] == ["id!0", "name!web", "port_count!2"]
        assert [line for line in lines if line.startswith("WWPN!")] == [f"WWPN!{WWPN}", f"WWPN!{WWPNS[1].upper()}"]


def test_a_list_can_be_filtered_by_name(array: FlashSystemUnderTest) -> None:
    for name in ("db1", "db2", "web"):
        array.cli(f"{CREATE} {name}")
    lines = array.cli("svcinfo lsvdisk -delim ! -nohdr -filtervalue name=db*")[1].splitlines()
    assert [line.split("!")[1] for line in lines] == ["db1", "db2"]
    assert array.cli("svcinfo lsvdisk -filtervalue colour=red")[2].startswith("CMMVC5741E")


def test_a_size_is_rounded_without_the_option_bytes(array: FlashSystemUnderTest) -> None:
    array.cli(f"{CREATE} db1")
    assert "capacity!1.00GB" in array.cli("svcinfo lsvdisk -delim ! db1")[1]


def test_an_empty_list_has_no_header_except_on_later_firmware(
    simulator: Simulator, array: FlashSystemUnderTest
) -> None:
    assert array.cli("svcinfo lsvdisk -delim !") == (0, "", "")
    simulator.reset("later")
    text = FlashSystemUnderTest(simulator, "later").cli("svcinfo lshost -delim !")[1]
    assert text == "id!name!port_count!iogrp_count!status\n"


REFUSALS = [
    (f"{CREATE} db1", "CMMVC6035E"),
    (f"{CREATE} 1db", "CMMVC6527E"),
    (f"{CREATE} {'x' * 64}", "CMMVC5738E"),
    ("svctask mkvdisk -name a -mdiskgrp nowhere -iogrp 0 -size 1 -unit gb", "CMMVC5754E"),
    ("svctask mkvdisk -name a -iogrp 0 -size 1 -unit gb", "CMMVC5707E"),
    ("svctask mkvdisk -name a -mdiskgrp mdiskgrp0 -size 100 -unit mb", "CMMVC5711E"),
    ("svctask mkvdisk -name a -mdiskgrp mdiskgrp0 -size 1073741825 -unit b", "CMMVC5711E"),
    ("svctask mkvdisk -name a -mdiskgrp mdiskgrp0 -size 1 -unit gb -colour red", "CMMVC5709E"),
    ("svctask rmvdisk db1", "CMMVC5840E"),
    ("svctask rmvdisk none", "CMMVC5753E"),
    ("svctask rmvdisk", "CMMVC5701E"),
    ("svctask expandvdisksize -size -1 -unit gb db1", "CMMVC5711E"),
    ("svctask expandvdisksize -size 100 -unit tb db1", "CMMVC5860E"),
    ("svctask chvdisk -name web db1", "CMMVC6035E"),
    ("svcinfo lsvdisk none", "CMMVC5754E"),
    ("svctask mkhost -force -name empty", "CMMVC5707E"),
    (f"svctask mkhost -force -hbawwpn {WWPN} -name other", "CMMVC5867E"),
    ("svctask mkhost -force -hbawwpn 123 -name other", "CMMVC5867E"),
    (f"svctask mkhost -force -iscsiname {IQN} -name other", "CMMVC6578E"),
    (f"svctask mkhost -force -hbawwpn {WWPNS[2]} -iscsiname iqn.2026-01.org.example:x -name other", "CMMVC5713E"),
    (f"svctask mkhost -force -hbawwpn {WWPNS[2]} -name one", "CMMVC6035E"),
    ("svctask rmhost one", "CMMVC5871E"),
    ("svctask rmhost none", "CMMVC5753E"),
    ("svctask mkvdiskhostmap -host one -scsi 3 db1", "CMMVC5878E"),
    ("svctask mkvdiskhostmap -host one -scsi 1 web", "CMMVC5879E"),
    ("svctask mkvdiskhostmap -host one -scsi -1 web", "CMMVC5711E"),
    ("svctask mkvdiskhostmap -host one -scsi 9999 web", "CMMVC5711E"),
    ("svctask mkvdiskhostmap -host two -scsi 1 db1", "CMMVC6071E"),
    ("svctask mkvdiskhostmap -host none web", "CMMVC5754E"),
    ("svctask mkvdiskhostmap -host one none", "CMMVC5753E"),
    ("svctask rmvdiskhostmap -host two db1", "CMMVC5842E"),
]


@pytest.mark.parametrize(("line", "code"), REFUSALS)
def test_a_refusal_has_its_code_on_stderr_and_changes_nothing(
    array: FlashSystemUnderTest, line: str, code: str
) -> None:
    for command in (
        f"{CREATE} db1",
        f"{CREATE} web",
        f"svctask mkhost -force -hbawwpn {WWPN} -name one",
        f"svctask mkhost -force -iscsiname {IQN} -name two",
        "svctask mkvdiskhostmap -host one -scsi 1 db1",
    ):
        assert array.cli(command)[0] == 0
    before, mark = array.state(), array.mark()
    status, out, err = array.cli(line)
    assert (status, out) == (1, "")
    assert err.startswith(f"{code} ")
    assert array.state() == before
    assert array.changes(mark) == []


def test_a_second_host_needs_force_with_the_code_of_its_firmware(simulator: Simulator) -> None:
    array = empty_array(simulator, "later")
    array.cli(f"{CREATE} db1")
    for number, name in enumerate(("one", "two")):
        array.cli(f"svctask mkhost -force -hbawwpn {WWPNS[number]} -name {name}")
    assert array.cli("svctask mkvdiskhostmap -host one -scsi 1 db1")[0] == 0
    assert array.cli("svctask mkvdiskhostmap -host two -scsi 1 db1")[2].startswith("CMMVC6045E ")
    assert array.cli("svctask mkvdiskhostmap -force -host two -scsi 1 db1")[0] == 0
    assert array.maps() == {("one", "db1"): 1, ("two", "db1"): 1}


def test_a_full_pool_is_refused_with_its_codes(simulator: Simulator) -> None:
    array = empty_array(simulator, "small")
    assert [array.cli(f"{CREATE} v{number}")[0] for number in range(2)] == [0, 0]
    assert array.cli(f"{CREATE} v2")[2].startswith("CMMVC8710E ")
    assert array.cli("svctask expandvdisksize -size 1 -unit gb v1")[2].startswith("CMMVC5860E ")


def test_an_unknown_or_malformed_command_fails(array: FlashSystemUnderTest) -> None:
    assert array.cli("rm -rf /")[0] == 127
    assert array.cli("svcinfo lsnode -delim ! $HOME")[0] == 1
    assert array.cli('svcinfo lsnode "')[0] == 2


def test_a_semicolon_separates_commands(array: FlashSystemUnderTest) -> None:
    status, out, _ = array.cli("svcinfo lssystem -delim !; echo; svcinfo lshost -delim !")
    assert (status, out.startswith("id!"), out.endswith("\n\n")) == (0, True, True)
    mark = array.mark()
    array.cli(f"svcinfo lssystem; {CREATE} db1")
    assert array.simulator.requests("plain", mark)[0]["write"]
    assert array.names() == ["db1"]


def test_registerplugin_is_accepted(array: FlashSystemUnderTest) -> None:
    line = "svctask registerplugin -name x -uniquekey y -version 1 -metadata z"
    assert array.cli(line) == (0, "", "")
