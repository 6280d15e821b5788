# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive the unmodified XtremIO driver that ships with Cinder through all operations, against a simulated XMS.

Runs in an environment with that Cinder and nothing of this project. After every step the content of the simulated array
is read, so a step passes only when the driver succeeds *and* the array is as it should be.

    drive_xtremio.py RUN_DIR/endpoints.json NAME [--groups] [--verify] [--clean-groups] [--cluster NAME]

Prints one JSON object per step, ``{"step", "ok", "detail"}``, and exits with 0 when all are ok. There is no database:
the only question of the driver, whether the source of a clone is an image-cache entry, is always answered with no.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any

from cinder import context, objects

objects.register_all()

from cinder import exception  # noqa: E402
from cinder.volume import configuration, driver as base  # noqa: E402
from cinder.volume.drivers.dell_emc import xtremio  # noqa: E402
from cinder.volume.drivers.san import san  # noqa: E402
from oslo_concurrency import lockutils  # noqa: E402
from oslo_config import cfg  # noqa: E402
from steps import GIB, SimulatedArray, Steps, connector  # noqa: E402

BACKEND = "xtremio"
CONTEXT = context.RequestContext("admin", "conformance", is_admin=True)


class NoDatabase:
    def image_volume_cache_get_by_volume_id(self, ctxt: Any, volume_id: str) -> None:
        return None


class Array(SimulatedArray):
    """What the simulated array holds."""

    def volume(self, name: str) -> dict[str, Any]:
        return self.volumes().get(name, {})

    def members(self, kind: str, name: str) -> list[str]:
        return next(
            (row["members"] for row in self.state()["groups"] if (row["kind"], row["name"]) == (kind, name)), []
        )


def make_driver(options: argparse.Namespace, entry: dict[str, Any]) -> Any:
    """The driver. Its options are registered and set first, since its constructor reads some of them."""
    conf = cfg.CONF
    conf([], project="cinder", default_config_files=[])
    folder = tempfile.mkdtemp(prefix="conformance-")
    conf.set_override("state_path", folder)
    lockutils.set_defaults(folder)
    backend = configuration.Configuration(base.volume_opts, config_group=BACKEND)
    backend.append_config_values(san.san_opts)
    backend.append_config_values(xtremio.XTREMIO_OPTS)
    settings = {
        # The driver uses this in its URLs, so it may have a port.
        "san_ip": f"{entry['address']}:{entry['port']}",
        "san_login": entry["username"],
        "san_password": options.password or entry["password"],
        "xtremio_cluster_name": options.cluster,
        "xtremio_clean_unused_ig": options.clean_groups,
        # The driver swaps these two: it waits one second, and makes three attempts.
        "xtremio_array_busy_retry_count": 1,
        "xtremio_array_busy_retry_interval": 3,
        "driver_ssl_cert_verify": options.verify or bool(options.ca),
        "driver_ssl_cert_path": (options.ca or entry["ca_path"]) if options.verify or options.ca else None,
    }
    for name, value in settings.items():
        conf.set_override(name, value, group=BACKEND)
    kind = xtremio.XtremIOFCDriver if options.protocol == "fc" else xtremio.XtremIOISCSIDriver
    driver = kind(configuration=backend, host=f"conformance@{BACKEND}")
    driver.db = NoDatabase()
    return driver


def volume(size: int, **more: Any) -> Any:
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "_name_id": None,
        "size": size,
        "host": f"conformance@{BACKEND}#pool",
        "display_name": "conformance",
        "project_id": "project",
        "user_id": "user",
        "status": "available",
        **dict.fromkeys(
            (
                "consistencygroup_id",
                "group_id",
                "provider_location",
                "source_volid",
                "snapshot_id",
                "volume_type_id",
                "encryption_key_id",
            )
        ),
        **more,
    }
    created = objects.Volume(context=CONTEXT, **values)
    created.volume_attachment = objects.VolumeAttachmentList(context=CONTEXT, objects=[])
    return created


def snapshot(parent: Any) -> Any:
    snap = objects.Snapshot(
        context=CONTEXT,
        id=str(uuid.uuid4()),
        volume_id=parent.id,
        volume_size=parent.size,
        display_name="conformance",
        project_id="project",
        user_id="user",
        status="available",
        cgsnapshot_id=None,
        group_snapshot_id=None,
    )
    snap.volume = parent
    return snap


def drive(options: argparse.Namespace, array: Array, run: Steps) -> None:
    cinder = run.step("construct", lambda: make_driver(options, array.entry))
    if cinder is None:
        return
    run.step("set up", lambda: cinder.do_setup(CONTEXT))
    run.step("check the setup", cinder.check_for_setup_error)
    if run.failed:
        return
    run.expect("version recognised", type(cinder.client).__name__, options.client)
    base_volume, snap = life_of_a_volume(cinder, array, run)
    copies = copies_of_a_volume(cinder, array, run, base_volume, snap)
    attachments(cinder, array, run, options, [base_volume, *copies])
    names(cinder, array, run, copies[0])
    if options.groups:
        groups(cinder, array, run)
    removal(cinder, array, run, snap, [base_volume, *copies])


def life_of_a_volume(cinder: Any, array: Array, run: Steps) -> tuple[Any, Any]:
    total = array.state()["pools"][0]["size"]
    stats = run.step("statistics", lambda: cinder.get_volume_stats(refresh=True)) or {}
    run.expect("capacity in GiB", (stats.get("total_capacity_gb"), stats.get("free_capacity_gb")), (total / GIB,) * 2)
    created = volume(1)
    run.step("create", lambda: cinder.create_volume(created))
    run.expect("created size", array.volume(created.id).get("size"), GIB)
    run.step("create again", lambda: cinder.create_volume(created), refused=exception.VolumeBackendAPIException)
    run.step("extend", lambda: cinder.extend_volume(created, 3))
    created.size = 3
    run.expect("extended size", array.volume(created.id).get("size"), 3 * GIB)
    run.step("shrink", lambda: cinder.extend_volume(created, 2), refused=exception.VolumeBackendAPIException)
    run.expect("not shrunk", array.volume(created.id).get("size"), 3 * GIB)
    run.step(
        "extend what is not there", lambda: cinder.extend_volume(volume(1), 2), refused=exception.VolumeDriverException
    )
    stats = run.step("statistics again", lambda: cinder.get_volume_stats(refresh=True)) or {}
    run.expect("provisioned", stats.get("provisioned_capacity_gb"), 3)
    snap = snapshot(created)
    run.step("snapshot", lambda: cinder.create_snapshot(snap))
    shown = array.volume(snap.id)
    run.expect("snapshot of it", (shown.get("kind"), shown.get("parent")), ("snapshot", created.id))
    return created, snap


def copies_of_a_volume(cinder: Any, array: Array, run: Steps, source: Any, snap: Any) -> list[Any]:
    from_snapshot, larger, clone, larger_clone = volume(3), volume(5), volume(3), volume(6)
    run.step("volume from snapshot", lambda: cinder.create_volume_from_snapshot(from_snapshot, snap))
    run.step("larger from snapshot", lambda: cinder.create_volume_from_snapshot(larger, snap))
    run.step("clone", lambda: cinder.create_cloned_volume(clone, source))
    run.step("larger clone", lambda: cinder.create_cloned_volume(larger_clone, source))
    origin = array.volume(source.id).get("content")
    for copy, parent in ((from_snapshot, snap), (larger, snap), (clone, source), (larger_clone, source)):
        shown = array.volume(copy.id)
        properties = (shown.get("size"), shown.get("writable"), shown.get("parent"), shown.get("content"))
        run.expect(f"copy of {copy.size} GiB", properties, (copy.size * GIB, True, parent.id, origin))
    orphan = volume(3)
    run.step("clone of nothing", lambda: cinder.create_cloned_volume(orphan, volume(3)), refused=exception.NotFound)
    run.expect("nothing left of it", array.volume(orphan.id), {})
    return [from_snapshot, larger, clone, larger_clone]


def attachments(cinder: Any, array: Array, run: Steps, options: argparse.Namespace, volumes: list[Any]) -> None:
    first_volume, second_volume, third_volume = volumes[:3]
    first, second = connector(1), connector(2)
    data = (run.step("attach", lambda: cinder.initialize_connection(first_volume, first)) or {}).get("data", {})
    luns = array.maps(first_volume.id)
    run.expect("the array's LUN", list(luns.values()), [data.get("target_lun")])
    check_targets(run, options, data)
    again = (run.step("attach again", lambda: cinder.initialize_connection(first_volume, first)) or {}).get("data", {})
    run.expect("same LUN", again.get("target_lun"), data.get("target_lun"))
    if options.chap:
        run.expect("same secret", again.get("auth_password"), data.get("auth_password"))
    run.step("attach a second volume", lambda: cinder.initialize_connection(second_volume, first))
    run.expect("another LUN", set(array.maps(second_volume.id).values()) & set(luns.values()), set())
    run.step("attach to a second host", lambda: cinder.initialize_connection(first_volume, second))
    run.expect("two hosts have it", len(array.maps(first_volume.id)), 2)
    run.step("detach", lambda: cinder.terminate_connection(first_volume, first))
    run.expect("the other host still has it", len(array.maps(first_volume.id)), 1)
    run.expect("the other volume is still there", len(array.maps(second_volume.id)), 1)
    run.step("detach once more", lambda: cinder.terminate_connection(first_volume, first))
    run.step("detach the rest", lambda: cinder.terminate_connection(first_volume, second))
    run.step("detach the second volume", lambda: cinder.terminate_connection(second_volume, first))
    run.expect("no mapping left", array.state()["mappings"], [])
    run.expect("unused groups", len(array.state()["hosts"]), 0 if options.clean_groups else 2)
    for where in (first, second):
        run.step("attach once more", partial(cinder.initialize_connection, third_volume, where))
    run.step("detach from everywhere", lambda: cinder.terminate_connection(third_volume, None))
    run.expect("detached from everywhere", array.maps(third_volume.id), {})
    run.step(
        "detach what is not there", lambda: cinder.terminate_connection(volume(1), first), refused=exception.NotFound
    )


def check_targets(run: Steps, options: argparse.Namespace, data: dict[str, Any]) -> None:
    if options.protocol == "fc":
        targets = data.get("target_wwn", [])
        run.expect("targets are WWNs", {len(target) for target in targets}, {16})
        run.expect(
            "every initiator to every target", set(map(len, data["initiator_target_map"].values())), {len(targets)}
        )
        return
    run.expect("one IQN per portal", len(data.get("target_iqns", [])), len(data.get("target_portals", [])))
    run.expect("several paths", len(data.get("target_portals", [])) > 1, True)
    secrets = ("auth_password" in data, "discovery_auth_password" in data)
    run.expect("CHAP as the array wants it", secrets, (options.chap, options.chap))


def names(cinder: Any, array: Array, run: Steps, managed: Any) -> None:
    reference = {"source-name": managed.id}
    size = run.step("size of a volume to manage", lambda: cinder.manage_existing_get_size(managed, reference))
    run.expect("size in GiB", size, managed.size)
    old, managed.id = managed.id, str(uuid.uuid4())
    run.step("manage", lambda: cinder.manage_existing(managed, reference))
    run.expect("renamed", (bool(array.volume(managed.id)), array.volume(old)), (True, {}))
    run.step(
        "manage what is not there",
        lambda: cinder.manage_existing(volume(1), {"source-name": "nothing"}),
        refused=exception.ManageExistingInvalidReference,
    )
    moved = volume(2)
    run.step("create for a migration", lambda: cinder.create_volume(moved))
    final = str(uuid.uuid4())
    record = {"id": moved.id, "_name_id": None, "provider_location": None}
    run.step("migrate", lambda: cinder.update_migrated_volume(CONTEXT, {"id": final}, record, "available"))
    run.expect("under its final name", array.volume(final).get("size"), 2 * GIB)
    moved.id = final
    run.step("unmanage", lambda: cinder.unmanage(moved))
    run.expect("still on the array", len([row for row in array.state()["volumes"] if row["size"] == 2 * GIB]), 1)
    run.expect("under another name", array.volume(final), {})


def groups(cinder: Any, array: Array, run: Steps) -> None:
    group = {"id": str(uuid.uuid4()), "status": "available"}
    run.step("create a group", lambda: cinder.create_group(CONTEXT, group))
    run.step(
        "create it again", lambda: cinder.create_group(CONTEXT, group), refused=exception.VolumeBackendAPIException
    )
    members = [volume(1, group_id=group["id"]), volume(2)]
    for member in members:
        run.step("create a member", partial(cinder.create_volume, member))
    run.expect("one is in it", array.members("consistency-group", group["id"]), [members[0].id])
    run.step("add the other", lambda: cinder.update_group(CONTEXT, group, [members[1]], []))
    ids = [member.id for member in members]
    run.expect("both are in it", array.members("consistency-group", group["id"]), ids)
    run.step("delete a member", lambda: cinder.delete_volume(members[0]), refused=exception.VolumeBackendAPIException)
    taken = {"id": str(uuid.uuid4()), "group_id": group["id"]}
    run.step("snapshot the group", lambda: cinder.create_group_snapshot(CONTEXT, taken, []))
    set_name = (group["id"] + taken["id"]).replace("-", "")
    snapshots = array.members("snapshot-set", set_name)
    run.expect("one snapshot of each", [array.volume(one).get("parent") for one in snapshots], ids)

    records = [{"volume_id": member.id, "volume_size": member.size} for member in members]
    for title, source in (
        ("group snapshot", {"group_snapshot": taken, "snapshots": records}),
        ("group", {"source_group": group, "source_vols": members}),
    ):
        # The array chooses the snapshots' names, which on older versions differ only from one second to the next.
        time.sleep(1.1)
        copy_of_group = {"id": str(uuid.uuid4()), "status": "available"}
        copies = [volume(1), volume(2)]
        run.step(
            f"group from a {title}", partial(cinder.create_group_from_src, CONTEXT, copy_of_group, copies, **source)
        )
        run.expect(
            f"members from a {title}",
            array.members("consistency-group", copy_of_group["id"]),
            [one.id for one in copies],
        )
        run.step(f"delete the group from a {title}", partial(cinder.delete_group, CONTEXT, copy_of_group, copies))
        run.expect("its volumes are gone", [array.volume(one.id) for one in copies], [{}, {}])

    run.step("delete the group's snapshot", lambda: cinder.delete_group_snapshot(CONTEXT, taken, []))
    run.expect("its snapshots are gone", [array.volume(one) for one in snapshots], [{}, {}])
    run.step("take one out", lambda: cinder.update_group(CONTEXT, group, [], [members[1]]))
    run.expect("the first is left", array.members("consistency-group", group["id"]), ids[:1])
    run.step("delete the group", lambda: cinder.delete_group(CONTEXT, group, members[:1]))
    run.step("delete the other volume", lambda: cinder.delete_volume(members[1]))
    run.expect("both volumes are gone", [array.volume(one) for one in ids], [{}, {}])


def removal(cinder: Any, array: Array, run: Steps, snap: Any, volumes: list[Any]) -> None:
    first, *copies = volumes
    run.step("delete a volume with snapshots", lambda: cinder.delete_volume(first))
    run.expect("its snapshot is now a volume", array.volume(snap.id).get("parent", ""), None)
    run.step("delete the snapshot", lambda: cinder.delete_snapshot(snap))
    for volume_to_delete in copies:
        run.step("delete a copy", partial(cinder.delete_volume, volume_to_delete))
    run.step("delete a volume that is gone", lambda: cinder.delete_volume(first))
    run.step("delete a snapshot that is gone", lambda: cinder.delete_snapshot(snap))
    remaining = [row["name"] for row in array.state()["volumes"]]
    run.expect("only the unmanaged volume is left", [name for name in remaining if "unman" not in name], [])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoints", type=Path)
    parser.add_argument("name")
    parser.add_argument("--protocol", choices=("iscsi", "fc"), default="iscsi")
    parser.add_argument("--client", default="XtremIOClient42", help="the driver's own class for this version")
    parser.add_argument("--cluster", default="")
    parser.add_argument("--chap", action="store_true")
    parser.add_argument("--groups", action="store_true")
    parser.add_argument("--clean-groups", action="store_true")
    parser.add_argument("--verify", action="store_true")
    parser.add_argument("--ca", default="", help="trust this instead of the array's own authority")
    parser.add_argument("--password", default="", help="a wrong password instead of the array's")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    run = Steps()
    drive(options, Array(options.endpoints, options.name), run)
    return run.status()


if __name__ == "__main__":
    sys.exit(main())
