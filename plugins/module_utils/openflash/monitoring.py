# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an array reports of its operation, beyond what it holds: which hosts are logged in, its health and its load.

It is read only when it is asked for, never on the way of a change. Which arrays report it is said by
``capabilities.refusal``, under the aspect of each extra.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Mapping as Map, Optional, Sequence

from .array import Extra
from .model import UNKNOWN, Listing


@dataclass(frozen=True)
class Login:
    """One initiator of a host at one target port, or an initiator of which the array does not name the ports."""

    host: str
    initiator: str
    protocol: str
    target: Optional[str] = None
    """The canonical address of the target port: a WWN, or the target's IQN. None where the array does not name it."""
    port: Optional[str] = None
    """The array's name of that port."""
    volume: Optional[str] = None
    """The volume that it is for, where each volume is a target of its own. None: every volume of the host."""
    paths: Optional[int] = None
    """To how many target ports the initiator is logged in here: 1 with a target, 0 when it is not logged in. None
    where the array does not report it."""

    @property
    def logged_in(self) -> Optional[bool]:
        return None if self.paths is None else self.paths > 0


class Connections(Extra):
    """Which initiators are logged in."""

    aspect = "connections"
    lacking = "this array does not report which initiators are logged in"

    @abstractmethod
    def logins(self, hosts: Optional[Sequence[str]] = None) -> Listing[Login]:
        """The log-ins of all hosts, or of these, and each initiator that is not logged in, with 0 paths."""


# -- health ------------------------------------------------------------------------------------------------------------

OK, WARNING, CRITICAL, UNCLEAR = "ok", "warning", "critical", "unknown"
"""The states of a part: the last one where the array does not report it, or in a word that is not known."""

INFO = "info"
"""The severities of an alert are this one, WARNING and CRITICAL."""

STATES = (UNCLEAR, OK, WARNING, CRITICAL)
SEVERITIES = (INFO, WARNING, CRITICAL)


@dataclass(frozen=True)
class Part:
    """The array, or a part of it: a node, a port, a disk."""

    name: str
    state: str = UNCLEAR
    """One of STATES."""
    reported: Optional[str] = None
    """The array's own word for it."""


@dataclass(frozen=True)
class Alert:
    """What the array reports as wrong, now or until somebody has looked at it."""

    severity: str
    """One of SEVERITIES."""
    text: str
    id: Optional[str] = None
    code: Optional[str] = None
    object: Optional[str] = None
    """The name of the object that it is about."""
    time: Optional[str] = None
    """When it was raised: UTC, ISO 8601. None where the array does not report it, or not in which time zone."""
    reported_time: Optional[str] = None
    """The array's own text for it."""
    acknowledged: Optional[bool] = None
    reported: Optional[str] = None
    """The array's own word for the severity."""


@dataclass(frozen=True)
class HealthReport:
    """What an array reports of its health. A list that it has no request for is UNKNOWN."""

    array: Part
    nodes: Listing[Part] = UNKNOWN
    ports: Listing[Part] = UNKNOWN
    disks: Listing[Part] = UNKNOWN
    alerts: Listing[Alert] = UNKNOWN

    @property
    def state(self) -> str:
        """The worst state of the array, its nodes, ports and disks, and of its alerts that nobody has acknowledged.

        What is there and cannot be read counts as a warning.
        """
        lists = (self.nodes, self.ports, self.disks)
        states = [self.array.state] + [part.state for parts in lists for part in parts]
        states += [alert.severity for alert in self.alerts if not alert.acknowledged and alert.severity != INFO]
        states += [WARNING for found in (*lists, self.alerts) if found.unreadable]
        return max(states, key=STATES.index)


class Health(Extra):
    """The health of the array and its parts, and its alerts."""

    aspect = "health"
    lacking = "this array does not report its health"

    @abstractmethod
    def health(self) -> HealthReport:
        """Read it now."""


# -- load --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """Figures of the array, or of a volume. None where the array does not report it."""

    read_iops: Optional[float] = None
    write_iops: Optional[float] = None
    read_bandwidth: Optional[float] = None
    """Bytes per second, as ``write_bandwidth``."""
    write_bandwidth: Optional[float] = None
    read_latency: Optional[float] = None
    """Microseconds, as ``write_latency``."""
    write_latency: Optional[float] = None
    time: Optional[str] = None
    """When the array measured it: UTC, ISO 8601."""

    @property
    def iops(self) -> Optional[float]:
        return _sum(self.read_iops, self.write_iops)

    @property
    def bandwidth(self) -> Optional[float]:
        return _sum(self.read_bandwidth, self.write_bandwidth)

    @property
    def latency(self) -> Optional[float]:
        """The mean of an operation, 0 without operations."""
        total = self.iops
        if total is None or self.read_latency is None or self.write_latency is None:
            return None
        if not total:
            return 0.0
        weighed = (self.read_iops or 0.0) * self.read_latency + (self.write_iops or 0.0) * self.write_latency
        return weighed / total


@dataclass(frozen=True)
class PerformanceReport:
    """The load of an array, and of the volumes that were asked for."""

    array: Load
    interval: Optional[float] = None
    """Seconds over which the figures are the mean; None where the array does not report it."""
    volumes: Optional[Map[str, Load]] = None
    """By name, those that exist. None where the array does not report it of volumes."""


class Performance(Extra):
    """How much the array has to do."""

    aspect = "performance"
    lacking = "this array does not report its load"

    @abstractmethod
    def performance(self, volumes: Sequence[str] = ()) -> PerformanceReport:
        """Read it now, of the array and of the volumes of exactly these names."""


def _sum(*figures: Optional[float]) -> Optional[float]:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def utc(seconds: float) -> str:
    """ISO 8601 in UTC, to the second, of seconds since 1970.

    :raises ValueError, OverflowError: no such time.
    """
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OSError as error:
        raise ValueError("there is no time %s" % seconds) from error
