# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes that the upstream driver created are used by ours, and the reverse; the array counts the requests.

    carry_over.py ENDPOINTS NAME KIND

Both drivers get the same section and the same objects of Cinder. Both carry out the same operations, each on volumes
that the other created. Prints one JSON object per step, then the counts by operation and driver.
"""

from __future__ import annotations

import lib  # first: it makes the process green

import json  # isort: skip
import sys  # isort: skip
from typing import Any  # isort: skip

GIB = lib.GIB


class Handover:
    """The upstream driver and ours on one array."""

    def __init__(self, kind: str, array: lib.SimulatedArray, run: lib.Steps) -> None:
        self.kind, self.vendor, self.array, self.run = kind, kind.split("-")[0], array, run
        self.pool = array.entry["pools"][0]["name"] if self.vendor in ("dsware", "violin") else kind
        self.copied: list[Any] = []
        # The upstream driver for Violin copies thick volumes only.
        more = {"san_thin_provision": False} if self.vendor == "violin" else {}
        self.theirs = lib.upstream(kind, array.entry, **more)
        self.ours = lib.make(lib.OURS[kind], kind, array.entry, "ours", **more)
        for driver in (self.theirs, self.ours):
            lib.no_fabric(driver, self.copied)
        self.names = {id(self.theirs): "theirs", id(self.ours): "ours"}
        # What each driver calls what it makes, with ID for the id that Cinder gave it
        self.called: dict[str, dict[str, str]] = {"theirs": {}, "ours": {}}

    def volume(self, size: int) -> Any:
        return lib.volume(size, self.pool)

    def size(self, volume: Any) -> int:
        """The size of the volume on the array in GiB; 0 when there is none."""
        name = self.ours._volume_name(volume)
        return int(self.array.volumes().get(name, {}).get("size", 0)) // GIB

    def luns(self, volume: Any) -> list[Any]:
        return list(self.array.maps(self.ours._volume_name(volume)).values())

    def do(self, driver: Any, operation: str, action: Any) -> Any:
        who = self.names[id(driver)]
        return self.run.step(f"{operation} by {who}", action, as_=f"{operation}/{who}")

    def carry_out(self) -> None:
        theirs, ours = self.theirs, self.ours
        self.do(theirs, "set up", lambda: (theirs.do_setup(lib.CONTEXT), theirs.check_for_setup_error()))
        self.do(ours, "set up", lambda: (ours.do_setup(lib.CONTEXT), ours.check_for_setup_error()))
        for driver in (theirs, ours):
            self.do(driver, "statistics", lambda driver=driver: driver.get_volume_stats(True))
        if self.vendor == "violin":
            self.their_capacity()
        if self.vendor != "violin":  # the guide says how existing volumes get their pool
            self.same_place()
        self.warm_up()
        # The second driver uses what the first created, and the reverse
        for maker, heir in ((theirs, ours), (ours, theirs)):
            self.pass_on(maker, heir)
            if self.vendor == "xtremio":
                self.pass_on_groups(maker, heir)
        if self.vendor == "datera":
            self.left_behind()
            self.pass_on_limits(theirs, ours)
            self.pass_on_limits(ours, theirs)
        self.run.expect("both name alike", self.called["ours"], self.called["theirs"])
        self.run.report("names", True, json.dumps(self.called["ours"]))
        self.run.expect("nothing left", sorted(self.array.volumes()), [])
        self.run.expect("nothing mapped", self.array.state()["mappings"], [])

    def remember(self, maker: Any, kind: str, number: str) -> None:
        """Note the name on the array of the object with this id in Cinder."""
        names = set()
        for row in self.array.state()["volumes"]:
            for text in (number, number.replace("-", "")):
                if text in row["name"]:
                    names.add(row["name"].replace(text, "ID" if text == number else "ID without hyphens"))
        self.called[self.names[id(maker)]][kind] = " ".join(sorted(names))

    def same_place(self) -> None:
        """Both drivers report pools of the same names, so the scheduler finds existing volumes."""
        pools = []
        for driver in (self.theirs, self.ours):
            stats = driver.get_volume_stats()
            pools.append([row["pool_name"] for row in stats.get("pools") or ()] or [stats["volume_backend_name"]])
        self.run.expect("the same pools", pools[1], pools[0])

    def their_capacity(self) -> None:
        """The upstream driver reports the disks of one gateway, those of the configuration included.

        That is half of each pool.
        """
        pools = {row["name"]: row["size"] // 2 // GIB for row in self.array.state()["pools"]}
        answer = self.theirs.common.vmem_mg.basic.get("/batch/physicalresource/physicaldevice")
        disks = answer["data"]["physical_devices"]
        configuration = [row["size_mb"] // 1024 for row in disks if row["pool"]["name"] not in pools]
        half = sum(pools.values()) + configuration[0]
        self.run.expect("the capacity of one gateway", self.theirs.get_volume_stats()["total_capacity_gb"], half)
        self.run.expect("there is some", half > 0, True)

    def warm_up(self) -> None:
        """Let both drivers read what they read only once: pools and ports."""
        volume, where = self.volume(1), self.here(2)
        self.theirs.create_volume(volume)
        for driver in (self.theirs, self.ours):
            self.attach(driver, volume, where)
            self.detach(driver, volume, where)
        self.ours.delete_volume(volume)

    def here(self, number: int) -> dict[str, Any]:
        """A connector. The upstream Datera driver stores it on the array, which accepts no lists."""
        host = lib.connector(number)
        if self.kind.endswith("fc"):
            return host
        return {key: value for key, value in host.items() if key not in ("wwpns", "wwnns")}

    def pass_on(self, maker: Any, heir: Any) -> None:
        run, host = self.run, self.here(1)
        first, second = self.volume(1), self.volume(1)
        self.do(maker, "create", lambda: maker.create_volume(first))
        maker.create_volume(second)
        snap = lib.snapshot(first)
        self.do(maker, "snapshot", lambda: maker.create_snapshot(snap))
        self.remember(maker, "volume", second.id)
        self.remember(maker, "snapshot", snap.id)
        self.do(heir, "extend", lambda: heir.extend_volume(first, 2))
        run.expect("extended", self.size(first), 2)
        first.size = 2
        # An attachment that one driver makes is used and ended by the other
        attached = self.do(maker, "attach, new host", lambda: self.attach(maker, first, host))
        run.expect("mapped", len(self.luns(first)), 1)
        again = None
        if self.vendor != "dsware" or heir is self.ours:  # the upstream Dsware driver refuses to attach twice
            again = self.do(heir, "attach, there already", lambda: self.attach(heir, first, host))
        if attached and again:
            for key in ("target_lun", "target_iqn", "device_path"):
                second_value, first_value = again["data"].get(key), attached["data"].get(key)
                if key != "target_iqn" or self.vendor != "xtremio":  # XtremIO's driver chooses a portal at random
                    run.expect(f"same {key}", second_value, first_value)
        self.do(maker, "attach, known host", lambda: self.attach(maker, second, host))
        self.do(heir, "detach, another stays", lambda: self.detach(heir, first, host))
        run.expect("detached", (self.luns(first), len(self.luns(second))), ([], 1))
        self.do(heir, "detach, the last", lambda: self.detach(heir, second, host))
        run.expect("detached too", self.luns(second), [])
        if self.vendor == "flashsystem":
            run.expect("the host is gone", self.array.state()["hosts"], [])
        # One driver copies the volumes of the other
        copy, clone = self.volume(1), self.volume(2)
        self.do(heir, "volume from snapshot", lambda: heir.create_volume_from_snapshot(copy, snap))
        self.do(heir, "clone", lambda: heir.create_cloned_volume(clone, first))
        run.expect("copies", (self.size(copy), self.size(clone)), (1, 2))
        self.do(heir, "delete snapshot", lambda: heir.delete_snapshot(snap))
        for each in (first, second):
            self.do(heir, "delete", lambda each=each: heir.delete_volume(each))
        for each in (copy, clone):
            self.do(maker, "delete", lambda each=each: maker.delete_volume(each))
        run.expect("all gone", sorted(self.array.volumes()), [])

    def left_behind(self) -> None:
        """Cinder ends an attachment of its current API by terminate_connection only, which does nothing upstream."""
        run, theirs, ours, host = self.run, self.theirs, self.ours, self.here(1)
        volume = self.volume(1)
        theirs.create_volume(volume)
        self.attach(theirs, volume, host)
        theirs.terminate_connection(volume, host)
        run.expect("the host keeps its access", len(self.luns(volume)), 1)
        run.step("so it is not deleted", lambda: ours.delete_volume(volume), refused=lib.exception.VolumeIsBusy)
        run.expect("and is there", (self.size(volume), len(self.luns(volume))), (1, 1))
        ours.terminate_connection(volume, None)
        run.step("without it, it is", lambda: ours.delete_volume(volume))
        run.expect("and is gone", self.size(volume), 0)

    def pass_on_limits(self, maker: Any, heir: Any) -> None:
        """The limits of the type, in extra specs: set by one, kept by the other."""
        run = self.run
        kind = lib.type_with(DF__total_iops_max="500", DF__read_bandwidth_max="4000")
        volume = lib.volume(1, self.pool, volume_type_id=kind)
        maker.create_volume(volume)
        run.expect("limited", self.limits(volume), {"total_iops_max": 500, "read_bandwidth_max": 4000})
        heir.extend_volume(volume, 2)
        volume.size = 2
        run.expect("limited as before", self.limits(volume), {"total_iops_max": 500, "read_bandwidth_max": 4000})
        heir.delete_volume(volume)

    def limits(self, volume: Any) -> dict[str, int]:
        with self.ours._session() as array:
            options = self.ours._find(array, volume).options
        return {name: value for name, value in options.items() if name.endswith("_max") and value}

    def pass_on_groups(self, maker: Any, heir: Any) -> None:
        """A consistency group and its snapshot of one instant: one driver creates them, the other uses them."""
        run, ctxt = self.run, lib.CONTEXT
        group, members = lib.group(), [self.volume(1), self.volume(2)]
        self.do(maker, "create a group", lambda: maker.create_group(ctxt, group))
        for member in members:
            maker.create_volume(member)
        self.do(maker, "add two to a group", lambda: maker.update_group(ctxt, group, members, []))
        run.expect("both are in it", self.members(group), [member.id for member in members])
        taken, snapshots = lib.group_snapshot(group, members)
        self.do(maker, "snapshot of a group", lambda: maker.create_group_snapshot(ctxt, taken, snapshots))
        second_group, created = lib.group(), [self.volume(1), self.volume(2)]
        self.do(
            heir,
            "group from a snapshot",
            lambda: heir.create_group_from_src(ctxt, second_group, created, taken, snapshots, None, None),
        )
        run.expect("a volume of each", [self.size(member) for member in created], [1, 2])
        run.expect("in a group", self.members(second_group), [member.id for member in created])
        if heir is self.ours:  # the other driver does not find it by the name that the array gave it
            alone = self.volume(1)
            run.step("a volume of one member", lambda: heir.create_volume_from_snapshot(alone, snapshots[0]))
            heir.delete_volume(alone)
        self.do(heir, "delete snapshot of group", lambda: heir.delete_group_snapshot(ctxt, taken, snapshots))
        everything = sorted(member.id for member in (*members, *created))
        run.expect("its members are gone", sorted(self.array.volumes()), everything)
        third_group, copies = lib.group(), [self.volume(1), self.volume(2)]
        self.do(
            heir,
            "group from a group",
            lambda: heir.create_group_from_src(ctxt, third_group, copies, None, None, group, members),
        )
        run.expect("in a third", self.members(third_group), [member.id for member in copies])
        self.do(heir, "take one out", lambda: heir.update_group(ctxt, group, [], members[1:]))
        run.expect("one is left", self.members(group), [members[0].id])
        heir.delete_volume(members[1])
        for whose, which in ((group, members[:1]), (second_group, created), (third_group, copies)):
            self.do(
                heir,
                "delete a group",
                lambda which_group=whose, which_volumes=which: heir.delete_group(ctxt, which_group, which_volumes),
            )
        run.expect("no volume", sorted(self.array.volumes()), [])
        run.expect("no group", self.array.state()["groups"], [])

    def members(self, group: Any) -> list[str]:
        groups = [row for row in self.array.state()["groups"] if row["kind"] == "consistency-group"]
        return [name for row in groups if row["name"] == group["id"] for name in row["members"]]

    def attach(self, driver: Any, volume: Any, where: dict[str, Any]) -> Any:
        """Attach as Cinder's manager does: export, then connect."""
        driver.create_export(lib.CONTEXT, volume, where)
        return driver.initialize_connection(volume, where)

    def detach(self, driver: Any, volume: Any, where: dict[str, Any]) -> None:
        """Detach as Cinder's manager does. The upstream Datera driver ends an attachment in detach_volume only."""
        driver.terminate_connection(volume, where)
        if driver is self.theirs and self.vendor == "datera":
            attachment = lib.attachment(volume, where)
            driver.detach_volume(lib.CONTEXT, volume, attachment)
            volume.volume_attachment.objects.clear()


def main() -> int:
    endpoints, name, kind = sys.argv[1:4]
    lib.prepare()
    array = lib.SimulatedArray(endpoints, name)
    run = lib.Steps(array)
    Handover(kind, array, run).carry_out()
    return run.finish()


if __name__ == "__main__":
    sys.exit(main())
