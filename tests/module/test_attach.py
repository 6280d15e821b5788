# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_host_map on an array whose volumes are attached on the host: by one of two tools, or by the agent of REST."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.module.arrays import GIB, ArrayUnderTest, Result

HERE = socket.gethostname()
AGENT = "rest-agent"
METHODS = ("rest-vbs_cli", "rest-sds_cli", AGENT, "socket-vbs_cli", "socket-sds_cli")
SHORT_WAIT = {"wait_timeout": 0.3}


@dataclass(frozen=True)
class AttachedHost:
    """An array with the volumes db1 and db2, and this host, to which the connection attaches volumes."""

    array: ArrayUnderTest
    method: str

    @property
    def by_agent(self) -> bool:
        return self.method == AGENT

    @property
    def agent(self) -> dict[str, str]:
        """The simulated agent on this host: its address and the folder of its devices."""
        return dict(self.array.endpoint["agents"][0])

    @property
    def connection(self) -> dict[str, Any]:
        if self.by_agent:
            return {"agents": {HERE: self.agent["address"], "elsewhere": "192.0.2.22"}}
        return {"attach_tool": f"{self.array.endpoint['bin_dir']}/{self.method.partition('-')[2]}"}

    def task(self, **args: Any) -> dict[str, Any]:
        merged = {"host": HERE, "volume": "db1", "connection": self.connection, **args}
        return {key: value for key, value in merged.items() if value is not None}

    def run(self, connection: Mapping[str, Any] | None = None, **args: Any) -> Result:
        return self.array.host_map(**self.task(connection={**self.connection, **(connection or {})}, **args))

    def attached(self) -> set[str]:
        """The volumes that the array has attached to this host."""
        assert {host for host, _ in self.array.luns()} <= {self.agent["address"]}
        return {volume for _, volume in self.array.luns()}


@pytest.fixture(params=METHODS)
def host(request: pytest.FixtureRequest, arrays: dict[str, ArrayUnderTest]) -> AttachedHost:
    array = arrays[f"dsware-{request.param.partition('-')[0]}"]
    array.reset()
    array.done("flash_volume", volumes=[{"name": "db1"}, {"name": "db2"}], size="10GiB")
    return AttachedHost(array, request.param)


@pytest.fixture
def by_agent(arrays: dict[str, ArrayUnderTest]) -> AttachedHost:
    array = arrays["dsware-rest"]
    array.reset()
    array.done("flash_volume", name="db1", size="10GiB")
    return AttachedHost(array, AGENT)


@pytest.fixture
def by_tool(arrays: dict[str, ArrayUnderTest]) -> AttachedHost:
    array = arrays["dsware-socket"]
    array.reset()
    array.done("flash_volume", name="db1", size="10GiB")
    return AttachedHost(array, "socket-sds_cli")


def test_a_volume_is_attached_and_detached(host: AttachedHost) -> None:
    array = host.array
    attached = array.converges("flash_host_map", **host.task())
    device = attached["map"]["device"]
    assert os.path.getsize(device) == 10 * GIB
    assert device.startswith(host.agent["device_root"])
    assert (attached["map"]["lun"], attached["map"]["state"], attached["map"]["host_state"]) == (
        None,
        "present",
        "present",
    )
    assert attached["plan"] == [f"map volume db1 to host {HERE}"]
    assert attached["api"]["writes"] == 1, "one command"
    assert attached.warnings == ["this array cannot be asked which other hosts have volume db1"]
    assert host.run()["map"]["device"] == device
    assert host.attached() == {"db1"}
    if array.logs_in:
        assert attached["map"]["serial"] == array.volumes()["db1"]["wwn"]

    detached = array.converges("flash_host_map", **host.task(state="absent"))
    assert detached["plan"] == [f"unmap volume db1 from host {HERE}"]
    assert detached["api"]["writes"] == 1
    assert (detached["map"]["device"], detached["map"]["state"]) == (None, "absent")
    assert host.attached() == set()
    assert not os.path.exists(device)


def test_several_volumes_are_attached_and_detached_by_one_task(host: AttachedHost) -> None:
    maps = [{"volume": "db1"}, {"volume": "db2"}]
    attached = host.array.converges("flash_host_map", **host.task(volume=None, maps=maps))
    devices = {mapping["device"] for mapping in attached["maps"]}
    assert len(devices) == 2
    assert all(os.path.getsize(device) == 10 * GIB for device in devices)
    host.array.converges("flash_host_map", **host.task(volume=None, maps=maps, state="absent"))
    assert host.attached() == set()


def test_a_document_attaches_the_volumes_that_it_maps(host: AttachedHost) -> None:
    content = {"volumes": [{"name": "db3", "size": "1GiB"}], "mappings": [{"volume": "db3", "host": HERE}]}
    applied = host.array.converges("flash_array", connection=host.connection, **content)
    assert os.path.getsize(applied["mappings"][0]["device"]) == GIB


def without_device(host: AttachedHost, folder: Path) -> dict[str, Any]:
    """The change of the connection after which the volume is attached and its device does not appear."""
    if host.by_agent:
        return {"device_root": str(folder), **SHORT_WAIT}
    real = Path(host.connection["attach_tool"])
    tool = folder / real.name
    tool.write_text(f"#!/bin/sh\n{shlex.quote(str(real))} \"$@\" | sed 's#^dev_addr=.*#dev_addr={folder}/sdz#'\n")
    tool.chmod(0o700)
    return {"attach_tool": str(tool), **SHORT_WAIT}


@pytest.mark.parametrize("method", ["vbs_cli", "sds_cli"])
def test_the_tool_gets_no_connection_option_of_the_environment(
    by_tool: AttachedHost, tmp_path: Path, method: str
) -> None:
    """An option may be a password."""
    recorded, tool = tmp_path / "environment", tmp_path / method
    real = f"{by_tool.array.endpoint['bin_dir']}/{method}"
    tool.write_text(f'#!/bin/sh\nenv >>{shlex.quote(str(recorded))}\nexec {shlex.quote(real)} "$@"\n')
    tool.chmod(0o700)
    environment = {"FLASH_PASSWORD": "Canary-Secret-4711", "FLASH_TIMEOUT": "20", "OTHER": "kept"}
    assert not by_tool.run({"attach_tool": str(tool)}, env=environment).failed
    text = recorded.read_text(encoding="utf-8")
    assert "OTHER=kept\n" in text
    assert "FLASH_" not in text
    assert "Canary" not in text


def test_a_device_that_does_not_appear_is_an_error_in_every_run(host: AttachedHost, tmp_path: Path) -> None:
    """No path is returned for it. Once the device appears, the same task succeeds."""
    deviceless = without_device(host, tmp_path)
    for _ in range(2):
        failed = host.run(deviceless)
        assert failed.failed
        assert failed["error"]["kind"] == "timeout"
        assert f"the device {tmp_path}" in failed.msg
        assert "within 0.3 s" in failed.msg
        assert failed["map"]["device"] is None
    # Only the device proves an attachment by the agent, so that is undone. The tool reports it, so it is kept.
    assert host.attached() == (set() if host.by_agent else {"db1"})
    repeated = host.run()
    assert not repeated.failed
    assert repeated.changed is host.by_agent
    assert os.path.getsize(repeated["map"]["device"]) == 10 * GIB


def test_a_volume_that_was_attached_before_is_not_detached_after_an_error(by_agent: AttachedHost) -> None:
    """Its device has not the expected path, and may be in use under another name."""
    os.unlink(by_agent.run()["map"]["device"])
    failed = by_agent.run(SHORT_WAIT)
    assert failed.failed
    assert failed["error"]["kind"] == "timeout"
    assert by_agent.attached() == {"db1"}


def test_a_volume_without_its_device_can_be_detached(host: AttachedHost, tmp_path: Path) -> None:
    deviceless = without_device(host, tmp_path)
    assert host.run(deviceless).failed
    detached = host.run(deviceless, state="absent")
    assert not detached.failed
    assert host.attached() == set()


def test_a_device_that_is_smaller_than_its_volume_is_a_conflict(host: AttachedHost) -> None:
    device = host.run()["map"]["device"]
    os.truncate(device, 5 * GIB)
    failed = host.run()
    assert failed.failed
    assert failed["error"]["kind"] == "conflict"
    assert "has 5GiB, and the volume has 10GiB" in failed.msg
    assert host.attached() == {"db1"}, "the device may be in use"
    os.truncate(device, 10 * GIB)
    assert not host.run().failed
    os.truncate(device, 5 * GIB)
    assert not host.run(state="absent").failed
    assert host.attached() == set()


def test_an_attached_volume_is_not_deleted(host: AttachedHost) -> None:
    assert not host.run().failed
    for permits in ({}, {"assume_unmapped": True}, {"assume_unmapped": True, "unmap": True}):
        result = host.array.volume(name="db1", state="absent", connection=host.connection, **permits)
        assert result.failed
        assert not result.changed
        assert result["error"]["kind"] == ("in_use" if permits else "refused")
    assert host.attached() == {"db1"}


def test_a_lun_initiators_and_the_deletion_of_an_attached_host_are_refused(host: AttachedHost) -> None:
    array = host.array
    array.refuses("flash_host_map", str(array.cannot("explicit_lun")), **host.task(lun=1), kind="unsupported")
    texts = (f"host {HERE} is one that volumes are attached to", "no initiators of it")
    if array.row.hosts:
        array.refuses("flash_host_map", *texts, **host.task(initiators=["iqn.2026-01.org.example:h"]))
    array.refuses("flash_host_map", *texts, **host.task(volume=None, state="absent"), kind="unsupported")


def test_a_missing_volume_is_not_attached_and_counts_as_detached(host: AttachedHost) -> None:
    array = host.array
    array.needs("volume db9", "flash_host_map", "there is no volume db9", **host.task(volume="db9"))
    assert not host.run(volume="db9", state="absent").changed


# ---- the wrong host --------------------------------------------------------------------------------------------------


def test_a_host_without_an_agent_is_refused_with_the_names_of_the_others(by_agent: AttachedHost) -> None:
    texts = ("nothing attaches volumes to host node9", HERE, "elsewhere", "give its initiators")
    by_agent.array.refuses("flash_host_map", *texts, **by_agent.task(host="node9"), kind="unsupported")


def test_a_task_on_another_host_than_that_of_the_agent_is_refused(by_agent: AttachedHost) -> None:
    """Only the agent's own host knows what is attached there."""
    texts = ("host elsewhere", "delegate it there")
    for state in ("present", "absent"):
        task = by_agent.task(host="elsewhere", state=state)
        by_agent.array.refuses("flash_host_map", *texts, **task, kind="unsupported")


def test_a_tool_attaches_to_this_host_alone(by_tool: AttachedHost) -> None:
    texts = ("nothing attaches volumes to host node9", "this host is called", HERE.lower())
    result = by_tool.array.refuses("flash_host_map", *texts, **by_tool.task(host="node9"), kind="unsupported")
    assert "initiators" not in result.msg, "the socket has no hosts"
    by_tool.array.refuses(
        "flash_host_map", "delegate it there", **by_tool.task(host="node9", state="absent"), kind="unsupported"
    )
    for name in ("localhost", HERE.upper()):
        assert not by_tool.run(host=name).failed


def test_an_agent_that_the_array_does_not_know_is_not_found(by_agent: AttachedHost) -> None:
    failed = by_agent.run({"agents": {HERE: "192.0.2.99"}})
    assert failed.failed
    assert failed["error"]["kind"] == "not_found"
    assert "does not know that node" in failed.msg
    assert "Check agents" in failed.msg


def test_connection_options_that_do_not_fit_the_attachment_are_refused(
    by_agent: AttachedHost, by_tool: AttachedHost
) -> None:
    for host, wrong, kind, texts in (
        (by_agent, {"attach_tool": "/nowhere/vbs_cli"}, "missing_program", "no program /nowhere/vbs_cli"),
        (by_tool, {"agents": {HERE: "192.0.2.21"}}, "invalid", "agents are used with transport: rest"),
        (by_agent, {"agents": {HERE: ""}}, "invalid", "not a mapping of host names to addresses"),
        (by_tool, {"proxy": "http://127.0.0.1:9"}, "invalid", "cannot be reached through a proxy"),
    ):
        result = host.run(wrong)
        assert result.failed
        assert result["error"]["kind"] == kind
        assert texts.lower() in result.msg.lower()
    assert by_tool.attached() == by_agent.attached() == set()
