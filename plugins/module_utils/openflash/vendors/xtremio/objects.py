# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conversion of the array's objects to those of the model (sheet, sections 3 to 7)."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping as Map, Optional, Tuple, TypeVar
from urllib.parse import quote, unquote

from ... import client
from ...model import (
    FC,
    ISCSI,
    Capacity,
    Group,
    Host,
    Initiator,
    Listing,
    Mapping,
    Port,
    Snapshot,
    Volume,
)
from ...units import KIB, format_endpoint, parse_initiator
from .ledger import CONNECTED, TAG_CHARACTERS, TAG_ROOT
from .names import BACKUP_SET
from .session import has_text

Object = Dict[str, Any]
T = TypeVar("T")

# What is not quoted in a tag: neither the sign between key and value nor that of quoting.
_TAG_SAFE = TAG_CHARACTERS.value.replace("=", "").replace("%", "")
# Section 2: positions in an OID, the triple [guid, name, index] that refers to an object.
_NAME, _INDEX = 1, 2


def listing(kind: str, items: Iterable[Object], convert: Callable[[Object], Optional[T]]) -> Listing[T]:
    """What could be converted, and what could not. A conversion that gives None leaves the object out."""
    return client.listing(kind, items, convert, lambda item: item.get("name", item.get("index")))


def text(item: Object, key: str) -> str:
    """A property that every object of the type has, and that is never empty.

    :raises KeyError: the array does not report it.
    """
    if not has_text(item, key):
        raise KeyError(key)
    return str(item[key])


def index(item: Object, key: str = "index") -> str:
    """The index of the object, or of one that it refers to: a number (section 2).

    :raises KeyError: the array does not report it.
    """
    if not isinstance(item.get(key), int):
        raise KeyError(key)
    return str(item[key])


def kib(value: Any) -> int:
    """Bytes from a number of KB in a string (section 2)."""
    if int(value) < 0:
        raise ValueError("%s KB" % value)
    return int(value) * KIB


def oid_name(oid: Any) -> Optional[str]:
    """The name in an OID; None for an empty list or null, which refer to nothing (section 2)."""
    return _oid(oid)[0] if oid not in (None, []) else None


def oid_index(oid: Any) -> Optional[str]:
    return _oid(oid)[1] if oid not in (None, []) else None


def _oid(oid: Any) -> Tuple[str, str]:
    """Name and index. Raises ValueError for what is no OID."""
    if not isinstance(oid, list) or len(oid) <= _INDEX or not isinstance(oid[_NAME], str) or not oid[_NAME]:
        raise ValueError("%r is no reference to an object" % (oid,))
    return oid[_NAME], str(oid[_INDEX])


def is_readonly(item: Object) -> bool:
    """v2 only: whether it is a read-only snapshot. Anything else may be in use as a volume."""
    return bool(item.get("snapshot-type") == "readonly")


def is_backup(item: Object) -> bool:
    """v2 only: whether it is the backup of one of this collection's restores, which is writable and not proven."""
    return any(name.startswith(BACKUP_SET) for name in sets_of(item))


def sets_of(item: Object) -> Tuple[str, ...]:
    """The names of the snapshot sets that it is in."""
    return _names(item.get("snapset-list")) or ()


def volume(item: Object, pool: Optional[str] = None) -> Volume:
    return Volume(
        name=text(item, "name"),
        size=kib(item["vol-size"]),
        id=index(item),
        pool=pool,
        serial=str(item.get("naa-name") or "").lower() or None,
        used=kib(item["logical-space-in-use"]) if item.get("logical-space-in-use") is not None else None,
        created=item.get("creation-time") or None,
        source=oid_name(item.get("ancestor-vol-id")),
        mappings=volume_mappings(item),
        snapshots=_names(item.get("dest-snap-list")),
        groups=_names(item.get("related-consistency-groups")),
        metadata=notes(item),
    )


def snapshot(item: Object, proven: bool) -> Snapshot:
    sets = sets_of(item)
    return Snapshot(
        name=text(item, "name"),
        volume=oid_name(item.get("ancestor-vol-id")),
        size=kib(item["vol-size"]),
        id=index(item),
        volume_id=oid_index(item.get("ancestor-vol-id")),
        created=item.get("creation-time") or None,
        proven=proven and is_readonly(item) and bool(item.get("ancestor-vol-id")),
        serial=str(item.get("naa-name") or "").lower() or None,
        group=sets[0] if sets else None,
        mappings=volume_mappings(item),
        children=_names(item.get("dest-snap-list")),
    )


def member_names(item: Optional[Object]) -> List[str]:
    """The names of the members of a snapshot set; none when there is no such set."""
    if item is None:
        return []
    with client.understanding("the snapshot set"):
        members = _names(item["vol-list"])
        if members is None:
            raise KeyError("vol-list")
        return list(members)


def _names(oids: Any) -> Optional[Tuple[str, ...]]:
    return None if oids is None else tuple(_oid(oid)[0] for oid in oids)


def volume_mappings(item: Object) -> Optional[Tuple[Mapping, ...]]:
    """``lun-mapping-list``: [[host, target group, LUN], ...] (section 3)."""
    found = item.get("lun-mapping-list")
    if found is None:
        return () if item.get("num-of-lun-mappings") == 0 else None
    return tuple(
        Mapping(
            volume=text(item, "name"),
            host=_oid(host)[0],
            lun=int(lun),
            id=mapping_name(item["index"], host[_INDEX], group[_INDEX]),
            volume_id=index(item),
            host_id=_oid(host)[1],
        )
        for host, group, lun in found
    )


def mappings_of_volume(item: Object) -> Tuple[Mapping, ...]:
    """The mappings of a volume.

    :raises KeyError: the volume does not report them.
    """
    found = volume_mappings(item)
    if found is None:
        raise KeyError("lun-mapping-list")
    return found


def indexes(oids: Any) -> List[str]:
    """The indexes in a list of references. Raises ValueError for what is no reference."""
    return [_oid(oid)[1] for oid in oids]


def copies_of(item: Object) -> Tuple[str, ...]:
    """The names of all copies of a volume.

    :raises KeyError: the volume does not report them.
    """
    found = _names(item.get("dest-snap-list"))
    if found is None:
        raise KeyError("dest-snap-list")
    return found


def mapping_name(volume_index: Any, host_index: Any, target_group_index: Any) -> str:
    """The name of a mapping, by the indexes in it (section 6)."""
    return "%s_%s_%s" % (volume_index, host_index, target_group_index)


def mapping(item: Object) -> Mapping:
    return Mapping(
        volume=text(item, "vol-name"),
        host=text(item, "ig-name"),
        lun=int(item["lun"]),
        id=str(item.get("name") or mapping_name(item["vol-index"], item["ig-index"], item["tg-index"])),
        volume_id=index(item, "vol-index"),
        host_id=index(item, "ig-index"),
    )


def initiator(item: Object) -> Initiator:
    protocol, address = parse_initiator(str(item["port-address"]))
    state = item.get("initiator-conn-state")
    return Initiator(
        address=address,
        protocol=protocol,
        name=text(item, "name"),
        chap_user=item.get("chap-authentication-initiator-user-name") or None,
        logged_in=None if state is None else state == CONNECTED.value,
        id=index(item),
    )


def host(item: Object, initiators: Iterable[Object]) -> Host:
    own = [row for row in initiators if _is_owned_by(row, index(item))]
    systems = {str(row["operating-system"]) for row in own if row.get("operating-system")}
    count = item.get("num-of-vols")
    return Host(
        name=text(item, "name"),
        id=index(item),
        initiators=tuple(initiator(row) for row in own),
        os=systems.pop() if len(systems) == 1 else None,
        volumes=None if count is None else int(count),
    )


def group(item: Object) -> Group:
    members = _names(item["vol-list"])
    if members is None:
        raise KeyError("vol-list")
    return Group(text(item, "name"), index(item), members)


def owner(item: Object) -> Object:
    """Name and index of the group of an initiator. Without it the initiator would seem to belong to no host.

    :raises KeyError: the initiator does not report its group.
    """
    if not item.get("ig-id"):
        raise KeyError("ig-id")
    name, group_index = _oid(item["ig-id"])
    return {"name": name, "index": int(group_index)}


def _is_owned_by(item: Object, group_index: str) -> bool:
    """Whether an initiator reports this group. ``owner`` reports one whose group cannot be read."""
    try:
        return oid_index(item.get("ig-id")) == group_index
    except ValueError:
        return False


def target_port(item: Object) -> Optional[Port]:
    """A Fibre Channel port; None for another. The type decides: names of X2 do not have the protocol (section 6)."""
    if item.get("port-type") != "fc":
        return None
    _protocol, address = parse_initiator(str(item["port-address"]))
    return Port(str(item["name"]), FC, address, up=_up(item))


def portal(item: Object, targets: Map[str, Object]) -> Port:
    """An iSCSI portal, of which ``ip-addr`` has a mask (section 6)."""
    ip = str(item["ip-addr"]).split("/", 1)[0]
    iqn = str(item["port-address"])
    target = targets.get(iqn)
    return Port(
        name=str(target["name"]) if target else str(item.get("name") or ip),
        protocol=ISCSI,
        address=iqn,
        portal=format_endpoint(ip, int(item.get("ip-port") or 3260)),
        up=_up(target) if target else None,
    )


def _up(item: Object) -> Optional[bool]:
    return None if item.get("port-state") is None else item["port-state"] == "up"


def capacity(item: Object) -> Capacity:
    """Section 7: KB in strings; a ratio of 2.5 means 2.5:1 (from XIOS 3 on)."""
    return Capacity(
        size=kib(item["ud-ssd-space"]),
        used=kib(item["ud-ssd-space-in-use"]),
        provisioned=kib(item["vol-size"]) if item.get("vol-size") is not None else None,
        data_reduction=_ratio(item.get("data-reduction-ratio")),
        dedup=_ratio(item.get("dedup-ratio")),
        compression=_ratio(item.get("compression-factor")),
        thin=_ratio(item.get("thin-provisioning-ratio")),
    )


def _ratio(value: Any) -> Optional[float]:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def tag_of(key: str, value: str) -> str:
    return "%s=%s" % (quote(key, safe=_TAG_SAFE), quote(value, safe=_TAG_SAFE))


def note_tags(item: Object) -> Dict[Tuple[str, str], str]:
    """The notes in ``key=value`` tags, with the tag of each. Other tags are ignored. A key may have several values."""
    found: Dict[Tuple[str, str], str] = {}
    for name in _names(item.get("tag-list")) or ():
        tag = name[len(TAG_ROOT) :] if name.startswith(TAG_ROOT) else ""
        key, equals, value = tag.partition("=")
        if equals and key:
            found[unquote(key), unquote(value)] = tag
    return found


def notes(item: Object) -> Dict[str, str]:
    """The notes on a volume, one value for each key."""
    return dict(sorted(note_tags(item)))
