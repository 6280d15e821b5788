# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of all types of object: addressing, listing, filters and refusals (section 2 of the sheet)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import ledger
from .call import Call, rows_that_hold
from .refusals import XmsError, not_found
from .state import Cluster, XmsState, oid

SELECTORS = frozenset({"cluster-id"})


@dataclass(frozen=True)
class Scope:
    """What a call is about: the XMS, and the selected cluster."""

    xms: XmsState
    chosen: Cluster | None

    @property
    def cluster(self) -> Cluster:
        assert self.chosen is not None
        return self.chosen


# Reads one property of one object. With a table of these for each type a listing computes only the requested
# properties: 10 ms instead of a second on ten thousand volumes.
Field = Callable[[Scope, Any], Any]
Links = list[tuple[str, int]]


class Resource(ABC):
    """One type of object. Its attributes describe the type, its methods are the verbs."""

    type: str
    # The key of a listing, where it is not the type.
    list_key: str = ""
    apis: tuple[int, ...] = (1, 2)
    # The first XMS version that has the type.
    since: tuple[int, ...] = (3,)
    in_cluster = True
    fields: Mapping[str, Field] = {}
    # Fields that only v2 has.
    fields_v2: Mapping[str, Field] = {}
    # Body properties that each verb accepts on v2, besides the cluster selector. v1 accepts any.
    creates: frozenset[str] | None = None
    updates: frozenset[str] | None = None
    deletes: frozenset[str] | None = None

    @abstractmethod
    def rows(self, scope: Scope) -> Iterable[Any]:
        """Every object of the type, in the order of their indexes."""

    def by_index(self, scope: Scope, index: int) -> Any:
        """The object or None."""
        return next((row for row in self.rows(scope) if row.id == index), None)

    def by_name(self, scope: Scope, name: str) -> Any:
        """The object or None."""
        return next((row for row in self.rows(scope) if row.name == name), None)

    def create(self, scope: Scope, call: Call) -> Links:
        """Create one object or more. Returns the type and index of each."""
        raise self._no_such_verb(call)

    def update(self, scope: Scope, call: Call, row: Any) -> None:
        raise self._no_such_verb(call)

    def delete(self, scope: Scope, call: Call, row: Any) -> None:
        raise self._no_such_verb(call)

    # ---- addressing ------------------------------------------------------------------------------------------------

    def address(self, scope: Scope, call: Call) -> Any:
        """The object that the path or ``?name=`` addresses. An XMS answers 400, not 404, when there is none."""
        if call.index is not None:
            row = self.by_index(scope, call.index)
        else:
            row = self.by_name(scope, call.name or "")
        if row is None:
            raise not_found()
        return row

    def refer(self, scope: Scope, reference: Any, what: str) -> Any:
        """The object that a body names by name, index or OID.

        :param what: the kind of object, for the refusal when there is none.
        """
        row = None
        if isinstance(reference, str):
            row = self.by_name(scope, reference)
        elif isinstance(reference, int) and not isinstance(reference, bool):
            row = self.by_index(scope, reference)
        elif isinstance(reference, list) and len(reference) == 3 and isinstance(reference[2], int):
            row = self.by_index(scope, reference[2])
            if row is not None and oid(row)[0] != reference[0]:
                row = None
        if row is None:
            raise not_found(what)
        return row

    # ---- answers ---------------------------------------------------------------------------------------------------

    def table(self, call: Call) -> Mapping[str, Field]:
        return self.fields if call.api == 1 else {**self.fields, **self.fields_v2}

    def show(self, scope: Scope, call: Call, row: Any, *, listed: bool) -> dict[str, Any]:
        """The object, or its requested properties. ``index`` and ``name`` are always there."""
        table = self.table(call)
        props = call.props
        requested = table if props is None else dict.fromkeys(["name", "index", *props])
        shown = {name: table[name](scope, row) for name in requested if name in table}
        if listed:
            shown["href"] = call.href(self.type, row.id)
        return shown

    def listing(self, scope: Scope, call: Call) -> dict[str, Any]:
        """All objects that pass the filters: links, or with ``full`` the objects themselves."""
        table = self.table(call)

        def read(row: Any, name: str) -> Any:
            if name not in table:
                raise XmsError(ledger.INVALID_PROPERTY.format(name))
            return table[name](scope, row)

        filters = call.filters(scope.xms.alternatives, scope.xms.limits["filter_terms"])
        rows = list(self.rows(scope))
        if filters:
            rows = rows_that_hold(rows, filters, read, loose_integers=scope.xms.loose_integers)
        shown = [
            self.show(scope, call, row, listed=True) if call.full else self._link(scope, call, row) for row in rows
        ]
        return {self.list_key or self.type: shown, "links": [{"href": f"{call.root}/{self.type}", "rel": "self"}]}

    def _link(self, scope: Scope, call: Call, row: Any) -> dict[str, Any]:
        link = {"href": call.href(self.type, row.id), "name": row.name}
        if call.api > 1 and self.in_cluster:
            link["sys-name"] = scope.cluster.name
        return link

    # ---- refusals --------------------------------------------------------------------------------------------------

    def check_body(self, scope: Scope, call: Call) -> None:
        """Refuse a verb that the type does not have, and on API 2.1 a property that the verb does not accept."""
        known = {"POST": self.creates, "PUT": self.updates, "DELETE": self.deletes}.get(call.method)
        if known is None:
            raise self._no_such_verb(call)
        if call.api == 1 or not scope.xms.strict:
            return
        for key in call.body:
            if key not in known and not (self.in_cluster and key in SELECTORS):
                raise XmsError(ledger.INVALID_PROPERTY.format(key))

    def _no_such_verb(self, call: Call) -> XmsError:
        verb = {"POST": "add", "PUT": "modify", "DELETE": "remove"}.get(call.method, call.method.lower())
        return XmsError(ledger.INVALID_COMMAND.format(verb, self.type))


def required(call: Call, key: str) -> Any:
    """A body property that must not be missing or empty."""
    value = call.body.get(key)
    if value is None or value == "":
        raise XmsError(ledger.MISSING_PROPERTY.format(key))
    return value


def text(call: Call, key: str) -> str:
    """A body property that must be a string, not missing and not empty."""
    value = required(call, key)
    if not isinstance(value, str):
        raise XmsError(ledger.INVALID_VALUE.format(key))
    return value


def choice(call: Call, key: str, values: tuple[str, ...], default: str) -> str:
    value = call.body.get(key, default)
    if value not in values:
        raise XmsError(ledger.INVALID_VALUE.format(key))
    return str(value)


def listed(call: Call, key: str) -> list[Any]:
    """A list property. A single reference counts as a list of one."""
    value = required(call, key)
    if isinstance(value, (str, int)) or (isinstance(value, list) and is_oid(value)):
        return [value]
    if not isinstance(value, list):
        raise XmsError(ledger.INVALID_VALUE.format(key))
    return value


def is_oid(value: list[Any]) -> bool:
    """Whether a list is one reference, and not a list of references."""
    return len(value) == 3 and isinstance(value[0], str) and len(value[0]) == 32 and isinstance(value[2], int)


def common(type_key: str) -> dict[str, Field]:
    """The properties that every object of a cluster has; ``type_key`` is the name of its own OID."""
    return {
        "name": lambda scope, row: row.name,
        "index": lambda scope, row: row.id,
        "guid": lambda scope, row: row.uuid,
        type_key: lambda scope, row: oid(row),
        "sys-id": lambda scope, row: scope.cluster.oid,
        "certainty": lambda scope, row: "ok",
        "obj-severity": lambda scope, row: "major" if _has_counters(scope) else "information",
    }


def _has_counters(scope: Scope) -> bool:
    return bool(scope.xms.assumed("objects.alerts_and_counters") == "present")


# The measurements of an idle array. Bandwidth is in KB/s, latency in microseconds, all as strings (section 2).
IDLE: dict[str, Field] = {
    name: lambda scope, row: "17" if _has_counters(scope) else "0"
    for name in ("iops", "rd-iops", "wr-iops", "bw", "rd-bw", "wr-bw", "avg-latency", "rd-latency", "wr-latency")
}


def value_of(name: str) -> Field:
    """The field of a built-in object that returns one of its ``values``."""
    return lambda scope, row: row.values.get(name)
