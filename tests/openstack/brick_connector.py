# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive the Dsware connector as services do, by os-brick's factory, with the tools of a simulated array.

    brick_connector.py ENDPOINTS ARRAY PROTOCOL TOOL VOLUME

Prints one JSON object per step, and exits with 0 when all are as expected.
"""

from __future__ import annotations

import inspect
import logging
import os
import site
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# A site folder, so that its path file is used as if pip had installed the distribution
site.addsitedir(os.environ["OPENFLASH_SITE"])

import os_brick
from os_brick import exception, privileged
from os_brick.initiator import connector, initiator_connector
from os_brick.initiator.connectors import base
from oslo_concurrency import lockutils
from oslo_config import cfg
from steps import GIB, SimulatedArray, Steps

REFUSED = exception.BrickException
RUN = Steps()
step = RUN.step


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
    ]


def interface(ours: type) -> list[str]:
    """The differences from os-brick's interface."""
    wrong = sorted(ours.__abstractmethods__)  # type: ignore[attr-defined]
    for name in sorted(initiator_connector.InitiatorConnector.__abstractmethods__):
        if name == "check_valid_device":
            continue
        theirs = getattr(initiator_connector.InitiatorConnector, name)
        if parameters(getattr(ours, name)) != parameters(theirs):
            wrong.append(f"{name}: {inspect.signature(getattr(ours, name))}, not {inspect.signature(theirs)}")
    return wrong


def fsc(array: SimulatedArray, *arguments: str) -> None:
    command = [f"{array.entry['bin_dir']}/fsc_cli", "--manage_ip", "m", "--ip", "a", "--op", *arguments]
    assert subprocess.run(command, check=True, capture_output=True, timeout=600).stdout.startswith(b"result=0\n")


def commands(array: SimulatedArray, mark: int) -> list[str]:
    """The commands of tools since a mark, as the array's journal has them."""
    return [f"{request['method']} {request['path']}" for request in array.requests(mark)]


def script(folder: str, name: str, text: str) -> str:
    path = Path(folder, name)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def main() -> int:
    endpoints, name, protocol, tool, volume = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    array = SimulatedArray(endpoints, name)
    folder = tempfile.mkdtemp(prefix="brick-")
    cfg.CONF([], project="brick", default_config_files=[])
    lockutils.set_defaults(folder)
    os_brick.setup(cfg.CONF)
    privileged.default.set_client_mode(False)
    os.environ["HUAWEISDSHYPERVISORCLI_PATH"] = f"{array.entry['bin_dir']}/{tool}"
    fsc(array, "createVolume", "--volName", volume, "--poolId", "0", "--volSize", "1024", "--thinFlag", "0")

    brick = step("made by the factory", lambda: connector.InitiatorConnector.factory(protocol, "sudo"))
    step(
        "its class is the one of openflash_openstack",
        lambda: type(brick).__module__,
        "openflash_openstack.brick.connector",
    )
    step("it is a connector of os-brick", lambda: isinstance(brick, base.BaseLinuxConnector), True)
    step("it has the complete interface of os-brick", lambda: interface(type(brick)), [])
    step("it adds no properties of the host", lambda: type(brick).get_connector_properties("sudo", multipath=True), {})
    ours: Any = sys.modules["openflash_openstack.brick.connector"]
    properties = connector.get_connector_properties("sudo", "192.0.2.1", True, False, host="me")
    step("properties of the host", lambda: properties["host"], "me")

    # The connection information of our Cinder driver, and that of the drivers for SDSHypervisor
    existing = {"volume_id": volume} if tool == "sds_cli" else {"volume_name": volume, "dsw_manager_ip": "192.0.2.9"}
    nowhere = {"volume_id": "volume-00000000-0000-4000-8000-000000000000", "dsw_manager_ip": "192.0.2.9"}
    suffix = "" if tool == "sds_cli" else "withip"
    address = "" if tool == "sds_cli" else " -i 192.0.2.9 -p 0"

    step("there is no path before it is connected", lambda: brick.get_volume_paths(existing), [])
    step("it is not connected at first", lambda: brick.is_volume_connected(volume), False)
    mark = array.mark()
    connection = step("connect", lambda: brick.connect_volume(existing))
    # The upstream connector runs the tool twice (wire sheet, section 6)
    step(
        "connecting runs the tool once",
        lambda: commands(array, mark),
        [f"{tool} {tool} -c attach{suffix} -v {volume}{address}"],
    )
    device = Path(connection["path"])
    step("the result is a block device", lambda: connection, {"type": "block", "path": str(device)})
    step("the device is the array's", lambda: device.is_relative_to(array.entry["device_root"]), True)
    step("the device has the size of the volume", lambda: device.stat().st_size, GIB)
    step("connect again", lambda: brick.connect_volume(existing), connection)
    step("connected", lambda: brick.is_volume_connected(volume), True)
    step("the paths of the volume", lambda: brick.get_volume_paths(existing), [str(device)])
    step("all available volumes", lambda: brick.get_all_available_volumes(existing), [str(device)])
    step(
        "without properties, there is no search path and no volume",
        lambda: (brick.get_search_path(), brick.get_all_available_volumes()),
        (None, []),
    )
    step("extend returns the size", lambda: brick.extend_volume(existing), GIB)
    fsc(array, "expandVolume", "--volName", volume, "--volSize", "2048")
    step("extend returns the new size", lambda: brick.extend_volume(existing), 2 * GIB)
    mark = array.mark()
    step("disconnect", lambda: brick.disconnect_volume(existing, connection), None)
    step(
        "disconnecting runs the tool once",
        lambda: commands(array, mark),
        [f"{tool} {tool} -c detach{suffix} -v {volume}{address}"],
    )
    step("the device is removed", device.exists, False)
    step("disconnect again", lambda: brick.disconnect_volume(existing, None), None)
    step("extend what is not attached", lambda: brick.extend_volume(existing), refused=REFUSED)
    step("connect what is not there", lambda: brick.connect_volume(nowhere), refused=REFUSED, message="no such volume")
    step("disconnect what is not there", lambda: brick.disconnect_volume(nowhere, None), None)
    step(
        "connect, without a name",
        lambda: brick.connect_volume({"volume_id": ""}),
        refused=REFUSED,
        message="volume_name",
    )
    option = {"volume_id": "-x"}
    step(
        "connect, a name that looks like an option",
        lambda: brick.connect_volume(option),
        refused=REFUSED,
        message="not the name",
    )

    # Lost answers: the state of the array decides
    for kind in ("reset_before", "reset_after", "truncated"):
        array.fault(kind=kind, match={"write": True})
        step(f"connect, {kind}", lambda: brick.connect_volume(existing), connection)
        step(f"there, {kind}", device.exists, True)
        array.fault(kind=kind, match={"write": True})
        step(f"disconnect, {kind}", lambda: brick.disconnect_volume(existing, connection), None)
        step(f"gone, {kind}", device.exists, False)
    array.fault(kind="reset_before", count=None)
    step(
        "connect, all answers lost",
        lambda: brick.connect_volume(existing),
        refused=REFUSED,
        message="failed with status",
    )
    step("disconnect, all answers lost", lambda: brick.disconnect_volume(existing, None), refused=REFUSED)
    step(
        "disconnect by force, errors ignored",
        lambda: brick.disconnect_volume(existing, None, force=True, ignore_errors=True),
        None,
    )
    forced = exception.ExceptionChainer
    step(
        "disconnect by force, errors raised at the end",
        lambda: brick.disconnect_volume(existing, None, force=True),
        refused=forced,
    )
    array.clear()

    # Tools that the array does not have
    def with_tool(text: str) -> None:
        os.environ["HUAWEISDSHYPERVISORCLI_PATH"] = script(folder, "tool", text)

    with_tool("echo hello")
    step(
        "connect, an answer without a code",
        lambda: brick.connect_volume(existing),
        refused=REFUSED,
        message="without a code",
    )
    with_tool("echo ret_code=50151402")
    step(
        "connect, the array refuses it",
        lambda: brick.connect_volume(existing),
        refused=REFUSED,
        message="as many attachments",
    )
    with_tool("exec sleep 60")
    ours.TOOL_TIMEOUT = 0.5
    step(
        "disconnect, the tool hangs",
        lambda: brick.disconnect_volume(existing, None),
        refused=REFUSED,
        message="within 0.5 s",
    )
    ours.TOOL_TIMEOUT = 30.0
    with_tool("echo ret_code=0; echo dev_addr=/dev/openflash-nowhere")
    brick.device_timeout = 0.3
    late = step(
        "connect, no device appears",
        lambda: brick.connect_volume(existing),
        refused=REFUSED,
        message="/dev/openflash-nowhere",
    )
    step("the message has the timeout", lambda: "0.3 s" in str(late), True)
    os.environ["HUAWEISDSHYPERVISORCLI_PATH"] = f"{folder}/missing"
    step(
        "connect, the tool does not exist",
        lambda: brick.connect_volume(existing),
        refused=REFUSED,
        message="no such program",
    )
    del os.environ["HUAWEISDSHYPERVISORCLI_PATH"]
    os.environ["PATH"] = folder
    step(
        "connect, no tool on the PATH",
        lambda: brick.connect_volume(existing),
        refused=REFUSED,
        message="Install the block client",
    )
    return RUN.status()


if __name__ == "__main__":
    sys.exit(main())
