# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of volumes, on arrays that have them and on those that have none."""

from __future__ import annotations

import lib  # first: it makes the process green

from functools import partial  # isort: skip

from scenario import FAILS, GIB, Scenario  # isort: skip


class Grouping(Scenario):
    """Group snapshots are of one instant, or refused."""

    def no_groups(self) -> None:
        """A type that demands snapshots of one instant is refused. Any other group Cinder keeps itself."""
        run, driver = self.run, self.driver
        consistent, generic = lib.group(), lib.group("generic")
        members = [self.volume(1)]
        for group, refused in ((consistent, FAILS), (generic, NotImplementedError)):
            taken, snapshots = lib.group_snapshot(group, members)
            for title, action in {
                "create": partial(driver.create_group, lib.CONTEXT, group),
                "change": partial(driver.update_group, lib.CONTEXT, group, members, []),
                "snapshot": partial(driver.create_group_snapshot, lib.CONTEXT, taken, snapshots),
                "copy": partial(driver.create_group_from_src, lib.CONTEXT, group, members, taken, snapshots),
            }.items():
                mark = self.array.mark()
                run.step(f"{title} a {group['group_type_id']} group", action, refused=refused)
                run.expect("and the array is not asked", len(self.array.requests(mark)), 0)
            run.step(
                f"delete a {group['group_type_id']} group",
                partial(driver.delete_group, lib.CONTEXT, group, []),
                refused=NotImplementedError,
            )

    def groups(self) -> None:
        run, driver = self.run, self.driver
        group, generic = lib.group(), lib.group("generic")
        run.step(
            "a group of another kind", lambda: driver.create_group(lib.CONTEXT, generic), refused=NotImplementedError
        )
        run.step("create a group", lambda: driver.create_group(lib.CONTEXT, group))
        members = [self.volume(1), self.volume(2)]
        for member in members:
            run.step("create a member", partial(driver.create_volume, member))
        run.step("add them", lambda: driver.update_group(lib.CONTEXT, group, members, []))
        members_of_group = [row["members"] for row in self.array.state()["groups"] if row["name"] == group["id"]]
        run.expect("both are in it", members_of_group, [[member.id for member in members]])
        taken, snapshots = lib.group_snapshot(group, members)
        run.step("snapshot it", lambda: driver.create_group_snapshot(lib.CONTEXT, taken, snapshots))
        parents = [row["parent"] for row in self.array.volumes().values() if row["parent"]]
        run.expect("one of each", sorted(parents), sorted(member.id for member in members))
        for title, source in (
            ("snapshot", {"group_snapshot": taken, "snapshots": snapshots}),
            ("group", {"source_group": group, "source_vols": members}),
        ):
            copy_of_group = lib.group()
            copies = [self.volume(1), self.volume(3)]
            run.step(
                f"group from a {title}",
                partial(driver.create_group_from_src, lib.CONTEXT, copy_of_group, copies, **source),
            )
            sizes = [self.there(member).get("size") for member in copies]
            run.expect("its volumes", sizes, [GIB, 3 * GIB])
            members_of_group = [
                row["members"] for row in self.array.state()["groups"] if row["name"] == copy_of_group["id"]
            ]
            run.expect("are in it", members_of_group, [[member.id for member in copies]])
            run.step("delete it", partial(driver.delete_group, lib.CONTEXT, copy_of_group, copies))
            run.expect("with its volumes", [self.there(member) for member in copies], [{}, {}])
        run.step("take one out", lambda: driver.update_group(lib.CONTEXT, group, [], members[1:]))
        run.step("delete the group's snapshot", lambda: driver.delete_group_snapshot(lib.CONTEXT, taken, snapshots))
        run.step("delete the group", lambda: driver.delete_group(lib.CONTEXT, group, members[:1]))
        run.step("delete the other", lambda: driver.delete_volume(members[1]))
        run.expect("nothing is left", self.array.volumes(), {})
