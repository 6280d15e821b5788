# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation of one of our drivers against a simulated array, whose content is read after each.

    operations.py ENDPOINTS NAME KIND

Prints one JSON object per step, and exits with 0 when all are as expected.
"""

from __future__ import annotations

import lib  # first: it makes the process green

import json  # isort: skip
import re  # isort: skip
import sys  # isort: skip
import uuid  # isort: skip
from functools import partial  # isort: skip
from pathlib import Path  # isort: skip
from typing import Any  # isort: skip

from cinder import exception  # isort: skip
from openflash.version import __version__  # isort: skip

GIB = lib.GIB
FAILS = exception.CinderException
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


def spec_lines(vendor: str) -> list[tuple[str, str]]:
    """The extra specs in the guide's paragraph on the types of this array, as ``key = value``."""
    guide = (Path(__file__).parents[2] / "docs/docsite/rst/guide_cinder.rst").read_text(encoding="utf-8")
    section = guide.split(f"[{vendor}]\n", 1)[1].split("*Moving over*", 1)[0]
    types = section.partition("*Types*")[2]
    return [(key, value) for key, value in re.findall(r"``([\w:]+) = ([^`]+)``", types) if key not in OF_GROUPS]


OF_GROUPS = ("consistent_group_snapshot_enabled",)


class Scenario:
    """One driver on one array."""

    def __init__(self, kind: str, array: lib.SimulatedArray, run: lib.Steps) -> None:
        self.kind, self.vendor = kind, kind.split("-")[0]
        self.array, self.run = array, run
        self.driver = lib.make(lib.OURS[kind], kind, array.entry, "ours")
        self.copied: list[Any] = []
        lib.no_fabric(self.driver, self.copied)
        self.old = self.vendor == "xtremio" and str(array.entry["version"]).startswith(
            "3."
        )  # XIOS 3.x has neither groups nor a way back
        self.pool = array.entry["pools"][0]["name"] if self.driver.POOLS else kind
        # Violin's own full copies are of thick volumes only
        self.type = lib.type_with(thin="False") if self.vendor == "violin" else None

    def volume(self, size: int, **more: Any) -> Any:
        return lib.volume(size, self.pool, **{"volume_type_id": self.type, **more})

    def there(self, volume: Any) -> dict[str, Any]:
        """The volume as the array has it; ``{}`` when it has none."""
        name = self.driver._volume_name(volume)
        return self.array.volumes().get(name, {})

    def maps(self, volume: Any) -> dict[str, Any]:
        return self.array.maps(self.driver._volume_name(volume))

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
            self.run.expect("quality of service", pool["QoS_support"], self.vendor == "datera")
            self.run.expect("attached to several", (pool["multiattach"], pool["online_extend_support"]), (True, True))
            self.run.expect("over-subscription", float(pool["max_over_subscription_ratio"]), 20.0)
            self.run.expect("what is promised", pool["provisioned_capacity_gb"], 0)
            self.run.expect("of one instant", pool["consistent_group_snapshot_enabled"], self.groups_there())

    def schedule(self, stats: dict[str, Any]) -> None:
        """Every extra spec that the guide shows for this array finds the backend, by the filters of the scheduler."""
        from cinder.scheduler import host_manager
        from cinder.scheduler.filters import capabilities_filter

        backend = host_manager.BackendState("control@backend", None)
        backend.update_from_volume_capability({**stats, "timestamp": None})
        decides = capabilities_filter.CapabilitiesFilter()
        shown = spec_lines(self.vendor)
        self.run.expect("the guide shows some", bool(shown), self.vendor != "flashsystem")
        for key, value in shown:
            request = {"resource_type": {"extra_specs": {key: value}}}
            found = [pool for pool in backend.pools.values() if decides.backend_passes(pool, request)]
            self.run.report(f"scheduled with {key} = {value}", bool(found), f"pools: {stats['pools']}")
        self.quality_of_service()

    def quality_of_service(self) -> None:
        """QoS specs of the back end have an effect, or the volume is refused. Others are no matter of the driver."""
        run, driver = self.run, self.driver
        if self.vendor != "datera":
            limited = self.volume(1, volume_type_id=lib.type_with_qos(total_iops_max="500"))
            run.step("create with QoS of the back end", partial(driver.create_volume, limited), refused=FAILS)
            run.expect("and nothing is made", self.there(limited), {})
            free = self.volume(1, volume_type_id=lib.type_with_qos("front-end", total_iops_sec="500"))
            run.step("create with QoS of the front end", partial(driver.create_volume, free))
            run.step("delete it", partial(driver.delete_volume, free))
            return
        unknown = self.volume(1, volume_type_id=lib.type_with_qos(total_iops_sec="500"))
        run.step("create with an unknown QoS spec", partial(driver.create_volume, unknown), refused=FAILS)
        limited = self.volume(1, volume_type_id=lib.type_with_qos(iops_per_gb="100", read_bandwidth_max="7000"))
        run.step("create with QoS of the back end", partial(driver.create_volume, limited))
        run.expect("its limits", self.limits_of(limited), (100, 7000))
        run.step("extend it", partial(driver.extend_volume, limited, 4))
        limited.size = 4
        run.expect("its limits then", self.limits_of(limited), (400, 7000))
        run.step("delete it", partial(driver.delete_volume, limited))
        shown, prefix = driver._init_vendor_properties()
        names = {key for key, _value in spec_lines("datera") if key.startswith("DF:")}
        run.report("all are listed as capabilities", names <= set(shown), f"{prefix}: {sorted(names - set(shown))}")

    def limits_of(self, volume: Any) -> tuple[int, int]:
        with self.driver._session() as array:
            found = self.driver._find(array, volume).options
        return found["total_iops_max"], found["read_bandwidth_max"]

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

    def check(self, info: dict[str, Any], attached: Any) -> None:
        """The connection information agrees with the array."""
        run, data = self.run, info["data"]
        if self.vendor == "dsware":
            wwn = self.there(attached).get("wwn")
            expected = {"driver_volume_type": "local", "data": {"device_path": f"/dev/disk/by-id/wwn-0x{wwn}"}}
            run.expect("a local disk", info, expected)
            return
        run.expect("LUN as told", list(self.maps(attached).values()), [data.get("target_lun")])
        if self.kind.endswith("fc"):
            run.expect("kind", info["driver_volume_type"], "fibre_channel")
            run.expect("WWNs", {len(wwn) for wwn in data["target_wwn"]}, {16})
            run.expect("every initiator", sorted(data["initiator_target_map"]), sorted(lib.connector(1)["wwpns"]))
            return
        run.expect("kind", info["driver_volume_type"], "iscsi")
        lengths = {len(data[key]) for key in ("target_portals", "target_iqns", "target_luns")}
        run.expect("one of each for every path", len(lengths), 1)
        run.expect("a path", data["target_portal"] in data["target_portals"], True)

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
        if self.vendor == "datera":
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
        slow = lib.type_with(DF__total_iops_max="500", DF__bandwidth_per_gb="10")
        plain = lib.type_with()

        def found() -> dict[str, Any]:
            with self.driver._session() as array:
                on_array = self.driver._find(array, limited)
                return {key: on_array.options[key] for key in ("total_iops_max", "total_bandwidth_max")}

        for type_id, expected in ((slow, (500, 10 * limited.size)), (plain, (0, 0))):
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


def main() -> int:
    endpoints, name, kind = sys.argv[1:4]
    lib.prepare()
    array = lib.SimulatedArray(endpoints, name)
    run = lib.Steps(array)
    Scenario(kind, array, run).carry_out()
    return run.finish()


if __name__ == "__main__":
    sys.exit(main())
