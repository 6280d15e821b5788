# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of test_contract.py, each as a task and as calls of the client, which a driver makes.

``forks.py`` imports this too, so nothing here starts a thread or needs pytest. A client's function finds its objects by
itself, as a new process does, and creates nothing that exists, as the planner does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Chap,
    Group,
    Initiator,
    Snapshot,
    SnapshotSpec,
    Volume,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB, parse_initiator

CHAP = {"chap_username": "of-user", "chap_password": "chap-Secret-0123"}


@dataclass(frozen=True)
class Subject:
    """What an operation needs to know about the array."""

    vendor: str
    initiators: tuple[str, ...]
    explicit_lun: bool
    mappings_known: bool
    chap_of_volume: bool

    def lun(self, number: int) -> dict[str, int]:
        return {"lun": number} if self.explicit_lun else {}

    def parsed(self, *numbers: int) -> list[Initiator]:
        pairs = [parse_initiator(self.initiators[number]) for number in numbers]
        return [Initiator(address, protocol) for protocol, address in pairs]


Args = Mapping[str, Any] | Callable[[Subject], Mapping[str, Any]]


@dataclass(frozen=True)
class Operation:
    """One change of an array, the same for every vendor."""

    module: str
    args: Args
    needs: str = ""
    """The objects that exist before; see ``build``."""
    client: Callable[[Any, Subject], Any] | None = None
    """The same operation by the client's methods; None where the planner decides it."""
    ability: str | None = None
    """What an array without the operation refuses: a name of abilities.OPERATIONS."""
    bad: tuple[tuple[Mapping[str, Any], str], ...] = ()
    """Options with which the task must be refused, and a part of the reason."""
    missing: tuple[tuple[Mapping[str, Any], str], ...] = ()
    """Options that name an object that is not there, and that object, which a check assumes to be made before."""
    vendors: tuple[str, ...] = ()
    """The only vendors that have it; empty: all."""
    connection: Mapping[str, Any] = field(default_factory=dict)
    """Options of the connection that it needs."""

    def options(self, subject: Subject) -> dict[str, Any]:
        return dict(self.args(subject) if callable(self.args) else self.args)


def volume(array: Any, name: str) -> Volume:
    volume: Volume = array.volumes([name]).items[0]
    return volume


def snapshot(array: Any, name: str, of: str = "data1") -> Snapshot:
    snapshot: Snapshot = next(item for item in array.snapshots(volumes=[of]) if item.name == name)
    return snapshot


def _volume_exists(array: Any, name: str) -> bool:
    return bool(array.volumes([name]).items)


def _snapshot_exists(array: Any, name: str, of: str) -> bool:
    return any(item.name == name for item in array.snapshots(volumes=[of]))


# -- preparation -------------------------------------------------------------------------------------------------------


def build(array: Any, subject: Subject, needs: str, write: Callable[[str], None]) -> None:
    """Create the objects of these names.

    data1 and data2 are volumes; thin1 is a volume that can have thin clones; used1 is mapped to the host web1, if both
    are named. sunday is a snapshot of data1, which was written to since. old1 is a host without volumes, group1 a
    consistency group of data1 and data2, and cut a snapshot of it. test1 is a clone of data1, and was written to since.
    limited1 is a volume with a limit. nightly-1 and nightly-2 are snapshots of data1. prune1 is a volume and prune2 a
    host that no task declares. notes are metadata of data1.

    :param write: lets a host write to a volume.
    """
    names = needs.split()
    for name in ("data1", "data2", "used1", "prune1"):
        if name in names:
            array.create_volume(VolumeSpec(name, 2 * GIB))
    if "thin1" in names:
        array.create_volume(VolumeSpec("thin1", 2 * GIB, provisioning="thin"))
    if "limited1" in names:
        array.create_volume(VolumeSpec("limited1", 2 * GIB, options={"total_iops_max": 9}))
    if "test1" in names:
        write("data1")
        array.clone_volume(volume(array, "data1"), VolumeSpec("test1"))
        write("test1")
    for name in ("sunday", "nightly-1", "nightly-2"):
        if name in names:
            array.create_snapshots([SnapshotSpec(name, volume(array, "data1"))])
            write("data1")
    if "web1" in names:
        web1 = array.create_host("web1", subject.parsed(2))
        if "used1" in names:
            array.map_volume(volume(array, "used1"), web1, *subject.lun(1).values())
    for name, number in (("old1", 0), ("prune2", 1)):
        if name in names:
            array.create_host(name, subject.parsed(number))
    if "group1" in names:
        group1 = array.create_group("group1", [volume(array, "data1"), volume(array, "data2")])
        if "cut" in names:
            array.snapshot_group(group1, "cut")
            for name in ("data1", "data2"):
                write(name)
    if "notes" in names:
        array.set_metadata(volume(array, "data1"), {"dropped": "1", "kept": "1"})


# -- by the client -----------------------------------------------------------------------------------------------------


def create(array: Any, subject: Subject) -> None:
    array.create_volume(VolumeSpec("new1", 2 * GIB))


def extend(array: Any, subject: Subject) -> None:
    array.extend_volume(volume(array, "data1"), 4 * GIB)


def rename(array: Any, subject: Subject) -> None:
    for existing in array.volumes(["data2"]):
        array.rename_volume(existing, "renamed1")


def delete(array: Any, subject: Subject) -> None:
    for existing in array.volumes(["data2"]):
        array.delete_volume(existing)


def _clone(source: str, size: int | None = None, **options: Any) -> Callable[[Any, Subject], None]:
    def clone(array: Any, subject: Subject) -> None:
        if not _volume_exists(array, "copy1"):
            array.clone_volume(volume(array, source), VolumeSpec("copy1", size, options=options))

    return clone


def _from_snapshot(size: int | None = None, **options: Any) -> Callable[[Any, Subject], None]:
    def create(array: Any, subject: Subject) -> None:
        if not _volume_exists(array, "copy1"):
            array.volume_from_snapshot(snapshot(array, "sunday"), VolumeSpec("copy1", size, options=options))

    return create


def _take(of: str, name: str) -> Callable[[Any, Subject], None]:
    def take(array: Any, subject: Subject) -> None:
        if not _snapshot_exists(array, name, of):
            array.create_snapshots([SnapshotSpec(name, volume(array, of))])

    return take


def take_snapshot_set(array: Any, subject: Subject) -> None:
    specs = [SnapshotSpec(f"{name}-set", volume(array, name)) for name in ("data1", "data2")]
    array.create_snapshots(specs, atomic=True)


def delete_snapshot(array: Any, subject: Subject) -> None:
    for existing in array.snapshots(volumes=["data1"]):
        if existing.name == "sunday":
            array.delete_snapshot(existing)


def restore(array: Any, subject: Subject) -> None:
    if not _snapshot_exists(array, "backup1", "data1"):
        array.restore_snapshot(volume(array, "data1"), snapshot(array, "sunday"), "backup1")


def _refresh(source: Callable[[Any], Any]) -> Callable[[Any, Subject], None]:
    def refresh(array: Any, subject: Subject) -> None:
        if not _snapshot_exists(array, "backup-1", "test1"):
            array.refresh_volume(volume(array, "test1"), source(array), "backup-1")

    return refresh


def _host_with_initiators(array: Any, subject: Subject, *numbers: int, chap: Chap | None = None) -> Any:
    options = {} if chap is None else {"chap": chap}
    existing = array.hosts(["server1"]).named("server1")
    if existing is None:
        return array.create_host("server1", subject.parsed(*numbers), **options)
    return array.add_initiators(existing, subject.parsed(*numbers), **options)


def create_host(array: Any, subject: Subject) -> None:
    _host_with_initiators(array, subject, 0, 1)


def create_host_with_chap(array: Any, subject: Subject) -> None:
    chap = Chap(CHAP["chap_username"], CHAP["chap_password"])
    if subject.chap_of_volume:
        array.set_volume_chap(volume(array, "data1"), chap)
        array.map_volume(volume(array, "data1"), _host_with_initiators(array, subject, 0, 1))
    else:
        array.map_volume(volume(array, "data1"), _host_with_initiators(array, subject, 0, 1, chap=chap))


def add_initiators(array: Any, subject: Subject) -> None:
    array.add_initiators(array.hosts(["web1"]).items[0], subject.parsed(0, 2))


def remove_initiators(array: Any, subject: Subject) -> None:
    """After another initiator was added to the host."""
    web1 = array.hosts(["web1"]).items[0]
    (removed,) = subject.parsed(2)
    if removed.address in web1.addresses:
        web1 = array.add_initiators(web1, subject.parsed(0))
    array.remove_initiators(web1, [removed.address])


def delete_host(array: Any, subject: Subject) -> None:
    for host in array.hosts(["old1"]):
        array.delete_host(host)


def rename_host(array: Any, subject: Subject) -> None:
    for host in array.hosts(["web1"]):
        array.rename_host(host, "web2")


def map_volume(array: Any, subject: Subject) -> None:
    array.map_volume(volume(array, "data1"), array.hosts(["web1"]).items[0])


def map_at_lun(array: Any, subject: Subject) -> None:
    array.map_volume(volume(array, "data1"), array.hosts(["web1"]).items[0], 9)


def unmap(array: Any, subject: Subject) -> None:
    for mapping in array.mappings(hosts=["web1"]):
        array.unmap_volume(mapping)


def group(array: Any, subject: Subject) -> None:
    existing = array.groups(["group2"]).named("group2") or array.create_group("group2", [volume(array, "data1")])
    array.add_to_group(existing, [volume(array, "data2")])


def leave_group(array: Any, subject: Subject) -> None:
    array.remove_from_group(array.groups(["group1"]).named("group1") or Group("group1"), [volume(array, "data2")])


def delete_group(array: Any, subject: Subject) -> None:
    array.delete_group(array.groups(["group1"]).named("group1") or Group("group1"))


def snapshot_group(array: Any, subject: Subject) -> None:
    if not _snapshot_exists(array, "data1.cut", "data1"):
        array.snapshot_group(array.groups(["group1"]).named("group1") or Group("group1"), "cut")


def restore_group(array: Any, subject: Subject) -> None:
    if not _snapshot_exists(array, "data1.backup1", "data1"):
        array.restore_group(array.groups(["group1"]).named("group1") or Group("group1"), "cut", "backup1")


def set_metadata(array: Any, subject: Subject) -> None:
    array.set_metadata(volume(array, "data1"), {"owner": "me", "kept": "2"})


def set_volume(array: Any, subject: Subject) -> None:
    array.set_volume(volume(array, "data1"), {"total_iops_max": 7})


LIMITS = {"total_iops_max": 7, "total_bandwidth_max": 8192}


def change_limits(array: Any, subject: Subject) -> None:
    array.set_volume(volume(array, "limited1"), {"total_iops_max": 0, "total_bandwidth_max": 8192})


def create_limited(array: Any, subject: Subject) -> None:
    if _volume_exists(array, "new1"):
        array.set_volume(volume(array, "new1"), LIMITS)
    else:
        array.create_volume(VolumeSpec("new1", 2 * GIB, options=LIMITS))


def delete_limited(array: Any, subject: Subject) -> None:
    for existing in array.volumes(["limited1"]):
        array.delete_volume(existing)


# -- the operations ----------------------------------------------------------------------------------------------------


def _assume_unmapped(subject: Subject) -> dict[str, Any]:
    return {} if subject.mappings_known else {"assume_unmapped": True}


def _hosts(*numbers: int, **options: Any) -> Callable[[Subject], Mapping[str, Any]]:
    return lambda subject: {"initiators": [subject.initiators[number] for number in numbers], **options}


OPERATIONS: dict[str, Operation] = {
    "create a volume": Operation(
        "flash_volume",
        {"name": "new1", "size": "2GiB"},
        client=create,
        bad=(({"size": "2XB"}, "2XB"), ({"size": 0}, "0"), ({"name": ""}, "name")),
    ),
    "extend a volume": Operation(
        "flash_volume",
        {"name": "data1", "size": "4GiB"},
        "data1",
        extend,
        bad=(({"size": "1GiB"}, "smaller"),),
    ),
    "rename a volume": Operation(
        "flash_volume",
        {"name": "renamed1", "rename_from": "data2"},
        "data1 data2",
        rename,
        "rename_volume",
        bad=(({"rename_from": "none1"}, "size"),),
    ),
    "delete a volume": Operation(
        "flash_volume",
        lambda subject: {"name": "data2", "state": "absent", **_assume_unmapped(subject)},
        "data1 data2",
        delete,
    ),
    "unmap and delete a volume": Operation(
        "flash_volume",
        lambda subject: {"name": "used1", "state": "absent", "unmap": True},
        "used1 web1",
        ability="create_host",
        bad=(({"unmap": False}, "it is mapped to host web1"),),
    ),
    "clone a volume": Operation(
        "flash_volume",
        {"name": "copy1", "source_volume": "data1"},
        "data1",
        _clone("data1"),
        bad=(({"size": "1GiB"}, "smaller"),),
        missing=(({"source_volume": "none1"}, "volume none1"),),
    ),
    "create a larger clone": Operation(
        "flash_volume",
        {"name": "copy1", "source_volume": "data1", "size": "4GiB"},
        "data1",
        _clone("data1", 4 * GIB),
    ),
    "create a volume of a snapshot": Operation(
        "flash_volume",
        {"name": "copy1", "source_snapshot": "sunday", "source_volume": "data1", "size": "4GiB"},
        "data1 sunday",
        _from_snapshot(4 * GIB),
        missing=(({"source_snapshot": "none1"}, "snapshot none1 of volume data1"),),
    ),
    "take the first snapshot of a volume": Operation(
        "flash_snapshot",
        {"name": "monday", "volume": "data1"},
        "data1",
        _take("data1", "monday"),
        missing=(({"volume": "none1"}, "volume none1"),),
    ),
    "take another snapshot of a volume": Operation(
        "flash_snapshot",
        {"name": "monday", "volume": "data1"},
        "data1 sunday",
        _take("data1", "monday"),
    ),
    "take a snapshot that is named after its volume": Operation(
        "flash_snapshot",
        {"name": "data1.monday", "volume": "data1"},
        "data1",
        _take("data1", "data1.monday"),
        vendors=("xtremio",),
    ),
    "delete a snapshot": Operation(
        "flash_snapshot",
        {"name": "sunday", "volume": "data1", "state": "absent"},
        "data1 sunday",
        delete_snapshot,
    ),
    "keep the newest snapshots": Operation(
        "flash_snapshot",
        {"name": "nightly-3", "volume": "data1", "keep": 1, "prefix": "nightly-"},
        "data1 nightly-1 nightly-2",
        ability="proves_snapshots",
        bad=(({"keep": 0}, "would remove every snapshot"), ({"prefix": "n"}, "shorter than 3 characters")),
    ),
    "take snapshots of one instant": Operation(
        "flash_snapshot",
        {"atomic": True, "snapshots": [{"name": f"{name}-set", "volume": name} for name in ("data1", "data2")]},
        "data1 data2",
        take_snapshot_set,
        "atomic_snapshots",
        missing=(({"snapshots": [{"name": "set1", "volume": "none1"}]}, "volume none1"),),
    ),
    "restore a volume": Operation(
        "flash_snapshot",
        {"name": "sunday", "volume": "data1", "state": "restored", "backup": "backup1"},
        "data1 sunday",
        restore,
        "restore_snapshot",
        bad=(({"backup": None}, "backup"),),
        missing=(({"name": "none1"}, "snapshot none1 of volume data1"),),
    ),
    "refresh a volume from a snapshot": Operation(
        "flash_snapshot",
        lambda subject: {
            "name": "sunday",
            "volume": "data1",
            "state": "refreshed",
            "target": "test1",
            "refresh_id": "1",
            "backup": "backup-1",
            **_assume_unmapped(subject),
        },
        "data1 test1 sunday",
        _refresh(lambda array: snapshot(array, "sunday")),
        "refresh_volume",
        bad=(({"backup": "before"}, "does not end with -1"), ({"target": ""}, "target")),
        missing=(({"name": "none1"}, "snapshot none1 of volume data1"), ({"target": "none1"}, "volume none1")),
    ),
    "refresh a volume from another volume": Operation(
        "flash_volume",
        lambda subject: {
            "name": "test1",
            "source_volume": "data1",
            "overwrite": True,
            "refresh_id": "1",
            "backup": "backup-1",
            **_assume_unmapped(subject),
        },
        "data1 test1",
        _refresh(lambda array: volume(array, "data1")),
        "refresh_volume",
        bad=(({"refresh_id": None}, "refresh_id"), ({"overwrite": False}, "used only with overwrite")),
        missing=(({"source_volume": "none1"}, "volume none1"),),
    ),
    "create a host": Operation(
        "flash_host_map",
        _hosts(0, 1, host="server1"),
        client=create_host,
        ability="create_host",
        bad=(({"initiators": ["nothing"]}, "nothing"), ({"host": ""}, "host")),
    ),
    "create a host with a volume": Operation(
        "flash_host_map",
        lambda subject: {**_hosts(0, host="server1", volume="data1")(subject), **subject.lun(0)},
        "data1",
        ability="create_host",
        missing=(({"volume": "none1"}, "volume none1"),),
    ),
    "create a host with CHAP": Operation(
        "flash_host_map",
        _hosts(0, 1, host="server1", volume="data1", **CHAP),
        "data1",
        create_host_with_chap,
        "chap",
        bad=(({"chap_password": None}, "go together"),),
    ),
    "choose the operating system of a host": Operation(
        "flash_host_map",
        _hosts(0, host="server1", os="linux"),
        ability="host_os",
    ),
    "add an initiator to a host": Operation(
        "flash_host_map",
        _hosts(0, 2, host="web1"),
        "used1 web1",
        add_initiators,
        "add_initiators",
    ),
    "replace the initiators of a host": Operation(
        "flash_host_map",
        _hosts(0, host="web1", exclusive_initiators=True),
        "web1",
        remove_initiators,
        "remove_initiators",
        bad=(({"initiators": ["nothing"]}, "nothing"),),
    ),
    "delete a host": Operation(
        "flash_host_map",
        {"host": "old1", "state": "absent"},
        "old1",
        delete_host,
        "delete_host",
    ),
    "map a volume": Operation(
        "flash_host_map",
        {"host": "web1", "volume": "data1"},
        "data1 used1 web1",
        map_volume,
        "create_host",
        bad=(({"lun": -1}, "LUN -1"),),
        missing=(({"host": "none1"}, "host none1"), ({"volume": "none1"}, "volume none1")),
    ),
    "map a volume at a LUN": Operation(
        "flash_host_map",
        {"host": "web1", "volume": "data1", "lun": 9},
        "data1 used1 web1",
        map_at_lun,
        "explicit_lun",
        bad=(({"lun": 1}, "volume used1 has LUN 1"),),
    ),
    "change the LUN of a volume": Operation(
        "flash_host_map",
        {"host": "web1", "volume": "used1", "lun": 9},
        "used1 web1",
        ability="explicit_lun",
    ),
    "unmap a volume": Operation(
        "flash_host_map",
        {"host": "web1", "volume": "used1", "state": "absent"},
        "used1 web1",
        unmap,
        "create_host",
    ),
    "map one volume exclusively": Operation(
        "flash_host_map",
        {"host": "web1", "volume": "data1", "exclusive": True},
        "data1 used1 web1",
        ability="create_host",
    ),
    "add volumes to a group": Operation(
        "flash_volume",
        {"group": "group2", "volumes": [{"name": "data1"}, {"name": "data2"}]},
        "data1 data2",
        group,
        "groups",
        bad=(({"group": ""}, "group"),),
    ),
    "create a group": Operation(
        "flash_group",
        {"name": "group2", "volumes": ["data1", "data2"]},
        "data1 data2",
        group,
        "groups",
        bad=(({"volumes": [""]}, "volumes"), ({"remove_volumes": ["data1"]}, "and shall not")),
        missing=(({"volumes": ["none1"]}, "volume none1"),),
    ),
    "take a volume out of a group": Operation(
        "flash_group",
        {"name": "group1", "remove_volumes": ["data2"]},
        "data1 data2 group1",
        leave_group,
        "groups",
    ),
    "delete a group": Operation(
        "flash_group",
        {"name": "group1", "state": "absent"},
        "data1 data2 group1",
        delete_group,
        "groups",
    ),
    "take a snapshot of a group": Operation(
        "flash_snapshot",
        {"name": "cut", "group": "group1"},
        "data1 data2 group1",
        snapshot_group,
        "groups",
        missing=(({"group": "none1"}, "consistency group none1"),),
    ),
    "restore a group": Operation(
        "flash_snapshot",
        {"name": "cut", "group": "group1", "state": "restored", "backup": "backup1"},
        "data1 data2 group1 cut",
        restore_group,
        "groups",
        bad=(({"backup": None}, "backup"),),
        missing=(({"name": "none1"}, "snapshot none1 of consistency group group1"),),
    ),
    "limit the IOPS of a volume": Operation(
        "flash_volume",
        {"name": "data1", "qos": {"max_iops": 7}},
        "data1",
        set_volume,
        "qos",
        bad=(
            ({"array_options": {"nonsense": 1}}, "nonsense"),
            ({"qos": {}}, "qos is empty"),
            ({"qos": {"max_iops": 7, "unlimited": True}}, "unlimited: true, which removes every limit, and a limit"),
            ({"qos": {"max_bytes_per_second": "100"}}, "less than 1 MiB"),
            ({"array_options": {"total_iops_max": 7}}, "which is the same"),
        ),
    ),
    "change the limits of a volume": Operation(
        "flash_volume",
        {"name": "limited1", "qos": {"max_iops": 0, "max_bytes_per_second": "8MiB"}},
        "limited1",
        change_limits,
        vendors=("dsware",),
        ability="qos",
    ),
    "create a volume with limits": Operation(
        "flash_volume",
        {"name": "new1", "size": "2GiB", "qos": {"max_iops": 7, "max_bytes_per_second": "8MiB"}},
        "data1",
        create_limited,
        vendors=("dsware",),
        ability="qos",
    ),
    "delete a volume with limits": Operation(
        "flash_volume",
        lambda subject: {"name": "limited1", "state": "absent", **_assume_unmapped(subject)},
        "data1 limited1",
        delete_limited,
        vendors=("dsware",),
    ),
    "write notes on a volume": Operation(
        "",  # no module writes notes; the Cinder drivers do
        {},
        "data1 notes",
        set_metadata,
        "metadata",
    ),
    "create a full clone": Operation(
        "flash_volume",
        {"name": "copy1", "source_volume": "data1", "size": "4GiB", "array_options": {"full_clone": True}},
        "data1",
        _clone("data1", 4 * GIB, full_clone=True),
        vendors=("dsware",),
    ),
    "create a full clone of a snapshot": Operation(
        "flash_volume",
        {
            "name": "copy1",
            "source_snapshot": "sunday",
            "source_volume": "data1",
            "array_options": {"full_clone": True},
        },
        "data1 sunday",
        _from_snapshot(full_clone=True),
        vendors=("dsware",),
    ),
    "create a thin clone": Operation(
        "flash_volume",
        {"name": "copy1", "source_volume": "thin1"},
        "thin1",
        _clone("thin1"),
        vendors=("violin",),
        bad=(({"size": "4GiB"}, "leave size out"),),
    ),
    "remove what is not declared": Operation(
        "flash_array",
        lambda subject: {
            "volumes": [{"name": "data1"}, {"name": "prune3", "size": "1GiB"}],
            "prune": True,
            "prune_prefix": "prune",
            "prune_kinds": ["volumes"],
        },
        "data1 prune1",
        bad=(
            ({"volumes": [{"name": "data1"}]}, "nothing that is declared begins with the prune prefix"),
            ({"prune_prefix": "p"}, "shorter than 3 characters"),
        ),
    ),
    "apply a document": Operation(
        "flash_array",
        lambda subject: {
            "volumes": [
                {"name": "data1", "size": "2GiB"},
                {"name": "copy1", "source_volume": "data1", "size": "4GiB"},
            ],
            "snapshots": [{"name": "monday", "volume": "data1"}],
            "hosts": [{"name": "server1", "initiators": list(subject.initiators[:2])}],
            "mappings": [{"host": "server1", "volume": "copy1", **subject.lun(7)}],
        },
        ability="create_host",
    ),
    "rename a host": Operation(
        "flash_host_map",
        {"host": "web2", "rename_from": "web1"},
        "used1 web1",
        rename_host,
        "rename_host",
        missing=(({"rename_from": "none1"}, "host web2"),),
    ),
}
