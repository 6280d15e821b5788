# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of a simulated XMS: volumes, snapshots, groups, hosts, mappings, tags. Sections are of the wire sheet."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.support.simulator import Simulator
from tests.unit.simulator.xms import XmsClient, index_of

IQN = "iqn.1994-05.com.example:host1"
WWN = "10:00:00:00:c9:00:00:07"
GIB_KB = 1 << 20


class TestVolumes:
    @pytest.mark.parametrize(
        ("size", "kib"),
        [
            ("1g", GIB_KB),
            ("2G", 2 * GIB_KB),
            ("1024m", GIB_KB),
            ("1048576K", GIB_KB),
            ("1t", GIB_KB << 10),
            (2048, 2048),
        ],
    )
    def test_a_size_is_read_in_every_unit(self, xms: XmsClient, size: object, kib: int) -> None:
        xms.post("volumes", {"vol-name": "v", "vol-size": size})
        assert xms.show("volumes", name="v")["vol-size"] == str(kib)

    @pytest.mark.parametrize("size", ["1", "1.5g", "0g", "-1g", "1x", "", 0, 1023, 1536, True, None, "3p"])
    def test_an_invalid_size_is_refused(self, xms: XmsClient, size: object) -> None:
        xms.refused("POST", "volumes", {"vol-name": "v", "vol-size": size})
        assert xms.names("volumes") == []

    def test_a_volume_has_its_properties(self, xms: XmsClient) -> None:
        number = xms.volume("v")
        shown = xms.show(f"volumes/{number}")
        assert shown["vol-id"] == [shown["guid"], "v", number]
        assert re.fullmatch("[0-9a-f]{32}", shown["guid"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", shown["creation-time"])
        assert shown["naa-name"] == ""
        assert shown["ancestor-vol-id"] == []
        assert (shown["num-of-lun-mappings"], shown["num-of-dest-snaps"]) == (0, 0)
        assert shown["sys-id"][1:] == ["xbrick1", 1]

    def test_a_creation_returns_a_link(self, xms: XmsClient) -> None:
        assert xms.post("volumes", {"vol-name": "v", "vol-size": "1g"}) == [
            {"href": f"{xms.root}/volumes/1", "rel": "self", "index": 1}
        ]

    def test_an_existing_name_is_refused(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.volume("w")
        assert xms.refused("POST", "volumes", {"vol-name": "v", "vol-size": "1g"}) == "vol_obj_name_not_unique"
        assert xms.refused("PUT", "volumes", {"vol-name": "v"}, name="w") == "vol_obj_name_not_unique"

    def test_a_volume_without_a_name_gets_one(self, xms: XmsClient) -> None:
        xms.post("volumes", {"vol-size": "1g"})
        assert len(xms.names("volumes")[0]) > 0

    @pytest.mark.parametrize("key", ["vol-name", "name", "vol_name"])
    def test_a_volume_is_renamed_by_each_key(self, xms: XmsClient, key: str) -> None:
        number = xms.volume("old")
        xms.put("volumes", {key: "new"}, name="old")
        assert xms.show("volumes", name="new")["index"] == number
        assert xms.refused("GET", "volumes", name="old") == "obj_not_found"

    def test_a_volume_is_extended_and_never_shrunk(self, xms: XmsClient) -> None:
        number = xms.volume("v", "2g")
        xms.put(f"volumes/{number}", {"vol-size": "3g"})
        xms.refused("PUT", f"volumes/{number}", {"vol-size": "2g"})
        assert xms.show("volumes", name="v")["vol-size"] == str(3 * GIB_KB)

    def test_a_refused_change_changes_nothing(self, xms: XmsClient, simulator: Simulator) -> None:
        xms.volume("v")
        xms.volume("w")
        mark = simulator.mark("v42")
        xms.refused("PUT", "volumes", {"vol-size": "2g", "name": "w"}, name="v")
        assert simulator.changes("v42", mark) == []

    def test_a_missing_volume_is_status_400_for_every_method(self, xms: XmsClient) -> None:
        for method in ("GET", "PUT", "DELETE"):
            assert xms.refused(method, "volumes/9").endswith("obj_not_found")
            assert xms.refused(method, "volumes", name="9").endswith("obj_not_found")

    @pytest.mark.parametrize(
        "properties",
        [{"lb-size": 1024}, {"alignment-offset": 8}, {"alignment-offset": 1, "lb-size": 4096}, {"vol-access": "all"}],
    )
    def test_an_invalid_property_is_refused(self, xms: XmsClient, properties: dict[str, object]) -> None:
        assert "Invalid value" in xms.refused("POST", "volumes", {"vol-name": "v", "vol-size": "1g", **properties})

    def test_the_access_of_a_volume_is_changed(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.put("volumes", {"vol-access": "no_access"}, name="v")
        assert xms.show("volumes", name="v")["vol-access"] == "no_access"

    def test_a_mapped_volume_is_deleted_with_its_mappings(self, xms: XmsClient, simulator: Simulator) -> None:
        """The API deletes a mapped volume, so a client must read the mappings first (section 3)."""
        xms.volume("v")
        xms.group("h", IQN)
        xms.map("v", "h")
        xms.delete("volumes", name="v")
        assert simulator.state("v42")["mappings"] == []

    def test_a_volume_in_a_consistency_group_is_not_deleted(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.post("consistency-groups", {"consistency-group-name": "g", "vol-list": ["v"]})
        message = "cannot_remove_volume_that_is_in_consistency_group"
        assert xms.refused("DELETE", "volumes", name="v") == message
        xms.delete("consistency-groups", name="g")
        xms.delete("volumes", name="v")

    def test_a_volume_with_a_scheduler_is_not_deleted(self, xms: XmsClient) -> None:
        xms.volume("v")
        body = {"snapshot-object-id": "v", "snapshot-object-type": "Volume", "scheduler-type": "interval"}
        number = index_of(xms.post("schedulers", body)[0])
        assert xms.refused("DELETE", "volumes", name="v") == "cannot_remove_volume_that_has_a_scheduler"
        xms.delete(f"schedulers/{number}")
        xms.delete("volumes", name="v")


class TestSnapshots:
    def test_a_snapshot_is_named_by_source_and_suffix_and_can_be_renamed(self, xms: XmsClient) -> None:
        xms.volume("v")
        number = xms.snapshot("v", "u1", **{"snapshot-type": "readonly"})
        shown = xms.show(f"snapshots/{number}")
        assert shown["name"] == "v.u1"
        assert shown["ancestor-vol-id"][1] == "v"
        assert shown["snapshot-type"] == "readonly"
        assert [reference[1] for reference in shown["snapset-list"]] == ["set-u1"]
        xms.put(f"snapshots/{number}", {"name": "nightly"})
        assert xms.show("volumes", name="nightly")["index"] == number

    def test_the_list_of_volumes_has_snapshots_too(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.snapshot("v", "u1")
        assert xms.names("volumes") == ["v", "v.u1"]
        assert xms.names("snapshots") == ["v.u1"]

    def test_an_existing_set_name_is_refused(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.snapshot("v", "u1")
        body = {"volume-list": ["v"], "snap-suffix": "u2", "snapshot-set-name": "set-u1"}
        assert xms.refused("POST", "snapshots", body).endswith("obj_name_not_unique")
        assert xms.names("snapshots") == ["v.u1"]

    def test_an_existing_suffix_is_refused(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.snapshot("v", "u1")
        body = {"volume-list": ["v"], "snap-suffix": "u1", "snapshot-set-name": "other"}
        assert xms.refused("POST", "snapshots", body) == "vol_obj_name_not_unique"

    def test_all_snapshots_of_a_request_are_taken_or_none(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.volume("w")
        links = xms.post("snapshots", {"volume-list": ["v", "w"], "snap-suffix": "s", "snapshot-set-name": "both"})
        assert [link["href"].split("/")[-2] for link in links] == ["snapshots", "snapshots"]
        assert xms.show("snapshot-sets", name="both")["num-of-vols"] == 2
        body = {"volume-list": ["v", "missing"], "snap-suffix": "t", "snapshot-set-name": "none"}
        assert xms.refused("POST", "snapshots", body) == "vol_obj_not_found"
        assert xms.refused("GET", "snapshot-sets", name="none") == "obj_not_found"

    @pytest.mark.parametrize(
        "properties", [{}, {"volume-list": ["v"], "consistency-group-id": "g"}, {"volume-list": []}]
    )
    def test_a_snapshot_needs_exactly_one_source(self, xms: XmsClient, properties: dict[str, object]) -> None:
        xms.volume("v")
        xms.refused("POST", "snapshots", {"snap-suffix": "s", "snapshot-set-name": "n", **properties})
        assert xms.names("snapshots") == []

    def test_snapshots_are_taken_of_a_set_and_of_a_tag(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.snapshot("v", "a")
        body = {"snapshot-set-id": "set-a", "snap-suffix": "b", "snapshot-set-name": "set-b"}
        number = index_of(xms.post("snapshots", body)[0])
        assert xms.show(f"snapshots/{number}")["name"] == "v.a.b"
        xms.post("tags", {"entity": "Volume", "tag-name": "gold"})
        xms.put("tags", {"entity": "Volume", "entity-details": "v"}, name="/Volume/gold")
        xms.post("snapshots", {"tag-list": ["/Volume/gold"], "snap-suffix": "c", "snapshot-set-name": "set-c"})
        assert "v.c" in xms.names("snapshots")

    def test_default_names_collide_within_a_second_before_x2(
        self, xms: XmsClient, xms_of: Callable[..., XmsClient]
    ) -> None:
        xms.volume("v")
        replies = [xms.call("POST", "snapshots", {"volume-list": ["v"]})[0] for _ in range(6)]
        assert 201 in replies
        assert 400 in replies
        newer = xms_of("x2")
        newer.volume("v")
        newer.post("snapshots", {"volume-list": ["v"]})
        assert re.fullmatch(r"v\.\d{13}", newer.names("snapshots")[0])

    def test_children_of_a_deleted_snapshot_get_its_ancestor(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.snapshot("v", "a")
        leaf = xms.snapshot("v.a", "b")
        xms.delete("snapshots", name="v.a")
        assert xms.show(f"volumes/{leaf}")["ancestor-vol-id"][1] == "v"
        assert xms.refused("GET", "snapshot-sets", name="set-a") == "obj_not_found"
        xms.delete("volumes", name="v")
        assert xms.show(f"volumes/{leaf}")["ancestor-vol-id"] == []

    def test_deleting_a_set_deletes_its_snapshots(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.snapshot("v", "a")
        xms.put("snapshot-sets", {"new-name": "renamed"}, name="set-a")
        # A body that names the set is refused on this version.
        xms.refused("DELETE", "snapshot-sets", {"snapshot-set-id": "renamed"}, name="renamed")
        xms.delete("snapshot-sets", name="renamed")
        assert xms.names("volumes") == ["v"]

    def test_a_writable_snapshot_is_extended_like_a_volume(self, xms: XmsClient) -> None:
        xms.volume("v")
        number = xms.snapshot("v", "a")
        xms.put(f"snapshots/{number}", {"vol-size": "2g"})
        assert xms.show("volumes", name="v.a")["vol-size"] == str(2 * GIB_KB)

    def test_a_snapshot_of_v1_has_its_final_name_at_once(self, xms_of: Callable[..., XmsClient]) -> None:
        for name in ("v42", "v30"):
            xms = xms_of(name, api=1)
            xms.volume("v")
            links = xms.post("snapshots", {"ancestor-vol-id": "v", "snap-vol-name": "s"})
            assert xms.show(f"snapshots/{index_of(links[0])}")["name"] == "s"
            listed = [{"ancestor-vol-id": "v", "snap-vol-name": "t"}, {"ancestor-vol-id": "s", "snap-vol-name": "u"}]
            assert len(xms.post("snapshots", {"snap-list": listed})) == 2
            assert xms.show("volumes", name="u")["ancestor-vol-id"][1] == "s"
            assert (
                xms.refused("POST", "snapshots", {"ancestor-vol-id": "x", "snap-vol-name": "y"}) == "vol_obj_not_found"
            )


class TestRestore:
    def prepare(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.snapshot("v", "a", **{"snapshot-type": "readonly"})

    def test_a_restore_keeps_the_volume_and_a_backup(self, xms: XmsClient, simulator: Simulator) -> None:
        self.prepare(xms)
        before = xms.show("volumes", name="v")
        xms.post("snapshots", {"from-volume-id": "v.a", "to-volume-id": "v", "backup-snap-suffix": "bak"})
        after = xms.show("volumes", name="v")
        assert (after["index"], after["guid"]) == (before["index"], before["guid"])
        assert xms.show("volumes", name="v.bak")["ancestor-vol-id"][1] == "v"

    def test_a_restore_copies_the_content_of_the_snapshot(self, xms: XmsClient, simulator: Simulator) -> None:
        self.prepare(xms)
        simulator.write("v", 1 << 20, "v42")
        content = {volume["name"]: volume["content"] for volume in simulator.state("v42")["volumes"]}
        assert content["v"] != content["v.a"]
        xms.post("snapshots", {"from-volume-id": "v.a", "to-volume-id": "v", "backup-snap-suffix": "bak"})
        after = {volume["name"]: volume["content"] for volume in simulator.state("v42")["volumes"]}
        assert after == {"v": content["v.a"], "v.a": content["v.a"], "v.bak": content["v"]}

    def test_a_restore_without_a_backup_keeps_none(self, xms: XmsClient) -> None:
        self.prepare(xms)
        xms.post("snapshots", {"from-volume-id": "v.a", "to-volume-id": "v", "no-backup": "true"})
        assert xms.names("volumes") == ["v", "v.a"]

    def test_a_restore_needs_equal_sizes(self, xms: XmsClient) -> None:
        self.prepare(xms)
        xms.put("volumes", {"vol-size": "2g"}, name="v")
        body = {"from-volume-id": "v.a", "to-volume-id": "v", "no-backup": "true"}
        assert "invalid_vol_size" in xms.refused("POST", "snapshots", body)

    def test_a_restore_with_an_existing_backup_name_changes_nothing(self, xms: XmsClient, simulator: Simulator) -> None:
        self.prepare(xms)
        mark = simulator.mark("v42")
        body = {"from-volume-id": "v.a", "to-volume-id": "v", "backup-snap-suffix": "a"}
        assert xms.refused("POST", "snapshots", body) == "vol_obj_name_not_unique"
        assert simulator.changes("v42", mark) == []

    def test_a_restore_needs_a_snapshot_of_the_volume(self, xms: XmsClient) -> None:
        self.prepare(xms)
        xms.volume("other")
        xms.refused("POST", "snapshots", {"from-volume-id": "other", "to-volume-id": "v", "no-backup": "true"})
        xms.refused("POST", "snapshots", {"from-volume-id": "v", "to-volume-id": "v", "no-backup": "true"})
        assert (
            xms.refused("POST", "snapshots", {"from-volume-id": "missing", "to-volume-id": "v"}) == "vol_obj_not_found"
        )

    def test_a_group_is_restored_from_a_set_and_a_set_from_a_group(self, xms: XmsClient, simulator: Simulator) -> None:
        for name in ("v", "w"):
            xms.volume(name)
        xms.post("consistency-groups", {"consistency-group-name": "g", "vol-list": ["v", "w"]})
        xms.post("snapshots", {"consistency-group-id": "g", "snap-suffix": "s", "snapshot-set-name": "old"})
        body = {"from-snapshot-set-id": "old", "to-consistency-group-id": "g", "no-backup": "true"}
        assert len(xms.post("snapshots", body)) == 2
        body = {"from-consistency-group-id": "g", "to-snapshot-set-id": "old", "no-backup": "true"}
        xms.post("snapshots", {**body, "snapshot-set-name": "new"})
        assert xms.names("snapshot-sets") == ["new"]
        xms.put("snapshot-sets", {"new-name": "old"}, name="new")
        assert [volume[1] for volume in xms.show("snapshot-sets", name="old")["vol-list"]] == ["v.s", "w.s"]


class TestConsistencyGroups:
    def test_members_are_added_by_post_and_removed_by_delete_with_a_body(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.volume("w")
        number = index_of(xms.post("consistency-groups", {"consistency-group-name": "g"})[0])
        link = xms.post("consistency-group-volumes", {"cg-id": "g", "vol-id": "v"})[0]
        assert link["href"].endswith(f"/consistency-group-volumes/{number}")
        xms.post("consistency-group-volumes", {"cg-id": number, "vol-id": "w"})
        assert xms.show("consistency-groups", name="g")["num-of-vols"] == 2
        assert [group[1] for group in xms.show("volumes", name="v")["related-consistency-groups"]] == ["g"]
        xms.delete("consistency-group-volumes", {"cg-id": "g", "vol-id": "v"}, name="g", **{"vol-id": "v"})
        assert [volume[1] for volume in xms.show("consistency-groups", name="g")["vol-list"]] == ["w"]
        # The query alone has no effect.
        xms.refused("DELETE", "consistency-group-volumes", name="g", **{"vol-id": "w"})
        assert xms.refused("DELETE", "consistency-group-volumes", {"vol-id": "v"}, name="g").endswith("obj_not_found")

    def test_a_group_is_renamed_and_its_access_changed(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.post("consistency-groups", {"consistency-group-name": "g", "vol-list": ["v"]})
        assert "consistency-groups" in xms.get("consistency-group-volumes")
        xms.put("consistency-groups", {"new-name": "h"}, name="g")
        xms.put("consistency-group-volumes", {"vol-access": "read_access"}, name="h")
        assert xms.show("volumes", name="v")["vol-access"] == "read_access"
        assert xms.refused("POST", "consistency-groups", {"consistency-group-name": "h"}).endswith("name_not_unique")


class TestHosts:
    @pytest.mark.parametrize("address", [WWN, WWN.upper(), "10000000c9000007", "0x10000000C9000007"])
    def test_a_wwn_is_stored_in_one_form(self, xms: XmsClient, address: str) -> None:
        xms.group("h")
        xms.post("initiators", {"ig-id": "h", "port-address": address})
        shown = xms.get("initiators", full=1, filter=f"port-address:eq:{WWN}")["initiators"]
        assert [initiator["port-type"] for initiator in shown] == ["fc"]

    @pytest.mark.parametrize("address", ["10:00", "host1", "iqn.example", "", None, 7, "10000000c900000g"])
    def test_an_invalid_address_is_refused(self, xms: XmsClient, address: object) -> None:
        xms.group("h")
        xms.refused("POST", "initiators", {"ig-id": "h", "initiator-name": "i", "port-address": address})

    def test_an_address_belongs_to_one_group(self, xms: XmsClient) -> None:
        xms.group("h1", IQN)
        xms.group("h2")
        xms.refused("POST", "initiators", {"ig-id": "h2", "initiator-name": "x", "port-address": IQN.upper()})
        xms.refused("POST", "initiators", {"ig-id": "h2", "initiator-name": IQN, "port-address": WWN})
        assert xms.refused("POST", "initiators", {"ig-id": "h9", "port-address": WWN}) == "ig_obj_not_found"
        # An initiator cannot be moved.
        xms.refused("PUT", "initiators", {"ig-id": "h2"}, name=IQN)

    def test_a_group_is_created_with_its_initiators_or_not_at_all(self, xms: XmsClient) -> None:
        ports = [{"initiator-name": "a", "port-address": IQN}, {"initiator-name": "b", "port-address": WWN}]
        xms.post("initiator-groups", {"ig-name": "h", "initiator-list": ports})
        assert xms.show("initiator-groups", name="h")["num-of-initiators"] == 2
        xms.refused("POST", "initiator-groups", {"ig-name": "k", "initiator-list": ports[:1]})
        assert xms.names("initiator-groups") == ["h"]

    def test_a_group_without_mappings_is_deleted_with_its_initiators(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.group("h", IQN)
        shown = xms.map("v", "h")
        xms.refused("DELETE", "initiator-groups", name="h")
        xms.delete("lun-maps", name=shown["name"])
        xms.delete("initiator-groups", name="h")
        assert xms.names("initiators") == []

    def test_chap_is_set_under_one_name_and_read_under_another(self, xms: XmsClient, simulator: Simulator) -> None:
        xms.group("h")
        mark = simulator.mark("v42")
        body = {"ig-id": "h", "port-address": IQN, "initiator-authentication-user-name": "chap_user"}
        xms.post("initiators", {**body, "initiator-authentication-password": "PW12CHARSLONG"})
        shown = xms.show("initiators", name=IQN)
        assert shown["chap-authentication-initiator-user-name"] == "chap_user"
        assert shown["chap-authentication-initiator-password"] == "PW12CHARSLONG"
        assert shown["chap-discovery-initiator-password"] is None
        xms.put("initiators", {"remove-initiator-authentication-credentials": "enabled"}, name=IQN)
        assert xms.show("initiators", name=IQN)["chap-authentication-initiator-password"] is None
        assert "PW12CHARSLONG" not in str(simulator.journal("v42", mark)) + str(simulator.state("v42"))


class TestLunMaps:
    def test_a_mapping_has_a_name_and_a_lun_and_gives_the_volume_its_identity(self, xms: XmsClient) -> None:
        first, second = xms.volume("v"), xms.volume("w")
        group = xms.group("h", IQN)
        shown = xms.map("v", "h")
        assert (shown["name"], shown["lun"]) == (f"{first}_{group}_1", 1)
        assert (shown["vol-name"], shown["ig-name"], shown["tg-name"]) == ("v", "h", "Default")
        assert shown["mapping-id"] == [shown["guid"], shown["name"], shown["index"]]
        assert xms.map("w", "h")["lun"] == 2
        volume = xms.show("volumes", name="v")
        assert re.fullmatch("514f0c5[0-9a-f]{9}", volume["naa-name"])
        assert [(group[1], targets[1], lun) for group, targets, lun in volume["lun-mapping-list"]] == [
            ("h", "Default", 1)
        ]
        xms.delete("lun-maps", name=f"{first}_{group}_1")
        assert xms.show(f"volumes/{first}")["naa-name"] == volume["naa-name"]
        xms.post("lun-maps", {"vol-id": first, "ig-id": group, "lun": "77", "tg-id": "Default"})
        assert xms.show("lun-maps", name=f"{first}_{group}_1")["lun"] == 77
        assert xms.show(f"volumes/{second}")["num-of-lun-mappings"] == 1

    def test_impossible_mappings_are_refused(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.volume("w")
        xms.group("h", IQN)
        xms.map("v", "h", lun=5)
        assert "already_mapped" in xms.refused("POST", "lun-maps", {"vol-id": "v", "ig-id": "h"})
        assert "lun" in xms.refused("POST", "lun-maps", {"vol-id": "w", "ig-id": "h", "lun": 5})
        assert xms.refused("POST", "lun-maps", {"vol-id": "x", "ig-id": "h"}) == "vol_obj_not_found"
        assert xms.refused("POST", "lun-maps", {"vol-id": "w", "ig-id": "x"}) == "ig_obj_not_found"
        assert xms.refused("POST", "lun-maps", {"vol-id": "w", "ig-id": "h", "tg-id": 2}) == "tg_obj_not_found"
        # Sent as text, an index is a name (section 2).
        assert xms.refused("POST", "lun-maps", {"vol-id": "2", "ig-id": "h"}) == "vol_obj_not_found"
        for lun in (-1, 16384, 1.5, "x", True):
            xms.refused("POST", "lun-maps", {"vol-id": "w", "ig-id": "h", "lun": lun})
        assert xms.refused("PUT", "lun-maps", {"lun": 3}, name="1_1_1").startswith("Command Syntax Error")


class TestTags:
    def test_a_tag_is_assigned_removed_and_deleted(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.post("tags", {"entity": "Volume", "tag-name": "prod", "color": "#00FF00"})
        xms.post("tags", {"entity": "Volume", "tag-name": "prod/db"})
        xms.put("tags", {"entity": "Volume", "entity-details": "v"}, name="/Volume/prod/db")
        assert [tag[1] for tag in xms.show("volumes", name="v")["tag-list"]] == ["/Volume/prod/db"]
        tag = xms.show("tags", name="/Volume/prod")
        assert (tag["num-of-direct-objs"], tag["num-of-items"], tag["color"]) == (0, 1, "#00FF00")
        assert [tagged[1] for tagged in tag["obj-list"]] == ["v"]
        xms.delete("tags", {"entity": "Volume", "entity-details": "v"}, name="/Volume/prod/db")
        assert xms.show("volumes", name="v")["tag-list"] == []
        xms.delete("tags", name="/Volume/prod")
        assert xms.names("tags") == []

    def test_impossible_tags_are_refused_and_deleted_objects_lose_their_tags(self, xms: XmsClient) -> None:
        xms.post("tags", {"entity": "Volume", "tag-name": "t"})
        xms.refused("POST", "tags", {"entity": "Volume", "tag-name": "t"})
        xms.refused("POST", "tags", {"entity": "Volume", "tag-name": "none/u"})
        xms.refused("POST", "tags", {"entity": "Moon", "tag-name": "u"})
        body = {"entity": "Volume", "entity-details": "v"}
        assert xms.refused("PUT", "tags", body, name="/Volume/t").endswith("obj_not_found")
        xms.volume("v")
        xms.put("tags", body, name="/Volume/t")
        xms.delete("volumes", name="v")
        assert xms.show("tags", name="/Volume/t")["num-of-direct-objs"] == 0


class TestFolders:
    def test_volumes_are_created_and_copied_in_folders(self, xms_of: Callable[..., XmsClient]) -> None:
        xms = xms_of("v30", api=1)
        xms.post("volume-folders", {"caption": "F", "parent-folder-id": "/"})
        assert xms.refused("POST", "volume-folders", {"caption": "F", "parent-folder-id": "/"}) == "caption_not_unique"
        assert "folders" in xms.get("volume-folders")
        xms.post("volumes", {"vol-name": "v", "vol-size": "1g", "parent-folder-id": "/F"})
        xms.post("snapshots", {"source-folder-id": "/F", "suffix": "_x", "folder-id": "/"})
        assert xms.names("snapshots") == ["v_x"]
        xms.delete("volume-folders", name="/F")
        assert xms.names("volumes") == ["v", "v_x"]
        xms.refused("DELETE", "volume-folders", name="/")


class TestLimits:
    def test_each_limit_is_enforced(self, xms_of: Callable[..., XmsClient]) -> None:
        xms = xms_of("small")
        xms.volume("v", "1m")
        xms.snapshot("v", "a")
        xms.snapshot("v", "b")
        third = {"volume-list": ["v"], "snap-suffix": "c", "snapshot-set-name": "set-c"}
        assert xms.refused("POST", "snapshots", third) == "too_many_snapshots_per_vol"
        xms.volume("w", "1m")
        assert xms.refused("POST", "volumes", {"vol-name": "x", "vol-size": "1m"}) == "too_many_objs"
        xms.group("h", IQN)
        xms.group("k", WWN)
        assert xms.refused("POST", "initiator-groups", {"ig-name": "l"}) == "too_many_objs"
        body = {"ig-id": "h", "port-address": "10000000c9000099"}
        assert xms.refused("POST", "initiators", body) == "too_many_objs"
        xms.map("v", "h")
        xms.map("v", "k", lun=9)
        assert xms.refused("POST", "lun-maps", {"vol-id": "w", "ig-id": "h"}) == "too_many_objs"

    def test_the_length_of_names_is_limited(self, xms_of: Callable[..., XmsClient]) -> None:
        xms = xms_of("small")
        xms.refused("POST", "volumes", {"vol-name": "x" * 41, "vol-size": "1m"})
        xms.volume("v", "1m")
        xms.refused("POST", "snapshots", {"volume-list": ["v"], "snap-suffix": "s", "snapshot-set-name": "x" * 11})
        xms.refused("POST", "snapshots", {"volume-list": ["v"], "snap-suffix": "s" * 65, "snapshot-set-name": "n"})

    def test_a_full_pool_refuses_new_volumes(self, xms_of: Callable[..., XmsClient], simulator: Simulator) -> None:
        """All volumes are thin, so writes fill the pool."""
        xms = xms_of("small")
        xms.volume("v", "2g")
        simulator.write("v", 1 << 30, "small")
        cluster = xms.show("clusters/1")
        assert (cluster["ud-ssd-space"], cluster["ud-ssd-space-in-use"]) == (str(GIB_KB), str(GIB_KB))
        assert cluster["vol-size"] == str(2 * GIB_KB)
        xms.refused("POST", "volumes", {"vol-name": "w", "vol-size": "1m"})
        assert xms.names("volumes") == ["v"]
