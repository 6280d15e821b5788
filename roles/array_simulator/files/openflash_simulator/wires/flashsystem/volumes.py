# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes, here called vdisks (section 2.2). The array has no snapshots and copies nothing: hosts do (section 2.5)."""

from __future__ import annotations

from ...objects import Volume
from . import ledger
from .cli import VIEW, Command, Pairs, Row, capacity, check_name, concise, detailed
from .refusals import Refusal
from .state import FlashsystemState
from .system import Handler, Options, find_pool

VDISK_COLUMNS = (
    "id name IO_group_id IO_group_name status mdisk_grp_id mdisk_grp_name capacity type vdisk_UID udid "
    "open_access_scsi_id parent_mdisk_grp_id parent_mdisk_grp_name"
).split()
COLUMNS = {
    "all": VDISK_COLUMNS,
    "more": ["RC_id", *reversed(VDISK_COLUMNS)],
    "few": [name for name in VDISK_COLUMNS if name not in ("vdisk_UID", "udid", "open_access_scsi_id")],
}
"""Of a list, by what is assumed of them."""


def find_vdisk(system: FlashsystemState, name: str | None, code: str = "CMMVC5753E") -> Volume:
    """By name or id; ``code`` is what this verb answers when there is no such vdisk."""
    if name is None:
        raise Refusal("CMMVC5701E")
    found = system.array.find_volume(name)
    if found is None and name.isdigit():
        found = system.array.volumes.get(int(name) + 1)
    if found is None:
        raise Refusal(code)
    return found


def vdisk_id(volume: Volume) -> str:
    """The array counts its ids from 0, the simulator's array from 1."""
    return str(volume.id - 1)


def lsvdisk(system: FlashsystemState, command: Command) -> str:
    if command.object is None:
        rows = [_row(system, command, volume) for volume in system.array.volumes]
        columns = COLUMNS[system.assumed("lists.columns")]
        return concise(command, columns, [{"RC_id": "", **row} for row in rows], system.empty_header)
    row = _row(system, command, find_vdisk(system, command.object, "CMMVC5754E"))
    pairs: Pairs = [(name, row[name]) for name in VDISK_COLUMNS]
    return detailed(command, pairs)


def _row(system: FlashsystemState, command: Command, volume: Volume) -> Row:
    pool = system.array.pool(volume.pool)
    row = dict.fromkeys(VDISK_COLUMNS, "")
    row |= {
        "id": vdisk_id(volume),
        "name": volume.name,
        "IO_group_id": "0",
        "IO_group_name": "io_grp0",
        "status": "online" if system.online("pool") else "offline",
        "mdisk_grp_id": str(pool.id),
        "mdisk_grp_name": pool.name,
        "capacity": capacity(command, volume.size),
        "type": "striped",
        "vdisk_UID": system.serial(volume),
        "udid": str(volume.attributes.get("udid", system.assumed("volumes.udid_unset"))),
        "parent_mdisk_grp_id": str(pool.id),
        "parent_mdisk_grp_name": pool.name,
    }
    return row


def mkvdisk(system: FlashsystemState, command: Command) -> str:
    """A vdisk is fully allocated: this product has no thin provisioning."""
    pool = find_pool(system, command.needed("mdiskgrp"))
    if command.options.get("iogrp", "0") not in ("0", "io_grp0"):
        raise Refusal("CMMVC5754E")
    size = command.bytes_of("size")
    if size < ledger.SMALLEST:
        raise Refusal(ledger.TOO_SMALL, command.options["size"])
    name = command.options.get("name")
    name = f"vdisk{system.array.volumes.next_id - 1}" if name is None else _check_name(system, name)
    if not system.online("pool"):
        raise Refusal("CMMVC5753E")
    attributes = {"udid": _udid(system, command)} if "udid" in command.options else {}
    attributes["uid"] = system.new_uid()
    size, taken = _rounded(system, size), _whole_extents(size)
    if system.assumed("volumes.rounded") == "space" and taken > pool.free:
        raise Refusal("CMMVC8710E")
    volume = system.array.create_volume(name, size, pool=pool.name, provisioning="thick", attributes=attributes)
    if system.assumed("volumes.rounded") == "space" and taken > size:
        system.array.reserve(volume, taken - size)
    volume.wwn = system.serial(volume).lower()
    if system.assumed("volumes.new_content") == "remains":
        system.leave_remains(volume)
    return f"Virtual Disk, id [{vdisk_id(volume)}], successfully created\n"


def _check_name(system: FlashsystemState, name: str) -> str:
    return check_name(name, system.assumed("names.longest"), system.assumed("names.characters"))


def _whole_extents(size: int) -> int:
    return -(-size // ledger.EXTENT) * ledger.EXTENT


def _rounded(system: FlashsystemState, size: int) -> int:
    """The size that a volume gets: the requested one, or whole extents."""
    return _whole_extents(size) if system.assumed("volumes.rounded") == "size" else size


def _udid(system: FlashsystemState, command: Command) -> int:
    """The number by which an OpenVMS host identifies a disk. Nothing else uses it."""
    if system.assumed("volumes.udid") == "unknown":
        raise Refusal("CMMVC5709E", "-udid")
    udid = command.number("udid")
    if udid > ledger.MAX_UDID:
        raise Refusal("CMMVC5711E", command.options["udid"])
    return udid


def rmvdisk(system: FlashsystemState, command: Command) -> str:
    volume = find_vdisk(system, command.object)
    if command.flag("force") or system.assumed("volumes.delete_mapped") == "deleted":
        for mapping in system.array.mappings_of(volume):
            system.array.unmap(mapping)
    system.array.delete_volume(volume)
    return ""


def expandvdisksize(system: FlashsystemState, command: Command) -> str:
    """``-size`` is what is added, not the new size."""
    volume = find_vdisk(system, command.object)
    if system.assumed("volumes.expand_unit") == "gb" and command.options.get("unit") != "gb":
        raise Refusal("CMMVC5711E", command.options.get("unit", "mb"))
    size, used = _rounded(system, volume.size + command.bytes_of("size")), volume.used
    system.array.extend_volume(volume, size)
    if system.assumed("volumes.rounded") == "space" and _whole_extents(size) > volume.used >= used:
        system.array.reserve(volume, _whole_extents(size) - volume.used)
    return ""


def chvdisk(system: FlashsystemState, command: Command) -> str:
    volume = find_vdisk(system, command.object)
    if not command.options:
        raise Refusal("CMMVC5707E")
    if "udid" in command.options:
        volume.attributes["udid"] = _udid(system, command)
        system.array.touched("volume.udid", volume)
    if "name" in command.options:
        system.array.rename_volume(volume, _check_name(system, command.options["name"]))
    return ""


COMMANDS: dict[str, tuple[Options, Handler]] = {
    "lsvdisk": (VIEW, lsvdisk),
    "mkvdisk": (
        {
            "name": True,
            "mdiskgrp": True,
            "iogrp": True,
            "size": True,
            "unit": True,
            "blocksize": True,
            "udid": True,
            "open_access_scsi_id": True,
        },
        mkvdisk,
    ),
    "rmvdisk": ({"force": False}, rmvdisk),
    "expandvdisksize": ({"size": True, "unit": True}, expandvdisksize),
    "chvdisk": ({"name": True, "udid": True, "open_access_scsi_id": True}, chvdisk),
}
