# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives, events and figures: what the array reports of its health and its load.

The columns are those of the siblings (section 9 of the sheet), as public monitoring scripts read them.
"""

from __future__ import annotations

import time

from .cli import VIEW, Command, Row, concise
from .refusals import Refusal
from .state import FlashsystemState
from .system import Handler, Options

DRIVE_COLUMNS = "id status error_sequence_number use tech_type capacity mdisk_id enclosure_id slot_id".split()
EVENT_COLUMNS = (
    "sequence_number last_timestamp object_type object_id object_name copy_id status fixed event_id error_code "
    "description"
).split()
STATS_COLUMNS = "stat_name stat_current stat_peak stat_peak_time".split()
DRIVES = 12
_STATES = {"ok": "online", "warning": "degraded", "critical": "offline"}


def _need(system: FlashsystemState, command: Command) -> None:
    """Refuse a command that the array is assumed not to have."""
    if not system.assumed("array.monitoring"):
        text = f"rbash: {command.verb}: command not found"
        raise Refusal("", status=system.assumed("errors.unknown_command"), text=text)


def _time(system: FlashsystemState, age: float) -> str:
    return time.strftime("%y%m%d%H%M%S", time.gmtime(system.array.clock() - age))


def lsdrive(system: FlashsystemState, command: Command) -> str:
    _need(system, command)
    rows: list[Row] = []
    for number in range(DRIVES):
        row = dict.fromkeys(DRIVE_COLUMNS, "")
        row |= {
            "id": str(number),
            "status": _STATES[system.operation.state(f"drive{number}")],
            "use": "member",
            "tech_type": "flash",
            "enclosure_id": "1",
            "slot_id": str(number + 1),
        }
        rows.append(row)
    return concise(command, DRIVE_COLUMNS, rows, system.empty_header)


def lseventlog(system: FlashsystemState, command: Command) -> str:
    """The events, without those that the options leave out. A critical one has an error code, another one has none."""
    _need(system, command)
    rows: list[Row] = []
    for number, alert in enumerate(system.operation.alerts, 100):
        row = dict.fromkeys(EVENT_COLUMNS, "")
        row |= {
            "sequence_number": str(number),
            "last_timestamp": _time(system, alert.age),
            "object_type": "node",
            "object_name": alert.about,
            "status": "message" if alert.severity == "info" else "alert",
            "fixed": "yes" if alert.acknowledged else "no",
            "event_id": f"98{number:04d}",
            "error_code": alert.code if alert.severity == "critical" else "",
            "description": alert.text.replace("!", "."),
        }
        rows.append(row)
    for option, column, value in (("message", "status", "message"), ("fixed", "fixed", "yes")):
        if command.options.get(option) == "no":
            rows = [row for row in rows if row[column] != value]
    return concise(command, EVENT_COLUMNS, rows, system.empty_header)


def lssystemstats(system: FlashsystemState, command: Command) -> str:
    _need(system, command)
    load = system.operation.load
    figures = {
        "vdisk_r_mb": load.read_bandwidth / (1 << 20),
        "vdisk_r_io": load.read_iops,
        "vdisk_r_ms": load.read_latency / 1000,
        "vdisk_w_mb": load.write_bandwidth / (1 << 20),
        "vdisk_w_io": load.write_iops,
        "vdisk_w_ms": load.write_latency / 1000,
    }
    rows = [
        {"stat_name": name, "stat_current": value, "stat_peak": value, "stat_peak_time": _time(system, 0)}
        for name, value in {name: str(round(figure)) for name, figure in figures.items()}.items()
    ]
    return concise(command, STATS_COLUMNS, rows, system.empty_header)


_EVENT_OPTIONS = dict.fromkeys(("alert", "message", "monitoring", "expired", "fixed", "order"), True)
COMMANDS: dict[str, tuple[Options, Handler]] = {
    "lsdrive": (VIEW, lsdrive),
    "lseventlog": ({**VIEW, **_EVENT_OPTIONS}, lseventlog),
    "lssystemstats": (VIEW, lssystemstats),
}
