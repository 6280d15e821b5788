# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which ports of hosts are logged in (sheet, section 2.3), and the health and the load of the array.

That the array has lsdrive, lseventlog and lssystemstats is in a published list of its commands. Their columns, and the
options of lseventlog, are those of the siblings, as public monitoring scripts for these read them (svc_status.sh for
Zabbix, the Storwize driver of SODA delfin, ibm-storage-odf-block-driver).
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Callable, Dict, List, Optional, Sequence, Tuple, TypeVar

from ... import client
from ...errors import BadReply, Unsupported
from ...model import FC, UNKNOWN, Initiator, Listing
from ...monitoring import (
    CRITICAL,
    OK,
    UNCLEAR,
    WARNING,
    Alert,
    Connections,
    Health,
    HealthReport,
    Load,
    Login,
    Part,
    Performance,
    PerformanceReport,
    utc,
)
from ...units import MIB, parse_initiator
from .cli import Row, listing, text
from .ledger import FABRIC, FC_ACTIVE, MONITORING, PORTAL_STATES, STATS_SECONDS
from .reading import Reading, without_failover

T = TypeVar("T")

_COMMANDS = (FABRIC.value, "lsfabric840")
"""The commands that list log-ins: that of the siblings, and the one in a published list of this array's commands (the
help of its command line, found in a public simulator of it)."""
_LOGGED_OUT = ("failed", "degraded")


_STATES = {"online": OK, "offline": CRITICAL}
"""The states that are known. Any other word is not the one for a healthy part, so it is a warning."""
_UNUSED = "unconfigured"
"""The end of the state of a port that nobody has set up."""
_UTC = ("UTC", "GMT")
_TIME = re.compile(r"(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})\Z")


class Monitoring(Reading, Connections, Health, Performance):
    """What the array reports of its operation."""

    def logins(self, hosts: Optional[Sequence[str]] = None) -> Listing[Login]:
        """The requests of ``hosts()``, and one for the log-ins of Fibre Channel ports where a host has such a port.

        A port that is not in that list has as many paths as nodes that it is logged in to.
        """
        with self._doing("read the log-ins"):
            found = self.hosts(hosts)
            initiators = [initiator for host in found for initiator in host.initiators]
            fabric = self._targets_by_port() if any(initiator.protocol == FC for initiator in initiators) else {}
            logins = tuple(
                login
                for host in found
                for initiator in host.initiators
                for login in self._logins_of(host.name, initiator, fabric.get(initiator.address, ()))
            )
            return Listing(logins, found.unreadable)

    def health(self) -> HealthReport:
        """Six requests: pools, nodes, the ports of both kinds, drives, and the events that nobody has fixed.

        The state of the array is the worst of its pools, since it reports none of its own.
        """
        with self._doing("read the health"):
            rows = self._wire.lsmdiskgrp()
            if any("" in row for row in rows):
                raise BadReply("the array lists a pool that cannot be understood")
            pools = [_part(row, row.get("name") or row["id"]) for row in rows]
            array = max(pools, key=lambda pool: (UNCLEAR, OK, WARNING, CRITICAL).index(pool.state), default=Part(""))
            nodes = self._wire.lsnode(session=False)
            fc = self._optional(lambda: self._wire.lsportfc(session=False))
            ethernet = without_failover(self._optional(lambda: self._wire.lsportip(session=False)))
            ports = listing("port", fc, _fc_part), listing("port", ethernet, _ethernet_part)
            return HealthReport(
                Part(self.label, array.state, array.reported),
                nodes=listing("node", nodes, lambda row: _part(row, text(row, "name"))),
                ports=Listing(ports[0].items + ports[1].items, ports[0].unreadable + ports[1].unreadable),
                disks=_where_known(
                    lambda: listing("disk", self._wire.lsdrive(), lambda row: _part(row, "drive%s" % row["id"]))
                ),
                alerts=_where_known(
                    lambda: client.listing(
                        "alert", self._wire.lseventlog(), self._alert, lambda row: row.get("sequence_number")
                    )
                ),
            )

    def _alert(self, row: Row) -> Alert:
        """An event with an error code needs a repair; another one is a warning."""
        reported = row["last_timestamp"]
        return Alert(
            CRITICAL if row.get("error_code") else WARNING,
            row.get("description") or "event %s" % row.get("event_id"),
            id=text(row, "sequence_number"),
            code=row.get("error_code") or row.get("event_id") or None,
            object=row.get("object_name") or row.get("object_type") or None,
            time=self._time(reported),
            reported_time=reported or None,
            acknowledged=row.get("fixed") == "yes",
            reported=row.get("status") or None,
        )

    def _time(self, reported: str) -> Optional[str]:
        """UTC of ``YYMMDDHHMMSS`` in the array's own time zone; None where that is another one, or not reported."""
        parts = _TIME.match(reported)
        if parts is None or not self._system.get("time_zone", "").endswith(_UTC):
            return None
        year, month, day, hour, minute, second = (int(part) for part in parts.groups())
        return utc(datetime(2000 + year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp())

    def performance(self, volumes: Sequence[str] = ()) -> PerformanceReport:
        """One request. The array reports no figures of single volumes."""
        with self._doing("read the load"), client.understanding("the load"):
            rows = _where_known(lambda: Listing(tuple(self._wire.lssystemstats())))
            found = {row.get("stat_name"): row.get("stat_current") for row in rows}

            def figure(name: str, unit: int = 1) -> Optional[float]:
                value = found.get("vdisk_%s" % name)
                return None if value in (None, "") else float(str(value)) * unit

            load = Load(
                read_iops=figure("r_io"),
                write_iops=figure("w_io"),
                read_bandwidth=figure("r_mb", MIB),
                write_bandwidth=figure("w_mb", MIB),
                read_latency=figure("r_ms", 1000),
                write_latency=figure("w_ms", 1000),
            )
            return PerformanceReport(load, interval=STATS_SECONDS if rows.known else None)

    def _logins_of(self, host: str, initiator: Initiator, targets: Sequence[str]) -> Tuple[Login, ...]:
        if targets:
            return tuple(Login(host, initiator.address, initiator.protocol, target, paths=1) for target in targets)
        return (Login(host, initiator.address, initiator.protocol, paths=self._login_counts.get(initiator.address)),)

    def _targets_by_port(self) -> Dict[str, List[str]]:
        """By port of a host: the target ports that it is logged in to. Empty where the array has no such command."""
        for command in _COMMANDS:
            try:
                rows = self._wire.lsfabric(command)
            except Unsupported:
                continue
            found: Dict[str, List[str]] = {}
            for row in rows:
                if "" in row or not row.get("local_wwpn"):
                    raise BadReply("the array lists a log-in that cannot be understood: %s" % (row.get("") or row))
                if row.get("state") not in _LOGGED_OUT:
                    addresses = [parse_initiator(row[column])[1] for column in ("remote_wwpn", "local_wwpn")]
                    found.setdefault(addresses[0], []).append(addresses[1])
            return found
        return {}


def _where_known(read: Callable[[], Listing[T]]) -> Listing[T]:
    """What is read; UNKNOWN where the array does not have the command."""
    if not MONITORING.value:
        return UNKNOWN
    try:
        return read()
    except Unsupported:
        return UNKNOWN


def _part(row: Row, name: str) -> Part:
    word = row.get("status") or None
    return Part(name, UNCLEAR if word is None else _STATES.get(word, WARNING), word)


def _fc_part(row: Row) -> Optional[Part]:
    """None for a port that nobody has set up."""
    word = row["status"]
    if word.endswith(_UNUSED):
        return None
    return Part(
        "%s:%s" % (row.get("node_name") or row["node_id"], row["id"]), OK if word == FC_ACTIVE else WARNING, word
    )


def _ethernet_part(row: Row) -> Optional[Part]:
    """None for a port that nobody has set up."""
    word = row["state"]
    if word.endswith(_UNUSED):
        return None
    name = "%s:ip%s" % (row.get("node_name") or row["node_id"], row["id"])
    return Part(name, OK if word in PORTAL_STATES else WARNING, word)
