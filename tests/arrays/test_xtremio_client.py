# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of XtremIO against the simulated XMS in every version: session, volumes and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import connect, errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Connection,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.planner import plan
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.rules import Policy
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.world import Actual
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB, MIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio import session
from tests.arrays.xtremio import FC1, IQN, SimulatedXms
from tests.support.one_array import make_volume

# -- connecting --------------------------------------------------------------------------------------------------------


def test_a_new_session_reads_one_volume_with_few_requests(xms: SimulatedXms) -> None:
    """Two requests with array_version and at most four without, all on one connection."""
    make_volume(xms.connect(), "v1")
    for options, most in (({"array_version": xms.version}, 2), ({}, 4)):
        mark = xms.mark()
        with xms.connect(options) as array:
            assert array.volumes(["v1"]).items[0].size == GIB
        requests = xms.requests(mark)
        assert len(requests) == len(array.calls) <= most
        assert len({request["connection"] for request in requests}) == 1
        assert array.calls.counts == {"requests": 1, "writes": 0, "session_requests": len(requests) - 1}


def test_info_capacity_pools_ports(xms: SimulatedXms) -> None:
    array = xms.connect()
    make_volume(array, "v1", 3 * GIB)
    info = array.info()
    assert (info.vendor, info.name, info.api_version) == ("xtremio", "xbrick1", "v2" if xms.v2 else "v1")
    assert info.version
    assert info.serial
    assert info.protocols == ("fc", "iscsi")
    assert array.label == "xbrick1"
    assert repr(array.capabilities)
    assert array.capacity().provisioned == 3 * GIB
    assert array.capacity().size > 0
    pool = array.pools().items[0]
    assert (pool.name, pool.size) == ("xbrick1", array.capacity().size)
    ports = array.ports()
    assert ports.complete
    assert {port.protocol for port in ports} == {"fc", "iscsi"}
    for port in ports:
        assert port.up
        assert len(port.address) == 16 if port.protocol == "fc" else port.address.startswith("iqn.")
        assert (port.portal is None) == (port.protocol == "fc")
        assert port.portal is None or port.portal.endswith(":3260")
    with xms.budget(array, 0):
        assert array.ports() == ports


def test_target_ports_restricts_the_ports(xms_42: SimulatedXms) -> None:
    ports = xms_42.connect().ports()
    fc_port = next(port for port in ports if port.protocol == "fc")
    iscsi_port = next(port for port in ports if port.portal)
    assert iscsi_port.portal
    wwn = ":".join(fc_port.address[i : i + 2] for i in range(0, 16, 2)).upper()
    for spelt in (wwn, fc_port.address.upper(), "0x" + fc_port.address):
        assert xms_42.connect({"target_ports": [spelt]}).ports().items == (fc_port,)
    address = iscsi_port.portal.rsplit(":", 1)[0]
    for spelt in (address, iscsi_port.portal):
        assert xms_42.connect({"target_ports": [spelt]}).ports().items == (iscsi_port,)
    with pytest.raises(errors.Invalid, match=address):
        xms_42.connect({"target_ports": ["10.9.9.9"]}).ports()


def test_wrong_password(xms: SimulatedXms) -> None:
    with pytest.raises(errors.Unauthorized) as caught:
        xms.connect(password="not-the-password")
    assert "not-the-password" not in str(caught.value)
    with pytest.raises(errors.Invalid, match="username"):
        xms.connect(username=None)


def test_the_clusters_of_one_xms_are_separate(two_clusters: SimulatedXms) -> None:
    for options in ({}, {"array_version": "4.2.0-33"}):
        with pytest.raises(errors.Invalid, match="north, south"):
            two_clusters.connect(options)
    north, south = two_clusters.connect({"cluster": "north"}), two_clusters.connect({"cluster": "south"})
    assert (north.info().name, south.info().name) == ("north", "south")
    make_volume(north, "v1", GIB)
    make_volume(south, "v1", 2 * GIB)
    make_volume(south, "v2")
    assert [volume.size for volume in north.volumes(["v1"])] == [GIB]
    assert sorted(model.names(south.volumes().items)) == ["v1", "v2"]
    host = south.create_host("h1", [FC1])
    south.map_volume(south.volumes(["v1"]).items[0], host)
    assert len(north.mappings()) == 0
    assert len(south.mappings()) == 1
    other = north.scope("south")
    assert other.label == "south"
    assert sorted(model.names(other.volumes().items)) == ["v1", "v2"]
    with pytest.raises(errors.Invalid, match="north, south"):
        north.scope("east")
    south.unmap_volume(south.mappings().items[0])
    south.delete_volume(south.volumes(["v1"]).items[0])
    assert len(north.volumes(["v1"])) == 1


@pytest.mark.parametrize("version", ["2.4.0-1", "new"])
def test_an_unsupported_version_is_refused(xms_42: SimulatedXms, version: str) -> None:
    with pytest.raises((errors.Unsupported, errors.Invalid)):
        xms_42.connect({"array_version": version})


@pytest.mark.parametrize(
    ("text", "numbers"), [("4.0.2-80", (4, 0, 2)), ("4.0.10-34.hotfix1", (4, 0, 10)), ("6.0.1-27_X2", (6, 0, 1))]
)
def test_a_version_is_parsed_into_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert session.parse_version(text) == numbers


def test_an_unknown_vendor_and_an_option_of_another_vendor_are_refused() -> None:
    with pytest.raises(errors.Invalid, match="xtremio"):
        connect.connect(Connection("netapp", ("a",)))
    with pytest.raises(errors.Invalid, match="tenant"):
        connect.connect(Connection("xtremio", ("a",), options={"tenant": "x"}))


def test_an_address_that_is_not_an_xms_is_reported(xms_42: SimulatedXms) -> None:
    xms_42.fault("non_json", count=5)
    with pytest.raises(errors.BadReply, match="not JSON"):
        xms_42.connect()


# -- volumes -----------------------------------------------------------------------------------------------------------


def test_a_volume_is_created_extended_renamed_and_deleted(xms: SimulatedXms) -> None:
    array = xms.connect()
    with xms.budget(array, 1, 1):
        created = array.create_volume(VolumeSpec("v1", 10 * GIB + 1))
    assert created.size == 10 * GIB + MIB
    assert created.id
    with xms.budget(array, 1, 0):
        volume = array.volumes(["v1"]).items[0]
    assert (volume.name, volume.size, volume.id, volume.provisioning) == ("v1", created.size, created.id, "thin")
    assert volume.mappings == ()
    assert volume.snapshots == ()
    assert volume.created
    assert volume.source is None
    with xms.budget(array, 1, 1):
        volume = array.extend_volume(volume, 20 * GIB)
    with xms.budget(array, 0):
        assert array.extend_volume(volume, 20 * GIB) == volume
    with pytest.raises(errors.Refused, match="never shrinks"):
        array.extend_volume(volume, GIB)
    with xms.budget(array, 1, 1):
        volume = array.rename_volume(volume, "v2")
    state = xms.volume("v2")
    assert state
    assert state["size"] == 20 * GIB
    with xms.budget(array, 2, 1):
        array.delete_volume(volume)
    array.delete_volume(volume)
    assert xms.names() == []
    assert len(array.volumes(["v2"])) == 0


def test_an_existing_volume_is_compared_with_the_requested_one(xms: SimulatedXms) -> None:
    array = xms.connect()
    volume = make_volume(array, "v1")
    assert array.create_volume(VolumeSpec("v1", GIB - 5)).id == volume.id
    with pytest.raises(errors.Conflict, match="1GiB instead of 2GiB"):
        array.create_volume(VolumeSpec("v1", 2 * GIB))
    with pytest.raises(errors.Invalid, match="size"):
        array.create_volume(VolumeSpec("v2"))
    with pytest.raises(errors.Invalid, match="xbrick1"):
        array.create_volume(VolumeSpec("v2", GIB, pool="gold"))
    assert array.create_volume(VolumeSpec("v2", GIB, pool="xbrick1")).pool == "xbrick1"


def test_a_missing_object_is_absent_for_reads_and_deletes_and_an_error_for_changes(xms: SimulatedXms) -> None:
    array = xms.connect()
    ghost = model.Volume("ghost", GIB, id="77")
    assert len(array.volumes(["ghost"])) == len(array.snapshots(["ghost"])) == len(array.hosts(["ghost"])) == 0
    assert len(array.find_hosts(["1000000000000009"])) == len(array.groups(["ghost"])) == 0
    assert len(array.mappings(volumes=["ghost"], hosts=["ghost"])) == 0
    assert len(array.snapshots(volumes=["ghost"])) == 0
    array.delete_volume(ghost)
    array.delete_snapshot(model.Snapshot("ghost", None, GIB))
    array.delete_host(model.Host("ghost"))
    array.remove_initiators(model.Host("ghost", initiators=(FC1,)), [FC1.address])
    array.unmap_volume(model.Mapping("ghost", "ghost", id="7_7_1"))
    actions: list[Callable[[], Any]] = [
        lambda: array.extend_volume(ghost, 2 * GIB),
        lambda: array.rename_volume(ghost, "x"),
        lambda: array.clone_volume(ghost, VolumeSpec("x")),
        lambda: array.create_snapshots([SnapshotSpec("x", ghost)]),
    ]
    for action in actions:
        with pytest.raises(errors.NotFound, match="ghost is not there"):
            action()


def test_many_volumes_are_read_by_name_with_few_requests(xms: SimulatedXms) -> None:
    array = xms.connect()
    for number in range(12):
        array.create_volume(VolumeSpec(f"v{number}", GIB))
    requested = [f"v{number}" for number in range(10)] + ["ghost"]
    one_request = 1 if xms.v2 else 11
    with xms.budget(array, one_request):
        volumes = array.volumes(requested)
    assert volumes.complete
    assert sorted(model.names(volumes.items)) == sorted(requested[:-1])
    with xms.budget(array, 1 if xms.version == "4.2.0-33" else 3):
        assert sorted(model.names(array.volumes(["v1", "v2", "v2", "ghost"]).items)) == ["v1", "v2"]
    with xms.budget(array, 0):
        assert len(array.volumes([])) == 0


def test_a_filter_has_at_most_149_terms_and_a_bounded_length(xms_42: SimulatedXms) -> None:
    array = xms_42.connect()
    names = [f"volume-with-a-rather-long-name-{number:03d}" for number in range(200)]
    for name in names[::40]:
        array.create_volume(VolumeSpec(name, GIB))
    mark = xms_42.mark()
    assert sorted(model.names(array.volumes(names).items)) == names[::40]
    requests = xms_42.requests(mark)
    assert 2 <= len(requests) <= 4
    for request in requests:
        assert request["path"].count("%3Aeq%3A") <= 149
        assert len(request["path"]) < 8000
    mark = xms_42.mark()
    array.volumes([f"a{number}" for number in range(5000)])
    assert len(xms_42.requests(mark)) == 1


def test_a_volume_whose_name_has_a_comma_is_found_without_a_filter(xms_42: SimulatedXms) -> None:
    array = xms_42.connect()
    array._xms.post("volumes", {"vol-name": "a,b", "vol-size": "1024m"})
    make_volume(array, "c")
    assert sorted(model.names(array.volumes(["a,b", "c"]).items)) == ["a,b", "c"]


def test_every_read_requests_only_the_properties_that_it_needs(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volume = make_volume(array, "v1")
    array.create_snapshots([SnapshotSpec("s1", volume)])
    host = array.create_host("h1", [FC1, IQN])
    array.map_volume(volume, host)
    mark = xms_v2.mark()
    for read in (array.volumes, array.snapshots, array.hosts, array.mappings, array.groups, array.info, array.capacity):
        read()
    reads = [request for request in xms_v2.requests(mark) if request["method"] == "GET"]
    assert reads
    assert all("prop=" in request["path"] for request in reads)
    assert not any("password" in request["path"] for request in reads)


def test_an_object_that_cannot_be_read_is_not_taken_for_absent(
    xms_42: SimulatedXms, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = xms_42.connect()
    make_volume(array, "v1")
    make_volume(array, "v2")
    listed = session.XmsSession.list

    def broken(self: session.XmsSession, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        items = listed(self, *args, **kwargs)
        items[0]["vol-size"] = "much"
        return items

    monkeypatch.setattr(session.XmsSession, "list", broken)
    volumes = array.volumes()
    assert not volumes.complete
    assert model.names(volumes.items) == ("v2",)
    assert volumes.unreadable[0].name == "v1"


@pytest.mark.parametrize("name", ["123", "a b", "a/b", "a,b", "", "x" * 129, "-x"])
def test_a_name_that_the_array_cannot_have_is_refused_while_planning(xms_42: SimulatedXms, name: str) -> None:
    array = xms_42.connect()
    with pytest.raises(errors.Invalid):  # noqa: PT012  by the declaration or by the plan
        declared = desired.volumes([{"name": name, "size": "1GiB"}], {"state": "present"})
        planned = plan(declared, Actual(), Policy(), array.capabilities)
        assert planned.lines == ()
        raise planned.errors[0]
    assert xms_42.names() == []


# -- errors ------------------------------------------------------------------------------------------------------------


def test_an_unknown_code_is_shown_in_the_message(xms_42: SimulatedXms) -> None:
    array = xms_42.connect()
    with pytest.raises(errors.FlashError) as caught:
        array._xms.post("volumes", {"vol-name": "v1", "vol-size": "0m"})
    assert caught.value.code
    assert caught.value.code in str(caught.value)


def test_an_error_page_of_a_gateway_is_reported_without_its_html(xms_42: SimulatedXms) -> None:
    array = xms_42.connect()
    xms_42.fault("http_status", status=500, count=None)
    with pytest.raises(errors.FlashError, match="HTTP status 500") as caught:
        array.volumes()
    assert "<" not in str(caught.value)


def test_no_secret_in_the_journal(xms: SimulatedXms) -> None:
    array = xms.connect()
    make_volume(array, "v1")
    password = str(xms.connection().password)
    assert password not in repr([call.as_dict() for call in array.calls])
    assert password not in repr(xms.connection())
