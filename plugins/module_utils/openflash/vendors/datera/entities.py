# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entities of the array, and the model objects that they become (sheet, sections 2.2 and 2.5 to 2.9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, Iterable, List, Mapping as Map, NamedTuple, Optional, Sequence, Tuple, TypeVar

from ... import client
from ...errors import BadReply, FlashError
from ...model import (
    COPYING,
    ERROR,
    EVERY_HOST,
    ISCSI,
    OFFLINE,
    READY,
    Host,
    Initiator,
    Listing,
    Mapping,
    Port,
    Snapshot,
    Volume,
)
from ...units import GIB, format_endpoint, parse_initiator, whole_number
from . import ledger
from .capabilities import QOS
from .names import INSTANCE_SNAPSHOT, OFFLINE_MARK
from .session import Entity

T = TypeVar("T")
Members = Map[str, Sequence[str]]
"""The addresses of the initiators of each group."""


class InstanceVolume:
    """A volume as the array reports it, within its app instance.

    :ivar instance: the entity of its app instance.
    :ivar storage: the entity of its storage instance.
    :ivar entity: its own.
    """

    def __init__(self, instance: Entity, storage: Entity, entity: Entity) -> None:
        self.instance, self.storage, self.entity = instance, storage, entity

    @property
    def instance_path(self) -> str:
        return "/app_instances/%s" % text(self.instance, "id")

    @property
    def storage_path(self) -> str:
        return "%s/storage_instances/%s" % (self.instance_path, text(self.storage, "name"))

    @property
    def path(self) -> str:
        return "%s/volumes/%s" % (self.storage_path, text(self.entity, "name"))

    @property
    def title(self) -> str:
        """Its name: that of its app instance where this has no other volume."""
        return _title(self.instance, self.storage, self.entity)

    @property
    def siblings(self) -> Tuple[str, ...]:
        """The names of the other volumes of its app instance."""
        return tuple(other.title for other in volumes_of(self.instance) if other.path != self.path)

    @property
    def online(self) -> bool:
        return self.instance.get("admin_state") != "offline" and self.storage.get("admin_state") != "offline"

    @property
    def active(self) -> Tuple[str, ...]:
        """Addresses of the initiators that have a session."""
        return tuple(address_of(initiator) for initiator in self.storage.get("active_initiators") or ())

    @property
    def sessions_known(self) -> bool:
        """Whether the array reports the sessions."""
        return self.storage.get("active_initiators") is not None

    @property
    def access_list(self) -> Tuple[str, ...]:
        """The paths of its access list, once each. Raises KeyError when the array does not report the list."""
        acl = self.storage["acl_policy"]
        if not isinstance(acl, dict):
            raise KeyError("acl_policy")
        entries = list_in(acl, "initiators") + list_in(acl, "initiator_groups")
        return tuple(dict.fromkeys(path_of(entry) for entry in entries))

    @property
    def open_to_all(self) -> bool:
        """Whether initiators off the access list may log in too. Raises KeyError when the array does not report it."""
        mode = self.storage.get("access_control_mode") or self.instance.get("access_control_mode")
        if not mode:
            raise KeyError("access_control_mode")
        return bool(mode != ledger.CLOSED)

    @property
    def hosts(self) -> Tuple[str, ...]:
        """The names of the hosts that may log in, EVERY_HOST for all."""
        return tuple(host_of(path) for path in self.access_list) + ((EVERY_HOST,) if self.open_to_all else ())

    @property
    def resizing(self) -> bool:
        return self.entity.get("op_status") == ledger.RESIZING

    @property
    def instance_snapshots(self) -> Optional[List[Entity]]:
        """Snapshots of the complete app instance; None when the array does not report them with it."""
        found = self.instance.get("snapshots")
        return None if found is None else list(found)


def _title(instance: Entity, storage: Entity, volume: Entity) -> str:
    name = text(instance, "name")
    if sum(len(objects_in(sibling, "volumes")) for sibling in objects_in(instance, "storage_instances")) == 1:
        return name
    return "%s/%s/%s" % (name, text(storage, "name"), text(volume, "name"))


def volumes_of(instance: Entity) -> List[InstanceVolume]:
    """The volumes of an app instance. Raises KeyError when it does not report them."""
    return [
        InstanceVolume(instance, storage, volume)
        for storage in objects_in(instance, "storage_instances")
        for volume in objects_in(storage, "volumes")
    ]


def text(entity: Entity, key: str) -> str:
    """A property that is never empty. Raises KeyError when the array does not report it."""
    if not isinstance(entity.get(key), str) or not entity[key]:
        raise KeyError(key)
    return str(entity[key])


def list_in(entity: Entity, key: str) -> List[Any]:
    """A list that may be empty. Raises KeyError when the array does not report it, which does not mean that it is."""
    if not isinstance(entity.get(key), list):
        raise KeyError(key)
    return list(entity[key])


def objects_in(entity: Entity, key: str) -> List[Entity]:
    """A list of objects. Raises KeyError when the array does not report it."""
    found = list_in(entity, key)
    if not all(isinstance(item, dict) for item in found):
        raise KeyError(key)
    return found


def may_have_name(entity: Entity, names: Iterable[str]) -> bool:
    """Whether it has one of these names. An entity that reports no name may be the requested one: it is kept, and its
    conversion reports it as unreadable."""
    return not isinstance(entity.get("name"), str) or not entity["name"] or entity["name"] in names


def path_of(entry: Any) -> str:
    """The path in a reference. Raises KeyError when there is none."""
    path = reference(entry)
    if not path:
        raise KeyError("path")
    return path


def reference(entry: Any) -> str:
    """The path in a reference, empty for one to nothing (2.2)."""
    path = entry.get("path") if isinstance(entry, dict) else entry
    return path if isinstance(path, str) else ""


def clone_source(instance: Entity) -> Optional[str]:
    """The path of what the app instance was made of; None when it is no clone. Raises KeyError for anything else."""
    entry = instance.get("clone_src")
    if not entry or (isinstance(entry, dict) and entry.get("path") == ""):
        return None
    return path_of(entry)


def address_of(entry: Any) -> str:
    return path_of(entry).rsplit("/", 1)[-1].lower()


def host_of(path: str) -> str:
    """The name of the host that an entry of an access list stands for."""
    return path.rsplit("/", 1)[-1]


def storage_path_of(volume_path: str) -> str:
    """The path of the storage instance that a volume is in."""
    return volume_path.rsplit("/volumes/", 1)[0]


def instance_path_of(path: str) -> str:
    """The path of the app instance in the path of anything within it."""
    return "/".join(path.split("/")[:3])


def marked_offline(instance: Entity) -> Optional[int]:
    """Bytes: the size that the volume had when a run took it offline and was killed. None when no run did."""
    descr = str(instance.get("descr") or "")
    if OFFLINE_MARK not in descr or instance.get("admin_state") != "offline":
        return None
    size = whole_number(descr.rsplit(OFFLINE_MARK, 1)[1])
    return None if size is None else size * GIB


def description_of(instance: Entity) -> str:
    """The description without what a run has noted there; empty when there is none."""
    return str(instance.get("descr") or "").partition(OFFLINE_MARK)[0].strip()


def bytes_of(size: Any) -> int:
    """Bytes. On the wire sizes are GiB, and may be fractions (2.3)."""
    return int(round(float(size) * GIB))


def volume(
    instance_volume: InstanceVolume,
    pool: str,
    members: Optional[Members] = None,
    sources: Optional[Map[str, str]] = None,
) -> Volume:
    entity, instance = instance_volume.entity, instance_volume.instance
    size = bytes_of(entity["size"])
    size_before = marked_offline(instance)
    used = entity.get("capacity_in_use")
    clone = reference(instance.get("clone_src"))
    found = Volume(
        name=instance_volume.title,
        # The size before the change counts until it is online again, so that the next run finishes the change.
        size=size if size_before is None else min(size, size_before),
        id=instance_volume.path,
        pool=pool,
        state=_state(instance_volume),
        used=None if used is None else bytes_of(used),
        source=(sources or {}).get(clone) if clone else None,
        snapshots=() if entity.get("snapshots") == [] and instance_volume.instance_snapshots == [] else None,
        groups=(),
        left_offline=size_before is not None,
        siblings=instance_volume.siblings,
        options=_options(instance_volume),
    )
    return replace(found, mappings=mappings(instance_volume, members))


def _state(instance_volume: InstanceVolume) -> str:
    """An unknown state is not ready."""
    if instance_volume.instance.get("op_state") == ledger.CLONING:
        return COPYING
    deployed = (instance_volume.instance.get("deployment_state"), instance_volume.entity.get("deployment_state"))
    if instance_volume.instance.get("op_state") not in (None, "", ledger.AVAILABLE):
        return ERROR
    if any(one and one not in ledger.DEPLOYED for one in deployed):
        return ERROR
    # A volume that is offline, or is being brought online, is unavailable.
    states = {instance_volume.storage.get("op_state"), instance_volume.entity.get("op_state")}
    if states - {None, ledger.AVAILABLE, "unavailable"}:
        return ERROR
    if not instance_volume.online or instance_volume.entity.get("op_state") == "unavailable":
        return OFFLINE
    return COPYING if instance_volume.resizing else READY


def _options(instance_volume: InstanceVolume) -> Dict[str, Any]:
    options: Dict[str, Any] = {"replica_count": instance_volume.entity.get("replica_count")}
    options["placement_mode"] = instance_volume.entity.get("placement_mode")
    policy = instance_volume.entity.get("placement_policy")
    if policy:
        options["placement_policy"] = host_of(path_of(policy))
    options["ip_pool"] = host_of(reference(instance_volume.storage.get("ip_pool")))
    options["template"] = host_of(reference(instance_volume.instance.get("app_template")))
    options["description"] = description_of(instance_volume.instance)
    limits = instance_volume.entity.get("performance_policy") or {}
    options.update({name: int(limits.get(name) or 0) for name in QOS})
    return options


def lun(instance_volume: InstanceVolume) -> int:
    names = [sibling["name"] for sibling in instance_volume.storage["volumes"]]
    return ledger.FIRST_LUN + names.index(instance_volume.entity["name"])


def mappings(instance_volume: InstanceVolume, members: Optional[Members] = None) -> Tuple[Mapping, ...]:
    """A mapping for each different entry of the access list, and one for all hosts where every initiator may log in."""
    found = tuple(mapping(instance_volume, path, members) for path in instance_volume.access_list)
    return (*found, open_mapping(instance_volume)) if instance_volume.open_to_all else found


def open_mapping(instance_volume: InstanceVolume) -> Mapping:
    """The mapping for all hosts."""
    return Mapping(
        volume=instance_volume.title,
        host=EVERY_HOST,
        lun=lun(instance_volume),
        id="%s %s" % (instance_volume.storage_path, EVERY_HOST),
        volume_id=instance_volume.path,
        host_id=EVERY_HOST,
        open=bool(instance_volume.active) if instance_volume.sessions_known else None,
    )


def mapping(instance_volume: InstanceVolume, path: str, members: Optional[Members] = None) -> Mapping:
    auth = instance_volume.storage.get("auth") or {}
    return Mapping(
        volume=instance_volume.title,
        host=host_of(path),
        lun=lun(instance_volume),
        id="%s %s" % (instance_volume.storage_path, path),
        volume_id=instance_volume.path,
        host_id=path,
        open=_open(instance_volume, path, members),
        chap_user=auth.get("target_user_name") or None if auth.get("type") in ("chap", "mchap") else None,
    )


def _open(instance_volume: InstanceVolume, path: str, members: Optional[Members]) -> Optional[bool]:
    active = instance_volume.active
    if not active:
        return False if instance_volume.sessions_known else None
    if path.startswith("/initiators/"):
        return address_of(path) in active
    if members is None:
        return None
    return any(address in active for address in members.get(host_of(path), ()))


def host(group: Entity) -> Host:
    initiators = []
    # An array may have a member several times.
    for path in dict.fromkeys(path_of(member) for member in list_in(group, "members")):
        protocol, address = parse_initiator(address_of(path))
        initiators.append(Initiator(address, protocol, id=path))
    name = text(group, "name")
    return Host(name, id="/initiator_groups/%s" % name, initiators=tuple(initiators))


def single_host(entity: Entity) -> Host:
    """The host that is one initiator."""
    name = text(entity, "id")
    initiator = Initiator(name.lower(), ISCSI, name=entity.get("name"), id="/initiators/%s" % name)
    return Host(name, id="/initiators/%s" % name, initiators=(initiator,))


def ports(instance_volume: InstanceVolume) -> List[Port]:
    access = instance_volume.storage.get("access") or {}
    found = []
    for ip in access.get("ips") or ():
        portal = format_endpoint(str(ip), ledger.PORTAL_PORT)
        found.append(Port(instance_volume.title, ISCSI, str(access["iqn"]).lower(), portal, up=instance_volume.online))
    return found


def snapshot(
    title: str, path: str, entity: Entity, name: str, size: int, children: Optional[Sequence[str]] = None
) -> Snapshot:
    """A snapshot of the volume with this title and path.

    :param entity: the snapshot as the array reports it.
    :param size: bytes that the volume had when it was taken, where that is known.
    """
    state = str(entity.get("op_state") or ledger.AVAILABLE)
    return Snapshot(
        name=name,
        volume=title,
        size=size,
        id="%s/snapshots/%s" % (path, key_of(entity)),
        volume_id=path,
        state=READY if state == ledger.AVAILABLE else ERROR if state == "failed" else COPYING,
        created=key_of(entity),
        proven=True,
        serial=None,
        mappings=(),
        children=None if children is None else tuple(children),
    )


class VolumeSnapshot(NamedTuple):
    """A snapshot of a volume, as the volume or its app instance reports it."""

    entity: Entity
    uuid: str
    of_instance: bool = False
    """It was taken of all volumes of the app instance at one instant, and can be deleted for all of them only."""
    apart: bool = False
    """The app instance reports it and the volume does not."""

    @property
    def instance_name(self) -> str:
        return INSTANCE_SNAPSHOT + key_of(self.entity)


def snapshots_of(of_volume: Sequence[Entity], of_instance: Sequence[Entity]) -> List[VolumeSnapshot]:
    """The snapshots of a volume.

    A snapshot of an app instance is one of each of its volumes, with the same time stamp. Whether the volumes report
    it too is not known (section 9).

    :param of_volume: those that the volume reports.
    :param of_instance: those of its app instance.
    """
    instance_keys = {key_of(entity) for entity in of_instance}
    found = [VolumeSnapshot(entity, text(entity, "uuid"), key_of(entity) in instance_keys) for entity in of_volume]
    keys = {key_of(entity) for entity in of_volume}
    others = [entity for entity in of_instance if key_of(entity) not in keys]
    return found + [VolumeSnapshot(entity, text(entity, "uuid"), True, True) for entity in others]


def key_of(entity: Entity) -> str:
    """The time stamp of a snapshot, seconds and nanoseconds: text on the wire, against the schema (2.5)."""
    return str(entity.get("utc_ts") or path_of(entity).rsplit("/", 1)[-1])


def listing(kind: str, items: Iterable[Entity], make: Callable[[Entity], Iterable[T]]) -> Listing[T]:
    """The objects of these entities; what cannot be converted is listed as unreadable. One entity may give several."""

    def convert(item: Entity) -> Tuple[T, ...]:
        try:
            return tuple(make(item))
        except FlashError as error:
            # A conversion may send requests. One that the array refuses makes only this entity unreadable.
            raise BadReply(error.reason) from None

    read = client.listing(kind, items, convert, lambda item: item.get("name") or item.get("id"))
    return Listing(tuple(found for several in read for found in several), read.unreadable)


def need(entity: Any, what: str) -> Entity:
    """The entity. Raises BadReply when the answer is none.

    :param what: what the answer is about, for the error.
    """
    if not isinstance(entity, dict):
        raise BadReply("the array's answer about %s is not an object" % what)
    return entity
