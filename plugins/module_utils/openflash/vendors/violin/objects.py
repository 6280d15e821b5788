# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the array's objects to ours (sheet, sections 2.1, 2.4, 2.7 and 2.8)."""

from __future__ import annotations

import re
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, TypeVar

from ... import client
from ...errors import BadReply, Invalid
from ...model import COPYING, READY, Host, Initiator, Listing, Mapping, Volume
from ...units import MIB, parse_initiator
from .facts import REGISTRATION, TimeMark, stamp_of

Object = Dict[str, Any]
T = TypeVar("T")

THIN_CLONE = "SANTimeView"
LUN_TYPES = ("SAN", THIN_CLONE)


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
    """A list within an answer, which may be left out when it is empty; BadReply when it is something else."""
    found = item.get(key) or []
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise BadReply("the array tells its %s in a way that cannot be understood" % key, target=_name_of(item))
    return found


def megabytes(row: Object, key: str) -> int:
    """A size in MiB; BadReply when the array does not tell it."""
    return converted(lambda item: int(item[key]), row)


def volume(item: Object) -> Volume:
    """``item`` is the detail of a LUN with its row of the list. The array does not tell pool, serial and use."""
    name = str(item["name"])
    clone = item.get("type") == THIN_CLONE
    policy = item.get("timemarkEnabled")
    return Volume(
        name=name,
        size=int(item["size_mb"]) * MIB,
        id=str(item["object_id"]),
        provisioning=str(item["subType"]).lower(),
        # Such a name is given only to what is not finished yet.
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
    """Seconds since the epoch as date and time; anything else as it is."""
    if re.match(r"^[0-9]{9,10}$", timestamp):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(int(timestamp)))
    return timestamp


def is_iscsi(item: Object) -> bool:
    """Whether a client is reached over iSCSI; it is that or Fibre Channel (section 2.7)."""
    if item.get("iSCSIPolicy"):
        return True
    return bool(item.get("isiscsi_enabled")) and not item.get("FCPolicy")


def _addresses(item: Object) -> List[str]:
    if is_iscsi(item):
        found = (item.get("iSCSIPolicy") or {}).get("initiators") or ()
    else:
        found = (item.get("FCPolicy") or {}).get("initiatorWWPNList") or ()
    return found.split(",") if isinstance(found, str) else [str(one) for one in found]


# A client of one of these protocols has a list of its devices, if an empty one (section 2.7).
_LISTS = (
    ("isfibrechannel_enabled", "FCPolicy", "FibreChannelDevices"),
    ("isiscsi_enabled", "iSCSIPolicy", "ISCSIDevices"),
)


def devices(item: Object) -> List[Object]:
    """What is assigned to a client, over whatever protocol. What cannot be told is not taken for nothing.

    Each gateway is a client too, of neither protocol; it may have devices all the same, under another such key.
    """
    found = [row for key in sorted(item) if key.lower().endswith("devices") for row in item[key] or ()]
    for flag, policy, key in _LISTS:
        if (item.get(flag) or item.get(policy)) and not isinstance(item.get(key), list):
            raise KeyError(key)
    if not found and not any(flag in item or policy in item for flag, policy, key in _LISTS):
        raise KeyError("protocol")
    return found


def host(item: Object) -> Host:
    """``item`` is the detail of a client with its row of the list."""
    name = str(item["name"])
    initiators = []
    for address in _addresses(item):
        try:
            protocol, canonical = parse_initiator(address)
        except Invalid:
            # OpenStack registers itself as a client with an address that is none (section 2.7).
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
    """The assignments of a client, by the names of the LUNs: the rows have no ids of theirs."""
    return tuple(
        Mapping(
            volume=str(row["name"]),
            host=str(item["name"]),
            lun=None if row.get("lun") in (None, "") else int(row["lun"]),
            host_id=str(item["object_id"]),
        )
        for row in devices(item)
    )
