# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive the FusionStorage driver that ships with Cinder, unmodified, through all operations against a simulated array.

Runs in an environment with that Cinder and nothing of this project. After every step the content of the simulated array
is read, so a step passes only when the driver succeeds *and* the array is as it should be.

    drive_dsware.py RUN_DIR/endpoints.json NAME [--password PASSWORD]

Prints one JSON object per step, ``{"step", "ok", "detail"}``, and exits with 0 when all are ok. The driver would write
its credentials into Cinder's configuration file, so it gets the path of a file that does not exist.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import uuid
from functools import partial
from pathlib import Path
from typing import Any

from cinder import context, objects

objects.register_all()

from cinder import exception  # noqa: E402
from cinder.volume import configuration, driver as base  # noqa: E402
from cinder.volume.drivers.fusionstorage import constants, dsware  # noqa: E402
from cinder.volume.drivers.san import san  # noqa: E402
from oslo_config import cfg  # noqa: E402
from steps import GIB, SimulatedArray, Steps  # noqa: E402

BACKEND = "fusionstorage"
CONTEXT = context.RequestContext("admin", "conformance", is_admin=True)
HERE = {"host": "node1", "ip": "192.0.2.1", "initiator": "iqn.2026-01.org.example:node1"}
REFUSED = exception.VolumeBackendAPIException


class Array(SimulatedArray):
    """The array as its control port reports it."""

    def attached(self) -> list[tuple[str, str]]:
        return [(row["volume"], row["host"]) for row in self.state()["mappings"]]


def make_driver(entry: dict[str, Any], pool: str, password: str) -> Any:
    conf = cfg.CONF
    conf([], project="cinder", default_config_files=[])
    folder = tempfile.mkdtemp(prefix="conformance-")
    conf.set_override("state_path", folder)
    constants.CONF_PATH = f"{folder}/there-is-none.conf"
    conf.register_opts(base.volume_opts, group=BACKEND)
    backend = configuration.Configuration(dsware.volume_opts, config_group=BACKEND)
    backend.append_config_values(san.san_opts)
    settings = {
        "dsware_rest_url": f"https://{entry['address']}:{entry['rest_port']}",
        "san_login": entry["username"],
        "san_password": password or entry["password"],
        "dsware_storage_pools": pool,
        "manager_ips": {HERE["host"]: entry["agents"][0]["address"]},
        "volume_backend_name": BACKEND,
    }
    for name, value in settings.items():
        conf.set_override(name, value, group=BACKEND)
    return dsware.DSWAREDriver(configuration=backend, host=f"conformance@{BACKEND}")


def volume(size: int, pool: str) -> Any:
    where = f"conformance@{BACKEND}#{pool}"
    return objects.Volume(CONTEXT, id=str(uuid.uuid4()), size=size, host=where, _name_id=None, provider_location=None)


def snapshot(source: Any) -> Any:
    return objects.Snapshot(
        CONTEXT,
        id=str(uuid.uuid4()),
        volume_id=source.id,
        volume_size=source.size,
        volume=source,
        provider_location=None,
    )


def drive(cinder: Any, array: Array, run: Steps, pool: str) -> None:
    entry = array.entry
    run.step("set up", lambda: cinder.do_setup(CONTEXT))
    run.step("check the setup", cinder.check_for_setup_error)
    stats = run.step("statistics", lambda: cinder.get_volume_stats(True)) or {"pools": []}
    run.expect("pools", [row["pool_name"] for row in stats["pools"]], [pool])
    capacity = next(row["size"] for row in entry["pools"] if row["name"] == pool) / GIB
    run.expect("capacity", [row["total_capacity_gb"] for row in stats["pools"]], [capacity])

    first, second, third, ghost = (volume(size, pool) for size in (1, 2, 1, 1))
    snap = snapshot(first)
    run.step("create", lambda: cinder.create_volume(first))
    run.expect("created", array.volumes().get(first.name, {}).get("size"), GIB)
    run.expect("in its pool", array.volumes().get(first.name, {}).get("pool"), pool)
    run.step("create again", lambda: cinder.create_volume(first), refused=REFUSED)
    run.step("extend", lambda: cinder.extend_volume(first, 2))
    run.expect("extended", array.volumes().get(first.name, {}).get("size"), 2 * GIB)
    run.step("extend what is not there", lambda: cinder.extend_volume(ghost, 2), refused=REFUSED)
    run.step("take a snapshot", lambda: cinder.create_snapshot(snap))
    run.expect("its parent", array.volumes().get(snap.name, {}).get("parent"), first.name)
    run.step("volume from it", lambda: cinder.create_volume_from_snapshot(second, snap))
    content = array.volumes().get(first.name, {}).get("content")
    run.expect("with its content", array.volumes().get(second.name, {}).get("content"), content)
    third.size = 2
    run.step("clone", lambda: cinder.create_cloned_volume(third, first))
    run.expect("with the same content", array.volumes().get(third.name, {}).get("content"), content)
    run.expect("no temporary snapshot", len(array.volumes()), 4)

    attach(cinder, array, run, first, ghost)
    run.step("delete the snapshot", lambda: cinder.delete_snapshot(snap))
    run.step("delete the snapshot again", lambda: cinder.delete_snapshot(snap))
    array.fault(kind="expired", match={"path": "keepAlive"})
    run.step("statistics after the session's end", lambda: cinder.get_volume_stats(True))
    array.fault(kind="pool_full")
    run.step("create in a full pool", lambda: cinder.create_volume(ghost), refused=REFUSED)
    for each in (first, second, third, ghost):
        run.step("delete", partial(cinder.delete_volume, each))
    run.expect("nothing left", array.volumes(), {})


def attach(cinder: Any, array: Array, run: Steps, volume: Any, ghost: Any) -> None:
    agent = array.entry["agents"][0]["address"]
    connection = run.step("attach", lambda: cinder.initialize_connection(volume, HERE)) or {"data": {}}
    run.expect("attached by the agent", array.attached(), [(volume.name, agent)])
    wwn = array.volumes().get(volume.name, {}).get("wwn")
    path = f"/dev/disk/by-id/wwn-0x{wwn}"
    run.expect("under its identity", connection["data"].get("device_path"), path)
    run.step("attach again", lambda: cinder.initialize_connection(volume, HERE), refused=REFUSED)
    run.step("delete while attached", lambda: cinder.delete_volume(volume), refused=REFUSED)
    run.step("detach", lambda: cinder.terminate_connection(volume, HERE))
    run.expect("detached", array.attached(), [])
    run.step("detach again", lambda: cinder.terminate_connection(volume, HERE))
    run.step("attach to a stranger", lambda: cinder.initialize_connection(volume, {"host": "node9"}), refused=REFUSED)
    run.step("attach what is not there", lambda: cinder.initialize_connection(ghost, HERE), refused=REFUSED)
    info = run.step("attach for an image", lambda: cinder._attach_volume(CONTEXT, volume, HERE)[0])
    device = Path(((info or {}).get("device") or {}).get("path", "/nowhere"))
    run.expect("a device of its size", device.stat().st_size if device.exists() else None, 2 * GIB)
    run.step("detach from the image", lambda: cinder._detach_volume(CONTEXT, info, volume, HERE))
    run.expect("nothing attached", array.attached(), [])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoints", type=Path)
    parser.add_argument("name")
    parser.add_argument("--password", default="", help="a wrong password instead of the array's")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    run, array = Steps(), Array(options.endpoints, options.name)
    pool = array.entry["pools"][-1]["name"]
    cinder = make_driver(array.entry, pool, options.password)
    if options.password:
        run.step("set up with a wrong password", lambda: cinder.do_setup(CONTEXT), refused=REFUSED)
    else:
        drive(cinder, array, run, pool)
    return run.status()


if __name__ == "__main__":
    sys.exit(main())
