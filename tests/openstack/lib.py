# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts of this folder share: Cinder's objects without a deployment, upstream drivers and ours.

Runs in the environment of a Cinder. There is no database: the objects that the drivers get are Cinder's own, made in
memory, and the queries of drivers have fixed answers.
"""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import importlib  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import tempfile  # noqa: E402
import uuid  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from cinder import context, exception, objects  # noqa: E402, F401

objects.register_all()

import steps  # noqa: E402
import upstream as shipped  # noqa: E402
import violin_upstream  # noqa: E402
from cinder import coordination, ssh_utils  # noqa: E402, F401
from cinder.volume import (  # noqa: E402
    configuration,
    driver as base,
    volume_types,
    volume_utils,
)
from oslo_concurrency import lockutils  # noqa: E402
from oslo_config import cfg  # noqa: E402
from steps import GIB, SimulatedArray, connector  # noqa: E402, F401

PROJECT = uuid.uuid4().hex
CONTEXT = context.RequestContext("admin", PROJECT, is_admin=True)
TYPES: dict[str, dict[str, str]] = {}
QOS: dict[str, dict[str, Any]] = {}
VOLUMES: dict[str, Any] = {}

OURS = {
    "xtremio-iscsi": "openflash_openstack.cinder.xtremio.XtremIOISCSIDriver",
    "xtremio-fc": "openflash_openstack.cinder.xtremio.XtremIOFCDriver",
    "flashsystem-fc": "openflash_openstack.cinder.flashsystem.FlashSystemFCDriver",
    "flashsystem-iscsi": "openflash_openstack.cinder.flashsystem.FlashSystemISCSIDriver",
    "violin-fc": "openflash_openstack.cinder.violin.V7000FCPDriver",
    "violin-iscsi": "openflash_openstack.cinder.violin.V7000ISCSIDriver",
    "dsware": "openflash_openstack.cinder.dsware.DSWAREDriver",
    "datera": "openflash_openstack.cinder.datera.DateraDriver",
}


class Steps(steps.Steps):
    """Steps that also count the array's requests, where a step asks for it."""

    def __init__(self, array: SimulatedArray) -> None:
        super().__init__()
        self.array = array
        self.counts: dict[str, dict[str, int]] = {}

    def step(self, *arguments: Any, as_: str = "", **more: Any) -> Any:
        """:param as_: count the array's requests under ``operation/who``."""
        mark = self.array.mark() if as_ else 0
        result = super().step(*arguments, **more)
        if as_:
            operation, who = as_.split("/")
            self.counts.setdefault(operation, {})[who] = len(self.array.requests(mark))
        return result

    def finish(self) -> int:
        print(json.dumps({"counts": self.counts}), flush=True)
        return self.status()


class NoDatabase:
    """Has what a test puts into it."""

    def __init__(self) -> None:
        self.volumes: list[Any] = []
        self.snapshots: list[Any] = []
        self.group_snapshots: list[Any] = []

    def image_volume_cache_get_by_volume_id(self, ctxt: Any, volume_id: str) -> None:
        return None

    def volume_get_all(self, ctxt: Any) -> list[Any]:
        return self.volumes

    def snapshot_get_all(self, ctxt: Any) -> list[Any]:
        return self.snapshots

    def group_snapshot_get_all(self, ctxt: Any) -> list[Any]:
        return self.group_snapshots

    def volume_data_get_for_host(self, ctxt: Any, host: str) -> tuple[int, int]:
        return len(self.volumes), sum(one.size for one in self.volumes)

    def volume_update(self, ctxt: Any, volume_id: str, values: dict[str, Any]) -> None: ...


def prepare() -> None:
    """Configure Cinder for this process; to be called once."""
    logging.disable(logging.CRITICAL)
    conf = cfg.CONF
    conf([], project="cinder", default_config_files=[])
    folder = tempfile.mkdtemp(prefix="openstack-")
    conf.set_override("state_path", folder)
    lockutils.set_defaults(folder)
    conf.set_override("backend_url", f"file://{folder}", group="coordination")
    coordination.COORDINATOR.start()
    volume_utils.is_group_a_cg_snapshot_type = lambda group_snapshot: group_snapshot["group_type_id"] == "consistent"
    volume_types.get_volume_type = lambda ctxt, type_id, *_, **__: {"extra_specs": TYPES[type_id]}
    volume_types.get_volume_type_qos_specs = lambda type_id: {"qos_specs": QOS.get(type_id)}


def settings(kind: str, entry: dict[str, Any], ours: bool) -> dict[str, Any]:
    """The section of the backend. It is the same for both drivers, except for ports that upstream has no option for."""
    vendor = kind.split("-")[0]
    options: dict[str, Any] = {
        "volume_backend_name": kind,
        "san_ip": entry["address"],
        "san_login": entry["username"],
        "san_password": entry["password"],
    }
    if vendor == "xtremio":
        options["san_ip"] = f"{entry['address']}:{entry['port']}"
    if entry.get("ca_path"):
        options |= {"driver_ssl_cert_verify": True, "driver_ssl_cert_path": entry["ca_path"]}
    if vendor == "flashsystem":
        protocol = "FC" if kind.endswith("fc") else "iSCSI"
        options |= {"san_ssh_port": entry["port"], "flashsystem_connection_protocol": protocol}
        if protocol == "iSCSI":
            options |= {"target_ip_address": "127.0.0.11", "flashsystem_iscsi_portid": 1}
    if vendor == "dsware":
        options |= {
            "dsware_rest_url": f"https://{entry['address']}:{entry['rest_port']}",
            "dsware_storage_pools": ";".join(pool["name"] for pool in entry["pools"]),
            "manager_ips": {connector(n)["host"]: agent["address"] for n, agent in enumerate(entry["agents"], 1)},
        }
    if vendor == "datera":
        options |= {"datera_debug_replica_count_override": True}
    if vendor in ("datera", "violin") and ours:
        options["san_api_port"] = entry["port"]
    return options


def make(path: str, kind: str, entry: dict[str, Any], group: str, **more: Any) -> Any:
    """A driver that is not set up yet. Its options are set first, since some constructors read them."""
    from cinder.volume.drivers.san import san

    conf = cfg.CONF
    module, name = path.rsplit(".", 1)
    loaded = importlib.import_module(module)
    backend = configuration.Configuration(base.volume_opts, config_group=group)
    backend.append_config_values(san.san_opts)
    cls = getattr(loaded, name)
    backend.append_config_values(cls.get_driver_options())
    # One upstream driver reports only half of its options.
    backend.append_config_values(getattr(loaded, "flashsystem_iscsi_opts", []))
    # Another needs an option by the name that an older Cinder gave it.
    backend.append_config_values([cfg.StrOpt("iscsi_target_prefix", default=backend.target_prefix)])
    for option, value in {**settings(kind, entry, path.startswith("openflash")), **more}.items():
        conf.set_override(option, value, group=group)
    if kind.startswith("flashsystem"):
        known = Path(conf.state_path) / "known_hosts"
        known.write_text(f"[{entry['address']}]:{entry['port']} {entry['host_key']}\n", encoding="utf-8")
        conf.set_override("ssh_hosts_key_file", str(known))
        conf.set_override("strict_ssh_host_key_policy", True)
    driver = cls(configuration=backend, host=f"control@{group}")
    driver.db = NoDatabase()
    return driver


def upstream(kind: str, entry: dict[str, Any], **more: Any) -> Any:
    shipped.prepare(kind.split("-")[0], entry["port"], Path(cfg.CONF.state_path))
    if kind == "datera":
        datera: Any = importlib.import_module("cinder.volume.drivers.datera.datera_iscsi")
        datera.DateraDriver.get_driver_options = classmethod(lambda cls: datera.d_opts)
    if kind.startswith("violin"):
        violin_upstream.prepare(entry, VOLUMES)
    return make(shipped.UPSTREAM[kind], kind, entry, "upstream", **more)


def no_fabric(driver: Any, copied: list[tuple[Any, Any, int]]) -> None:
    """Replace the fabric of the driver's host: its ports are given, its disks appear at once, and it copies nothing."""
    volume_utils.brick_get_connector_properties = lambda *_, **__: connector(0)

    class Connector:
        def disconnect_volume(self, *_: Any, **__: Any) -> None: ...

    def connect(conn: dict[str, Any]) -> dict[str, Any]:
        data = conn["data"]
        path = data.get("device_path") or f"{conn['driver_volume_type']} {data.get('target_iqn')} {data['target_lun']}"
        return {"conn": conn, "device": {"path": path, "type": "block"}, "connector": Connector()}

    driver._connect_device = connect
    driver._scan_device = lambda connection: {"type": "block", "path": f"/dev/lun{connection['data']['target_lun']}"}
    driver._remove_device = lambda connection, device: None
    volume_utils.copy_volume = lambda source, target, size, *_, **__: copied.append((source, target, size))


# -- Cinder's objects --------------------------------------------------------------------------------------------------


def type_with(**extra_specs: str) -> str:
    number = str(uuid.uuid4())
    TYPES[number] = {key.replace("__", ":"): value for key, value in extra_specs.items()}
    return number


def type_with_qos(consumer: str = "back-end", **qos_specs: str) -> str:
    number = type_with()
    QOS[number] = {"consumer": consumer, "specs": qos_specs}
    return number


def volume(size: int, pool: str = "pool", **more: Any) -> Any:
    nothing = ("consistencygroup_id", "group_id", "provider_location", "source_volid", "snapshot_id")
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "_name_id": None,
        "size": size,
        "host": f"control@backend#{pool}",
        "display_name": "some volume",
        "project_id": PROJECT,
        "user_id": "user",
        "status": "available",
        "availability_zone": "nova",
        "bootable": False,
        "migration_status": None,
        "previous_status": None,
        **dict.fromkeys((*nothing, "volume_type_id", "encryption_key_id")),
        **more,
    }
    record = objects.Volume(context=CONTEXT, **values)
    record.volume_attachment = objects.VolumeAttachmentList(context=CONTEXT, objects=[])
    VOLUMES[record.id] = record
    return record


def snapshot(parent: Any) -> Any:
    nothing = dict.fromkeys(("cgsnapshot_id", "group_snapshot_id", "provider_location"))
    record = objects.Snapshot(
        context=CONTEXT,
        id=str(uuid.uuid4()),
        volume_id=parent.id,
        volume_size=parent.size,
        display_name="some snapshot",
        project_id=PROJECT,
        user_id="user",
        status="available",
        **nothing,
    )
    record.volume = parent
    return record


def group(kind: str = "consistent") -> dict[str, Any]:
    """:param kind: ``consistent`` for a group whose snapshots are of one instant, as ``prepare`` configures Cinder."""
    return {"id": str(uuid.uuid4()), "group_type_id": kind, "status": "available"}


def group_snapshot(group_of_members: dict[str, Any], members: list[Any]) -> tuple[Any, list[Any]]:
    """A snapshot of a group, and the snapshots of its members that belong to it."""
    record = objects.GroupSnapshot(
        context=CONTEXT,
        id=str(uuid.uuid4()),
        group_id=group_of_members["id"],
        group_type_id=group_of_members["group_type_id"],
    )
    snapshots = [snapshot(member) for member in members]
    for member in snapshots:
        member.group_snapshot_id, member.group_snapshot = record.id, record
    return record, snapshots


def attachment(volume_of_attachment: Any, where: dict[str, Any]) -> Any:
    """A new attachment of a volume, as Cinder stores it."""
    record = objects.VolumeAttachment(
        context=CONTEXT,
        id=str(uuid.uuid4()),
        volume_id=volume_of_attachment.id,
        attached_host=where["host"],
        attach_status="attached",
    )
    record.connector = where
    volume_of_attachment.volume_attachment.objects.append(record)
    return record


@contextmanager
def zones() -> Any:
    """A list that receives the calls to Cinder's zone manager."""
    from cinder.zonemanager import utils

    calls: list[tuple[str, Any]] = []

    class Manager:
        def add_connection(self, info: Any) -> None:
            calls.append(("add", info["data"]["initiator_target_map"]))

        def delete_connection(self, info: Any) -> None:
            calls.append(("remove", info["data"]["initiator_target_map"]))

    original = utils.create_zone_manager
    utils.create_zone_manager = lambda: Manager()
    try:
        yield calls
    finally:
        utils.create_zone_manager = original
