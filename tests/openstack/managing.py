# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the array already, and what Cinder may manage of it."""

from __future__ import annotations

import lib  # first: it makes the process green

import json  # isort: skip
import uuid  # isort: skip
from functools import partial  # isort: skip
from typing import Any  # isort: skip

from cinder import exception  # isort: skip
from scenario import GIB, Scenario  # isort: skip


class Managing(Scenario):
    """Volumes and snapshots."""

    def snapshots_of_others(self, source: Any) -> None:
        """Cinder manages a snapshot that exists on the array."""
        run, driver = self.run, self.driver
        unmanaged, managed = lib.snapshot(source), lib.snapshot(source)
        run.step("a snapshot of somebody", lambda: driver.create_snapshot(unmanaged))
        listed = run.step(
            "what snapshots can be managed",
            lambda: driver.get_manageable_snapshots([], None, 1000, 0, ["size"], ["asc"]),
        )
        references = [entry["reference"] for entry in listed or ()]
        name = self.there(source).get("name")
        sources = {entry["source_reference"]["source-name"] for entry in listed or () if entry["safe_to_manage"]}
        # 3.x cannot distinguish snapshots from clones, so none of them is safe to manage.
        run.expect("their volume", sources, set() if self.old else {name})
        reference = references[-1] if self.vendor == "datera" else {"source-name": unmanaged.id}
        run.expect("it is among them", reference in references, True)
        size = run.step("its size", lambda: driver.manage_existing_snapshot_get_size(managed, reference))
        run.expect("in GiB", size, source.size)
        update = run.step("manage the snapshot", lambda: driver.manage_existing_snapshot(managed, reference))
        if update:
            managed.provider_location = update["provider_location"]
        other_snapshot = lib.snapshot(self.volume(1))
        run.step(
            "as one of another volume",
            lambda: driver.manage_existing_snapshot(other_snapshot, reference),
            refused=exception.ManageExistingInvalidReference,
        )
        copy = self.volume(source.size)
        run.step("a volume of it", lambda: driver.create_volume_from_snapshot(copy, managed))
        run.step("unmanage the snapshot", lambda: driver.unmanage_snapshot(managed))
        unmanaged_reference = {"source-name": f"{managed.id}-unmanaged"} if self.vendor == "xtremio" else reference
        taken = lib.snapshot(source)
        update = run.step("and manage it again", lambda: driver.manage_existing_snapshot(taken, unmanaged_reference))
        if update:
            taken.provider_location = update["provider_location"]
        run.step("delete the managed one", lambda: driver.delete_snapshot(taken))
        run.step("and the copy", lambda: driver.delete_volume(copy))

    def management(self, managed: Any) -> None:
        run, driver = self.run, self.driver
        name = driver._volume_name(managed)
        reference = {"source-name": name}
        size = run.step("size of a volume to manage", lambda: driver.manage_existing_get_size(managed, reference))
        run.expect("size in GiB", size, managed.size)
        listed = run.step(
            "what can be managed", lambda: driver.get_manageable_volumes([], None, 1000, 0, ["size"], ["asc"])
        )
        run.expect("it is among it", reference in [row["reference"] for row in listed or ()], True)
        managed.id = str(uuid.uuid4())
        update = run.step("manage", lambda: driver.manage_existing(managed, reference))
        if update:
            managed.update(update)
        run.expect("it is found", self.there(managed).get("size"), managed.size * GIB)
        nothing = {"source-name": "there-is-none"}
        run.step(
            "manage what is not there",
            lambda: driver.manage_existing(self.volume(1), nothing),
            refused=exception.ManageExistingInvalidReference,
        )
        self.not_twice(managed)
        run.step("unmanage", lambda: driver.unmanage(managed))
        remaining = [row for row in self.array.volumes().values() if row["size"] == managed.size * GIB]
        run.expect("it stays", len(remaining), 1)
        reference = {"source-name": remaining[0]["name"]}
        update = run.step("manage it again", lambda: driver.manage_existing(managed, reference))
        if update:
            managed.update(update)
        moved, final = self.volume(2), self.volume(2)
        run.step("create for a migration", lambda: driver.create_volume(moved))
        update = run.step("migrate", lambda: driver.update_migrated_volume(lib.CONTEXT, final, moved, "available")) or {
            "_name_id": None
        }
        final._name_id = update["_name_id"]
        run.expect("it is found then", self.there(final).get("size"), 2 * GIB)
        run.step("delete what was migrated", lambda: driver.delete_volume(final))
        run.expect("it is gone", self.there(final), {})

    def not_twice(self, managed: Any) -> None:
        """A volume that any backend of this Cinder has, by whatever name, cannot be managed."""
        run, driver, db = self.run, self.driver, self.driver.db
        now = str(self.there(managed)["name"])
        other = self.volume(1, host="control@another#pool")
        migrated = self.volume(1, id=str(uuid.uuid4()), _name_id=managed.id)
        located = self.volume(1, provider_location=json.dumps({"name": now}))
        cases = {"as its own": [managed], "of a migrated volume": [migrated], "by its location": [located]}
        if self.vendor == "dsware":  # it keeps its name, so nothing else connects the object with Cinder
            cases = {"by the location that was noted": [managed], "by its location": [located]}
        for title, rows in cases.items():
            db.volumes = rows
            run.step(
                f"manage what Cinder has {title}",
                partial(driver.manage_existing, other, {"source-name": now}),
                refused=exception.ManageExistingInvalidReference,
            )
            listed = driver.get_manageable_volumes([], None, 1000, 0, ["size"], ["asc"])
            found = [row for row in listed if row["reference"]["source-name"] == now]
            run.expect(f"{title}: listed", [(row["safe_to_manage"], row["cinder_id"]) for row in found],
                       [(False, rows[0].id)])  # fmt: skip
        db.volumes = []
        if self.vendor == "dsware":
            self.of_another_array(managed, now)
        if self.vendor == "flashsystem":
            self.copies_of_the_host()
        if self.vendor == "datera":
            self.by_tenant(managed, now)

    def of_another_array(self, managed: Any, name: str) -> None:
        """Two arrays can each have a volume of one name, with different serials. A volume keeps its pool."""
        run, driver = self.run, self.driver
        elsewhere = self.volume(1, provider_location=json.dumps({"name": name, "serial": "6" * 32}))
        driver.db.volumes = [elsewhere]
        run.step(
            "manage what another array has by that name",
            partial(driver.manage_existing, managed, {"source-name": name}),
        )
        driver.db.volumes = []
        astray = lib.volume(1, "another-pool")
        run.step(
            "manage in another pool",
            partial(driver.manage_existing, astray, {"source-name": name}),
            refused=exception.ManageExistingInvalidReference,
        )

    def copies_of_the_host(self) -> None:
        """A snapshot that the host copied is a volume of the array, and cannot be managed as a volume."""
        run, driver = self.run, self.driver
        from openflash.model import VolumeSpec

        name = f"snapshot-{uuid.uuid4()}"
        with driver._session() as array:
            volume = array.create_volume(VolumeSpec(name, GIB))
        run.step(
            "manage a snapshot as a volume",
            partial(driver.manage_existing, self.volume(1), {"source-name": name}),
            refused=exception.ManageExistingInvalidReference,
        )
        listed = driver.get_manageable_volumes([], None, 1000, 0, ["size"], ["asc"])
        safe = [row["safe_to_manage"] for row in listed if row["reference"]["source-name"] == name]
        run.expect("nor is it listed as safe", safe, [False])
        with driver._session() as array:
            array.delete_volume(volume)

    def by_tenant(self, managed: Any, name: str) -> None:
        run, driver = self.run, self.driver
        for reference in (f"root:{name}", f"/root:{name}:storage-1:volume-1", f"{name}:storage-1:volume-1"):
            size = run.step(
                f"find {reference.replace(name, 'it')}",
                partial(driver.manage_existing_get_size, managed, {"source-name": reference}),
            )
            run.expect("its size", size, managed.size)
        run.step(
            "find it in another tenant",
            partial(driver.manage_existing_get_size, managed, {"source-name": f"elsewhere:{name}"}),
            refused=exception.ManageExistingInvalidReference,
        )
