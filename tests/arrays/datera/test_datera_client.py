# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of Datera against the simulated array: what it returns, what it costs, what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Chap,
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from tests.arrays.datera.conftest import IQN1, IQN2, VARIANTS, SimulatedEdf, make
from tests.support.simulator import Simulator

CHAP = Chap("of-user", "chapsecret1234")

# ---- session, versions, tenants --------------------------------------------------------------------------------------


def test_the_newest_common_version_is_spoken(edf: SimulatedEdf) -> None:
    array = edf.connect()
    info = array.info()
    assert (info.version, info.api_version) == (VARIANTS[edf.name][0], "2.1" if edf.name == "2.1" else "2.2")
    assert (info.vendor, info.protocols, info.name) == ("datera", ("iscsi",), edf.name)
    counts = array.calls.counts
    assert counts["session_requests"] == (3 if edf.tenant == "/root" else 4)


def test_a_version_can_be_asked_for(edf33: SimulatedEdf) -> None:
    assert edf33.connect({"api_version": "2.1"}).info().api_version == "2.1"
    with pytest.raises(errors.Invalid, match="api_version 3 is not one of 2.2, 2.1"):
        edf33.connect({"api_version": "3"})


def test_a_version_that_is_listed_and_not_served_is_passed_over(datera_simulator: Simulator) -> None:
    listed = SimulatedEdf(datera_simulator, "listed")
    with listed.connect() as array:
        assert array.info().api_version == "2.1"


def test_an_array_in_trouble_is_not_taken_for_an_old_one(edf33: SimulatedEdf) -> None:
    edf33.fault("http_status", match={"path": "v2.2/login"}, status=500, count=None)
    with pytest.raises(errors.BadReply, match="HTTP status 500"):
        edf33.connect()


def test_plain_http(edf: SimulatedEdf) -> None:
    array = edf.connect({"scheme": "http"}, port=edf.endpoint["http_port"], ca_path=None)
    assert make(array).size == GIB
    with pytest.raises(errors.FlashError, match="does not speak TLS"):
        edf.connect(port=edf.endpoint["http_port"])


def test_a_wrong_password_is_reported_and_never_shown(edf33: SimulatedEdf) -> None:
    with pytest.raises(errors.Unauthorized) as caught:
        edf33.connect(password="not-the-password")
    assert "not-the-password" not in str(caught.value)
    assert "did not accept the user name and password" in str(caught.value)


def test_an_expired_session_is_renewed_once(edf: SimulatedEdf) -> None:
    array = edf.connect()
    make(array)
    edf.fault("expired", match={"path": "app_instances"})
    mark = edf.mark()
    assert len(array.volumes()) == 1
    assert sum("/login" in one["path"] for one in edf.requests(mark)) == 1


def test_an_account_that_is_refused_for_good_is_not_asked_for_ever(edf33: SimulatedEdf) -> None:
    array = edf33.connect()
    edf33.fault("expired", match={"path": "app_instances"}, count=None)
    mark = edf33.mark()
    with pytest.raises(errors.Unauthorized):
        array.volumes()
    assert len(edf33.requests(mark)) <= 3


def test_the_session_is_ended(edf33: SimulatedEdf) -> None:
    with edf33.connect() as array:
        mark = edf33.mark()
        array.volumes()
    assert edf33.requests(mark)[-1]["path"].endswith("/logout")


@pytest.mark.parametrize("tenant", ["acme", "/root/acme", "root/acme", " /root/acme/ "])
def test_every_form_of_a_tenant(edf33: SimulatedEdf, tenant: str) -> None:
    make(edf33.connect({"tenant": tenant}))
    assert [one["scope"] for one in edf33.state()["volumes"]] == ["/root/acme"]


@pytest.mark.parametrize("tenant", ["a b", "/root/a/../b", "x" * 70, "/root/1"])
def test_no_tenant_has_such_a_name(edf33: SimulatedEdf, tenant: str) -> None:
    with pytest.raises(errors.Invalid, match="is not a tenant"):
        edf33.connect({"tenant": tenant})


def test_a_tenant_that_does_not_exist(edf: SimulatedEdf) -> None:
    with pytest.raises(errors.NotFound, match="there is no tenant /root/new") as caught:
        edf.connect({"tenant": "/root/new/sub"})
    assert "create_tenant: true" in str(caught.value)


def test_a_tenant_is_made_before_the_first_write_and_not_before(edf: SimulatedEdf) -> None:
    mark = edf.mark()
    array = edf.connect({"tenant": "/root/made/below", "create_tenant": True})
    assert (len(array.volumes()), len(array.hosts()), len(array.snapshots())) == (0, 0, 0)
    assert not [one for one in edf.requests(mark) if one["write"]]
    make(array)
    assert [one["scope"] for one in edf.state()["volumes"]] == ["/root/made/below"]


def test_tenants_do_not_see_each_other(edf33: SimulatedEdf) -> None:
    array = edf33.connect()
    make(array, "vol1", GIB)
    other = array.scope("acme")
    assert len(other.volumes()) == 0
    make(other, "vol1", 2 * GIB)
    assert array.volumes(["vol1"]).items[0].size == GIB
    with pytest.raises(errors.NotFound):
        array.scope("nowhere")


# ---- volumes ---------------------------------------------------------------------------------------------------------


def test_a_volume_is_made_with_everything_in_one_request(edf: SimulatedEdf) -> None:
    array = edf.connect()
    options = {"replica_count": 2, "placement_mode": "all_flash", "total_iops_max": 500, "write_bandwidth_max": 1024}
    with edf.budget(array, 1, 1):
        array.create_volume(VolumeSpec("vol1", GIB + 1, options=options))
    found = array.volumes(["vol1"]).items[0]
    assert (found.name, found.size, found.pool, found.provisioning) == ("vol1", 2 * GIB, edf.name, "thin")
    assert options.items() <= found.options.items()
    assert found.options["read_iops_max"] == 0
    assert (found.mappings, found.snapshots, found.siblings) == ((), (), ())
    ai = edf.raw("GET", "/app_instances/vol1")
    assert ai["access_control_mode"] == "deny_all"
    assert [one["name"] for one in ai["storage_instances"]] == ["storage-1"]
    assert [one["name"] for one in ai["storage_instances"][0]["volumes"]] == ["volume-1"]


def test_a_placement_policy_where_the_array_has_them(edf33: SimulatedEdf) -> None:
    made = make(edf33.connect(), placement_policy="all-flash")
    assert made.options["placement_policy"] == "all-flash"


def test_older_software_has_no_placement_policies(edf22: SimulatedEdf) -> None:
    assert "placement_policy" not in edf22.connect().capabilities.volume_options


def test_an_ip_pool(edf: SimulatedEdf) -> None:
    pool = {"name": "fast", "network_paths": [{"start_ip": "192.0.2.1", "netmask": 24, "range": 10}]}
    edf.raw("POST", "/access_network_ip_pools", pool)
    array = edf.connect({"offline_changes": True})
    assert make(array, "vol1", ip_pool="fast").options["ip_pool"] == "fast"
    with pytest.raises(errors.NotFound):
        array.create_volume(VolumeSpec("vol2", GIB, options={"ip_pool": "slow"}))
    moved = array.set_volume(array.volumes(["vol1"]).items[0], {"ip_pool": "default"})
    assert moved.options["ip_pool"] == "default"
    again = array.volumes(["vol1"]).items[0]
    assert (again.options["ip_pool"], again.state) == ("default", "ready")


def test_a_template_gives_the_rest(edf: SimulatedEdf) -> None:
    volume = {"name": "data", "size": 2, "replica_count": 1, "placement_mode": "single_flash"}
    edf.raw(
        "POST",
        "/app_templates",
        {"name": "gold", "storage_templates": [{"name": "disk", "volume_templates": [volume]}]},
    )
    array = edf.connect()
    same, grown = make(array, "same", 2 * GIB, template="gold"), make(array, "grown", 5 * GIB, template="gold")
    assert (same.size, grown.size) == (2 * GIB, 5 * GIB)
    assert (same.options["template"], same.options["placement_mode"]) == ("gold", "single_flash")
    if not edf.connect().capabilities.volume_options.get("placement_policy"):
        with pytest.raises(errors.Invalid, match="which is more than 1GiB"):
            array.create_volume(VolumeSpec("less", GIB, options={"template": "gold"}))
    with pytest.raises(errors.NotFound, match="there is no app template lead"):
        array.create_volume(VolumeSpec("vol9", GIB, options={"template": "lead"}))


def test_an_existing_volume_is_compared(edf: SimulatedEdf) -> None:
    array = edf.connect()
    make(array, "vol1", 2 * GIB)
    assert array.create_volume(VolumeSpec("vol1", 2 * GIB)).size == 2 * GIB
    with pytest.raises(errors.Conflict, match="it has 2GiB instead of 3GiB"):
        array.create_volume(VolumeSpec("vol1", 3 * GIB))


def test_names_are_compared_exactly(edf: SimulatedEdf) -> None:
    """A filter of the array finds every name that holds the text."""
    array = edf.connect()
    for name in ("data", "data-1", "old-data"):
        make(array, name)
    assert [one.name for one in array.volumes(["data"])] == ["data"]
    many = ["data", "none-1", "none-2", "none-3", "none-4", "old-data"]
    assert sorted(one.name for one in array.volumes(many)) == ["data", "old-data"]


def test_a_name_that_is_the_id_of_another_is_not_confused_with_it(edf: SimulatedEdf) -> None:
    array = edf.connect()
    ident = make(array, "vol1").id.split("/")[2]
    assert len(array.volumes([ident])) == 0
    make(array, "0f9d4b1e-0000-4000-8000-000000000001", 2 * GIB)
    assert array.volumes(["0f9d4b1e-0000-4000-8000-000000000001"]).items[0].size == 2 * GIB


def test_many_volumes_are_one_request(edf: SimulatedEdf) -> None:
    array = edf.connect()
    names = [f"v{number:03d}" for number in range(12)]
    for name in names:
        array.create_volume(VolumeSpec(name, GIB))
    with edf.budget(array, 1, 0):
        assert len(array.volumes(names)) == 12
    with edf.budget(array, 1, 0):
        assert len(array.volumes()) == 12


def test_pages_are_read_to_the_end(edf: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera import session

    monkeypatch.setattr(session, "PAGE", 3)
    array = edf.connect()
    for number in range(7):
        array.create_volume(VolumeSpec(f"v{number:03d}", GIB))
    assert len({one.name for one in array.volumes()}) == 7


def test_growing_is_one_write_and_polls_and_shrinking_is_none(edf: SimulatedEdf) -> None:
    """The array answers before it has finished: it says ``volume_resize_in_progress`` for a while."""
    array = edf.connect()
    volume = make(array)
    mark = edf.mark()
    grown = array.extend_volume(volume, 4 * GIB)
    first, *polls = edf.requests(mark)
    assert first["write"]
    assert polls
    assert not any(one["write"] for one in polls)
    assert array.volumes(["vol1"]).items[0].state == "ready"
    assert grown.size == array.volumes(["vol1"]).items[0].size == 4 * GIB
    with edf.budget(array, 0), pytest.raises(errors.Refused, match="a volume never shrinks"):
        array.extend_volume(grown, 2 * GIB)


def test_renaming_keeps_everything_else(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array)
    array.create_snapshots([SnapshotSpec("monday", volume)])
    with edf.budget(array, 1, 1):
        renamed = array.rename_volume(volume, "vol2")
    assert (renamed.name, renamed.id) == ("vol2", volume.id)
    assert [(one.name, one.volume) for one in array.snapshots(["monday"])] == [("monday", "vol2")]
    make(array, "vol3")
    with pytest.raises(errors.Conflict, match="there is a volume vol3 already"):
        array.rename_volume(renamed, "vol3")


def test_deleting_takes_three_requests_and_no_force(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array)
    mark = edf.mark()
    with edf.budget(array, 3, 2):
        array.delete_volume(volume)
    assert not any("force" in (one["body"] or {}) for one in edf.requests(mark))
    assert edf.state()["volumes"] == []
    with edf.budget(array, 1, 0):
        array.delete_volume(volume)


def test_a_mapped_volume_and_one_with_snapshots_are_not_deleted(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array)
    (snapshot,) = array.create_snapshots([SnapshotSpec("monday", volume)])
    with pytest.raises(errors.InUse, match="it has snapshots"):
        array.delete_volume(volume)
    array.delete_snapshot(snapshot)
    array.map_volume(volume, array.create_host("server", [IQN1]))
    with pytest.raises(errors.InUse, match="mapped to server"):
        array.delete_volume(volume)
    assert len(edf.state()["volumes"]) == 1


def test_limits_and_replicas_are_changed(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array, replica_count=1)
    volume = array.set_volume(volume, {"total_iops_max": 900, "replica_count": 2})
    assert array.volumes(["vol1"]).items[0].options["total_iops_max"] == 900
    array.set_volume(volume, {"read_iops_max": 100})
    options = array.volumes(["vol1"]).items[0].options
    assert (options["total_iops_max"], options["read_iops_max"], options["replica_count"]) == (900, 100, 2)
    array.set_volume(volume, {"total_iops_max": 0, "read_iops_max": 0})
    assert "performance_policy" not in edf.raw("GET", volume.id)
    with pytest.raises(errors.Unsupported, match="never lowers replica_count"):
        array.set_volume(array.volumes(["vol1"]).items[0], {"replica_count": 1})


def test_an_array_without_room(full: SimulatedEdf) -> None:
    array = full.connect()
    full.fault("pool_full")
    with pytest.raises(errors.NoSpace, match="no room"):
        array.create_volume(VolumeSpec("vol1", GIB))
    assert len(array.volumes()) == 0
    assert (array.capacity().size, array.pools().items[0].name) == (10 * GIB, "full")


# ---- copies and snapshots --------------------------------------------------------------------------------------------


def test_a_clone_has_the_size_that_was_asked_for(edf: SimulatedEdf) -> None:
    array = edf.connect()
    source = make(array, "vol1", 2 * GIB)
    same = array.clone_volume(source, VolumeSpec("same"))
    grown = array.clone_volume(source, VolumeSpec("grown", 3 * GIB, options={"total_iops_max": 70}))
    assert (same.size, grown.size) == (2 * GIB, 3 * GIB)
    there = {one.name: one for one in array.volumes()}
    assert set(there) == {"vol1", "same", "grown"}
    assert (there["grown"].size, there["grown"].options["total_iops_max"]) == (3 * GIB, 70)
    assert (there["same"].source, there["same"].state) == ("vol1", "ready")
    contents = {one["name"]: one["content"] for one in edf.state()["volumes"]}
    assert len(set(contents.values())) == 1
    with pytest.raises(errors.Invalid, match="smaller than its source"):
        array.clone_volume(source, VolumeSpec("less", GIB))


def test_a_snapshot_has_a_name(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array, "vol1", 2 * GIB)
    (taken,) = array.create_snapshots([SnapshotSpec("before:upgrade", volume)])
    array.create_snapshots([SnapshotSpec("7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00", volume)])
    assert (taken.name, taken.volume, taken.size, taken.proven, taken.state) == (
        "before:upgrade",
        "vol1",
        2 * GIB,
        True,
        "ready",
    )
    for found in (array.snapshots(), array.snapshots(volumes=["vol1"])):
        names = sorted(one.name for one in found)
        assert names == ["7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00", "before:upgrade"]
    uuids = {one["uuid"] for one in edf.raw("GET", volume.id + "/snapshots")}
    assert "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00" in uuids
    assert sorted(array.volumes(["vol1"]).items[0].snapshots or ()) == names


def test_a_snapshot_is_taken_once(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array)
    first, second = (array.create_snapshots([SnapshotSpec("monday", volume)])[0] for _ in range(2))
    assert first.id == second.id
    assert len(array.snapshots()) == 1


def test_a_snapshot_remembers_the_size_of_then(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array, "vol1", 2 * GIB)
    array.create_snapshots([SnapshotSpec("monday", volume)])
    array.extend_volume(volume, 5 * GIB)
    (found,) = array.snapshots(["monday"])
    assert found.size == 2 * GIB
    assert array.volume_from_snapshot(found, VolumeSpec("copy")).size == 2 * GIB
    assert [one.children for one in array.snapshots(["monday"])] == [("copy",)]


def test_snapshots_of_other_clients_are_listed(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array)
    made = edf.raw("POST", volume.id + "/snapshots", {})
    (found,) = array.snapshots()
    assert (found.name, found.created) == (made["uuid"], made["utc_ts"])
    array.delete_snapshot(found)
    assert len(array.snapshots()) == 0


def test_a_deleted_snapshot_leaves_no_name_behind(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array)
    array.set_metadata(volume, {"owner": "me"})
    (taken,) = array.create_snapshots([SnapshotSpec("monday", volume)])
    array.delete_snapshot(taken)
    array.delete_snapshot(taken)
    assert array.metadata(volume) == {"owner": "me"}
    assert len(array.snapshots()) == 0
    array.set_metadata(volume, {})
    assert array.metadata(volume) == {}


def test_a_restore_keeps_the_present_content(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array)
    (monday,) = array.create_snapshots([SnapshotSpec("monday", volume)])
    edf.write("vol1", GIB // 2)
    backup = array.restore_snapshot(volume, monday, "before")
    assert (backup.name, backup.volume) == ("before", "vol1")
    assert sorted(one.name for one in array.snapshots()) == ["before", "monday"]
    mark = edf.mark()
    array.restore_snapshot(volume, monday, "before")
    assert not [one for one in edf.requests(mark) if one["write"]]
    assert array.volumes(["vol1"]).items[0].state == "ready"


def test_one_instant_is_refused(edf: SimulatedEdf) -> None:
    array = edf.connect()
    one, two = make(array, "vol1"), make(array, "vol2")
    with edf.budget(array, 0), pytest.raises(errors.Unsupported, match="one instant only"):
        array.create_snapshots([SnapshotSpec("s1", one), SnapshotSpec("s2", two)], atomic=True)


# ---- hosts and mappings ----------------------------------------------------------------------------------------------


def test_a_host_is_a_group_of_initiators(edf: SimulatedEdf) -> None:
    array = edf.connect()
    with edf.budget(array, 3, 3):
        array.create_host("server", [IQN1, IQN2])
    (found,) = array.hosts(["server"])
    assert set(found.addresses) == {IQN1.address, IQN2.address}
    assert array.find_hosts([IQN2.address]).items == (found,)
    smaller = array.remove_initiators(found, [IQN2.address])
    assert array.hosts().items[0].addresses == smaller.addresses == (IQN1.address,)
    array.add_initiators(smaller, [IQN2])
    array.delete_host(array.hosts(["server"]).items[0])
    assert edf.state()["hosts"] == []


def test_existing_initiators_are_used(edf: SimulatedEdf) -> None:
    edf.raw("POST", "/initiators", {"id": IQN1.address, "name": "made-by-hand"})
    array = edf.connect()
    array.create_host("server", [IQN1])
    assert array.hosts(["server"]).items[0].addresses == (IQN1.address,)


def test_an_initiator_of_the_tenant_above(edf: SimulatedEdf) -> None:
    """2.2 makes it again in the tenant, 2.1 leans on the one above."""
    if edf.tenant == "/root":
        edf.tenant = "/root/acme"
    edf.raw("POST", "/initiators", {"id": IQN1.address, "name": "everybody"}, tenant="/root")
    array = edf.connect()
    host = array.create_host("server", [IQN1])
    mapping = array.map_volume(make(array), host)
    assert (mapping.host, mapping.lun) == ("server", 0)


def test_exporting_and_attaching_takes_four_requests(edf: SimulatedEdf) -> None:
    array = edf.connect()
    array.create_host("server", [IQN1])
    make(array)
    edf.settle(array, "vol1")
    with edf.budget(array, 4, 1):
        volume, host = array.volumes(["vol1"]).items[0], array.hosts(["server"]).items[0]
        mapping = array.map_volume(volume, host)
    assert (mapping.volume, mapping.host, mapping.lun, mapping.open) == ("vol1", "server", 0, False)
    ports = array.ports_of(["vol1"])
    assert {port.address for port in ports} == {
        edf.raw("GET", "/app_instances/vol1")["storage_instances"][0]["access"]["iqn"]
    }
    assert all(str(port.portal).endswith(":3260") for port in ports)
    assert len(ports) == 2


def test_mapping_twice_is_one_entry(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume, host = make(array), array.create_host("server", [IQN1])
    for _ in range(2):
        array.map_volume(volume, host)
    assert len(edf.state()["mappings"]) == 1


def test_unmapping_returns_the_remaining_mappings(edf: SimulatedEdf) -> None:
    array = edf.connect()
    host = array.create_host("server", [IQN1])
    one, two = (array.map_volume(make(array, name), host) for name in ("vol1", "vol2"))
    with edf.budget(array, 3, 1):
        left = array.unmap_volume(one)
    assert [mapping.volume for mapping in left] == ["vol2"]
    assert array.unmap_volume(two) == ()
    assert array.unmap_volume(two) == ()
    assert edf.state()["mappings"] == []


def test_a_volume_that_is_offline_is_mapped_and_brought_online(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make(array)
    edf.raw("PUT", "/app_instances/vol1", {"admin_state": "offline"})
    (volume,) = array.volumes(["vol1"])
    assert volume.state == "offline"
    array.map_volume(volume, array.create_host("server", [IQN1]))
    assert array.volumes(["vol1"]).items[0].state == "ready"


def test_a_single_initiator_of_an_access_list_is_a_host_by_its_address(edf: SimulatedEdf) -> None:
    """As the Cinder driver of the vendor maps."""
    array = edf.connect()
    volume = make(array)
    edf.raw("POST", "/initiators", {"id": IQN1.address, "name": "OpenStack-1234"})
    policy = volume.id.rsplit("/volumes/", 1)[0] + "/acl_policy"
    entry = {"path": f"/initiators/{IQN1.address}"}
    edf.raw("PUT", policy, {"initiators": [entry]})
    (mapping,) = array.mappings(volumes=["vol1"])
    assert mapping.host == IQN1.address
    assert array.hosts([IQN1.address]).items[0].addresses == (IQN1.address,)
    assert len(array.hosts()) == 0
    with pytest.raises(errors.Unsupported, match="a single initiator and no group"):
        array.add_initiators(array.hosts([IQN1.address]).items[0], [IQN2])
    assert array.unmap_volume(mapping) == ()


def test_open_sessions_are_reported(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume, host = make(array), array.create_host("server", [IQN1])
    other = array.create_host("other", [IQN2])
    for one in (host, other):
        array.map_volume(volume, one)
    assert {one.host: one.open for one in array.mappings()} == {"server": False, "other": False}
    edf.login("vol1", IQN1)
    assert {one.host: one.open for one in array.mappings()} == {"server": True, "other": False}
    assert {one.host: one.open for one in array.volumes(["vol1"]).items[0].mappings or ()} == {
        "server": True,
        "other": False,
    }


def test_chap_is_that_of_the_volume(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume, host = make(array), array.create_host("server", [IQN1])
    with edf.budget(array, 1, 1):
        array.set_volume_chap(volume, CHAP)
    array.map_volume(volume, host)
    (mapping,) = array.mappings()
    assert mapping.chap_user == "of-user"
    auth = edf.raw("GET", volume.id.rsplit("/volumes/", 1)[0] + "/auth")
    assert (auth["type"], auth["target_user_name"], auth["target_pswd"]) == ("chap", "of-user", "(hidden)")
    everything = str(edf.simulator.journal(edf.name)) + str(list(array.calls)) + str(edf.state())
    assert CHAP.password not in everything


@pytest.mark.parametrize(
    ("chap", "words"),
    [
        (Chap("of-user", "short"), "12 to 16 characters"),
        (Chap("of-user", "x" * 17), "12 to 16 characters"),
        (Chap("of-user", "chapsecret1234", "disc", "chapsecret1234"), "no CHAP for discovery"),
    ],
)
def test_chap_that_the_array_does_not_take(edf33: SimulatedEdf, chap: Chap, words: str) -> None:
    array = edf33.connect()
    volume = make(array)
    with edf33.budget(array, 0), pytest.raises(errors.Invalid, match=words) as caught:
        array.set_volume_chap(volume, chap)
    assert chap.password not in str(caught.value)


def test_fibre_channel_is_not_spoken(edf33: SimulatedEdf) -> None:
    assert edf33.connect().capabilities.protocols == ("iscsi",)


def test_a_host_with_maps_is_not_deleted(edf: SimulatedEdf) -> None:
    array = edf.connect()
    host = array.create_host("server", [IQN1])
    array.map_volume(make(array), host)
    with pytest.raises(errors.InUse, match="volumes are mapped to it: vol1"):
        array.delete_host(host)
    assert len(array.hosts()) == 1


# ---- app instances with several volumes ------------------------------------------------------------------------------


def test_several_volumes_of_an_app_instance_are_named_by_their_paths(edf: SimulatedEdf) -> None:
    edf.several()
    array = edf.connect()
    names = ["pair/storage-1/volume-1", "pair/storage-1/volume-2", "pair/storage-2/volume-1"]
    assert sorted(one.name for one in array.volumes()) == names
    (one,) = array.volumes([names[1]])
    assert set(one.siblings) == {names[0], names[2]}
    assert len(array.volumes(["pair"])) == 0


def test_what_would_act_on_neighbours_is_refused_and_they_are_named(edf: SimulatedEdf) -> None:
    edf.several()
    array = edf.connect()
    (volume,) = array.volumes(["pair/storage-1/volume-1"])
    host = array.create_host("server", [IQN1])
    before = edf.state()
    attempts: list[Callable[[], object]] = [
        lambda: array.map_volume(volume, host),
        lambda: array.delete_volume(volume),
        lambda: array.rename_volume(volume, "alone"),
        lambda: array.set_volume_chap(volume, CHAP),
        lambda: array.set_volume(volume, {"ip_pool": "default"}),
    ]
    for attempt in attempts:
        with pytest.raises(errors.FlashError, match="pair/storage-2/volume-1") as caught:
            attempt()
        assert caught.value.kind in ("unsupported", "refused")
    assert edf.state() == before
    for operation in ("map_volume", "delete_volume", "rename_volume"):
        assert "pair/storage-1/volume-2" in str(array.capabilities.refusal(operation, volume))


def test_one_volume_of_several_grows_and_is_restored_by_itself(edf: SimulatedEdf) -> None:
    edf.several()
    array = edf.connect()
    (volume,) = array.volumes(["pair/storage-1/volume-1"])
    volume = array.extend_volume(volume, 3 * GIB)
    (monday,) = array.create_snapshots([SnapshotSpec("monday", volume)])
    assert [(one.name, one.volume) for one in array.snapshots(["monday"])] == [("monday", volume.name)]
    edf.raw("PUT", "/app_instances/pair", {"admin_state": "offline"})
    array.restore_snapshot(array.volumes([volume.name]).items[0], monday, "before")
    sizes = {one.name: one.size // GIB for one in array.volumes()}
    assert sorted(sizes.values()) == [2, 2, 3]
    ai = edf.raw("GET", "/app_instances/pair")
    points = [one.get("restore_point") for si in ai["storage_instances"] for one in si["volumes"]]
    assert points == [monday.created, None, None]


def test_one_volume_of_several_is_deleted_by_its_own_path_once_all_are_offline(edf: SimulatedEdf) -> None:
    edf.several()
    array = edf.connect()
    edf.raw("PUT", "/app_instances/pair", {"admin_state": "offline"})
    (volume,) = array.volumes(["pair/storage-1/volume-1"])
    array.delete_volume(volume)
    assert sorted(one.name for one in array.volumes()) == ["pair/storage-1/volume-2", "pair/storage-2/volume-1"]


def test_an_app_instance_without_volumes_is_no_volume(edf: SimulatedEdf) -> None:
    edf.raw("POST", "/app_instances", {"name": "empty"})
    array = edf.connect()
    assert len(array.volumes()) == 0
    assert array.volumes(["empty"]).complete
    with pytest.raises(errors.Conflict, match="with 0 volumes"):
        array.create_volume(VolumeSpec("empty", GIB))


# ---- offline changes -------------------------------------------------------------------------------------------------


def test_an_extension_that_needs_it_offline_is_refused_unless_permitted(offline: SimulatedEdf) -> None:
    array = offline.connect()
    volume = make(array)
    with pytest.raises(errors.Refused, match="only while the app instance is offline") as caught:
        array.extend_volume(volume, 2 * GIB)
    assert "offline_changes: true" in str(caught.value)
    assert array.volumes(["vol1"]).items[0].state == "ready"


def test_an_offline_extension_takes_four_requests_once_that_is_known(offline: SimulatedEdf) -> None:
    array = offline.connect({"offline_changes": True})
    one, two = make(array, "vol1"), make(array, "vol2")
    with offline.budget(array, 5, 4):
        array.extend_volume(one, 2 * GIB)
    mark = offline.mark()
    with offline.budget(array, 4, 3):
        array.extend_volume(two, 2 * GIB)
    assert not any("force" in (entry["body"] or {}) for entry in offline.requests(mark))
    assert {(found.size, found.state) for found in array.volumes()} == {(2 * GIB, "ready")}
    assert offline.raw("GET", "/app_instances/vol1")["descr"] == ""


def test_a_volume_in_use_is_not_taken_offline(offline: SimulatedEdf) -> None:
    array = offline.connect({"offline_changes": True})
    volume = make(array)
    array.map_volume(volume, array.create_host("server", [IQN1]))
    offline.login("vol1")
    with pytest.raises(errors.InUse, match=IQN1.address):
        array.extend_volume(volume, 2 * GIB)
    offline.login("vol1", is_open=False)
    assert array.extend_volume(volume, 2 * GIB).size == 2 * GIB


def test_neighbours_are_not_taken_offline(offline: SimulatedEdf) -> None:
    offline.several()
    array = offline.connect({"offline_changes": True})
    (volume,) = array.volumes(["pair/storage-1/volume-1"])
    with pytest.raises(errors.Refused, match="pair/storage-2/volume-1"):
        array.extend_volume(volume, 5 * GIB)


def test_a_clone_grows_offline_without_permission(offline: SimulatedEdf) -> None:
    """Nobody has it yet."""
    array = offline.connect()
    clone = array.clone_volume(make(array), VolumeSpec("copy", 3 * GIB))
    assert (clone.size, clone.state, clone.name) == (3 * GIB, "ready", "copy")


# ---- facts -----------------------------------------------------------------------------------------------------------


def test_statistics_take_one_request(edf: SimulatedEdf) -> None:
    array = edf.connect()
    make(array, "vol1", 4 * GIB)
    with edf.budget(array, 1, 0):
        capacity = array.capacity()
    assert (capacity.size, capacity.provisioned) == (100 << 40, 4 * GIB)


def test_what_cannot_be_understood_is_not_absent(edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    array = edf33.connect()
    make(array)
    found = array._wire.list("/app_instances")
    del found[0]["storage_instances"][0]["volumes"][0]["size"]
    monkeypatch.setattr(array._wire, "list", lambda path, search=None: found)
    listing = array.volumes()
    assert (len(listing), listing.complete, listing.unreadable[0].name) == (0, False, "vol1")


def test_initiators_with_capitals_are_the_same(edf33: SimulatedEdf) -> None:
    array = edf33.connect()
    edf33.raw("POST", "/initiators", {"id": "iqn.2026-01.org.example:UPPER", "name": "upper"})
    edf33.raw(
        "POST",
        "/initiator_groups",
        {"name": "server", "members": [{"path": "/initiators/iqn.2026-01.org.example:UPPER"}]},
    )
    assert array.find_hosts([Initiator("iqn.2026-01.org.example:upper", "iscsi").address]).items[0].name == "server"
