# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attaching on this host: by either tool, or by the agent that the REST interface talks to."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.dsware import AttachTool
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import AGENT, Host, VolumeSpec
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.command import CommandTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from tests.arrays.dsware import AGENTS, SimulatedDsware

HERE = socket.gethostname()

WAYS = ["vbs_cli", "sds_cli", "agent"]


def way(dsware: SimulatedDsware, name: str) -> dict[str, Any]:
    """The options with which volumes are attached here."""
    if name == "agent":
        agents = {HERE: AGENTS[0], "elsewhere": AGENTS[1], "broken": AGENTS[2], "stranger": "192.0.2.99"}
        return {"agents": agents, "device_root": dsware.endpoint["device_root"]}
    return {"attach_tool": f"{dsware.endpoint['bin_dir']}/{name}"}


def here(array: Dsware) -> Host:
    return array.hosts([HERE]).items[0]


def make(array: Dsware, name: str = "v1") -> model.Volume:
    array.create_volume(VolumeSpec(name, GIB))
    return array.volumes([name]).items[0]


@pytest.mark.parametrize("name", WAYS)
def test_attach_query_detach(rest: SimulatedDsware, name: str) -> None:
    array = rest.connect(way(rest, name))
    volume, host = make(array), here(array)
    assert host.kind == AGENT
    assert array.mappings(["v1"], [HERE]).items == ()
    with rest.budget(array, 1, writes=1):
        mapping = array.map_volume(volume, host)
    assert mapping.device
    assert os.path.getsize(mapping.device) == GIB
    assert mapping.device.startswith(rest.endpoint["device_root"])
    found = array.mappings(["v1"], [HERE])
    assert [(one.host, one.device) for one in found] == [(HERE, mapping.device)]
    assert not found.known, "who else has it cannot be asked"
    assert array.map_volume(volume, host).device == mapping.device, "attached already: the same"
    with rest.budget(array, 1, writes=1):
        array.unmap_volume(found.items[0])
    assert array.mappings(["v1"], [HERE]).items == ()
    array.unmap_volume(found.items[0])
    assert rest.state()["mappings"] == []


@pytest.mark.parametrize("tool", ["vbs_cli", "sds_cli"])
def test_with_the_socket(text: SimulatedDsware, tool: str) -> None:
    array = text.connect(way(text, tool))
    volume = make(array)
    mapping = array.map_volume(volume, here(array))
    assert mapping.device
    assert os.path.getsize(mapping.device) == GIB
    with pytest.raises(errors.InUse, match="attached to this host"):
        array.delete_volume(volume)
    assert text.names() == ["v1"]
    array.unmap_volume(mapping)
    array.delete_volume(volume)
    assert text.names() == []


def test_the_tool_gets_a_list_of_arguments_and_the_manager_s_address(rest: SimulatedDsware) -> None:
    array = rest.connect(way(rest, "vbs_cli"))
    volume = make(array)
    mark = rest.mark()
    array.map_volume(volume, here(array))
    assert [one["path"] for one in rest.requests(mark)] == ["vbs_cli -c attachwithip -v v1 -i 127.0.0.1 -p 0"]
    array = rest.connect(way(rest, "sds_cli"))
    array.map_volume(volume, here(array))
    assert rest.requests()[-1]["path"] == "sds_cli -c attach -v v1"
    call = array.calls[-1]
    assert (call.verb, call.write, call.outcome) == ("sds_cli", True, "0")


def test_names_of_this_host_and_of_others(rest: SimulatedDsware) -> None:
    array = rest.connect(way(rest, "sds_cli"))
    assert [host.kind for host in array.hosts([HERE, "localhost", HERE.upper()])] == [AGENT] * 3
    assert array.hosts(["elsewhere"]).items == ()
    refusal = array.capabilities.refusal("map_volume", None, host=Host("elsewhere", kind=AGENT))
    assert refusal
    assert "elsewhere" in refusal
    assert "delegate" in refusal
    assert array.capabilities.sees_mappings_of(HERE)
    assert not array.capabilities.sees_mappings_of("elsewhere")


def test_the_agent_of_another_host(rest: SimulatedDsware) -> None:
    """As a Cinder service does it, which does not run where the volume is to appear."""
    array = rest.connect(way(rest, "agent"))
    volume = make(array)
    host = array.hosts(["elsewhere"]).items[0]
    mapping = array.map_volume(volume, host)
    assert mapping.host_id == AGENTS[1]
    array.map_volume(volume, host)
    assert [one["host"] for one in rest.state()["mappings"]] == [AGENTS[1]]
    array.unmap_volume(mapping)
    array.unmap_volume(mapping)
    assert rest.state()["mappings"] == []


def test_agents_that_cannot(rest: SimulatedDsware) -> None:
    array = rest.connect(way(rest, "agent"))
    volume = make(array)
    with pytest.raises(errors.FlashError, match="block client of the host has failed") as caught:
        array.map_volume(volume, array.hosts(["broken"]).items[0])
    assert caught.value.code == "50510011"
    with pytest.raises(errors.NotFound, match="does not know that node") as caught:
        array.map_volume(volume, array.hosts(["stranger"]).items[0])
    assert caught.value.hint == "Check agents."
    with pytest.raises(errors.NotFound, match="no agent for host nobody") as caught:
        array.map_volume(volume, Host("nobody", kind=AGENT))
    assert "elsewhere" in str(caught.value), "the names that there are"


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated", "non_json"])
@pytest.mark.parametrize("name", WAYS)
def test_a_lost_answer(rest: SimulatedDsware, name: str, kind: str) -> None:
    array = rest.connect(way(rest, name))
    volume, host = make(array), here(array)
    rest.fault(kind, match={"write": True})
    mapping = array.map_volume(volume, host)
    assert mapping.device
    assert os.path.exists(mapping.device)
    rest.fault(kind, match={"write": True})
    array.unmap_volume(mapping)
    assert rest.state()["mappings"] == []


# -- tools that misbehave: small programs of their own ---------------------------------------------------------------


@pytest.fixture
def tool(tmp_path: Path) -> Callable[..., AttachTool]:
    """A tool that prints the given lines, whatever it is asked, and notes what that was."""

    def made(*lines: str, status: int = 0, name: str = "sds_cli", seconds: float = 0, wait: float = 0.3) -> AttachTool:
        path = tmp_path / name
        text = "".join(f"printf '%s\\n' {shlex.quote(line)}\n" for line in lines)
        sleep = f"sleep {seconds}\n" if seconds else ""
        path.write_text(f'#!/bin/sh\necho "$*" >>{shlex.quote(str(tmp_path / "asked"))}\n{sleep}{text}exit {status}\n')
        path.chmod(0o700)
        return AttachTool(str(path), CommandTransport(2.0), wait)

    return made


def test_a_device_that_never_appears(tool: Callable[..., AttachTool]) -> None:
    with pytest.raises(errors.Timeout, match="/dev/none/sdz did not come about within 0.3 s") as caught:
        tool("ret_code=0", "ret_desc=ok", "dev_addr=/dev/none/sdz").attach("v1", GIB)
    assert "block client of this host" in str(caught.value)


def test_a_device_that_comes_late(tool: Callable[..., AttachTool], tmp_path: Path) -> None:
    device = tmp_path / "sdb"
    late = f"ret_code=0\ndev_addr={device}"
    one = tool(*late.split("\n"), wait=10.0)
    # A process of its own, as the host's kernel is
    program = f"import os, sys; os.truncate(os.open(sys.argv[1] + '.new', os.O_CREAT | os.O_WRONLY), {GIB}); "
    program += "os.rename(sys.argv[1] + '.new', sys.argv[1])"
    with subprocess.Popen([sys.executable, "-c", program, str(device)]):
        assert one.attach("v1", GIB) == str(device)


def test_a_device_that_is_another_s(tool: Callable[..., AttachTool], tmp_path: Path) -> None:
    device = tmp_path / "sdb"
    with device.open("wb") as stream:
        stream.truncate(GIB // 2)
    with pytest.raises(errors.Conflict, match="has 512MiB, and the volume has 1GiB"):
        tool("ret_code=0", f"dev_addr={device}").attach("v1", GIB)


@pytest.mark.parametrize("line", ["ret_code=0", " ret_code=0 ", "ret_code=0\r"])
def test_lines_with_blanks_and_carriage_returns(tool: Callable[..., AttachTool], tmp_path: Path, line: str) -> None:
    device = tmp_path / "sdb"
    with device.open("wb") as stream:
        stream.truncate(GIB)
    assert tool(line, "extra=1", f"dev_addr={device}\r").attach("v1", GIB) == str(device)


@pytest.mark.parametrize("code", ["0", "50151401", "50151405"])
def test_codes_of_an_attach_that_count(tool: Callable[..., AttachTool], tmp_path: Path, code: str) -> None:
    device = tmp_path / "sdb"
    with device.open("wb") as stream:
        stream.truncate(GIB)
    assert tool(f"ret_code={code}", f"dev_addr={device}").attach("v1", GIB) == str(device)
    assert (tmp_path / "asked").read_text() == "-c attach -v v1\n", "one command"


@pytest.mark.parametrize("code", ["0", "50151209", "50151601", "50151404", "50155007"])
def test_codes_of_a_detach_that_count(tool: Callable[..., AttachTool], tmp_path: Path, code: str) -> None:
    tool(f"ret_code={code}").detach("v1")
    assert (tmp_path / "asked").read_text() == "-c detach -v v1\n", "one command"


def test_other_codes_are_errors_with_a_reason(tool: Callable[..., AttachTool]) -> None:
    with pytest.raises(errors.NotFound, match="no such volume") as missing:
        tool("ret_code=50151404", "ret_desc=gone").attach("v1", GIB)
    assert (missing.value.code, missing.value.said) == ("50151404", "gone")
    for code, words in (("50151402", "as many attachments"), ("50519999", "the tool refused")):
        with pytest.raises(errors.FlashError, match=words) as caught:
            tool(f"ret_code={code}").attach("v1", GIB)
        assert caught.value.code == code
    with pytest.raises(errors.FlashError, match="the tool refused"):
        tool("ret_code=50510099").detach("v1")


@pytest.mark.parametrize("lines", [(), ("hello",), ("ret_code=",), ("ret_code=ok",), ("RET_CODE=0",)])
def test_an_answer_without_a_code_means_nothing(tool: Callable[..., AttachTool], lines: tuple[str, ...]) -> None:
    with pytest.raises(errors.BadReply, match="answered without a code"):
        tool(*lines).query("v1")


def test_no_device_in_any_answer(tool: Callable[..., AttachTool]) -> None:
    with pytest.raises(errors.BadReply, match="does not report the device"):
        tool("ret_code=0").attach("v1", GIB)


def test_a_tool_that_fails_or_hangs(tool: Callable[..., AttachTool]) -> None:
    with pytest.raises(errors.FlashError, match="failed with status 3") as caught:
        tool("broken", status=3).query("v1")
    assert caught.value.said == "broken"
    hanging = tool("ret_code=0", seconds=60)
    hanging.command.timeout = 0.2
    with pytest.raises(errors.Timeout, match="did not end within 0.2 s"):
        hanging.query("v1")


def test_no_shell_and_no_unsafe_names(tool: Callable[..., AttachTool], tmp_path: Path) -> None:
    one = tool("ret_code=0")
    for name in ("v1; touch x", "$(id)", "-v", "a b", "", "../x", "v1\nv2"):
        with pytest.raises(errors.Invalid):
            one.query(name)
    assert not (tmp_path / "asked").exists(), "nothing was run"


def test_a_tool_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match="no program"):
        AttachTool(str(tmp_path / "none"), CommandTransport())
    path = tmp_path / "sds_cli"
    path.write_text("")
    path.chmod(0o600)
    with pytest.raises(errors.FlashError, match="may not run"):
        AttachTool(str(path), CommandTransport()).query("v1")
