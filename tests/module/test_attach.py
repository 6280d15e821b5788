# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_host_map on an array that attaches by a program on the host: by either tool, or by the agent of REST."""

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
AGENT_WAY = "rest-agent"
WAYS = ("rest-vbs_cli", "rest-sds_cli", AGENT_WAY, "socket-vbs_cli", "socket-sds_cli")
QUICK = {"wait_timeout": 0.3}


@dataclass(frozen=True)
class Attaching:
    """An array with the volumes db1 and db2, and this host, to which the connection attaches them."""

    array: ArrayUnderTest
    way: str

    @property
    def by_agent(self) -> bool:
        return self.way == AGENT_WAY

    @property
    def agent(self) -> dict[str, str]:
        """The simulated agent that is this host: its address, and where its devices are."""
        return dict(self.array.endpoint["agents"][0])

    @property
    def connection(self) -> dict[str, Any]:
        if self.by_agent:
            return {"agents": {HERE: self.agent["address"], "elsewhere": "192.0.2.22"}}
        return {"attach_tool": f"{self.array.endpoint['bin_dir']}/{self.way.partition('-')[2]}"}

    def task(self, **args: Any) -> dict[str, Any]:
        merged = {"host": HERE, "volume": "db1", "connection": self.connection, **args}
        return {key: value for key, value in merged.items() if value is not None}

    def run(self, connection: Mapping[str, Any] | None = None, **args: Any) -> Result:
        return self.array.host_map(**self.task(connection={**self.connection, **(connection or {})}, **args))

    def attached(self) -> set[str]:
        """The volumes that the array has attached to this host."""
        assert {host for host, _ in self.array.luns()} <= {self.agent["address"]}
        return {volume for _, volume in self.array.luns()}


@pytest.fixture(params=WAYS)
def attaching(request: pytest.FixtureRequest, arrays: dict[str, ArrayUnderTest]) -> Attaching:
    array = arrays[f"dsware-{request.param.partition('-')[0]}"]
    array.reset()
    array.done("flash_volume", volumes=[{"name": "db1"}, {"name": "db2"}], size="10GiB")
    return Attaching(array, request.param)


@pytest.fixture
def by_agent(arrays: dict[str, ArrayUnderTest]) -> Attaching:
    array = arrays["dsware-rest"]
    array.reset()
    array.done("flash_volume", name="db1", size="10GiB")
    return Attaching(array, AGENT_WAY)


@pytest.fixture
def by_tool(arrays: dict[str, ArrayUnderTest]) -> Attaching:
    array = arrays["dsware-socket"]
    array.reset()
    array.done("flash_volume", name="db1", size="10GiB")
    return Attaching(array, "socket-sds_cli")


def test_a_volume_is_attached_and_detached(attaching: Attaching) -> None:
    array = attaching.array
    made = array.converges("flash_host_map", **attaching.task())
    device = made["map"]["device"]
    assert os.path.getsize(device) == 10 * GIB
    assert device.startswith(attaching.agent["device_root"])
    assert (made["map"]["lun"], made["map"]["state"], made["map"]["host_state"]) == (None, "present", "present")
    assert made["plan"] == [f"map volume db1 to host {HERE}"]
    assert made["api"]["writes"] == 1, "one command"
    assert made.warnings == ["this array cannot be asked which other hosts have volume db1"]
    assert attaching.run()["map"]["device"] == device
    assert attaching.attached() == {"db1"}
    if array.logs_in:
        assert made["map"]["serial"] == array.volumes()["db1"]["wwn"]

    gone = array.converges("flash_host_map", **attaching.task(state="absent"))
    assert gone["plan"] == [f"unmap volume db1 from host {HERE}"]
    assert gone["api"]["writes"] == 1
    assert (gone["map"]["device"], gone["map"]["state"]) == (None, "absent")
    assert attaching.attached() == set()
    assert not os.path.exists(device)


def test_many_volumes_in_one_task(attaching: Attaching) -> None:
    maps = [{"volume": "db1"}, {"volume": "db2"}]
    made = attaching.array.converges("flash_host_map", **attaching.task(volume=None, maps=maps))
    devices = {one["device"] for one in made["maps"]}
    assert len(devices) == 2
    assert all(os.path.getsize(device) == 10 * GIB for device in devices)
    attaching.array.converges("flash_host_map", **attaching.task(volume=None, maps=maps, state="absent"))
    assert attaching.attached() == set()


def test_a_document_attaches_too(attaching: Attaching) -> None:
    content = {"volumes": [{"name": "db3", "size": "1GiB"}], "mappings": [{"volume": "db3", "host": HERE}]}
    made = attaching.array.converges("flash_array", connection=attaching.connection, **content)
    assert os.path.getsize(made["mappings"][0]["device"]) == GIB


def without_device(attaching: Attaching, folder: Path) -> dict[str, Any]:
    """The same way to attach, on a host that does not see the device."""
    if attaching.by_agent:
        return {"device_root": str(folder), **QUICK}
    real = Path(attaching.connection["attach_tool"])
    tool = folder / real.name
    tool.write_text(f"#!/bin/sh\n{shlex.quote(str(real))} \"$@\" | sed 's#^dev_addr=.*#dev_addr={folder}/sdz#'\n")
    tool.chmod(0o700)
    return {"attach_tool": str(tool), **QUICK}


@pytest.mark.parametrize("way", ["vbs_cli", "sds_cli"])
def test_the_tool_is_not_given_the_options_of_the_environment(by_tool: Attaching, tmp_path: Path, way: str) -> None:
    """One of them may be a password."""
    kept, tool = tmp_path / "environment", tmp_path / way
    real = f"{by_tool.array.endpoint['bin_dir']}/{way}"
    tool.write_text(f'#!/bin/sh\nenv >>{shlex.quote(str(kept))}\nexec {shlex.quote(real)} "$@"\n')
    tool.chmod(0o700)
    given = {"FLASH_PASSWORD": "Canary-Secret-4711", "FLASH_TIMEOUT": "20", "OTHER": "kept"}
    assert not by_tool.run({"attach_tool": str(tool)}, env=given).failed
    text = kept.read_text(encoding="utf-8")
    assert "OTHER=kept\n" in text
    assert "FLASH_" not in text
    assert "Canary" not in text


def test_a_device_that_never_appears(attaching: Attaching, tmp_path: Path) -> None:
    """An error each time, and no path that leads nowhere; once it is there the same task is content."""
    blind = without_device(attaching, tmp_path)
    for _ in range(2):
        failed = attaching.run(blind)
        assert failed.failed
        assert failed["error"]["kind"] == "timeout"
        assert f"the device {tmp_path}" in failed.msg
        assert "within 0.3 s" in failed.msg
        assert failed["map"]["device"] is None
    # What only the device could tell is not left behind; the tool knows, so there the next run goes on.
    assert attaching.attached() == (set() if attaching.by_agent else {"db1"})
    again = attaching.run()
    assert not again.failed
    assert again.changed is attaching.by_agent
    assert os.path.getsize(again["map"]["device"]) == 10 * GIB


def test_what_was_attached_before_is_not_taken_back(by_agent: Attaching) -> None:
    """Its device is not where it is looked for, and somebody may use it under another name."""
    os.unlink(by_agent.run()["map"]["device"])
    failed = by_agent.run(QUICK)
    assert failed.failed
    assert failed["error"]["kind"] == "timeout"
    assert by_agent.attached() == {"db1"}


def test_a_volume_whose_device_is_not_there_can_be_detached(attaching: Attaching, tmp_path: Path) -> None:
    blind = without_device(attaching, tmp_path)
    assert attaching.run(blind).failed
    gone = attaching.run(blind, state="absent")
    assert not gone.failed
    assert attaching.attached() == set()


def test_a_device_that_is_smaller_than_its_volume_is_not_handed_over(attaching: Attaching) -> None:
    device = attaching.run()["map"]["device"]
    os.truncate(device, 5 * GIB)
    failed = attaching.run()
    assert failed.failed
    assert failed["error"]["kind"] == "conflict"
    assert "has 5GiB, and the volume has 10GiB" in failed.msg
    assert attaching.attached() == {"db1"}, "it may be in use"
    os.truncate(device, 10 * GIB)
    assert not attaching.run().failed
    os.truncate(device, 5 * GIB)
    assert not attaching.run(state="absent").failed
    assert attaching.attached() == set()


def test_an_attached_volume_is_not_deleted(attaching: Attaching) -> None:
    assert not attaching.run().failed
    for permits in ({}, {"assume_unmapped": True}, {"assume_unmapped": True, "unmap": True}):
        result = attaching.array.volume(name="db1", state="absent", connection=attaching.connection, **permits)
        assert result.failed
        assert not result.changed
        assert result["error"]["kind"] == ("in_use" if permits else "refused")
    assert attaching.attached() == {"db1"}


def test_what_an_attachment_does_not_have(attaching: Attaching) -> None:
    array = attaching.array
    array.refuses("flash_host_map", str(array.cannot("explicit_lun")), **attaching.task(lun=1), kind="unsupported")
    words = (f"host {HERE} is one that volumes are attached to", "no initiators of it")
    if array.row.hosts:
        array.refuses("flash_host_map", *words, **attaching.task(initiators=["iqn.2026-01.org.example:h"]))
    array.refuses("flash_host_map", *words, **attaching.task(volume=None, state="absent"), kind="unsupported")


def test_a_volume_that_is_not_there(attaching: Attaching) -> None:
    attaching.array.refuses(
        "flash_host_map", "there is no volume db9", **attaching.task(volume="db9"), kind="not_found"
    )
    assert not attaching.run(volume="db9", state="absent").changed


# ---- the wrong host --------------------------------------------------------------------------------------------------


def test_an_agent_without_the_volume_s_host(by_agent: Attaching) -> None:
    """The name must be the one that agents has; which these are is told."""
    words: tuple[str, ...] = ("nothing attaches volumes to host node9", f"{HERE}, elsewhere", "give its initiators")
    words = (words[0], *sorted(words[1].split(", ")), words[2])
    by_agent.array.refuses("flash_host_map", *words, **by_agent.task(host="node9"), kind="unsupported")


def test_a_task_that_runs_on_another_host_than_the_agent_s(by_agent: Attaching) -> None:
    """What is attached there only that host can tell."""
    words = ("host elsewhere", "delegate it there")
    for state in ("present", "absent"):
        task = by_agent.task(host="elsewhere", state=state)
        by_agent.array.refuses("flash_host_map", *words, **task, kind="unsupported")


def test_a_tool_attaches_to_this_host_alone(by_tool: Attaching) -> None:
    words = ("nothing attaches volumes to host node9", "this host is called", HERE.lower())
    result = by_tool.array.refuses("flash_host_map", *words, **by_tool.task(host="node9"), kind="unsupported")
    assert "initiators" not in result.msg, "which are of no use on the socket"
    by_tool.array.refuses(
        "flash_host_map", "delegate it there", **by_tool.task(host="node9", state="absent"), kind="unsupported"
    )
    for name in ("localhost", HERE.upper()):
        assert not by_tool.run(host=name).failed


def test_an_agent_that_the_array_does_not_know(by_agent: Attaching) -> None:
    failed = by_agent.run({"agents": {HERE: "192.0.2.99"}})
    assert failed.failed
    assert failed["error"]["kind"] == "not_found"
    assert "does not know that node" in failed.msg
    assert "Check agents" in failed.msg


def test_options_that_cannot_be(by_agent: Attaching, by_tool: Attaching) -> None:
    for attaching, wrong, kind, words in (
        (by_agent, {"attach_tool": "/nowhere/vbs_cli"}, "missing_program", "no program /nowhere/vbs_cli"),
        (by_tool, {"agents": {HERE: "192.0.2.21"}}, "invalid", "agents are used with transport: rest"),
        (by_agent, {"agents": {HERE: ""}}, "invalid", "not a mapping of host names to addresses"),
        (by_tool, {"proxy": "http://127.0.0.1:9"}, "invalid", "cannot be reached through a proxy"),
    ):
        result = attaching.run(wrong)
        assert result.failed
        assert result["error"]["kind"] == kind
        assert words.lower() in result.msg.lower()
    assert by_tool.attached() == by_agent.attached() == set()
