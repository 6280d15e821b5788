# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive the FusionStorage driver of Cinder 13, unmodified, with the ``fsc_cli`` and ``vbs_cli`` of a simulated array.

    drive_fsc_cli.py CINDER13_WHEEL RUN_DIR/endpoints.json NAME AGENT...

It is the last driver that ran these programs. Its two files are imported from the wheel, into the Cinder of this
environment. Agents are tried in order. Prints one JSON object per step, ``{"step", "ok", "detail"}``. The programs are
run without sudo only when the user is root.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile
from types import SimpleNamespace
from typing import Any

from cinder import exception
from cinder.volume import configuration, driver as base
from cinder.volume.drivers import fusionstorage
from oslo_config import cfg
from steps import GIB, SimulatedArray, Steps

BACKEND = "fusionstorage"
REFUSED = exception.VolumeBackendAPIException


def make_driver(wheel: str, bin_dir: str, agents: list[str]) -> Any:
    fusionstorage.__path__ = [f"{wheel}/cinder/volume/drivers/fusionstorage"]
    fspythonapi: Any = importlib.import_module("cinder.volume.drivers.fusionstorage.fspythonapi")
    dsware = importlib.import_module("cinder.volume.drivers.fusionstorage.dsware")
    assert wheel in str(dsware.__file__)
    conf = cfg.CONF
    conf([], project="cinder", default_config_files=[])
    folder = tempfile.mkdtemp(prefix="conformance-")
    conf.set_override("state_path", folder)
    os.environ["PATH"] = f"{bin_dir}:{os.environ['PATH']}"
    fspythonapi.fsc_conf_file = f"{folder}/volumes/fsc_conf"
    conf.register_opts(base.volume_opts, group=BACKEND)
    backend = configuration.Configuration(dsware.volume_opts, config_group=BACKEND)
    settings = {"dsware_manager": "192.0.2.1", "fusionstorageagent": ",".join(agents), "volume_backend_name": BACKEND}
    for name, value in settings.items():
        conf.set_override(name, value, group=BACKEND)
    driver = dsware.DSWAREDriver(configuration=backend, host=f"conformance@{BACKEND}")
    driver.check_cloned_interval = 0.1
    return driver


def volume(name: str, size: int) -> Any:
    where = f"conformance@{BACKEND}#0"
    return SimpleNamespace(name=name, size=size, host=where, provider_id="192.0.2.1")


def main() -> int:
    wheel, endpoints, name, *agents = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    run, array = Steps(), SimulatedArray(endpoints, name)
    step = run.step

    def names() -> list[tuple[str, int]]:
        return sorted((row["name"], row["size"] // GIB) for row in array.state()["volumes"])

    driver = make_driver(wheel, array.entry["bin_dir"], agents)
    first, second, third = volume("volume-1", 2), volume("volume-2", 3), volume("volume-3", 3)
    snap = SimpleNamespace(name="snapshot-1", volume_id="1", volume_size=2)
    step("set up", lambda: driver.do_setup(None))
    step("check the setup", driver.check_for_setup_error)
    stats = step("stats", lambda: driver.get_volume_stats(True))
    # A release with one pool reports its capacity without a list of pools.
    pools = stats.get("pools") or [{**stats, "pool_name": "0"}]
    step("a pool", lambda: [(row["pool_name"], row["total_capacity_gb"] > 0) for row in pools], [("0", True)])
    step("create", lambda: driver.create_volume(first), {"provider_id": "192.0.2.1"})
    step("it is there", names, [("volume-1", 2)])
    step("snapshot", lambda: driver.create_snapshot(snap))
    step("volume from it", lambda: driver.create_volume_from_snapshot(second, snap), {"provider_id": "192.0.2.1"})
    step("they are there", names, [("snapshot-1", 2), ("volume-1", 2), ("volume-2", 3)])
    step("extend", lambda: driver.extend_volume(first, 4))
    step("clone", lambda: driver.create_cloned_volume(third, second), {"provider_id": "192.0.2.1"})
    step(
        "and no temporary snapshot",
        names,
        [("snapshot-1", 2), ("volume-1", 4), ("volume-2", 3), ("volume-3", 3)],
    )
    step("attach", lambda: driver._attach_volume("volume-1", "192.0.2.1")["ret_code"], "0")
    device = step("its device", lambda: driver._query_volume_attach("volume-1", "192.0.2.1")["dev_addr"])
    step("as large as the volume", lambda: os.path.getsize(device), 4 * GIB)
    step("delete what is attached", lambda: driver.delete_volume(first), refused=REFUSED)
    step("detach", lambda: driver._detach_volume("volume-1", "192.0.2.1")["ret_code"], "0")
    step("delete the snapshot", lambda: driver.delete_snapshot(snap))
    for to_delete in (first, second, third):
        step(f"delete {to_delete.name}", lambda to_delete=to_delete: driver.delete_volume(to_delete))
    step("nothing is left", names, [])
    return run.status()


if __name__ == "__main__":
    sys.exit(main())
