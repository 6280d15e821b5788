# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conversion of the array's objects to those of the model (sheet, sections 2.1, 2.4, 2.7 and 2.8)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, TypeVar

from ... import client
from ...errors import BadReply, Invalid
from ...model import COPYING, READY, Host, Initiator, Listing, Mapping, Snapshot, Volume
from ...units import MIB, parse_initiator
from .ledger import REGISTRATION
from .names import stamp_of
from .session import has_text

Object = Dict[str, Any]
T = TypeVar("T")

THIN_CLONE = "SANTimeView"
LUN_TYPES = ("SAN", THIN_CLONE)


@dataclass(frozen=True)
class TimeMark(Snapshot):
    """A snapshot with the properties that only this client needs."""

    provisioning: Optional[str] = None
    """Of the snapshot's LUN. It decides how a volume is made from the snapshot."""
    timestamp: str = ""
    """``id`` of the snapshot in the API."""


def listing(kind: str, items: Sequence[Object], convert: Callable[[Object], Optional[T]]) -> Listing[T]:
    """What could be converted, and what could not. A conversion that gives None leaves the object out."""
    return client.listing(kind, items, convert, _name_of)


def converted(convert: Callable[..., T], item: Any, *more: Any) -> T:
    """What a conversion makes of the array's object.

    :raises BadReply: the object lacks something, or has a value that makes no sense.
    """
    try:
        return convert(item, *more)
    except client.NOT_UNDERSTOOD as error:
        raise BadReply(client.why_unreadable(error), target=_name_of(item)) from None


def _name_of(item: Any) -> Optional[str]:
    return str(item.get("name") or "") or None if isinstance(item, dict) else None


def rows_in(item: Object, key: str) -> List[Object]:
    """A list of objects within an answer; empty when it is missing.

    :raises BadReply: it is something else.
    """
    found = item.get(key) or []
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise BadReply("the array reports its %s in a form that cannot be understood" % key, target=_name_of(item))
    return found


def megabytes(row: Object, key: str) -> int:
    """A size in MiB.

    :raises BadReply: the array does not report it.
    """
    return converted(lambda item: int(item[key]), row)


def text(item: Object, key: str) -> str:
    """A property that is never empty.

    :raises KeyError: the array does not report it.
    """
    if not has_text(item, key):
        raise KeyError(key)
    return str(item[key])


def merged(row: Object, detail: Object) -> Object:
    """The detail of an object with its row of the list, which has its id, and its name where the detail has none."""
    name = detail["name"] if has_text(detail, "name") else row["name"]
    return dict(row, **dict(detail, name=name, object_id=row["object_id"]))


def volume(item: Object) -> Volume:
    """``item`` is the detail of a LUN with its row of the list. The array reports no pool, serial and used space."""
    name = text(item, "name")
    clone = item.get("type") == THIN_CLONE
    policy = item.get("timemarkEnabled")
    return Volume(
        name=name,
        size=int(item["size_mb"]) * MIB,
        id=str(item["object_id"]),
        provisioning=str(item["subType"]).lower(),
        # Only an unfinished copy has such a name.
        state=READY if stamp_of(name) is None else COPYING,
        source=str(item["timeview_data_set"]["name"]) if clone else None,
        independent=not clone,
        # A LUN without policy has no snapshots.
        snapshots=() if policy is False else None,
        options={"encrypted": bool(item["encrypted"])} if item.get("encrypted") is not None else {},
    )


def timemark(item: Object, lun: Volume, children: Optional[Tuple[str, ...]]) -> TimeMark:
    return TimeMark(
        name=str(item["comment"]),
        volume=lun.name,
        size=lun.size,
        id=str(item["object_id"]),
        volume_id=lun.id,
        created=created(str(item["id"])),
        proven=True,
        mappings=(),
        children=children,
        provisioning=lun.provisioning if lun.independent else "clone",
        timestamp=str(item["id"]),
    )


def created(timestamp: str) -> str:
    """Date and time in UTC, from seconds since the epoch; any other text is returned as it is."""
    if re.match(r"^[0-9]{9,10}$", timestamp):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(int(timestamp)))
    return timestamp


def is_iscsi(item: Object) -> bool:
    """Whether a client is one for iSCSI, and not for Fibre Channel (section 2.7)."""
    if item.get("iSCSIPolicy"):
        return True
    return bool(item.get("isiscsi_enabled")) and not item.get("FCPolicy")


def _addresses(item: Object) -> List[str]:
    flag, key, addresses = (
        ("isiscsi_enabled", "iSCSIPolicy", "initiators")
        if is_iscsi(item)
        else ("isfibrechannel_enabled", "FCPolicy", "initiatorWWPNList")
    )
    policy = item.get(key)
    if not policy and not item.get(flag):
        return []  # a gateway, which is a client of neither protocol
    if not isinstance(policy, dict):
        raise KeyError(key)
    found = policy.get(addresses)
    if isinstance(found, str):
        return found.split(",") if found else []
    if not isinstance(found, list):
        raise KeyError(addresses)
    return [str(address) for address in found]


# Section 2.7: the list of devices that a client of each protocol has, even if it is empty.
_DEVICE_LISTS = (
    ("isfibrechannel_enabled", "FCPolicy", "FibreChannelDevices"),
    ("isiscsi_enabled", "iSCSIPolicy", "ISCSIDevices"),
)


def devices(item: Object) -> List[Object]:
    """The devices assigned to a client, over either protocol.

    Each gateway is a client too, of neither protocol. It may have devices under another key of this kind.

    :raises KeyError: the client does not report its devices, which does not mean that it has none.
    """
    rows = [row for key in sorted(item) if key.lower().endswith("devices") for row in item[key] or ()]
    for flag, policy, key in _DEVICE_LISTS:
        if (item.get(flag) or item.get(policy)) and not isinstance(item.get(key), list):
            raise KeyError(key)
    if not rows and not any(flag in item or policy in item for flag, policy, _key in _DEVICE_LISTS):
        raise KeyError("protocol")
    return rows


def host(item: Object) -> Host:
    """``item`` is the detail of a client with its row of the list."""
    name = text(item, "name")
    initiators = []
    for address in _addresses(item):
        try:
            protocol, canonical = parse_initiator(address)
        except Invalid:
            # OpenStack registers itself as a client with an address that is not valid (section 2.7).
            if name.startswith(REGISTRATION):
                continue
            raise
        initiators.append(Initiator(canonical, protocol, logged_in=None))
    try:
        volumes: Optional[int] = len(devices(item))
    except KeyError:
        volumes = None
    return Host(
        name=name,
        id=str(item["object_id"]),
        initiators=tuple(initiators),
        os=str(item.get("type") or "") or None,
        volumes=volumes,
    )


def mappings(item: Object) -> Tuple[Mapping, ...]:
    """The mappings of a client, by the names of the LUNs: the rows do not have the ids of LUNs."""
    return tuple(
        Mapping(
            volume=text(row, "name"),
            host=text(item, "name"),
            lun=None if row.get("lun") in (None, "") else int(row["lun"]),
            host_id=str(item["object_id"]),
        )
        for row in devices(item)
    )
