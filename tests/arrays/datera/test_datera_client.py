# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of Datera against the simulated array: session, tenants, volumes and facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.gathering import gather
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.selection import selection
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from tests.arrays.datera.conftest import IQN1, VARIANTS, SimulatedEdf
from tests.support.one_array import make_volume
from tests.support.simulator import Simulator

# ---- session, versions, tenants --------------------------------------------------------------------------------------


def test_the_newest_common_version_is_spoken(edf: SimulatedEdf) -> None:
    array = edf.connect()
    info = array.info()
    assert (info.version, info.api_version) == (VARIANTS[edf.name][0], "2.1" if edf.name == "2.1" else "2.2")
    assert (info.vendor, info.protocols, info.name) == ("datera", ("iscsi",), edf.name)
    counts = array.calls.counts
    assert counts["session_requests"] == (3 if edf.tenant == "/root" else 4)


def test_an_api_version_can_be_requested(edf33: SimulatedEdf) -> None:
    assert edf33.connect({"api_version": "2.1"}).info().api_version == "2.1"
    with pytest.raises(errors.Invalid, match="api_version 3 is not one of 2.2, 2.1"):
        edf33.connect({"api_version": "3"})


def test_an_api_version_that_is_listed_and_not_served_is_skipped(datera_simulator: Simulator) -> None:
    listed = SimulatedEdf(datera_simulator, "listed")
    with listed.connect() as array:
        assert array.info().api_version == "2.1"


def test_an_array_in_trouble_is_not_taken_for_an_old_one(edf33: SimulatedEdf) -> None:
    edf33.fault("http_status", match={"path": "v2.2/login"}, status=500, count=None)
    with pytest.raises(errors.BadReply, match="HTTP status 500"):
        edf33.connect()


def test_an_array_is_managed_over_plain_http_where_the_task_says_so(edf: SimulatedEdf) -> None:
    array = edf.connect({"scheme": "http"}, port=edf.endpoint["http_port"], ca_path=None)
    assert make_volume(array).size == GIB
    with pytest.raises(errors.FlashError, match="does not speak TLS"):
        edf.connect(port=edf.endpoint["http_port"])


def test_an_expired_session_is_renewed_once(edf: SimulatedEdf) -> None:
    array = edf.connect()
    make_volume(array)
    edf.fault("expired", match={"path": "app_instances"})
    mark = edf.mark()
    assert len(array.volumes()) == 1
    assert sum("/login" in request["path"] for request in edf.requests(mark)) == 1


def test_a_login_that_stays_refused_is_not_retried_for_ever(edf33: SimulatedEdf) -> None:
    array = edf33.connect()
    edf33.fault("expired", match={"path": "app_instances"}, count=None)
    mark = edf33.mark()
    with pytest.raises(errors.Unauthorized):
        array.volumes()
    assert len(edf33.requests(mark)) <= 3


def test_closing_the_client_logs_out(edf33: SimulatedEdf) -> None:
    with edf33.connect() as array:
        mark = edf33.mark()
        array.volumes()
    assert edf33.requests(mark)[-1]["path"].endswith("/logout")


@pytest.mark.parametrize("tenant", ["acme", "/root/acme", "root/acme", " /root/acme/ "])
def test_a_tenant_is_accepted_in_every_form(edf33: SimulatedEdf, tenant: str) -> None:
    make_volume(edf33.connect({"tenant": tenant}))
    assert [row["scope"] for row in edf33.state()["volumes"]] == ["/root/acme"]


@pytest.mark.parametrize("tenant", ["a b", "/root/a/../b", "x" * 70, "/root/1"])
def test_an_impossible_tenant_name_is_refused(edf33: SimulatedEdf, tenant: str) -> None:
    with pytest.raises(errors.Invalid, match="is not a tenant"):
        edf33.connect({"tenant": tenant})


def test_a_tenant_that_does_not_exist_is_reported(edf: SimulatedEdf) -> None:
    with pytest.raises(errors.NotFound, match="there is no tenant /root/new") as caught:
        edf.connect({"tenant": "/root/new/sub"})
    assert "create_tenant: true" in str(caught.value)


def test_a_tenant_is_created_by_the_first_write_and_not_earlier(edf: SimulatedEdf) -> None:
    mark = edf.mark()
    array = edf.connect({"tenant": "/root/made/below", "create_tenant": True})
    assert (len(array.volumes()), len(array.hosts()), len(array.snapshots())) == (0, 0, 0)
    assert not [request for request in edf.requests(mark) if request["write"]]
    make_volume(array)
    assert [row["scope"] for row in edf.state()["volumes"]] == ["/root/made/below"]


def test_tenants_do_not_see_each_other(edf33: SimulatedEdf) -> None:
    array = edf33.connect()
    make_volume(array, "vol1", GIB)
    other = array.scope("acme")
    assert len(other.volumes()) == 0
    make_volume(other, "vol1", 2 * GIB)
    assert array.volumes(["vol1"]).items[0].size == GIB
    with pytest.raises(errors.NotFound):
        array.scope("nowhere")


# ---- volumes ---------------------------------------------------------------------------------------------------------


def test_a_description_is_kept_by_changes_that_need_the_volume_offline_and_not_by_copies(offline: SimulatedEdf) -> None:
    array = offline.connect({"offline_changes": True})
    with offline.budget(array, 1, 1):
        volume = array.create_volume(VolumeSpec("vol1", GIB, options={"description": "of accounts"}))
    assert volume.options["description"] == "of accounts"
    assert array.clone_volume(volume, VolumeSpec("plain")).options["description"] == ""
    clone = array.clone_volume(volume, VolumeSpec("clone", options={"description": "Copy 1"}))
    assert clone.options["description"] == "Copy 1"
    volume = array.set_volume(volume, {"description": "of 2 accounts"})
    array.extend_volume(volume, 2 * GIB)
    found = {one.name: one.options["description"] for one in array.volumes()}
    assert found == {"vol1": "of 2 accounts", "plain": "", "clone": "Copy 1"}


def test_a_volume_is_created_with_all_its_options_in_one_request(edf: SimulatedEdf) -> None:
    array = edf.connect()
    options = {"replica_count": 2, "placement_mode": "all_flash", "total_iops_max": 500, "write_bandwidth_max": 1024}
    with edf.budget(array, 1, 1):
        array.create_volume(VolumeSpec("vol1", GIB + 1, options=options))
    volume = array.volumes(["vol1"]).items[0]
    assert (volume.name, volume.size, volume.pool, volume.provisioning) == ("vol1", 2 * GIB, edf.name, "thin")
    assert options.items() <= volume.options.items()
    assert volume.options["read_iops_max"] == 0
    assert (volume.mappings, volume.snapshots, volume.siblings) == ((), (), ())
    instance = edf.raw("GET", "/app_instances/vol1")
    assert instance["access_control_mode"] == "deny_all"
    assert [row["name"] for row in instance["storage_instances"]] == ["storage-1"]
    assert [row["name"] for row in instance["storage_instances"][0]["volumes"]] == ["volume-1"]


def test_a_placement_policy_is_set_where_the_array_has_them(edf33: SimulatedEdf) -> None:
    volume = make_volume(edf33.connect(), placement_policy="all-flash")
    assert volume.options["placement_policy"] == "all-flash"


@pytest.mark.parametrize("played", ["of_policy", "as_sent"])
def test_a_placement_mode_beside_a_policy_is_set_too(edf33: SimulatedEdf, played: str) -> None:
    """Which of them decides is not known: both are as requested, whatever the array makes of the first request."""
    edf33.assume({"datera.volumes.placement": played})
    try:
        array = edf33.connect()
        both: dict[str, Any] = {"placement_policy": "all-flash", "placement_mode": "single_flash"}
        assert both.items() <= make_volume(array, **both).options.items()
        (volume,) = array.volumes(["vol1"]).items
        assert both.items() <= volume.options.items()
        other = {"placement_policy": "single-flash", "placement_mode": "hybrid"}
        assert other.items() <= array.set_volume(volume, other).options.items()
        assert other.items() <= array.volumes(["vol1"]).items[0].options.items()
    finally:
        edf33.assume({})


def test_older_software_has_no_placement_policies(edf22: SimulatedEdf) -> None:
    assert "placement_policy" not in edf22.connect().capabilities.volume_options


def test_the_ip_pool_of_a_volume_is_set_and_changed(edf: SimulatedEdf) -> None:
    pool = {"name": "fast", "network_paths": [{"start_ip": "192.0.2.1", "netmask": 24, "range": 10}]}
    edf.raw("POST", "/access_network_ip_pools", pool)
    array = edf.connect({"offline_changes": True})
    assert make_volume(array, "vol1", ip_pool="fast").options["ip_pool"] == "fast"
    with pytest.raises(errors.NotFound):
        array.create_volume(VolumeSpec("vol2", GIB, options={"ip_pool": "slow"}))
    moved = array.set_volume(array.volumes(["vol1"]).items[0], {"ip_pool": "default"})
    assert moved.options["ip_pool"] == "default"
    volume = array.volumes(["vol1"]).items[0]
    assert (volume.options["ip_pool"], volume.state) == ("default", "ready")


def test_an_app_template_gives_the_remaining_options(edf: SimulatedEdf) -> None:
    volume = {"name": "data", "size": 2, "replica_count": 1, "placement_mode": "single_flash"}
    edf.raw(
        "POST",
        "/app_templates",
        {"name": "gold", "storage_templates": [{"name": "disk", "volume_templates": [volume]}]},
    )
    array = edf.connect()
    same, grown = (
        make_volume(array, "same", 2 * GIB, template="gold"),
        make_volume(array, "grown", 5 * GIB, template="gold"),
    )
    assert (same.size, grown.size) == (2 * GIB, 5 * GIB)
    assert (same.options["template"], same.options["placement_mode"]) == ("gold", "single_flash")
    declared = gather(array, selection({}))["gathered"]["volumes"]
    assert "mode" in declared[0]["placement"]
    assert "template" not in declared[0].get("array_options", {})
    if not edf.connect().capabilities.volume_options.get("placement_policy"):
        with pytest.raises(errors.Invalid, match="which is more than 1GiB"):
            array.create_volume(VolumeSpec("less", GIB, options={"template": "gold"}))
    with pytest.raises(errors.NotFound, match="there is no app template lead"):
        array.create_volume(VolumeSpec("vol9", GIB, options={"template": "lead"}))


def test_an_existing_volume_is_compared(edf: SimulatedEdf) -> None:
    array = edf.connect()
    make_volume(array, "vol1", 2 * GIB)
    assert array.create_volume(VolumeSpec("vol1", 2 * GIB)).size == 2 * GIB
    with pytest.raises(errors.Conflict, match="it has 2GiB instead of 3GiB"):
        array.create_volume(VolumeSpec("vol1", 3 * GIB))


def test_names_are_compared_exactly(edf: SimulatedEdf) -> None:
    """A filter of the array finds every name that holds the text."""
    array = edf.connect()
    for name in ("data", "data-1", "old-data"):
        make_volume(array, name)
    assert [volume.name for volume in array.volumes(["data"])] == ["data"]
    many = ["data", "none-1", "none-2", "none-3", "none-4", "old-data"]
    assert sorted(volume.name for volume in array.volumes(many)) == ["data", "old-data"]


def test_a_name_that_is_the_id_of_another_is_not_confused_with_it(edf: SimulatedEdf) -> None:
    array = edf.connect()
    ident = make_volume(array, "vol1").id.split("/")[2]
    assert len(array.volumes([ident])) == 0
    make_volume(array, "0f9d4b1e-0000-4000-8000-000000000001", 2 * GIB)
    assert array.volumes(["0f9d4b1e-0000-4000-8000-000000000001"]).items[0].size == 2 * GIB


def test_many_volumes_are_read_with_one_request(edf: SimulatedEdf) -> None:
    array = edf.connect()
    names = [f"v{number:03d}" for number in range(12)]
    for name in names:
        array.create_volume(VolumeSpec(name, GIB))
    with edf.budget(array, 1, 0):
        assert len(array.volumes(names)) == 12
    with edf.budget(array, 1, 0):
        assert len(array.volumes()) == 12


def test_pages_are_read_to_the_end(edf: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera import ledger, session

    monkeypatch.setattr(session, "PAGE_SIZE", replace(ledger.PAGE_SIZE, value=3))
    array = edf.connect()
    for number in range(7):
        array.create_volume(VolumeSpec(f"v{number:03d}", GIB))
    assert len({volume.name for volume in array.volumes()}) == 7


def test_an_extension_is_one_write_and_polls_and_a_volume_is_never_shrunk(edf: SimulatedEdf) -> None:
    """The array answers before it has finished: it says ``volume_resize_in_progress`` for a while."""
    array = edf.connect()
    volume = make_volume(array)
    mark = edf.mark()
    grown = array.extend_volume(volume, 4 * GIB)
    read, change, *polls = edf.requests(mark)
    assert not read["write"]
    assert change["write"]
    assert polls
    assert not any(request["write"] for request in polls)
    assert array.volumes(["vol1"]).items[0].state == "ready"
    assert grown.size == array.volumes(["vol1"]).items[0].size == 4 * GIB
    with edf.budget(array, 0), pytest.raises(errors.Refused, match="a volume never shrinks"):
        array.extend_volume(grown, 2 * GIB)


def test_renaming_keeps_everything_else(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make_volume(array)
    array.create_snapshots([SnapshotSpec("monday", volume)])
    with edf.budget(array, 2, 1):
        renamed = array.rename_volume(volume, "vol2")
    assert (renamed.name, renamed.id) == ("vol2", volume.id)
    assert [(snapshot.name, snapshot.volume) for snapshot in array.snapshots(["monday"])] == [("monday", "vol2")]
    make_volume(array, "vol3")
    with pytest.raises(errors.Conflict, match="there is a volume vol3 already"):
        array.rename_volume(renamed, "vol3")


def test_deleting_takes_three_requests_and_no_force(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make_volume(array)
    mark = edf.mark()
    with edf.budget(array, 3, 2):
        array.delete_volume(volume)
    assert not any("force" in (request["body"] or {}) for request in edf.requests(mark))
    assert edf.state()["volumes"] == []
    with edf.budget(array, 1, 0):
        array.delete_volume(volume)


def test_a_mapped_volume_and_one_with_snapshots_are_not_deleted(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make_volume(array)
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
    volume = make_volume(array, replica_count=1)
    volume = array.set_volume(volume, {"total_iops_max": 900, "replica_count": 2})
    assert array.volumes(["vol1"]).items[0].options["total_iops_max"] == 900
    array.set_volume(volume, {"read_iops_max": 100})
    options = array.volumes(["vol1"]).items[0].options
    assert (options["total_iops_max"], options["read_iops_max"], options["replica_count"]) == (900, 100, 2)
    array.set_volume(volume, {"total_iops_max": 0, "read_iops_max": 0})
    assert "performance_policy" not in edf.raw("GET", volume.id)
    with pytest.raises(errors.Unsupported, match="never lowers replica_count"):
        array.set_volume(array.volumes(["vol1"]).items[0], {"replica_count": 1})


def test_a_full_array_is_reported(full: SimulatedEdf) -> None:
    array = full.connect()
    full.fault("pool_full")
    with pytest.raises(errors.NoSpace, match="no room"):
        array.create_volume(VolumeSpec("vol1", GIB))
    assert len(array.volumes()) == 0
    assert (array.capacity().size, array.pools().items[0].name) == (10 * GIB, "full")


# ---- facts -----------------------------------------------------------------------------------------------------------


def test_statistics_take_one_request(edf: SimulatedEdf) -> None:
    array = edf.connect()
    make_volume(array, "vol1", 4 * GIB)
    with edf.budget(array, 1, 0):
        capacity = array.capacity()
    assert (capacity.size, capacity.provisioned) == (100 << 40, 4 * GIB)


def test_a_volume_that_cannot_be_read_is_not_taken_for_absent(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = edf33.connect()
    make_volume(array)
    rows = array._wire.list("/app_instances")
    del rows[0]["storage_instances"][0]["volumes"][0]["size"]
    monkeypatch.setattr(array._wire, "list", lambda path, search=None, tenant=None: rows)
    listing = array.volumes()
    assert (len(listing), listing.complete, listing.unreadable[0].name) == (0, False, "vol1")


def test_initiators_are_compared_without_case(edf33: SimulatedEdf) -> None:
    array = edf33.connect()
    edf33.raw("POST", "/initiators", {"id": "iqn.2026-01.org.example:UPPER", "name": "upper"})
    edf33.raw(
        "POST",
        "/initiator_groups",
        {"name": "server", "members": [{"path": "/initiators/iqn.2026-01.org.example:UPPER"}]},
    )
    assert array.find_hosts([Initiator("iqn.2026-01.org.example:upper", "iscsi").address]).items[0].name == "server"
