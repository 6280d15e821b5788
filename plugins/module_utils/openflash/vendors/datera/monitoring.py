# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which initiators are logged in to which volume (sheet, section 2.2), and the health and the load of the array.

The fields of storage nodes, their parts and fault logs, and the paths that figures can be asked for, are in the schema
of version 2.1 (section 2; Datera/python-sdk, tests/data/api_endpoint_21.txt). The form of a figure is what Datera/dbmp
reads of the newest one (src/dbmp/metrics.py), and Datera/go-sdk (pkg/dsdk/metrics.go) names the path of its entity.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from ... import client
from ...model import EVERY_HOST, ISCSI, UNKNOWN, Listing
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
from . import entities
from .entities import InstanceVolume
from .ledger import LATENCY_UNIT, NODE_PARTS, THROUGHPUT_UNIT
from .reading import Reading
from .session import Entity

_STATES = {"ok": OK, "warning": WARNING, "critical": CRITICAL, "unknown": UNCLEAR}
_SEVERITIES = {"info": INFO, "warning": WARNING, "critical": CRITICAL}
_DISKS = ("hdds", "flash_devices", "nvm_flash_devices", "boot_drives")
_NICS = ("nics",)
_METRICS = ("iops_read", "iops_write", "thpt_read", "thpt_write", "lat_avg_read", "lat_avg_write")
_SYSTEM, _VOLUMES = "/system", "/volumes"
_LATEST_IN_SECONDS = 100_000_000_000
"""A time below it is in seconds since 1970, one above it in milliseconds."""


class Monitoring(Reading, Connections, Health, Performance):
    """What the array reports of its operation."""

    def logins(self, hosts: Optional[Sequence[str]] = None) -> Listing[Login]:
        """Two requests: all app instances, and the members of the groups.

        Each volume is a target of its own. The array names an initiator once, however many portals it uses, so a path
        here is an initiator that is logged in.
        """
        with self._doing("read the log-ins"):
            instances = self._instances(None)
            groups = self._groups(None)
            members = {host.name: host.addresses for host in groups}
            requested = None if hosts is None else {*hosts, EVERY_HOST}

            def logins(instance: Entity) -> List[Login]:
                return [
                    login
                    for instance_volume in entities.volumes_of(instance)
                    for login in _logins(instance_volume, members, requested)
                ]

            found = entities.listing("volume", instances, logins)
            return Listing(found.items, groups.unreadable + found.unreadable)

    def health(self) -> HealthReport:
        """Three requests: the system, its nodes with their parts, and the faults that are not cleared."""
        with self._doing("read the health"):
            system = self._system()
            nodes = self._wire.nodes()
            return HealthReport(
                Part(self.label, *_state(system.get("health"))),
                nodes=client.listing("node", nodes, _node, lambda node: node.get("name")),
                ports=_parts("port", nodes, _NICS),
                disks=_parts("disk", nodes, _DISKS),
                alerts=client.listing("alert", self._wire.faults(), _alert, lambda fault: fault.get("id")),
            )

    def performance(self, volumes: Sequence[str] = ()) -> PerformanceReport:
        """Six requests, one for each figure. For named volumes six more, and those of ``volumes()``."""
        with self._doing("read the load"):
            whole = next(iter(self._loads(_SYSTEM).values()), Load())
            found: Dict[str, Load] = {}
            if volumes:
                paths = {volume.name: volume.id for volume in self.volumes(volumes)}
                loads = self._loads(_VOLUMES) if paths else {}
                found = {name: loads.get(path, Load()) for name, path in paths.items()}
            return PerformanceReport(whole, volumes=found)

    def _loads(self, path: str) -> Dict[str, Load]:
        """By path of the entity: its newest figures."""
        read = self._wire.side_by_side(lambda metric: self._wire.latest(metric, path), _METRICS)
        with client.understanding("the load"):
            figures: Dict[str, Dict[str, Any]] = {}
            times: Dict[str, float] = {}
            for metric, rows in zip(_METRICS, read):
                for row in rows:
                    entity = str(row.get("entity_path") or row.get("path") or path)
                    figures.setdefault(entity, {})[metric] = float(row["point"]["value"])
                    times[entity] = float(row["point"]["time"])
            return {entity: _load(found, times[entity]) for entity, found in figures.items()}


def _load(found: Mapping[str, float], time: float) -> Load:
    def figure(metric: str, unit: float = 1.0) -> Optional[float]:
        return found[metric] * unit if metric in found else None

    return Load(
        read_iops=figure("iops_read"),
        write_iops=figure("iops_write"),
        read_bandwidth=figure("thpt_read", THROUGHPUT_UNIT.value),
        write_bandwidth=figure("thpt_write", THROUGHPUT_UNIT.value),
        read_latency=figure("lat_avg_read", LATENCY_UNIT.value),
        write_latency=figure("lat_avg_write", LATENCY_UNIT.value),
        time=_time(time),
    )


def _time(reported: float) -> str:
    return utc(reported / 1000.0 if reported > _LATEST_IN_SECONDS else reported)


def _state(word: Any) -> Tuple[str, Optional[str]]:
    """The state, and the array's own word."""
    return (_STATES.get(str(word), WARNING), str(word)) if word else (UNCLEAR, None)


def _node_name(node: Entity) -> str:
    return str(node.get("name") or node["uuid"])


def _node(node: Entity) -> Part:
    return Part(_node_name(node), *_state(node.get("health")))


def _parts(kind: str, nodes: Sequence[Entity], keys: Sequence[str]) -> Listing[Part]:
    """The parts of all nodes; UNKNOWN where a list of nodes has none of them, or no more than their paths."""
    with client.understanding("the parts of the nodes"):
        found = [(node, part) for node in nodes for key in keys for part in node.get(key) or ()]
    if NODE_PARTS.value != "complete" or not found:
        return UNKNOWN
    if not all(isinstance(part, dict) and part.get("health") for _node, part in found):
        return UNKNOWN

    def convert(pair: Tuple[Entity, Entity]) -> Part:
        node, part = pair
        name = "%s/%s" % (_node_name(node), part.get("slot_label") or part.get("id") or part["path"])
        return Part(name, *_state(part["health"]))

    return client.listing(kind, found, convert, lambda pair: pair[1].get("id"))


def _alert(fault: Entity) -> Optional[Alert]:
    """None for one that is cleared."""
    if fault.get("cleared"):
        return None
    severity, raised = str(fault["severity"]), fault.get("timestamp")
    return Alert(
        _SEVERITIES.get(severity, WARNING),
        str(fault.get("cause") or fault["code"]),
        id=fault.get("id"),
        code=fault.get("code"),
        object=fault.get("object_lbl") or fault.get("object_path") or None,
        time=None if raised is None else _time(float(raised)),
        reported_time=None if raised is None else str(raised),
        acknowledged=None if fault.get("acknowledged") is None else bool(fault["acknowledged"]),
        reported=severity,
    )


def _logins(
    instance_volume: InstanceVolume, members: Mapping[str, Sequence[str]], requested: Optional[Set[str]]
) -> List[Login]:
    access = instance_volume.storage.get("access") or {}
    target = str(access["iqn"]).lower() if access.get("iqn") else None
    active = instance_volume.active if instance_volume.sessions_known else None
    pairs: List[Tuple[str, str]] = []
    for path in instance_volume.access_list:
        host = entities.host_of(path)
        if requested is None or host in requested:
            own = path.startswith("/initiators/")
            pairs += [(host, address) for address in ([entities.address_of(path)] if own else members[host])]
    if instance_volume.open_to_all:
        known = {address for _host, address in pairs}
        pairs += [(EVERY_HOST, address) for address in active or () if address not in known]
    return [
        Login(
            host,
            address,
            ISCSI,
            target if active is not None and address in active else None,
            volume=instance_volume.title,
            paths=None if active is None else int(address in active),
        )
        for host, address in pairs
    ]
