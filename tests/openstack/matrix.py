# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that every driver supports on every kind of array, by the drivers' and the arrays' capabilities.

    matrix.py ENDPOINTS

Prints the tables of the guide as JSON, ``{"step": "tables", "ok": true, "detail": {array: [[cell, ...], ...]}}``.
"""

from __future__ import annotations

import lib  # first: it makes the process green

import sys  # isort: skip
from typing import Any  # isort: skip

from steps import Steps  # isort: skip


# By array: column, simulated array, kind of driver, kind of volume
TABLES = {
    "xtremio": [
        ("XIOS 4.0 and later", "xtremio", "xtremio-iscsi", "thin"),
        ("XIOS 3.x", "xtremio3", "xtremio-iscsi", "thin"),
    ],
    "flashsystem": [("840 and 900", "flashsystem", "flashsystem-fc", "thick")],
    "violin": [
        ("7.5.3, thick", "violin-old", "violin-fc", "thick"),
        ("thick", "violin", "violin-fc", "thick"),
        ("thin", "violin", "violin-fc", "thin"),
        ("dedup, 7300", "violin", "violin-fc", "dedup"),
        ("dedup, 7700", "violin-7700", "violin-fc", "dedup"),
    ],
    "dsware": [("REST", "dsware", "dsware", "thin"), ("text socket", "dsware", "dsware-socket", "thin")],
    "datera": [
        ("3.3 and later", "datera", "datera", "thin"),
        ("before 3.3", "datera-old", "datera", "thin"),
    ],
}
COPY_METHODS = {"instant": "array, at once", "array_copy": "array copies"}
YES = {True: "yes", False: "no"}


class Column:
    """One driver on one array, for one kind of volume."""

    def __init__(self, driver: Any, array: Any, kind: str) -> None:
        self.driver, self.array, self.known, self.kind = driver, array, array.capabilities, kind

    def can(self, *operations: str) -> bool:
        return all(self.known.refusal(operation, self.volume()) is None for operation in operations)

    def volume(self) -> Any:
        from openflash import model

        return model.Volume("x", 10 * lib.GIB, provisioning=self.kind)

    def protocols(self) -> str:
        if self.driver.PROTOCOL == "SCSI":
            return "the array's own"
        return ", ".join({"fc": "FC", "iscsi": "iSCSI"}[protocol] for protocol in self.known.protocols)

    def create(self) -> str:
        return YES[self.can("create_volume", "delete_volume")]

    def attach(self) -> str:
        if self.driver.PROTOCOL == "SCSI":
            return "by the host's agent" if self.driver._agents else "by the host's tool"
        return YES[self.can("map_volume", "unmap_volume")]

    def extend(self) -> str:
        return YES[self.can("extend_volume")]

    def snapshots(self) -> str:
        return "array, at once" if self.known.refusal("create_snapshots") is None else "service's host copies"

    def copies(self, operation: str) -> str:
        """How an independent copy of the same size is made of a volume of this kind."""
        from openflash import model
        from openflash.vendors.violin.objects import TimeMark

        volume = self.volume()
        source: Any = volume if operation == "clone_volume" else model.Snapshot("s", "x", volume.size)
        if self.known.vendor == "violin" and operation != "clone_volume":
            source = TimeMark("s", "x", volume.size, provisioning=self.kind)
        spec = model.VolumeSpec("y", volume.size, provisioning=self.kind if self.known.vendor == "violin" else None)
        if self.driver._needs_host(operation, self.array, source, spec, lib.volume(10)):
            return "service's host copies"
        return COPY_METHODS[self.known.method(operation, source).kind]

    def revert(self) -> str:
        return "in place" if self.can("restore_snapshot") else "Cinder copies"

    def groups(self) -> str:
        return "yes, consistent" if self.known.refusal("groups") is None else "Cinder's own, one by one"

    def manage(self) -> str:
        return "yes" if self.can("rename_volume") else "yes, it keeps its name"

    def snapshots_managed(self) -> str:
        from openflash_openstack.cinder.management import SnapshotManagement

        return YES[isinstance(self.driver, SnapshotManagement)]

    def several_hosts(self) -> str:
        return YES[self.driver._multiattach()]

    def chap(self) -> str:
        if self.driver.PROTOCOL == "SCSI" or "iscsi" not in self.known.protocols:
            return "no"
        return YES[self.known.chap == "of_volume" or self.known.refusal("chap") is None]

    def retype(self) -> str:
        options = sorted(name for name, rule in self.known.volume_options.items() if not rule.create_only)
        if self.known.refusal("set_volume") is not None or not options:
            return "at once, or Cinder migrates" if self.retypes_at_once() else "Cinder migrates"
        changed = ["limits", *(["replicas", "placement"] if "replica_count" in options else [])]
        return f"{', '.join(changed)} in place"

    def retypes_at_once(self) -> bool:
        """Between types that differ in nothing that the array has; without a request to it, for there is no volume."""
        one, other = lib.volume(1), {"id": lib.type_with(note="another")}
        return self.driver.retype(lib.CONTEXT, one, other, {}, {"host": one.host}) is True


ROWS = {
    "Protocols": Column.protocols,
    "Create and delete": Column.create,
    "Attach and detach, by force too": Column.attach,
    "Extend, attached or not": Column.extend,
    "Snapshots": Column.snapshots,
    "Volume from a snapshot": lambda table_column: table_column.copies("volume_from_snapshot"),
    "Clone": lambda table_column: table_column.copies("clone_volume"),
    "Revert to a snapshot": Column.revert,
    "Groups and group snapshots": Column.groups,
    "Manage, unmanage, list": Column.manage,
    "The same for snapshots": Column.snapshots_managed,
    "Several hosts at once": Column.several_hosts,
    "CHAP": Column.chap,
    "Retype": Column.retype,
}


def column(number: int, title: str, name: str, kind: str, provisioning: str) -> list[str]:
    entry = lib.SimulatedArray(sys.argv[1], name).entry
    more: dict[str, Any] = {}
    if kind == "dsware-socket":
        kind, pools = "dsware", [str(pool["id"]) for pool in entry["pools"]]
        agents = f"{entry['address']}:{entry['socket_port']}"
        more = {"dsware_rest_url": "", "fusionstorageagent": agents, "pool_id_filter": pools}
    if name == "violin-7700":
        more = {"violin_dedup_capable_pools": [entry["pools"][0]["name"]]}
    driver = lib.make(lib.OURS[kind], kind, entry, f"column{number}-{name}", **more)
    driver.do_setup(lib.CONTEXT)
    with driver._session() as array:
        cells = Column(driver, array, provisioning)
        return [title, *(row(cells) for row in ROWS.values())]


def main() -> int:
    lib.prepare()
    tables = {}
    for vendor, columns in TABLES.items():
        columns_of_vendor = [column(number, *description) for number, description in enumerate(columns)]
        tables[vendor] = [list(row) for row in zip(["", *ROWS], *columns_of_vendor, strict=True)]
    run = Steps()
    run.report("tables", True, tables)
    return run.status()


if __name__ == "__main__":
    sys.exit(main())
