# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attaching Dsware volumes to this host: by one of two tools, or by an agent that the REST interface reaches."""

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

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.dsware import AttachTool
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import AGENT, Host
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.command import CommandTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from tests.arrays.dsware import AGENTS, SimulatedDsware
from tests.support.one_array import make_volume

HERE = socket.gethostname()

METHODS = ["vbs_cli", "sds_cli", "agent"]


def attach_options(dsware: SimulatedDsware, name: str) -> dict[str, Any]:
    """The options that let this host attach volumes by a tool or by an agent."""
    if name == "agent":
        agents = {HERE: AGENTS[0], "elsewhere": AGENTS[1], "broken": AGENTS[2], "stranger": "192.0.2.99"}
        return {"agents": agents, "device_root": dsware.endpoint["device_root"]}
    return {"attach_tool": f"{dsware.endpoint['bin_dir']}/{name}"}


def this_host(array: Dsware) -> Host:
    return array.hosts([HERE]).items[0]


@pytest.mark.parametrize("name", METHODS)
def test_a_volume_is_attached_queried_and_detached(dsware_rest: SimulatedDsware, name: str) -> None:
    array = dsware_rest.connect(attach_options(dsware_rest, name))
    volume, host = make_volume(array, "v1"), this_host(array)
    assert host.kind == AGENT
    assert array.mappings(["v1"], [HERE]).items == ()
    with dsware_rest.budget(array, 1, writes=1):
        mapping = array.map_volume(volume, host)
    assert mapping.device
    assert os.path.getsize(mapping.device) == GIB
    assert mapping.device.startswith(dsware_rest.endpoint["device_root"])
    mappings = array.mappings(["v1"], [HERE])
    assert [(item.host, item.device) for item in mappings] == [(HERE, mapping.device)]
    assert not mappings.known, "mappings of other hosts cannot be read"
    assert array.map_volume(volume, host).device == mapping.device, "a volume that is attached already keeps its device"
    with dsware_rest.budget(array, 1, writes=1):
        array.unmap_volume(mappings.items[0])
    assert array.mappings(["v1"], [HERE]).items == ()
    array.unmap_volume(mappings.items[0])
    assert dsware_rest.state()["mappings"] == []


@pytest.mark.parametrize("tool", ["vbs_cli", "sds_cli"])
def test_a_volume_managed_over_the_socket_is_attached_with_either_tool(
    dsware_socket: SimulatedDsware, tool: str
) -> None:
    array = dsware_socket.connect(attach_options(dsware_socket, tool))
    volume = make_volume(array, "v1")
    mapping = array.map_volume(volume, this_host(array))
    assert mapping.device
    assert os.path.getsize(mapping.device) == GIB
    with pytest.raises(errors.InUse, match="attached to this host"):
        array.delete_volume(volume)
    assert dsware_socket.names() == ["v1"]
    array.unmap_volume(mapping)
    array.delete_volume(volume)
    assert dsware_socket.names() == []


def test_the_tool_gets_a_list_of_arguments_and_the_manager_s_address(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect(attach_options(dsware_rest, "vbs_cli"))
    volume = make_volume(array, "v1")
    mark = dsware_rest.mark()
    array.map_volume(volume, this_host(array))
    assert [request["path"] for request in dsware_rest.requests(mark)] == [
        "vbs_cli -c attachwithip -v v1 -i 127.0.0.1 -p 0"
    ]
    array = dsware_rest.connect(attach_options(dsware_rest, "sds_cli"))
    array.map_volume(volume, this_host(array))
    assert dsware_rest.requests()[-1]["path"] == "sds_cli -c attach -v v1"
    call = array.calls[-1]
    assert (call.verb, call.write, call.outcome) == ("sds_cli", True, "0")


def test_this_host_is_found_by_any_of_its_names_and_no_other_host(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect(attach_options(dsware_rest, "sds_cli"))
    assert [host.kind for host in array.hosts([HERE, "localhost", HERE.upper()])] == [AGENT] * 3
    assert array.hosts(["elsewhere"]).items == ()
    refusal = array.capabilities.refusal("map_volume", None, host=Host("elsewhere", kind=AGENT))
    assert refusal
    assert "elsewhere" in refusal
    assert "delegate" in refusal
    assert array.capabilities.sees_mappings_of(HERE)
    assert not array.capabilities.sees_mappings_of("elsewhere")


def test_a_volume_is_attached_by_the_agent_of_another_host(dsware_rest: SimulatedDsware) -> None:
    """A Cinder service uses it, since it runs on another host than the one that gets the volume."""
    array = dsware_rest.connect(attach_options(dsware_rest, "agent"))
    volume = make_volume(array, "v1")
    host = array.hosts(["elsewhere"]).items[0]
    mapping = array.map_volume(volume, host)
    assert mapping.host_id == AGENTS[1]
    array.map_volume(volume, host)
    assert [row["host"] for row in dsware_rest.state()["mappings"]] == [AGENTS[1]]
    array.unmap_volume(mapping)
    array.unmap_volume(mapping)
    assert dsware_rest.state()["mappings"] == []


def test_an_agent_that_fails_or_is_not_known_is_reported(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect(attach_options(dsware_rest, "agent"))
    volume = make_volume(array, "v1")
    with pytest.raises(errors.FlashError, match="block client of the host has failed") as caught:
        array.map_volume(volume, array.hosts(["broken"]).items[0])
    assert caught.value.code == "50510011"
    with pytest.raises(errors.NotFound, match="does not know that node") as caught:
        array.map_volume(volume, array.hosts(["stranger"]).items[0])
    assert caught.value.hint == "Check agents."
    with pytest.raises(errors.NotFound, match="no agent for host nobody") as caught:
        array.map_volume(volume, Host("nobody", kind=AGENT))
    assert "elsewhere" in str(caught.value), "the message has the known names"


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated", "non_json"])
@pytest.mark.parametrize("name", METHODS)
def test_a_lost_answer_to_an_attach_or_detach_is_confirmed(dsware_rest: SimulatedDsware, name: str, kind: str) -> None:
    array = dsware_rest.connect(attach_options(dsware_rest, name))
    volume, host = make_volume(array, "v1"), this_host(array)
    dsware_rest.fault(kind, match={"write": True})
    mapping = array.map_volume(volume, host)
    assert mapping.device
    assert os.path.exists(mapping.device)
    dsware_rest.fault(kind, match={"write": True})
    array.unmap_volume(mapping)
    assert dsware_rest.state()["mappings"] == []


# -- tools that fail, as small shell programs --------------------------------------------------------------------------


@pytest.fixture
def tool(tmp_path: Path) -> Callable[..., AttachTool]:
    """A tool that prints the given lines for every command, and records the command."""

    def make_tool(
        *lines: str, status: int = 0, name: str = "sds_cli", seconds: float = 0, wait: float = 0.3
    ) -> AttachTool:
        path = tmp_path / name
        text = "".join(f"printf '%s\\n' {shlex.quote(line)}\n" for line in lines)
        sleep = f"sleep {seconds}\n" if seconds else ""
        path.write_text(f'#!/bin/sh\necho "$*" >>{shlex.quote(str(tmp_path / "asked"))}\n{sleep}{text}exit {status}\n')
        path.chmod(0o700)
        return AttachTool(str(path), CommandTransport(2.0), wait)

    return make_tool


def test_a_device_that_never_appears_is_a_timeout(tool: Callable[..., AttachTool]) -> None:
    with pytest.raises(errors.Timeout, match="/dev/none/sdz did not come about within 0.3 s") as caught:
        tool("ret_code=0", "ret_desc=ok", "dev_addr=/dev/none/sdz").attach("v1", GIB)
    assert "block client of this host" in str(caught.value)


def test_a_device_that_appears_late_is_waited_for(tool: Callable[..., AttachTool], tmp_path: Path) -> None:
    device = tmp_path / "sdb"
    late = f"ret_code=0\ndev_addr={device}"
    attaching = tool(*late.split("\n"), wait=10.0)
    # In another process, as the host's kernel creates it
    program = f"import os, sys; os.truncate(os.open(sys.argv[1] + '.new', os.O_CREAT | os.O_WRONLY), {GIB}); "
    program += "os.rename(sys.argv[1] + '.new', sys.argv[1])"
    with subprocess.Popen([sys.executable, "-c", program, str(device)]):
        assert attaching.attach("v1", GIB) == str(device)


def test_a_device_of_another_size_is_a_conflict(tool: Callable[..., AttachTool], tmp_path: Path) -> None:
    device = tmp_path / "sdb"
    with device.open("wb") as stream:
        stream.truncate(GIB // 2)
    with pytest.raises(errors.Conflict, match="has 512MiB, and the volume has 1GiB"):
        tool("ret_code=0", f"dev_addr={device}").attach("v1", GIB)


@pytest.mark.parametrize("line", ["ret_code=0", " ret_code=0 ", "ret_code=0\r"])
def test_output_with_blanks_and_carriage_returns_is_read(
    tool: Callable[..., AttachTool], tmp_path: Path, line: str
) -> None:
    device = tmp_path / "sdb"
    with device.open("wb") as stream:
        stream.truncate(GIB)
    assert tool(line, "extra=1", f"dev_addr={device}\r").attach("v1", GIB) == str(device)


@pytest.mark.parametrize("code", ["0", "50151401", "50151405"])
def test_an_attach_succeeds_with_these_codes(tool: Callable[..., AttachTool], tmp_path: Path, code: str) -> None:
    device = tmp_path / "sdb"
    with device.open("wb") as stream:
        stream.truncate(GIB)
    assert tool(f"ret_code={code}", f"dev_addr={device}").attach("v1", GIB) == str(device)
    assert (tmp_path / "asked").read_text() == "-c attach -v v1\n", "the tool was run once"


@pytest.mark.parametrize("code", ["0", "50151209", "50151601", "50151404", "50155007"])
def test_a_detach_succeeds_with_these_codes(tool: Callable[..., AttachTool], tmp_path: Path, code: str) -> None:
    tool(f"ret_code={code}").detach("v1")
    assert (tmp_path / "asked").read_text() == "-c detach -v v1\n", "the tool was run once"


def test_any_other_code_is_an_error_with_a_reason(tool: Callable[..., AttachTool]) -> None:
    with pytest.raises(errors.NotFound, match="no such volume") as missing:
        tool("ret_code=50151404", "ret_desc=gone").attach("v1", GIB)
    assert (missing.value.code, missing.value.said) == ("50151404", "gone")
    for code, message in (("50151402", "as many attachments"), ("50519999", "the tool refused")):
        with pytest.raises(errors.FlashError, match=message) as caught:
            tool(f"ret_code={code}").attach("v1", GIB)
        assert caught.value.code == code
    with pytest.raises(errors.FlashError, match="the tool refused"):
        tool("ret_code=50510099").detach("v1")


@pytest.mark.parametrize("lines", [(), ("hello",), ("ret_code=",), ("ret_code=ok",), ("RET_CODE=0",)])
def test_an_answer_without_a_code_is_an_error(tool: Callable[..., AttachTool], lines: tuple[str, ...]) -> None:
    with pytest.raises(errors.BadReply, match="answered without a code"):
        tool(*lines).query("v1")


def test_an_attach_whose_answer_has_no_device_is_an_error(tool: Callable[..., AttachTool]) -> None:
    with pytest.raises(errors.BadReply, match="does not report the device"):
        tool("ret_code=0").attach("v1", GIB)


def test_a_tool_that_fails_or_hangs_is_reported(tool: Callable[..., AttachTool]) -> None:
    with pytest.raises(errors.FlashError, match="failed with status 3") as caught:
        tool("broken", status=3).query("v1")
    assert caught.value.said == "broken"
    hanging = tool("ret_code=0", seconds=60)
    hanging.command.timeout = 0.2
    with pytest.raises(errors.Timeout, match="did not end within 0.2 s"):
        hanging.query("v1")


def test_a_name_that_a_shell_could_read_never_reaches_the_tool(tool: Callable[..., AttachTool], tmp_path: Path) -> None:
    recording = tool("ret_code=0")
    for name in ("v1; touch x", "$(id)", "-v", "a b", "", "../x", "v1\nv2"):
        with pytest.raises(errors.Invalid):
            recording.query(name)
    assert not (tmp_path / "asked").exists(), "the tool was not run"


def test_a_tool_that_does_not_exist_or_may_not_run_is_reported(tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match="no program"):
        AttachTool(str(tmp_path / "none"), CommandTransport())
    path = tmp_path / "sds_cli"
    path.write_text("")
    path.chmod(0o600)
    with pytest.raises(errors.FlashError, match="may not run"):
        AttachTool(str(path), CommandTransport()).query("v1")
