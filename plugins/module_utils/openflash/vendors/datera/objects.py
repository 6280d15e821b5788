# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entities of the array as model objects (sheet, sections 2.2 and 2.5 to 2.9)."""

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
from ...units import GIB, format_endpoint, parse_initiator
from . import facts
from .wire import Entity

T = TypeVar("T")
Members = Map[str, Sequence[str]]
"""Addresses of the initiators of each group."""


class Place:
    """A volume within its app instance."""

    def __init__(self, ai: Entity, si: Entity, volume: Entity) -> None:
        self.ai, self.si, self.volume = ai, si, volume

    @property
    def ai_path(self) -> str:
        return "/app_instances/%s" % self.ai["id"]

    @property
    def si_path(self) -> str:
        return "%s/storage_instances/%s" % (self.ai_path, self.si["name"])

    @property
    def path(self) -> str:
        return "%s/volumes/%s" % (self.si_path, self.volume["name"])

    @property
    def title(self) -> str:
        """What the volume is called: its app instance's name where it is alone there."""
        return _title(self.ai, self.si, self.volume)

    @property
    def siblings(self) -> Tuple[str, ...]:
        return tuple(one.title for one in places(self.ai) if one.path != self.path)

    @property
    def online(self) -> bool:
        return self.ai.get("admin_state") != "offline" and self.si.get("admin_state") != "offline"

    @property
    def active(self) -> Tuple[str, ...]:
        """Addresses of the initiators that have a session."""
        return tuple(address_of(one) for one in self.si.get("active_initiators") or ())

    @property
    def sessions_known(self) -> bool:
        return self.si.get("active_initiators") is not None

    @property
    def listed(self) -> Tuple[str, ...]:
        """The paths of its access list, once each. Raises KeyError when the array does not report the list."""
        acl = self.si["acl_policy"]
        if not isinstance(acl, dict):
            raise KeyError("acl_policy")
        entries = list(acl.get("initiators") or ()) + list(acl.get("initiator_groups") or ())
        return tuple(dict.fromkeys(path_of(one) for one in entries))

    @property
    def open_to_all(self) -> bool:
        """Whether initiators that are not on the access list may log in too. Raises KeyError when that is not told."""
        mode = self.si.get("access_control_mode") or self.ai.get("access_control_mode")
        if not mode:
            raise KeyError("access_control_mode")
        return bool(mode != facts.CLOSED)

    @property
    def hosts(self) -> Tuple[str, ...]:
        """The names of the hosts that may log in, EVERY_HOST for all."""
        return tuple(host_of(path) for path in self.listed) + ((EVERY_HOST,) if self.open_to_all else ())

    @property
    def resizing(self) -> bool:
        return self.volume.get("op_status") == facts.RESIZING

    @property
    def instance_snapshots(self) -> Optional[List[Entity]]:
        """Snapshots of the complete app instance; None when the array does not report them with it."""
        found = self.ai.get("snapshots")
        return None if found is None else list(found)


def _title(ai: Entity, si: Entity, volume: Entity) -> str:
    alone = sum(len(one.get("volumes") or ()) for one in ai["storage_instances"]) == 1
    return str(ai["name"]) if alone else "%s/%s/%s" % (ai["name"], si["name"], volume["name"])


def places(ai: Entity) -> List[Place]:
    """Its volumes. Raises KeyError or TypeError when it is not what an app instance looks like."""
    return [Place(ai, si, volume) for si in ai["storage_instances"] for volume in si.get("volumes") or ()]


def path_of(entry: Any) -> str:
    return str(entry["path"] if isinstance(entry, dict) else entry)


def address_of(entry: Any) -> str:
    return path_of(entry).rsplit("/", 1)[-1].lower()


def host_of(path: str) -> str:
    """The name of the host that an entry of an access list stands for."""
    return path.rsplit("/", 1)[-1]


def marked_offline(ai: Entity) -> Optional[int]:
    """The size in bytes that a volume had when a run took it offline and was killed; None otherwise."""
    descr = str(ai.get("descr") or "")
    if facts.OFFLINE_MARK not in descr or ai.get("admin_state") != "offline":
        return None
    size = descr.rsplit(facts.OFFLINE_MARK, 1)[1]
    return int(size) * GIB if size.isdigit() else None


def bytes_of(size: Any) -> int:
    """Sizes are GiB on this wire, and need not be whole (2.3)."""
    return int(round(float(size) * GIB))


def volume(
    place: Place, pool: str, members: Optional[Members] = None, sources: Optional[Map[str, str]] = None
) -> Volume:
    entity, ai = place.volume, place.ai
    size = bytes_of(entity["size"])
    before = marked_offline(ai)
    used = entity.get("capacity_in_use")
    clone = (ai.get("clone_src") or {}).get("path") if isinstance(ai.get("clone_src"), dict) else ai.get("clone_src")
    found = Volume(
        name=place.title,
        # Until it is online again, it is not extended: so the next run goes on.
        size=size if before is None else min(size, before),
        id=place.path,
        pool=pool,
        state=_state(place),
        used=None if used is None else bytes_of(used),
        source=(sources or {}).get(str(clone)) if clone else None,
        snapshots=() if entity.get("snapshots") == [] and place.instance_snapshots == [] else None,
        groups=(),
        left_offline=before is not None,
        siblings=place.siblings,
        options=_options(place),
    )
    return replace(found, mappings=mappings(place, members))


def _state(place: Place) -> str:
    """A state that nobody has explained is not ready."""
    if place.ai.get("op_state") == facts.CLONING:
        return COPYING
    deployed = (place.ai.get("deployment_state"), place.volume.get("deployment_state"))
    if place.ai.get("op_state") not in (None, "", facts.AVAILABLE):
        return ERROR
    if any(one and one not in facts.DEPLOYED for one in deployed):
        return ERROR
    # Those of a volume that is offline, or that is just going online, are unavailable.
    states = {place.si.get("op_state"), place.volume.get("op_state")}
    if states - {None, facts.AVAILABLE, "unavailable"}:
        return ERROR
    if not place.online or place.volume.get("op_state") == "unavailable":
        return OFFLINE
    return COPYING if place.resizing else READY


def _options(place: Place) -> Dict[str, Any]:
    options: Dict[str, Any] = {"replica_count": place.volume.get("replica_count")}
    options["placement_mode"] = place.volume.get("placement_mode")
    policy = place.volume.get("placement_policy")
    if policy:
        options["placement_policy"] = host_of(path_of(policy))
    options["ip_pool"] = host_of(path_of(place.si.get("ip_pool") or ""))
    template = (place.ai.get("app_template") or {}).get("path") or ""
    options["template"] = host_of(template)
    limits = place.volume.get("performance_policy") or {}
    options.update({name: int(limits.get(name) or 0) for name in facts.QOS})
    return options


def lun(place: Place) -> int:
    names = [one["name"] for one in place.si["volumes"]]
    return facts.FIRST_LUN + names.index(place.volume["name"])


def mappings(place: Place, members: Optional[Members] = None) -> Tuple[Mapping, ...]:
    """One for each entry of the access list, however often it stands there; and one when every initiator may log in."""
    found = tuple(mapping(place, path, members) for path in place.listed)
    return (*found, open_mapping(place)) if place.open_to_all else found


def open_mapping(place: Place) -> Mapping:
    """That of every initiator."""
    return Mapping(
        volume=place.title,
        host=EVERY_HOST,
        lun=lun(place),
        id="%s %s" % (place.si_path, EVERY_HOST),
        volume_id=place.path,
        host_id=EVERY_HOST,
        open=bool(place.active) if place.sessions_known else None,
    )


def mapping(place: Place, path: str, members: Optional[Members] = None) -> Mapping:
    auth = place.si.get("auth") or {}
    return Mapping(
        volume=place.title,
        host=host_of(path),
        lun=lun(place),
        id="%s %s" % (place.si_path, path),
        volume_id=place.path,
        host_id=path,
        open=_open(place, path, members),
        chap_user=auth.get("target_user_name") or None if auth.get("type") in ("chap", "mchap") else None,
    )


def _open(place: Place, path: str, members: Optional[Members]) -> Optional[bool]:
    active = place.active
    if not active:
        return False if place.sessions_known else None
    if path.startswith("/initiators/"):
        return address_of(path) in active
    if members is None:
        return None
    return any(address in active for address in members.get(host_of(path), ()))


def host(group: Entity) -> Host:
    initiators = []
    for one in group.get("members") or ():
        protocol, address = parse_initiator(address_of(one))
        initiators.append(Initiator(address, protocol, id=path_of(one)))
    return Host(str(group["name"]), id="/initiator_groups/%s" % group["name"], initiators=tuple(initiators))


def lone_host(initiator: Entity) -> Host:
    address = str(initiator["id"]).lower()
    one = Initiator(address, ISCSI, name=initiator.get("name"), id="/initiators/%s" % initiator["id"])
    return Host(str(initiator["id"]), id="/initiators/%s" % initiator["id"], initiators=(one,))


def ports(place: Place) -> List[Port]:
    access = place.si.get("access") or {}
    found = []
    for ip in access.get("ips") or ():
        portal = format_endpoint(str(ip), facts.PORTAL_PORT)
        found.append(Port(place.title, ISCSI, str(access["iqn"]).lower(), portal, up=place.online))
    return found


def snapshot(
    title: str, path: str, entity: Entity, name: str, size: int, children: Optional[Sequence[str]] = None
) -> Snapshot:
    """:param title: the name of its volume, whose path is ``path``. The size is that of then, where it is known."""
    state = str(entity.get("op_state") or facts.AVAILABLE)
    return Snapshot(
        name=name,
        volume=title,
        size=size,
        id="%s/snapshots/%s" % (path, key_of(entity)),
        volume_id=path,
        state=READY if state == facts.AVAILABLE else ERROR if state == "failed" else COPYING,
        created=key_of(entity),
        proven=True,
        serial=None,
        mappings=(),
        children=None if children is None else tuple(children),
    )


class Taken(NamedTuple):
    """A snapshot of a volume, as the volume or its app instance reports it."""

    entity: Entity
    uuid: str
    of_instance: bool = False
    """It was taken of all volumes of the app instance at one instant, and goes only with these."""
    apart: bool = False
    """Only the app instance reports it."""

    @property
    def instance_name(self) -> str:
        return facts.INSTANCE_SNAPSHOT + key_of(self.entity)


def taken_of(own: Sequence[Entity], whole: Sequence[Entity]) -> List[Taken]:
    """The snapshots of a volume.

    A snapshot of an app instance is one of each of its volumes, with the same time stamp. Whether the volumes report
    it too is not known (section 9).

    :param own: those that the volume reports.
    :param whole: those of its app instance.
    """
    of_instance = {key_of(one) for one in whole}
    found = [Taken(one, str(one["uuid"]), key_of(one) in of_instance) for one in own]
    keys = {key_of(one) for one in own}
    return found + [Taken(one, str(one["uuid"]), True, True) for one in whole if key_of(one) not in keys]


def key_of(entity: Entity) -> str:
    """Seconds and nanoseconds, text on the wire whatever the schema says (2.5)."""
    return str(entity.get("utc_ts") or path_of(entity).rsplit("/", 1)[-1])


def listing(kind: str, items: Iterable[Entity], make: Callable[[Entity], Iterable[T]]) -> Listing[T]:
    """What could be converted, and what could not: that is there all the same. One item may give several objects."""

    def convert(item: Entity) -> Tuple[T, ...]:
        try:
            return tuple(make(item))
        except FlashError as error:
            # It may take requests of its own, and one that the array refuses is about this item.
            raise BadReply(error.reason) from None

    read = client.listing(kind, items, convert, lambda item: item.get("name") or item.get("id"))
    return Listing(tuple(found for several in read for found in several), read.unreadable)


def need(entity: Any, what: str) -> Entity:
    if not isinstance(entity, dict):
        raise BadReply("the array's answer about %s is not an object" % what)
    return entity
