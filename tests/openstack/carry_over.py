# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes change hands: made by the driver that Cinder ships, continued by ours, and back; with requests counted.

    carry_over.py ENDPOINTS NAME KIND

Both drivers get the same section and the same objects of Cinder. Both do the same operations, each on volumes that the
other made. Prints one JSON object per step, then the counts by operation and driver.
"""

from __future__ import annotations

import lib  # first: it makes the process green

import sys  # isort: skip
from typing import Any  # isort: skip

GIB = lib.GIB


class Handover:
    """One array and two drivers."""

    def __init__(self, kind: str, array: lib.SimulatedArray, run: lib.Steps) -> None:
        self.kind, self.vendor, self.array, self.run = kind, kind.split("-")[0], array, run
        self.pool = array.entry["pools"][0]["name"] if self.vendor in ("dsware", "violin") else kind
        self.copied: list[Any] = []
        # The other driver for Violin copies thick volumes only.
        more = {"san_thin_provision": False} if self.vendor == "violin" else {}
        self.theirs = lib.upstream(kind, array.entry, **more)
        self.ours = lib.make(lib.OURS[kind], kind, array.entry, "ours", **more)
        for driver in (self.theirs, self.ours):
            lib.no_fabric(driver, self.copied)
        self.names = {id(self.theirs): "theirs", id(self.ours): "ours"}

    def volume(self, size: int) -> Any:
        return lib.volume(size, self.pool)

    def size(self, volume: Any) -> int:
        """GiB on the array; 0 when it is not there."""
        name = self.ours._volume_name(volume)
        return int(self.array.volumes().get(name, {}).get("size", 0)) // GIB

    def luns(self, volume: Any) -> list[Any]:
        return list(self.array.maps(self.ours._volume_name(volume)).values())

    def do(self, driver: Any, operation: str, action: Any) -> Any:
        who = self.names[id(driver)]
        return self.run.step(f"{operation} by {who}", action, as_=f"{operation}/{who}")

    def tell(self) -> None:
        theirs, ours = self.theirs, self.ours
        self.do(theirs, "set up", lambda: (theirs.do_setup(lib.CONTEXT), theirs.check_for_setup_error()))
        self.do(ours, "set up", lambda: (ours.do_setup(lib.CONTEXT), ours.check_for_setup_error()))
        for driver in (theirs, ours):
            self.do(driver, "statistics", lambda driver=driver: driver.get_volume_stats(True))
        if self.vendor == "violin":
            self.their_capacity()
        if self.vendor != "violin":  # the guide says how its volumes are told their pools
            self.same_place()
        self.warm_up()
        # What the first makes the second goes on with; and the other way round
        for maker, heir in ((theirs, ours), (ours, theirs)):
            self.pass_on(maker, heir)
            if self.vendor == "xtremio":
                self.pass_on_groups(maker, heir)
        if self.vendor == "datera":
            self.left_behind()
        self.run.expect("nothing left", sorted(self.array.volumes()), [])
        self.run.expect("nothing mapped", self.array.state()["mappings"], [])

    def same_place(self) -> None:
        """The scheduler finds volumes where it left them: in a pool of the same name."""
        pools = []
        for driver in (self.theirs, self.ours):
            stats = driver.get_volume_stats()
            pools.append([one["pool_name"] for one in stats.get("pools") or ()] or [stats["volume_backend_name"]])
        self.run.expect("the same pools", pools[1], pools[0])

    def their_capacity(self) -> None:
        """Theirs counts the disks of the gateway that it is connected to, those of the configuration included.

        That is half of each pool.
        """
        pools = {one["name"]: one["size"] // 2 // GIB for one in self.array.state()["pools"]}
        found = self.theirs.common.vmem_mg.basic.get("/batch/physicalresource/physicaldevice")
        disks = found["data"]["physical_devices"]
        rest = [one["size_mb"] // 1024 for one in disks if one["pool"]["name"] not in pools]
        half = sum(pools.values()) + rest[0]
        self.run.expect("the capacity of one gateway", self.theirs.get_volume_stats()["total_capacity_gb"], half)
        self.run.expect("there is some", half > 0, True)

    def warm_up(self) -> None:
        """Both learn what they keep for as long as they run: pools, ports."""
        one, where = self.volume(1), self.here(2)
        self.theirs.create_volume(one)
        for driver in (self.theirs, self.ours):
            self.attach(driver, one, where)
            self.detach(driver, one, where)
        self.ours.delete_volume(one)

    def here(self, number: int) -> dict[str, Any]:
        """The upstream Datera driver notes the whole connector on the array, which takes no lists."""
        found = lib.host(number)
        if self.kind.endswith("fc"):
            return found
        return {key: value for key, value in found.items() if key not in ("wwpns", "wwnns")}

    def pass_on(self, maker: Any, heir: Any) -> None:
        run, here = self.run, self.here(1)
        one, two = self.volume(1), self.volume(1)
        self.do(maker, "create", lambda: maker.create_volume(one))
        maker.create_volume(two)
        snap = lib.snapshot(one)
        self.do(maker, "snapshot", lambda: maker.create_snapshot(snap))
        self.do(heir, "extend", lambda: heir.extend_volume(one, 2))
        run.expect("extended", self.size(one), 2)
        one.size = 2
        # an attachment by one, used and ended by the other
        attached = self.do(maker, "attach, new host", lambda: self.attach(maker, one, here))
        run.expect("mapped", len(self.luns(one)), 1)
        again = None
        if self.vendor != "dsware" or heir is self.ours:  # the upstream Dsware driver refuses to attach twice
            again = self.do(heir, "attach, there already", lambda: self.attach(heir, one, here))
        if attached and again:
            for key in ("target_lun", "target_iqn", "device_path"):
                found, wanted = again["data"].get(key), attached["data"].get(key)
                if key != "target_iqn" or self.vendor != "xtremio":  # one portal at random there
                    run.expect(f"same {key}", found, wanted)
        self.do(maker, "attach, known host", lambda: self.attach(maker, two, here))
        self.do(heir, "detach, another stays", lambda: self.detach(heir, one, here))
        run.expect("detached", (self.luns(one), len(self.luns(two))), ([], 1))
        self.do(heir, "detach, the last", lambda: self.detach(heir, two, here))
        run.expect("detached too", self.luns(two), [])
        if self.vendor == "flashsystem":
            run.expect("the host is gone", self.array.state()["hosts"], [])
        # copies by one of what the other has
        copy, clone = self.volume(1), self.volume(2)
        self.do(heir, "volume from snapshot", lambda: heir.create_volume_from_snapshot(copy, snap))
        self.do(heir, "clone", lambda: heir.create_cloned_volume(clone, one))
        run.expect("copies", (self.size(copy), self.size(clone)), (1, 2))
        self.do(heir, "delete snapshot", lambda: heir.delete_snapshot(snap))
        for each in (one, two):
            self.do(heir, "delete", lambda each=each: heir.delete_volume(each))
        for each in (copy, clone):
            self.do(maker, "delete", lambda each=each: maker.delete_volume(each))
        run.expect("all gone", sorted(self.array.volumes()), [])

    def left_behind(self) -> None:
        """Cinder calls only terminate_connection when an attachment of today's API ends; the other driver has none."""
        run, theirs, ours, here = self.run, self.theirs, self.ours, self.here(1)
        one = self.volume(1)
        theirs.create_volume(one)
        self.attach(theirs, one, here)
        theirs.terminate_connection(one, here)
        run.expect("the host keeps its access", len(self.luns(one)), 1)
        run.step("so it is not deleted", lambda: ours.delete_volume(one), refused=lib.exception.VolumeIsBusy)
        run.expect("and is there", (self.size(one), len(self.luns(one))), (1, 1))
        ours.terminate_connection(one, None)
        run.step("without it, it is", lambda: ours.delete_volume(one))
        run.expect("and is gone", self.size(one), 0)

    def pass_on_groups(self, maker: Any, heir: Any) -> None:
        """A consistency group and its snapshot of one instant: made by one, used and removed by the other."""
        run, ctxt = self.run, lib.CONTEXT
        group, members = lib.group(), [self.volume(1), self.volume(2)]
        self.do(maker, "create a group", lambda: maker.create_group(ctxt, group))
        for one in members:
            maker.create_volume(one)
        self.do(maker, "add two to a group", lambda: maker.update_group(ctxt, group, members, []))
        run.expect("both are in it", self.members(group), [one.id for one in members])
        taken, snapshots = lib.group_snapshot(group, members)
        self.do(maker, "snapshot of a group", lambda: maker.create_group_snapshot(ctxt, taken, snapshots))
        other, made = lib.group(), [self.volume(1), self.volume(2)]
        self.do(
            heir,
            "group from a snapshot",
            lambda: heir.create_group_from_src(ctxt, other, made, taken, snapshots, None, None),
        )
        run.expect("a volume of each", [self.size(one) for one in made], [1, 2])
        run.expect("in a group", self.members(other), [one.id for one in made])
        if heir is self.ours:  # the other driver does not find it by the name that the array gave it
            alone = self.volume(1)
            run.step("a volume of one member", lambda: heir.create_volume_from_snapshot(alone, snapshots[0]))
            heir.delete_volume(alone)
        self.do(heir, "delete snapshot of group", lambda: heir.delete_group_snapshot(ctxt, taken, snapshots))
        everything = sorted(one.id for one in (*members, *made))
        run.expect("its members are gone", sorted(self.array.volumes()), everything)
        third, copies = lib.group(), [self.volume(1), self.volume(2)]
        self.do(
            heir,
            "group from a group",
            lambda: heir.create_group_from_src(ctxt, third, copies, None, None, group, members),
        )
        run.expect("in a third", self.members(third), [one.id for one in copies])
        self.do(heir, "take one out", lambda: heir.update_group(ctxt, group, [], members[1:]))
        run.expect("one is left", self.members(group), [members[0].id])
        heir.delete_volume(members[1])
        for whose, which in ((group, members[:1]), (other, made), (third, copies)):
            self.do(heir, "delete a group", lambda g=whose, v=which: heir.delete_group(ctxt, g, v))
        run.expect("no volume", sorted(self.array.volumes()), [])
        run.expect("no group", self.array.state()["groups"], [])

    def members(self, group: Any) -> list[str]:
        groups = [one for one in self.array.state()["groups"] if one["kind"] == "consistency-group"]
        return [name for one in groups if one["name"] == group["id"] for name in one["members"]]

    def attach(self, driver: Any, volume: Any, where: dict[str, Any]) -> Any:
        """As the manager does: export, then connect."""
        driver.create_export(lib.CONTEXT, volume, where)
        return driver.initialize_connection(volume, where)

    def detach(self, driver: Any, volume: Any, where: dict[str, Any]) -> None:
        """As the manager does. The upstream Datera driver ends an attachment in detach_volume only."""
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
    Handover(kind, array, run).tell()
    return run.finish()


if __name__ == "__main__":
    sys.exit(main())
