# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the contents of an array subset by subset, so that one that cannot be read does not hide the others."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping as Map, NamedTuple, Optional, Sequence

from . import monitored, report
from .array import Array, ConsistencyGroups
from .errors import BadReply, Busy, FlashError, Invalid, MissingLibrary, Timeout, Unauthorized, Unreachable, context
from .model import EVERY_HOST, Group, Listing, Unreadable, Volume
from .monitoring import Connections, Health, Performance
from .paths import paths_of

SUBSETS = (
    "array",
    "capacity",
    "pools",
    "volumes",
    "snapshots",
    "hosts",
    "mappings",
    "ports",
    "groups",
    "connections",
    "health",
    "performance",
)

DEFAULT = ("array", "capacity", "pools", "volumes", "snapshots", "hosts", "mappings", "ports")

Filters = Map[str, Optional[Sequence[str]]]


def gather(array: Array, subsets: Sequence[str], filters: Filters) -> Dict[str, Any]:
    """The subsets as plain data, and ``unreadable``: what exists and could not be read, with the reason.

    A subset that the array cannot be asked for is None. One whose answer cannot be understood, or that the array
    refuses to report, is left out, so that nobody takes it for empty; it is in ``unreadable`` without a name.

    :raises Unreachable, Unauthorized, Timeout, Busy: the array does not answer, or not now. The next subset would fail
        too, and a later run may read everything.
    """
    facts: Dict[str, Any] = {}
    unreadable: List[Dict[str, Any]] = []
    for subset in subsets:
        try:
            with context(doing="read the %s" % subset, array=array.label):
                answer = _READERS[subset](array, filters)
        except (Unreachable, Unauthorized, Timeout, Busy):
            raise
        except FlashError as error:
            unreadable.append({"kind": subset, "name": None, "reason": str(error)})
            continue
        if isinstance(answer, _Reported):
            unreadable.extend(_entries(answer.unreadable))
            facts[subset] = answer.data
        elif isinstance(answer, Listing):
            unreadable.extend(_entries(answer.unreadable))
            facts[subset] = [_AS_DATA[subset](item) for item in answer] if answer.known else None
        else:
            facts[subset] = _AS_DATA[subset](answer)
    facts["unreadable"] = unreadable
    return facts


def _entries(unreadable: Sequence[Unreadable]) -> List[Dict[str, Any]]:
    return [{"kind": entry.kind, "name": entry.name, "reason": entry.reason} for entry in unreadable]


class _Reported(NamedTuple):
    """A subset that is no list of objects, as plain data."""

    data: Optional[Dict[str, Any]]
    unreadable: Sequence[Unreadable] = ()


def missing(facts: Map[str, Any]) -> List[str]:
    """Why requested subsets are not among the facts, one sentence for each."""
    return [entry["reason"] for entry in facts["unreadable"] if entry["name"] is None]


def _selected(filters: Filters, *kinds: str) -> Optional[List[Optional[Sequence[str]]]]:
    """The names that the filters of these kinds select, one list for each kind, or None where it does not filter.

    An empty filter selects nothing. Returns None when all filters together select nothing.
    """
    names = [filters.get(kind) for kind in kinds]
    if all(selected is None for selected in names):
        return list(names)
    return [selected or None for selected in names] if any(names) else None


def _volumes(array: Array, names: Optional[Sequence[str]]) -> Listing[Volume]:
    return array.volumes() if names is None else array.volumes_in_full(names)


def _groups(array: Array) -> Listing[Group]:
    """Empty where the array has none to read."""
    found = ConsistencyGroups.within(array)
    return Listing() if found is None else found.groups()


def _connections(array: Array, filters: Filters) -> _Reported:
    """The log-ins, and how many paths each host has to each of its volumes; None where the array does not report it."""
    found = Connections.within(array)
    if found is None or array.capabilities.refusal(Connections.aspect):
        return _Reported(None)
    hosts, volumes = filters.get("hosts"), filters.get("volumes")
    if (hosts is not None and not hosts) or (volumes is not None and not volumes):
        return _Reported({"logins": [], "paths": []})
    logins = found.logins(hosts)
    mappings = array.mappings(volumes=None if hosts is not None else volumes, hosts=hosts)
    paths = [
        dict(report.mapping_data(mapping), paths=paths_of(mapping, logins))
        for mapping in mappings
        if (hosts is None or mapping.host in (*hosts, EVERY_HOST)) and (volumes is None or mapping.volume in volumes)
    ]
    shown = [
        monitored.login_data(login)
        for login in logins
        if volumes is None or login.volume is None or login.volume in volumes
    ]
    return _Reported({"logins": shown, "paths": paths}, (*logins.unreadable, *mappings.unreadable))


def _health(array: Array, filters: Filters) -> _Reported:
    found = Health.within(array)
    if found is None or array.capabilities.refusal(Health.aspect):
        return _Reported(None)
    health = found.health()
    lists = (health.nodes, health.ports, health.disks, health.alerts)
    return _Reported(monitored.health_data(health), [entry for listing in lists for entry in listing.unreadable])


def _performance(array: Array, filters: Filters) -> _Reported:
    found = Performance.within(array)
    if found is None or array.capabilities.refusal(Performance.aspect):
        return _Reported(None)
    return _Reported(monitored.performance_data(found.performance(filters.get("volumes") or ())))


def _filtered(read: Callable[..., Listing[Any]], filters: Filters, *kinds: str) -> Listing[Any]:
    names = _selected(filters, *kinds)
    return Listing() if names is None else read(*names)


_READERS: Dict[str, Callable[[Array, Filters], Any]] = {
    "array": lambda array, filters: array.info(),
    "capacity": lambda array, filters: array.capacity(),
    "pools": lambda array, filters: array.pools(),
    "volumes": lambda array, filters: _filtered(lambda names: _volumes(array, names), filters, "volumes"),
    "snapshots": lambda array, filters: _filtered(array.snapshots, filters, "snapshots", "volumes"),
    "hosts": lambda array, filters: _filtered(array.hosts, filters, "hosts"),
    "mappings": lambda array, filters: _filtered(array.mappings, filters, "volumes", "hosts"),
    "ports": lambda array, filters: array.ports(),
    "groups": lambda array, filters: _groups(array),
    "connections": _connections,
    "health": _health,
    "performance": _performance,
}

_AS_DATA: Dict[str, Callable[[Any], Any]] = {
    "array": report.info_data,
    "capacity": report.capacity_data,
    "pools": report.pool_data,
    "volumes": lambda volume: report.volume_data(volume, volume.name),
    "snapshots": lambda snapshot: report.snapshot_data(snapshot, snapshot.name),
    "hosts": lambda host: report.host_data(host, host.name),
    "mappings": report.mapping_data,
    "ports": report.port_data,
    "groups": report.group_data,
}


# -- the options gather_subset and query -------------------------------------------------------------------------------


def subsets(requested: Sequence[str]) -> List[str]:
    """The subsets that ``all``, ``!snapshots`` and plain names mean, as in the module setup; none for an empty list.

    :raises Invalid: there is no subset of that name.
    """
    included: List[str] = []
    excluded = [name[1:] for name in requested if name.startswith("!")]
    named = [name for name in requested if not name.startswith("!")]
    for name in named or (["default"] if excluded else []):
        included.extend({"all": SUBSETS, "default": DEFAULT}.get(name, (name,)))
    unknown = sorted({name for name in included + excluded if name not in SUBSETS})
    if unknown:
        raise Invalid("gather_subset has no %s" % ", ".join(unknown), hint="It takes all, %s." % ", ".join(SUBSETS))
    return [name for name in SUBSETS if name in included and name not in excluded]


def search(expression: Optional[str]) -> Optional[Callable[[Any], Any]]:
    """A function that applies a JMESPath expression to complete facts; None without an expression.

    :raises Invalid: it is not a JMESPath expression.
    :raises MissingLibrary: jmespath is not installed.
    """
    if not expression:
        return None
    try:
        import jmespath
    except ImportError as error:
        raise MissingLibrary("jmespath", "for the option query", str(error)) from error
    try:
        compiled = jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        raise Invalid("the option query is not a JMESPath expression: %s" % " ".join(str(error).split())) from error

    def apply(facts: Dict[str, Any]) -> Any:
        try:
            return compiled.search(_complete(facts))
        except jmespath.exceptions.JMESPathError as error:
            raise Invalid("the option query cannot be applied: %s" % " ".join(str(error).split())) from error

    return apply


def _complete(found: Dict[str, Any]) -> Dict[str, Any]:
    """The facts for a query, in which a subset that is left out would look like an empty one.

    :raises BadReply: one is left out.
    """
    reasons = missing(found)
    if reasons:
        raise BadReply(
            "a subset of the facts cannot be read, so the result could be wrong",
            doing="apply query",
            said=" ".join(reasons),
            hint="Leave that subset out of gather_subset.",
        )
    return found
