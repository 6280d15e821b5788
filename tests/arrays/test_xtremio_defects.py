# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Defects of other clients of XtremIO that this one does not have, with their numbers in the wire sheet (section 14).

Where a test has a docstring, it says what the other client did.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Chap,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio import names, objects
from tests.arrays.xtremio import FC1, FC2, IQN, SimulatedXms
from tests.support.one_array import make_volume, pauses_of


def test_01_busy_is_waited_for_with_short_pauses_until_wait_timeout(xms: SimulatedXms) -> None:
    """It swapped the count and the interval of its retries."""
    array = xms.connect()
    xms.fault("busy", count=3)
    pauses = pauses_of(array._xms.http)
    make_volume(array, "v1")
    assert len(pauses) == 3
    assert sum(pauses) < 4.0
    impatient = xms.connect(wait_timeout=1.5)
    xms.fault("busy", count=None)
    mark, pauses = xms.mark(), pauses_of(impatient._xms.http)
    with pytest.raises(errors.Busy, match="system_is_busy"):
        impatient.create_volume(VolumeSpec("v2", GIB))
    assert len(pauses) >= 2
    assert sum(pauses) <= 1.5
    assert 3 <= len(xms.requests(mark)) <= 12


def test_02_the_remaining_mappings_are_those_of_the_host_that_was_unmapped(xms: SimulatedXms) -> None:
    """It counted the remaining mappings of the group that is named like the host, and removed zones in use."""
    array = xms.connect()
    first, second = make_volume(array, "v1"), make_volume(array, "v2")
    array.create_host("made-by-hand", [FC1])
    array.create_host("compute1", [])
    (host,) = array.find_hosts([FC1.address])
    mapping = array.map_volume(first, host)
    array.map_volume(second, host)
    assert [item.volume for item in array.unmap_volume(mapping)] == ["v2"]


def test_03_an_unknown_initiator_is_an_empty_list(xms: SimulatedXms) -> None:
    """Detaching from a host that the array does not know raised TypeError, or removed zones without a message."""
    array = xms.connect()
    volume = make_volume(array, "v1")
    hosts = array.find_hosts(["1000000000000077"])
    assert hosts.complete
    assert hosts.items == ()
    assert array.mappings(volumes=[volume.name]).items == ()
    assert array.unmap_volume(model.Mapping("v1", "nobody", id="1_9_1")) == ()


def test_04_initiators_of_two_hosts_find_both(xms: SimulatedXms) -> None:
    """On 3.x, which has no filters, it raised KeyError."""
    array = xms.connect()
    volume = make_volume(array, "v1")
    for name, initiator in (("h1", FC1), ("h2", FC2)):
        array.create_host(name, [initiator])
    hosts = array.find_hosts([FC1.address, FC2.address])
    assert sorted(model.names(hosts.items)) == ["h1", "h2"]
    other = make_volume(array, "v0")
    array.map_volume(other, hosts.items[0])
    for host in hosts:
        array.map_volume(volume, host)
        array.map_volume(volume, host)
    assert sorted(mapping.host for mapping in array.mappings(volumes=["v1"])) == ["h1", "h2"]


def test_05_a_wrong_cluster_name_is_an_error_at_once(xms: SimulatedXms) -> None:
    """It did not check the name, and ignored it on 3.x."""
    for options in ({"cluster": "xbrick9"}, {"cluster": "xbrick9", "array_version": xms.version}):
        with pytest.raises(errors.Invalid, match="no cluster xbrick9.*xbrick1"):
            xms.connect(options)
    assert xms.connect({"cluster": "xbrick1"}).label == "xbrick1"


def test_06_what_is_missing_is_named(xms: SimulatedXms) -> None:
    array = xms.connect()
    volume = make_volume(array, "v1")
    host = array.create_host("h1", [FC1])
    ghost, nobody = model.Volume("ghost", GIB, id="77"), model.Host("nobody", id="77")
    with pytest.raises(errors.NotFound, match="volume ghost is not there"):
        array.map_volume(ghost, host)
    with pytest.raises(errors.NotFound, match="host nobody is not there"):
        array.map_volume(volume, nobody)
    with pytest.raises(errors.NotFound, match="volume ghost is not there"):
        array.rename_volume(ghost, "x")
    with pytest.raises(errors.NotFound, match="host nobody is not there"):
        array.add_initiators(nobody, [FC2])


def test_07_clones_join_groups_and_groups_are_snapshot_sources(xms_v2: SimulatedXms) -> None:
    """It compared an instance with a class, and passed an object instead of its name."""
    array = xms_v2.connect()
    source = make_volume(array, "v1")
    group = array.create_group("g1", [source])
    clone = array.clone_volume(source, VolumeSpec("c1"))
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", source)])
    copy = array.volume_from_snapshot(snapshot, VolumeSpec("c2"))
    array.add_to_group(group, [clone, copy])
    assert array.groups(["g1"]).items[0].volumes == ("v1", "c1", "c2")
    taken = array.snapshot_group(array.groups(["g1"]).items[0], "x")
    assert sorted(model.names(taken)) == ["c1.x", "c2.x", "v1.x"]


def test_08_a_group_snapshot_reads_its_own_group_only(xms_42: SimulatedXms) -> None:
    """Because of a misspelt parameter it read every volume with all properties."""
    array = xms_42.connect()
    members = [make_volume(array, f"v{number}") for number in range(3)]
    group = array.create_group("g1", members)
    mark = xms_42.mark()
    array.snapshot_group(group, "x")
    reads = [request["path"] for request in xms_42.requests(mark) if request["method"] == "GET"]
    assert all("prop=" in path and ("filter=" in path or "name=" in path) for path in reads)
    assert len(reads) == 1


def test_09_no_call_waits_for_ever(xms: SimulatedXms) -> None:
    array = xms.connect(timeout=0.5)
    xms.fault("latency", seconds=3, count=1, match={"method": "POST"})
    with pytest.raises(errors.Timeout, match="within 0.5 s"):
        array._xms.http.request("POST", "/api/json/types/volumes", json={"vol-name": "v1", "vol-size": "1024m"})


def test_09_all_requests_use_one_connection(xms: SimulatedXms) -> None:
    mark = xms.mark()
    array = xms.connect()
    volume = make_volume(array, "v1")
    host = array.create_host("h1", [FC1])
    array.unmap_volume(array.map_volume(volume, host))
    array.delete_volume(volume)
    assert len({request["connection"] for request in xms.requests(mark)}) == 1


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated"])
def test_09_a_lost_answer_leaves_no_temporary_object(xms: SimulatedXms, kind: str) -> None:
    array = xms.connect()
    volume = make_volume(array, "v1")
    xms.fault(kind, match={"method": "POST", "path": "/snapshots"})
    array.create_snapshots([SnapshotSpec("s1", volume)])
    assert xms.names() == ["s1", "v1"]


def test_09_a_rename_that_fails_is_rolled_back(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volume = make_volume(array, "v1")
    with pytest.raises(errors.FlashError):
        array.create_snapshots([SnapshotSpec("x" * 200, volume)])
    assert xms_v2.names() == ["v1"]


def test_09_two_snapshots_in_one_second(xms: SimulatedXms) -> None:
    """It let the array choose suffix and set name, which were equal within one second (bug 1467386)."""
    array = xms.connect()
    volume = make_volume(array, "v1")
    array.create_snapshots([SnapshotSpec(f"s{number}", volume) for number in range(5)])
    assert len(array.snapshots(volumes=["v1"])) == 5


def test_09_a_name_can_be_used_again(xms: SimulatedXms) -> None:
    """The name of a snapshot set outlives the name of its snapshot."""
    array = xms.connect()
    volume = make_volume(array, "v1")
    for number in range(3):
        array.create_snapshots([SnapshotSpec("nightly", volume)])
        created = array._xms.volume("nightly")
        assert created
        array.rename_volume(objects.volume(created), f"nightly-{number}")
    assert xms.names() == ["nightly-0", "nightly-1", "nightly-2", "v1"]


def test_10_discovery_credentials_are_set_beside_login_credentials(xms: SimulatedXms) -> None:
    """It set an empty discovery password where login credentials existed before."""
    array = xms.connect()
    host = array.create_host("h1", [IQN], chap=Chap("login", "login-secret"))
    mark = xms.mark()
    array.set_chap(host, Chap("login", "login-secret", "discovery", "discovery-secret"))
    (sent,) = [request["body"] for request in xms.requests(mark) if request["write"]]
    assert sent["initiator-discovery-user-name"] == "discovery"
    assert "initiator-discovery-password" in sent
    with pytest.raises(errors.Invalid, match="both"):
        array.set_chap(host, Chap("login", "login-secret", discovery_username="discovery"))


def test_10_chap_secrets_that_the_array_returns_are_dropped(xms: SimulatedXms) -> None:
    """The array returns them in clear text."""
    array = xms.connect()
    array.create_host("h1", [IQN], chap=Chap("login", "login-secret"))
    raw = array._xms.http.request("GET", "/api/json/types/initiators/1")
    assert "login-secret" in raw.text
    answers = (array.hosts(), array.find_hosts([IQN.address]), array.info())
    assert "login-secret" not in repr((answers, list(array.calls), raw))
    assert answers[0].items[0].initiators[0].chap_user == "login"


def test_10_several_initiators_of_a_host_are_one_host(xms: SimulatedXms) -> None:
    array = xms.connect()
    array.create_host("h1", [FC1, FC2, IQN])
    (host,) = array.find_hosts([FC1.address, FC2.address, IQN.address])
    assert len(host.initiators) == 3


def test_11_one_key_renames_volumes_and_snapshots(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volume = make_volume(array, "v1")
    mark = xms_v2.mark()
    array.create_snapshots([SnapshotSpec("s1", volume)])
    array.rename_volume(volume, "v2")
    renames = [request["body"] for request in xms_v2.requests(mark) if request["method"] == "PUT"]
    assert [set(body) for body in renames] == [{"vol-name", "cluster-id"}] * 2


def test_12_certificates_are_verified_unless_the_option_says_otherwise(xms: SimulatedXms) -> None:
    with pytest.raises(errors.Unreachable, match="certificate is not trusted"):
        xms.connect(ca_path=None)
    assert xms.connect(ca_path=None, validate_certs=False).label == "xbrick1"


# -- field reports -----------------------------------------------------------------------------------------------------


def test_ports_of_x2_are_recognised_by_their_type(x2: SimulatedXms) -> None:
    """It searched for "fc" in their names, which do not contain it (bug 1702458)."""
    array = x2.connect()
    fc_ports = [port for port in array.ports() if port.protocol == "fc"]
    assert fc_ports
    assert not any("fc" in port.name for port in fc_ports)
    assert array.info().model == "X2"
    volume = make_volume(array, "v1")
    array.create_snapshots([SnapshotSpec("s1", volume)])
    assert array.snapshots(["s1"]).items[0].proven


def test_ports_that_are_down_are_left_out() -> None:
    """It used portals that were down, and attaching waited for them (bug 1915800)."""
    up_port = {"name": "X1-SC1-fc1", "port-type": "fc", "port-address": "51:4f:0c:50:00:00:00:01", "port-state": "up"}
    down_port = dict(up_port, name="X1-SC1-fc2", **{"port-state": "down"})
    ports = [objects.target_port(item) for item in (up_port, down_port)]
    assert [port and port.up for port in ports] == [True, False]
    target = {"name": "X1-SC1-iscsi1", "port-state": "down"}
    item = {"ip-addr": "fd00::7/64", "port-address": "iqn.x", "ip-port": 3260}
    portal = objects.portal(item, {"iqn.x": target})
    assert portal.portal == "[fd00::7]:3260"
    assert portal.up is False


def test_the_limit_of_snapshots_is_reported(small: SimulatedXms) -> None:
    """It reported an unexpected error (bugs 1519843 and 1858169)."""
    array = small.connect()
    volume = make_volume(array, "v1")
    for number in range(2):
        array.clone_volume(volume, VolumeSpec(f"c{number}"))
    with pytest.raises(errors.NoSpace, match="as many snapshots"):
        array.clone_volume(volume, VolumeSpec("c2"))
    with pytest.raises(errors.NoSpace, match="as many objects"):  # noqa: PT012  which of them is the last may change
        for number in range(9):
            make_volume(array, f"x{number}")


def test_free_space_is_what_is_free(xms: SimulatedXms) -> None:
    """It multiplied the free space by the over-subscription ratio (bug 1746228)."""
    array = xms.connect()
    volume = make_volume(array, "v1", 100 * GIB)
    host = array.create_host("h1", [FC1])
    array.map_volume(volume, host)
    xms.write("v1", 5 * GIB)
    pool = array.pools().items[0]
    assert pool.size - pool.free == array.capacity().used == 5 * GIB
    assert pool.provisioned == 100 * GIB


def test_no_filter_compares_a_number(xms_42: SimulatedXms) -> None:
    """API 2.1 answers filters on numbers with wrong rows."""
    array = xms_42.connect()
    volume, host = make_volume(array, "v1"), array.create_host("h1", [FC1])
    mapping = array.map_volume(volume, host)
    array.map_volume(volume, host)
    array.unmap_volume(mapping)
    array.hosts(["h1"])
    array.snapshots(volumes=["v1"])
    filters = [request["path"] for request in xms_42.requests() if "filter=" in request["path"]]
    assert filters
    for path in filters:
        assert "index" not in path.split("filter=")[1].split("&")[0]
        assert "lun%3A" not in path


def test_rows_that_do_not_match_the_filter_are_ignored(xms_42: SimulatedXms, monkeypatch: pytest.MonkeyPatch) -> None:
    array = xms_42.connect()
    for name in ("v1", "v2", "V1"):
        array.create_volume(VolumeSpec(name, GIB))
    request = HttpTransport.request

    def without_filters(self: HttpTransport, method: str, path: str, query: Any = (), **more: Any) -> Any:
        return request(self, method, path, [pair for pair in query if pair[0] != "filter"], **more)

    monkeypatch.setattr(HttpTransport, "request", without_filters)
    assert sorted(model.names(array.volumes(["v1", "v2"]).items)) == ["v1", "v2"]
    assert array.mappings(volumes=["v1"], hosts=["h"]).items == ()


def test_the_suffix_of_an_unfinished_backup_is_the_same_in_every_process() -> None:
    assert names.backup_suffix("b1") == "of-ddb3d23e74fccc5b"
    assert names.backup_suffix("b2") != names.backup_suffix("b1")
