# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive the last FlashSystem drivers that Cinder shipped, unmodified, against a simulated array over SSH.

Runs in an environment with that Cinder and nothing of this project. After every step the content of the simulated array
is read, so a step passes only when the driver succeeds *and* the array is as it should be.

    drive_flashsystem.py RUN_DIR/endpoints.json NAME --protocol fc|iscsi [--password WORD] [--other-host-key]

Prints one JSON object per step, ``{"step", "ok", "detail"}``, and exits with 0 when all are ok. The driver copies by
mapping both volumes to its own host; three functions of that host are replaced, since there is no fabric. Two of the
expected refusals are defects of the driver: it fails where a volume or a host is deleted already.
"""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import argparse  # noqa: E402
import base64  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import uuid  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from cinder import context, objects  # noqa: E402

objects.register_all()

from cinder import exception, ssh_utils  # noqa: E402, F401
from cinder.volume import configuration, driver as base, volume_utils  # noqa: E402
from cinder.volume.drivers.ibm import flashsystem_fc, flashsystem_iscsi  # noqa: E402
from oslo_concurrency import lockutils  # noqa: E402
from oslo_config import cfg  # noqa: E402
from steps import GIB, SimulatedArray, Steps, connector  # noqa: E402

BACKEND = "flashsystem"
FAILS = exception.VolumeBackendAPIException


class Array(SimulatedArray):
    """The array as its control port reports it."""

    def sizes(self) -> dict[str, int]:
        """The size of every volume in GiB, by name."""
        return {row["name"]: row["size"] // GIB for row in self.state()["volumes"]}

    def luns(self, name: str) -> list[int]:
        """The LUNs of one volume on all hosts."""
        return [row["lun"] for row in self.state()["mappings"] if row["volume"] == name]

    def ports(self) -> list[list[str]]:
        """The initiators of every host."""
        return sorted(sorted(row["address"] for row in host["initiators"]) for host in self.state()["hosts"])


def make_driver(options: argparse.Namespace, entry: dict[str, Any], portal: tuple[str, int]) -> Any:
    """The driver, which knows one host key: the array's, or with ``--other-host-key`` another one."""
    conf = cfg.CONF
    conf.register_opts(base.volume_opts, group=BACKEND)
    conf([], project="cinder", default_config_files=[])
    folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    key = entry["host_key"]
    if options.other_host_key:
        blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))
        key = f"ssh-ed25519 {base64.b64encode(blob).decode()}"
    known = folder / "known_hosts"
    known.write_text(f"[{entry['address']}]:{entry['port']} {key}\n", encoding="utf-8")
    conf.set_override("state_path", str(folder))
    conf.set_override("ssh_hosts_key_file", str(known))
    conf.set_override("strict_ssh_host_key_policy", True)
    lockutils.set_defaults(str(folder))
    kind = {"fc": flashsystem_fc.FlashSystemFCDriver, "iscsi": flashsystem_iscsi.FlashSystemISCSIDriver}[
        options.protocol
    ]
    backend = configuration.Configuration(base.volume_opts, config_group=BACKEND)
    driver = kind(configuration=backend, host=f"conformance@{BACKEND}")
    settings: dict[str, Any] = {
        "san_ip": entry["address"],
        "san_ssh_port": entry["port"],
        "san_login": entry["username"],
        "san_password": options.password or entry["password"],
        "ssh_conn_timeout": 20,
        "flashsystem_connection_protocol": {"fc": "FC", "iscsi": "iSCSI"}[options.protocol],
        "flashsystem_multihostmap_enabled": True,
    }
    if options.protocol == "iscsi":
        settings |= {"target_ip_address": portal[0], "flashsystem_iscsi_portid": portal[1]}
    for name, value in settings.items():
        conf.set_override(name, value, group=BACKEND)
    return driver


def volume(size: int, **more: Any) -> dict[str, Any]:
    number = str(uuid.uuid4())
    return {
        "id": number,
        "name": f"volume-{number}",
        "size": size,
        "status": "available",
        "volume_type_id": None,
        **more,
    }


def snapshot(parent: dict[str, Any]) -> dict[str, Any]:
    number = str(uuid.uuid4())
    name = f"snapshot-{number}"
    return {"id": number, "name": name, "volume": parent, "volume_size": parent["size"], "status": "available"}


def drive(options: argparse.Namespace, array: Array, run: Steps) -> None:
    copied: list[int] = []
    cinder = run.step("construct", lambda: make_driver(options, array.entry, ("127.0.0.11", 1)))
    if cinder is None:
        return
    # The driver's host has no fabric: its ports are given, its disks appear at once, and it copies nothing.
    volume_utils.brick_get_connector_properties = lambda *_, **__: connector(0, multipath=False)
    volume_utils.copy_volume = lambda source, target, size, *_, **__: copied.append(size)
    cinder._scan_device = lambda connection: {"type": "block", "path": f"/dev/lun{connection['data']['target_lun']}"}
    cinder._remove_device = lambda connection, device: None

    run.step("set up", lambda: cinder.do_setup(context.get_admin_context()))
    run.step("check the setup", cinder.check_for_setup_error)
    if run.failed:
        return
    first, snap = life_of_a_volume(cinder, array, run)
    second, clone = copies(cinder, array, run, copied, first, snap)
    attachments(cinder, array, run, options, first, second)
    removal(cinder, array, run, first, second, clone, snap)


def life_of_a_volume(cinder: Any, array: Array, run: Steps) -> tuple[Any, Any]:
    pool = array.state()["pools"][0]
    stats = run.step("statistics", lambda: cinder.get_volume_stats(refresh=True)) or {}
    capacity = (stats.get("total_capacity_gb"), stats.get("free_capacity_gb"))
    run.expect("capacity in GiB", capacity, (pool["size"] / GIB, (pool["size"] - pool["used"]) / GIB))
    created = volume(2)
    run.step("create", lambda: cinder.create_volume(created))
    run.expect("created size", array.sizes(), {created["name"]: 2})
    run.step("create again", lambda: cinder.create_volume(created), refused=FAILS)
    run.step("extend", lambda: cinder.extend_volume(created, 3))
    run.expect("extended size", array.sizes(), {created["name"]: 3})
    run.step("shrink", lambda: cinder.extend_volume(created, 2), refused=FAILS)
    run.expect("not shrunk", array.sizes(), {created["name"]: 3})
    created["size"] = 3
    snap = snapshot(created)
    run.step("snapshot", lambda: cinder.create_snapshot(snap))
    run.expect("a volume like any other", array.sizes(), {created["name"]: 3, snap["name"]: 3})
    run.expect("nothing mapped", (array.state()["mappings"], array.ports()), ([], []))
    return created, snap


def copies(cinder: Any, array: Array, run: Steps, copied: list[int], first: Any, snap: Any) -> tuple[Any, Any]:
    second, clone, larger = volume(3), volume(3), volume(5)
    run.step("volume from snapshot", lambda: cinder.create_volume_from_snapshot(second, snap))
    run.step("clone", lambda: cinder.create_cloned_volume(clone, first))
    run.step("larger clone", lambda: cinder.create_cloned_volume(larger, first))
    run.step("smaller clone", lambda: cinder.create_cloned_volume(volume(1), first), refused=Exception)
    run.expect("MiB that the host copied", copied, [3072] * 4)
    run.expect("size of the larger clone", array.sizes().get(larger["name"]), 5)
    run.step("delete the larger clone", lambda: cinder.delete_volume(larger))
    first["status"] = "in-use"
    used = snapshot(first)
    run.step("snapshot in use", lambda: cinder.create_snapshot(used))
    run.step("delete it", lambda: cinder.delete_snapshot(used))
    first["status"] = "available"
    return second, clone


def attachments(cinder: Any, array: Array, run: Steps, options: argparse.Namespace, first: Any, second: Any) -> None:
    compute, second_compute = connector(1, multipath=False), connector(2, multipath=False)
    run.step("check a connector", lambda: cinder.validate_connector(compute))
    run.step("check a poor connector", lambda: cinder.validate_connector({"host": "x"}), refused=Exception)
    data = (run.step("attach", lambda: cinder.initialize_connection(first, compute)) or {}).get("data", {})
    run.expect("the array's LUN", array.luns(first["name"]), [data.get("target_lun")])
    ports = compute["wwpns"] if options.protocol == "fc" else [compute["initiator"]]
    run.expect("the host has its ports", array.ports(), [sorted(ports)])
    if options.protocol == "fc":
        run.expect("four target ports", len(data.get("target_wwn", [])), 4)
    else:
        run.expect("portal", data.get("target_portal"), "127.0.0.11:3260")
    again = (run.step("attach again", lambda: cinder.initialize_connection(first, compute)) or {}).get("data", {})
    run.expect("same LUN", again.get("target_lun"), data.get("target_lun"))
    run.step("attach a second volume", lambda: cinder.initialize_connection(second, compute))
    run.expect("another LUN", set(array.luns(first["name"])) & set(array.luns(second["name"])), set())
    run.step("attach to a second host", lambda: cinder.initialize_connection(first, second_compute))
    run.expect("two hosts have it", len(array.luns(first["name"])), 2)
    run.step("delete while attached", lambda: cinder.delete_volume(first), refused=FAILS)
    run.step("detach from the second host", lambda: cinder.terminate_connection(first, second_compute))
    run.expect("its host is gone", len(array.ports()), 1)
    run.step("detach the second volume", lambda: cinder.terminate_connection(second, compute))
    run.expect("the other host stays", len(array.ports()), 1)
    run.step("detach", lambda: cinder.terminate_connection(first, compute))
    run.expect("nothing is left", (array.ports(), array.state()["mappings"]), ([], []))
    run.step("detach once more", lambda: cinder.terminate_connection(first, compute), refused=FAILS)


def removal(cinder: Any, array: Array, run: Steps, first: Any, second: Any, clone: Any, snap: Any) -> None:
    managed, reference = volume(3), {"source-name": clone["name"]}
    size = run.step("size to manage", lambda: cinder.manage_existing_get_size(managed, reference))
    run.expect("size in GiB", size, 3)
    run.step("manage", lambda: cinder.manage_existing(managed, reference))
    run.expect("renamed", (managed["name"] in array.sizes(), clone["name"] in array.sizes()), (True, False))
    run.step("unmanage", lambda: cinder.unmanage(managed))
    run.step("delete the snapshot", lambda: cinder.delete_snapshot(snap))
    for name, to_delete in (("managed", managed), ("from snapshot", second), ("first", first)):
        run.step(f"delete the {name}", lambda to_delete=to_delete: cinder.delete_volume(to_delete))
    run.expect("empty", array.sizes(), {})
    run.step("delete what is gone", lambda: cinder.delete_volume(first), refused=FAILS)
    stats = run.step("statistics again", lambda: cinder.get_volume_stats(refresh=True)) or {}
    run.expect("all is free", stats.get("free_capacity_gb"), stats.get("total_capacity_gb"))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoints", type=Path)
    parser.add_argument("name")
    parser.add_argument("--protocol", choices=("fc", "iscsi"), required=True)
    parser.add_argument("--password")
    parser.add_argument("--other-host-key", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    run = Steps()
    drive(options, Array(options.endpoints, options.name), run)
    return run.status()


if __name__ == "__main__":
    sys.exit(main())
