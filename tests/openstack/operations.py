# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation of one of our drivers against a simulated array, whose content is read after each.

    operations.py ENDPOINTS NAME KIND

Prints one JSON object per step, and exits with 0 when all are as expected.
"""

from __future__ import annotations

import lib  # first: it makes the process green

import sys  # isort: skip
from functools import partial  # isort: skip
from typing import Any  # isort: skip

from cinder import exception  # isort: skip
from grouping import Grouping  # isort: skip
from managing import Managing  # isort: skip
from openflash.version import __version__  # isort: skip
from scenario import FAILS, GIB  # isort: skip
from scheduling import QOS, Scheduling  # isort: skip

# Whether volumes can be thin and thick; and the values of dedup that a type can request
PROVISIONING = {
    "xtremio": (True, False),
    "flashsystem": (False, True),
    "violin": (True, True),
    "dsware": (True, False),
    "datera": (True, False),
}
DEDUP = {
    "xtremio": (True, False),
    "flashsystem": (False, True),
    "violin": (True, True),
    "dsware": (False, True),
    "datera": (False, True),
}


class Operations(Scheduling, Managing, Grouping):
    """All of them, one after the other."""

    def carry_out(self) -> None:
        run, driver = self.run, self.driver
        run.step("set up", lambda: driver.do_setup(lib.CONTEXT))
        run.step("check the setup", driver.check_for_setup_error)
        if run.failed:
            return
        self.statistics()
        source, snap = self.life()
        copies = self.copies(source, snap)
        self.attachments(source, copies[0])
        self.many_at_once()
        if self.kind == "xtremio-fc":
            self.scattered(source)
        if self.vendor in ("xtremio", "datera"):
            self.snapshots_of_others(source)
        self.management(copies[-1])
        self.removal(source, snap, copies)
        if self.vendor == "xtremio" and not self.old:
            self.groups()
        else:
            self.no_groups()

    def statistics(self) -> None:
        stats = self.run.step("statistics", lambda: self.driver.get_volume_stats(True)) or {"pools": [{}]}
        total = sum(row["size"] for row in self.array.state()["pools"]) / GIB
        reported = sum(row["total_capacity_gb"] for row in stats["pools"])
        if self.vendor != "violin":  # the pool of its configuration holds no volumes
            self.run.expect("capacity", reported, total)
        self.run.expect("the pool", self.pool in [row["pool_name"] for row in stats["pools"]], True)
        self.run.expect("state", stats["backend_state"], "up")
        self.run.expect("version of the distribution", stats["driver_version"], __version__)
        thin, thick = PROVISIONING[self.vendor]
        self.schedule(stats)
        for pool in stats["pools"]:
            supported = [pool[f"{kind}_provisioning_support"] for kind in ("thin", "thick")]
            self.run.expect("thin and thick", supported, [thin, thick])
            self.run.expect("types with thin", ("True" in pool["thin"], "False" in pool["thin"]), (thin, thick))
            self.run.expect("types with dedup", ("True" in pool["dedup"], "False" in pool["dedup"]), DEDUP[self.vendor])
            self.run.expect("quality of service", pool["QoS_support"], self.vendor in QOS)
            self.run.expect("attached to several", (pool["multiattach"], pool["online_extend_support"]), (True, True))
            self.run.expect("over-subscription", float(pool["max_over_subscription_ratio"]), 20.0)
            self.run.expect("what is promised", pool["provisioned_capacity_gb"], 0)
            self.run.expect("of one instant", pool["consistent_group_snapshot_enabled"], self.groups_there())

    def groups_there(self) -> bool:
        return self.vendor == "xtremio" and not self.old

    def life(self) -> tuple[Any, Any]:
        run, driver = self.run, self.driver
        first = self.volume(1)
        run.step("create", lambda: driver.create_volume(first))
        run.expect("created", self.there(first).get("size"), GIB)
        run.step("create again", lambda: driver.create_volume(first))
        same_id = self.volume(2, id=first.id)
        run.step("create again with another size", lambda: driver.create_volume(same_id), refused=FAILS)
        run.step("extend", lambda: driver.extend_volume(first, 3))
        run.expect("extended", self.there(first).get("size"), 3 * GIB)
        first.size = 3
        ghost = self.volume(1)
        run.step("extend what is not there", lambda: driver.extend_volume(ghost, 2), refused=FAILS)
        self.check_message("the message of that", partial(driver.extend_volume, ghost, 2), ghost)
        snap = lib.snapshot(first)
        run.step("snapshot", lambda: driver.create_snapshot(snap))
        lost = lib.snapshot(ghost)
        run.step("snapshot of what is not there", lambda: driver.create_snapshot(lost), refused=FAILS)
        return first, snap

    def check_message(self, name: str, action: Any, target: Any) -> None:
        """The error names the operation, the object, the array and the reason."""
        message = ""
        try:
            action()
        except FAILS as error:
            message = str(error)
        with self.driver._session() as array:
            label = array.label
        reason = "there is no such volume" if self.vendor == "dsware" else "not there"
        parts = ("Cannot ", target.id, f" on {label}: ", reason)
        self.run.report(name, all(part in message for part in parts), f"{message!r} should have {parts}")

    def copies(self, one: Any, snap: Any) -> list[Any]:
        run, driver = self.run, self.driver
        same, larger, clone, grown = self.volume(3), self.volume(5), self.volume(3), self.volume(6)
        run.step("volume from snapshot", lambda: driver.create_volume_from_snapshot(same, snap))
        run.step("larger from snapshot", lambda: driver.create_volume_from_snapshot(larger, snap))
        run.step("clone", lambda: driver.create_cloned_volume(clone, one))
        run.step("larger clone", lambda: driver.create_cloned_volume(grown, one))
        for copied in (same, larger, clone, grown):
            shown = self.there(copied)
            run.expect(f"copy of {copied.size} GiB", shown.get("size"), copied.size * GIB)
            if self.vendor != "flashsystem":
                run.expect("its content", shown.get("content"), self.there(one).get("content"))
        if self.vendor == "flashsystem":
            run.expect("copied by the host, MiB each", [size for _from, _to, size in self.copied], [3 * 1024] * 5)
            paths = [(source, target) for source, target, _size in self.copied]
            run.expect("from one disk to another", all(source != target for source, target in paths), True)
            run.expect("and nothing stays mapped", self.array.state()["mappings"], [])
        nothing = self.volume(3)
        run.step("clone of nothing", lambda: driver.create_cloned_volume(nothing, self.volume(3)), refused=FAILS)
        run.expect("nothing left of it", self.there(nothing), {})
        if self.vendor == "violin":
            self.thin(one)
        if self.vendor == "xtremio":
            self.limit_of_copies(one)
        if self.vendor == "flashsystem":
            self.host_without_ports(one)
        return [same, larger, clone, grown]

    def limit_of_copies(self, one: Any) -> None:
        """The array permits no more of them: Cinder has an error for that, by which it copies a cached image anew."""
        more = self.volume(3)
        refusal = {"method": "POST", "path": "snapshots"}
        self.array.fault(kind="refused_before", code="too_many_snapshots_per_vol", match=refusal, count=None)
        self.run.step(
            "one more clone",
            partial(self.driver.create_cloned_volume, more, one),
            refused=exception.SnapshotLimitReached,
        )
        self.array.clear()

    def host_without_ports(self, one: Any) -> None:
        """The host of cinder-volume has no adapter of this protocol: the error says what is missing."""
        before = lib.volume_utils.brick_get_connector_properties
        lib.volume_utils.brick_get_connector_properties = lambda *_, **__: {"host": "control", "ip": "127.0.0.1"}
        clone = self.volume(3)
        self.run.step(
            "clone by a host without ports",
            partial(self.driver.create_cloned_volume, clone, one),
            refused=exception.InvalidConnectorException,
        )
        lib.volume_utils.brick_get_connector_properties = before
        self.run.expect("nothing left of it", self.there(clone), {})

    def thin(self, thick: Any) -> None:
        """Thin volumes by default and by every form of a type, and copies of them."""
        run, driver = self.run, self.driver
        kinds = {
            "nothing": ({}, "thin"),
            "dedup True": ({"dedup": "True"}, "dedup"),
            "<is> True": ({"capabilities__dedup": "<is> True"}, "dedup"),
            "scoped true": ({"violin__dedup": "true"}, "dedup"),
            "thin": ({"thin": "True"}, "thin"),
            "thin scoped": ({"capabilities__thin": "<is> True"}, "thin"),
            "thin false": ({"thin": "<is> False"}, "thick"),
        }
        created = []
        for title, (extra, expected) in kinds.items():
            each = self.volume(10, volume_type_id=lib.type_with(**extra))
            run.step(f"create with {title}", partial(driver.create_volume, each))
            run.expect(f"{title} is {expected}", self.there(each).get("provisioning"), expected)
            created.append(each)
        source = created[0]
        before = len(self.copied)
        clone = self.volume(12, volume_type_id=None)
        run.step("clone of a thin volume", lambda: driver.create_cloned_volume(clone, source))
        run.expect("copied by the host", [size for *_paths, size in self.copied[before:]], [10 * 1024])
        run.expect("and larger", self.there(clone).get("size"), 12 * GIB)
        run.expect("no clone left behind", [name for name in self.array.volumes() if "source" in name], [])
        linked = self.volume(10, volume_type_id=lib.type_with(openflash__linked_clone="<is> True"))
        run.step("linked clone", lambda: driver.create_cloned_volume(linked, source))
        run.expect("by the array", len(self.copied), before + 1)
        run.step("delete its source", lambda: driver.delete_volume(source), refused=exception.VolumeIsBusy)
        for each in (linked, clone, *created):
            run.step("delete it", partial(driver.delete_volume, each))

    def attachments(self, first_volume: Any, second_volume: Any) -> None:
        run, driver = self.run, self.driver
        first, second = lib.connector(1), lib.connector(2)
        with lib.zones() as zones:
            info = run.step("attach", lambda: driver.initialize_connection(first_volume, first)) or {"data": {}}
            data = info["data"]
            run.expect("one mapping", len(self.maps(first_volume)), 1)
            self.check(info, first_volume)
            again = run.step("attach again", lambda: driver.initialize_connection(first_volume, first)) or {"data": {}}
            for key in ("target_lun", "device_path"):
                run.expect(f"same {key}", again["data"].get(key), data.get(key))
            run.step("attach a second volume", lambda: driver.initialize_connection(second_volume, first))
            run.step("extend it while it is attached", lambda: driver.extend_volume(second_volume, 4))
            run.expect("extended", (self.there(second_volume).get("size"), len(self.maps(second_volume))), (4 * GIB, 1))
            second_volume.size = 4
            if self.kind.endswith("fc"):
                added = [path_map for call, path_map in zones if call == "add"]
                paths = dict.fromkeys(first["wwpns"], data["target_wwn"])
                run.expect("zones for every path, each time", added, [paths] * 3)
            run.step("attach to a second host", lambda: driver.initialize_connection(first_volume, second))
            run.expect("two hosts have it", len(self.maps(first_volume)), 2)
            run.step("delete while attached", lambda: driver.delete_volume(first_volume), refused=FAILS)
            run.expect("it is still there", self.there(first_volume).get("size"), 3 * GIB)
            ends = [lib.attachment(first_volume, first), lib.attachment(first_volume, first)]
            run.step("end one of two attachments", lambda: driver.terminate_connection(first_volume, first))
            run.expect("the other one holds it", len(self.maps(first_volume)), 2)
            first_volume.volume_attachment.objects.remove(ends[0])
            run.expect("no zone given back", [call for call, _map in zones if call == "remove"], [])
            run.step("end the other", lambda: driver.terminate_connection(first_volume, first))
            first_volume.volume_attachment.objects.clear()
            run.expect("the second host has it", len(self.maps(first_volume)), 1)
            run.expect("the second volume stays", len(self.maps(second_volume)), 1)
            run.expect("still no zone given back", [call for call, _map in zones if call == "remove"], [])
            run.step("detach once more", lambda: driver.terminate_connection(first_volume, first))
            run.step("detach the second volume", lambda: driver.terminate_connection(second_volume, first))
            if self.kind.endswith("fc"):
                removed = [path_map for call, path_map in zones if call == "remove"]
                run.expect(
                    "zones given back once",
                    [sorted(first_volume) for first_volume in removed],
                    [sorted(first["wwpns"])],
                )
            run.step("detach by force", lambda: driver.terminate_connection(first_volume, None, force=True))
            run.expect("nothing mapped", self.array.state()["mappings"], [])
            ghost = self.volume(1)
            run.step("detach what is not there", lambda: driver.terminate_connection(ghost, first))
            run.step("attach what is not there", lambda: driver.initialize_connection(ghost, first), refused=FAILS)
        self.without_connector(first_volume, first, second)
        poor = {"host": "compute-1"} if self.vendor != "dsware" else {"initiator": "x"}
        run.step(
            "a connector without initiators",
            lambda: driver.initialize_connection(first_volume, poor),
            refused=exception.InvalidConnectorException,
        )

    def without_connector(self, one: Any, first: dict[str, Any], second: dict[str, Any]) -> None:
        """An empty connector is none: every host loses the volume, unless instances on two hosts have it."""
        run, driver = self.run, self.driver
        run.step("attach it to be forced off", lambda: driver.initialize_connection(one, first))
        for where in (first, second):
            lib.attachment(one, where)
        run.step(
            "detach from two hosts with an empty connector",
            lambda: driver.terminate_connection(one, {}, force=True),
            refused=FAILS,
        )
        run.expect("it is mapped", len(self.maps(one)), 1)
        one.volume_attachment.objects.pop()
        run.step("detach from one", lambda: driver.terminate_connection(one, {}, force=True))
        run.expect("it is unmapped", self.array.state()["mappings"], [])
        one.volume_attachment.objects.clear()

    def many_at_once(self) -> None:
        """Volumes are created, attached to one host, detached and deleted at the same time."""
        host, driver = lib.connector(1), self.driver
        volumes = [self.volume(1) for _number in range(6)]

        def life(first: Any) -> Any:
            driver.create_volume(first)
            info = driver.initialize_connection(first, host)["data"]
            return info.get("target_lun"), info.get("target_iqn"), info.get("device_path")

        def end(one: Any) -> None:
            driver.terminate_connection(one, host)
            driver.delete_volume(one)

        pool = lib.eventlet.GreenPool()
        attachments = self.run.step("many at once", lambda: list(pool.imap(life, volumes))) or []
        if self.vendor != "xtremio":  # its driver chooses a portal at random
            self.run.expect("every one for itself", len(set(attachments)), len(volumes))
        self.run.expect("all of them mapped", [len(self.maps(volume)) for volume in volumes], [1] * len(volumes))
        self.run.step("and away", lambda: list(pool.imap(end, volumes)))
        self.run.expect("no mapping left", self.array.state()["mappings"], [])

    def scattered(self, mapped: Any) -> None:
        """One machine whose initiators belong to two hosts of the array."""
        run, driver, where = self.run, self.driver, lib.connector(7)
        from openflash.model import Initiator

        def make() -> None:
            with driver._session() as array:
                for number, wwn in enumerate(where["wwpns"]):
                    array.create_host(f"half-{number}", [Initiator(wwn, "fc")])

        run.step("two hosts of one machine", make)
        info = run.step("attach to both", lambda: driver.initialize_connection(mapped, where)) or {"data": {}}
        lun = info["data"].get("target_lun")
        run.expect("at the same LUN", self.maps(mapped), {"half-0": lun, "half-1": lun})
        run.step("attach to both again", lambda: driver.initialize_connection(mapped, where))
        run.step("detach from both", lambda: driver.terminate_connection(mapped, where))
        run.expect("gone from both", self.maps(mapped), {})

    def check(self, info: dict[str, Any], attached: Any) -> None:
        """The connection information agrees with the array."""
        run, data = self.run, info["data"]
        if self.vendor == "dsware":
            wwn = self.there(attached).get("wwn")
            expected = {"driver_volume_type": "local", "data": {"device_path": f"/dev/disk/by-id/wwn-0x{wwn}"}}
            run.expect("a local disk", info, expected)
            return
        run.expect("LUN that was asked for", list(self.maps(attached).values()), [data.get("target_lun")])
        if self.kind.endswith("fc"):
            run.expect("kind", info["driver_volume_type"], "fibre_channel")
            run.expect("WWNs", {len(wwn) for wwn in data["target_wwn"]}, {16})
            run.expect("every initiator", sorted(data["initiator_target_map"]), sorted(lib.connector(1)["wwpns"]))
            return
        run.expect("kind", info["driver_volume_type"], "iscsi")
        lengths = {len(data[key]) for key in ("target_portals", "target_iqns", "target_luns")}
        run.expect("one of each for every path", len(lengths), 1)
        run.expect("a path", data["target_portal"] in data["target_portals"], True)

    def backups(self) -> list[str]:
        """The backups of reverts."""
        return [name for name in self.array.volumes() if "revert" in name]

    def removal(self, source: Any, snap: Any, copies: list[Any]) -> None:
        run, driver = self.run, self.driver
        if self.vendor in ("xtremio", "datera", "dsware") and not self.old:
            run.step("write", lambda: self.array.ask(f"/volumes/{self.there(source)['name']}/write", {"bytes": GIB}))
            content = self.array.volumes()[self.driver._volume_name(copies[0])]["content"]
            run.step("revert", lambda: driver.revert_to_snapshot(lib.CONTEXT, source, snap))
            run.expect("content of the snapshot", self.there(source).get("content"), content)
            run.expect("nothing kept", self.backups(), [])
            if self.vendor == "dsware":  # the only array that does not prove that it has restored a volume
                self.array.fault(kind="reset_before", count=None, match={"path": "snapshot/rollback"})
                run.step(
                    "a revert that is cut off",
                    lambda: driver.revert_to_snapshot(lib.CONTEXT, source, snap),
                    refused=exception.CinderException,
                )
                run.expect("what it held is kept", len(self.backups()), 1)
                self.array.clear()
            run.step("revert again", lambda: driver.revert_to_snapshot(lib.CONTEXT, source, snap))
            run.expect("content of the snapshot again", self.there(source).get("content"), content)
            run.expect("nothing kept of both", self.backups(), [])
        else:
            mark = self.array.mark()
            run.step(
                "revert is left to Cinder",
                lambda: driver.revert_to_snapshot(lib.CONTEXT, source, snap),
                refused=NotImplementedError,
            )
            run.expect("and the array is not asked", len(self.array.requests(mark)), 0)
        run.step(
            "retype to the same",
            lambda: driver.retype(lib.CONTEXT, source, {"id": self.type}, {}, {"host": source.host}),
        )
        if self.vendor in QOS:
            self.limits(source)
        run.step("delete the snapshot", lambda: driver.delete_snapshot(snap))
        run.step("delete it again", lambda: driver.delete_snapshot(snap))
        for each in (source, *copies):
            run.step("delete", partial(driver.delete_volume, each))
        run.step("delete what is gone", lambda: driver.delete_volume(source))
        run.expect("nothing left", self.array.volumes(), {})
        self.failures()

    def limits(self, limited: Any) -> None:
        """Retype changes limits in place, and removes those that the new type does not have."""
        if self.vendor == "datera":
            slow, rate = lib.type_with(DF__total_iops_max="500", DF__bandwidth_per_gb="10"), 10 * limited.size
        else:
            slow, rate = lib.type_with(dsware__maxIOPS="500", dsware__maxMBPS="10"), 10 * 1024
        plain = lib.type_with()

        def found() -> dict[str, Any]:
            with self.driver._session() as array:
                on_array = array.volumes_in_full([self.driver._find(array, limited).name]).items[0]
                return {key: on_array.options[key] for key in ("total_iops_max", "total_bandwidth_max")}

        for type_id, expected in ((slow, (500, rate)), (plain, (0, 0))):
            in_place = self.run.step(
                "retype", partial(self.driver.retype, lib.CONTEXT, limited, {"id": type_id}, {}, {"host": limited.host})
            )
            self.run.expect("done in place", in_place, True)
            limited.volume_type_id = type_id
            self.run.expect("limits", tuple(found().values()), expected)

    def failures(self) -> None:
        """The session ends during an operation, or the array is busy."""
        run, driver = self.run, self.driver
        if self.vendor in ("violin", "dsware", "datera"):
            self.array.fault(kind="expired")
        if self.vendor == "xtremio":
            self.array.fault(kind="busy")
        created = self.volume(1)
        run.step("create when the session has ended", lambda: driver.create_volume(created))
        run.expect("created all the same", self.there(created).get("size"), GIB)
        run.step("delete it", lambda: driver.delete_volume(created))


def main() -> int:
    endpoints, name, kind = sys.argv[1:4]
    lib.prepare()
    array = lib.SimulatedArray(endpoints, name)
    run = lib.Steps(array)
    Operations(kind, array, run).carry_out()
    return run.finish()


if __name__ == "__main__":
    sys.exit(main())
