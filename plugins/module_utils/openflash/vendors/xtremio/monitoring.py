# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which initiators are logged in (sheet, section 6), and the health and the load of the cluster (section 7).

The names of the properties of clusters, storage-controllers, ssds and alerts, and the words for a healthy one, are in
public clients of the XMS: mtboren/XtremIO.Utils (XIO_SupportingFunctions.ps1) and the XtremIO driver of SODA delfin,
whose tests have recorded answers. There ``raise-time`` is milliseconds since 1970.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping as Map, Optional, Sequence, Set, Tuple

from ... import client
from ...model import UNKNOWN, Listing
from ...monitoring import (
    CRITICAL,
    INFO,
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
from ...units import parse_initiator
from . import objects
from .ledger import TARGETS_LISTED
from .objects import listing
from .reading import Reading
from .session import Object

Targets = Dict[str, Tuple[str, str]]
"""Name and port address of each target, by its index."""


_STATES = {"healthy": OK, "up": OK, "failed": CRITICAL, "down": WARNING}
"""The states that are known. Any other word is not the one for a healthy part, so it is a warning."""
_SEVERITIES = {"information": INFO, "minor": WARNING, "major": CRITICAL, "critical": CRITICAL}
_ACKNOWLEDGED = ("acknowledged", "cleared")
_ACTIVE = "active"


class Monitoring(Reading, Connections, Health, Performance):
    """What the array reports of its operation."""

    def logins(self, hosts: Optional[Sequence[str]] = None) -> Listing[Login]:
        """From XMS 4.2 on three requests, with the target ports. On 4.0 one, with their number; on 3.x one for each
        initiator besides.
        """
        with self._doing("read the log-ins"):
            requested = None if hosts is None else set(hosts)
            items = self._xms.connections(sorted(requested) if requested and self._xms.is_v2 else None)
            listed: Dict[str, List[str]] = {}
            targets: Targets = {}
            if self._xms.has_connectivity and TARGETS_LISTED.value == "listed" and items:
                with client.understanding("the list of log-ins"):
                    listed = {_address(item): objects.indexes(item["target-list"]) for item in self._xms.connectivity()}
                if any(listed.values()):
                    with client.understanding("the list of targets"):
                        targets = {objects.index(item): _target(item) for item in self._xms.targets()}
            read = listing("initiator", items, lambda item: _logins(item, requested, listed, targets))
            return Listing(tuple(login for logins in read for login in logins), read.unreadable)

    def health(self) -> HealthReport:
        """Five requests on v2. On 3.x, which has no alerts, four, and one for each controller, target and SSD."""
        with self._doing("read the health"):
            properties = self._xms.cluster_health()
            reported, state = properties.get("sys-health-state"), properties.get("sys-state")
            array = Part(self.label, _state(reported), reported or None)
            if state and state != _ACTIVE:
                array = Part(self.label, CRITICAL if array.state == CRITICAL else WARNING, "%s, %s" % (state, reported))
            alerts: Listing[Alert] = UNKNOWN
            if self._xms.is_v2:
                own = [item for item in self._xms.alerts() if item.get("sys-name") in (None, "", self._xms.cluster)]
                alerts = client.listing("alert", own, _alert, lambda item: item.get("guid"))
            return HealthReport(
                array,
                nodes=listing("node", self._xms.controllers(), lambda item: _part(item, "node-health-state")),
                ports=listing("port", self._xms.targets(), lambda item: _part(item, "port-state")),
                disks=listing("disk", self._xms.ssds(), lambda item: _part(item, "fru-lifecycle-state")),
                alerts=alerts,
            )

    def performance(self, volumes: Sequence[str] = ()) -> PerformanceReport:
        """One request, and those of ``volumes()`` for named volumes. The figures are those of the moment."""
        with self._doing("read the load"), client.understanding("the load"):
            array = _load(self._xms.cluster_load())
            found = self._xms.volume_loads(volumes) if volumes else []
            return PerformanceReport(array, volumes={objects.text(item, "name"): _load(item) for item in found})


def _state(word: Any) -> str:
    return UNCLEAR if not word else _STATES.get(str(word).lower(), WARNING)


def _part(item: Object, prop: str) -> Part:
    word = item.get(prop)
    return Part(objects.text(item, "name"), _state(word), str(word) if word else None)


def _alert(item: Object) -> Alert:
    severity, raised = str(item["severity"]).lower(), item.get("raise-time")
    return Alert(
        _SEVERITIES.get(severity, WARNING),
        str(item.get("description") or item.get("alert-type") or item["alert-code"]),
        id=item.get("guid"),
        code=None if item.get("alert-code") is None else str(item["alert-code"]),
        object=item.get("assoc-obj-name") or None,
        time=None if raised is None else utc(int(raised) / 1000.0),
        reported_time=None if raised is None else str(raised),
        acknowledged=None if item.get("alert-state") is None else item["alert-state"] in _ACKNOWLEDGED,
        reported=severity,
    )


def _load(item: Map[str, Any]) -> Load:
    """Section 2: strings, bandwidth in KB per second and latency in microseconds."""

    def figure(prop: str, convert: Callable[[Any], float] = float) -> Optional[float]:
        return None if item.get(prop) in (None, "") else convert(item[prop])

    return Load(
        read_iops=figure("rd-iops"),
        write_iops=figure("wr-iops"),
        read_bandwidth=figure("rd-bw", objects.kib),
        write_bandwidth=figure("wr-bw", objects.kib),
        read_latency=figure("rd-latency"),
        write_latency=figure("wr-latency"),
    )


def _address(item: Object) -> str:
    return parse_initiator(str(item["port-address"]))[1]


def _target(item: Object) -> Tuple[str, str]:
    return str(item["name"]), _address(item)


def _logins(
    item: Object, requested: Optional[Set[str]], listed: Dict[str, List[str]], targets: Targets
) -> Tuple[Login, ...]:
    """The log-ins of an initiator; one without a target where only their number is known."""
    initiator, host = objects.initiator(item), str(objects.owner(item)["name"])
    if requested is not None and host not in requested:
        return ()
    found = tuple(
        Login(host, initiator.address, initiator.protocol, targets[index][1], targets[index][0], paths=1)
        for index in listed.get(initiator.address, ())
    )
    if found:
        return found
    count = item.get("num-of-conn-tars")
    if initiator.logged_in is False:
        count = 0
    return (Login(host, initiator.address, initiator.protocol, paths=None if count is None else int(count)),)
