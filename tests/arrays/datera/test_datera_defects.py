# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Defects of other clients of Datera that this one does not have (wire sheet, sections 3 and 8).

Where a test has a docstring, it says what the other client did.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import trustme

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from tests.arrays.datera.conftest import IQN1, IQN2, SimulatedEdf
from tests.support.one_array import make_volume, pauses_of


def iqn(number: int) -> Initiator:
    return Initiator(f"iqn.2026-01.org.example:many{number}", "iscsi")


# ---- session ---------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_reported_and_shown_nowhere(edf: SimulatedEdf) -> None:
    """The SDK put the complete body of the login into the message, and drivers logged it."""
    secret = "a-wrong-Pass-word"
    with pytest.raises(errors.Unauthorized) as caught:
        edf.connect(password=secret)
    shown = [str(caught.value), repr(caught.value), repr(caught.value.__dict__), str(caught.value.__cause__)]
    assert not [text for text in shown if secret in text]
    assert "did not accept the user name and password" in shown[0]
    assert secret not in repr(edf.connection(password=secret))


def test_a_token_is_shown_nowhere(edf: SimulatedEdf) -> None:
    array = edf.connect()
    token = array._wire.http.headers["Auth-Token"]
    make_volume(array)
    assert token not in str(list(array.calls)) + repr(array._wire.http) + repr(array)


def test_the_certificate_is_verified(edf33: SimulatedEdf, tmp_path: Path) -> None:
    """No client verified it."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    mark = edf33.mark()
    with pytest.raises(errors.Unreachable, match="certificate"):
        edf33.connect(ca_path=str(other))
    assert edf33.requests(mark) == []
    assert edf33.connect(ca_path=None, validate_certs=False).info().name == "3.3"


def test_no_schema_is_read_and_no_file_written(edf: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK used one file in /tmp for all arrays, versions and users of a host."""
    monkeypatch.delitem(sys.modules, "dfs_sdk", raising=False)
    before, mark = set(os.listdir(tempfile.gettempdir())), edf.mark()
    with edf.connect() as array:
        make_volume(array)
    assert not [line for line in edf.requests(mark) if line["path"].endswith("/api")]
    assert not [name for name in set(os.listdir(tempfile.gettempdir())) - before if "schema" in name]
    assert "dfs_sdk" not in sys.modules


def test_a_request_without_an_answer_ends_at_the_timeout(edf33: SimulatedEdf) -> None:
    """Requests had no timeout."""
    array = edf33.connect(timeout=0.4)
    edf33.fault("latency", seconds=30, count=None, match={"path": "app_instances"})
    with pytest.raises(errors.Timeout):
        array.create_volume(VolumeSpec("vol1", GIB))


def test_an_overloaded_array_is_waited_for_until_wait_timeout(edf33: SimulatedEdf) -> None:
    """The SDK waited five minutes without a message, whatever was configured."""
    array = edf33.connect(wait_timeout=1.0)
    edf33.fault("busy", count=2, match={"path": "app_instances"})
    assert make_volume(array).size == GIB
    edf33.fault("busy", count=None, match={"path": "app_instances"})
    mark, pauses = edf33.mark(), pauses_of(array._wire.http)
    with pytest.raises(errors.Busy, match="stayed overloaded until wait_timeout"):
        array.volumes()
    assert len(edf33.requests(mark)) == len(pauses) + 1 >= 3
    assert sum(pauses) <= 1.0


def test_a_session_refused_during_login_is_no_deadlock(edf33: SimulatedEdf) -> None:
    """A 401 for a request of the login logged in again, under a lock that was already held."""
    edf33.fault("expired", match={"path": "/system"}, count=None)
    refusals: list[BaseException] = []

    def connect() -> None:
        try:
            edf33.connect()
        except errors.FlashError as error:
            refusals.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(refusals[0], errors.Unauthorized)


def test_reads_in_several_threads_renew_an_expired_session_once(edf33: SimulatedEdf) -> None:
    array = edf33.connect()
    for number in range(3):
        array.create_volume(VolumeSpec(f"vol{number}", GIB))
    array._wire.http.set_header("Auth-Token", "0" * 32)
    mark = edf33.mark()
    assert len(array.volumes(["vol0", "vol1", "vol2"])) == 3
    assert sum("/login" in request["path"] for request in edf33.requests(mark)) == 1


def test_one_connection_and_one_login_serve_a_complete_task(edf33: SimulatedEdf) -> None:
    """Every request made a new connection, and every task logged in twice."""
    mark = edf33.mark()
    with edf33.connect() as array:
        volume = make_volume(array)
        array.extend_volume(volume, 2 * GIB)
        array.delete_volume(volume)
    requests = edf33.requests(mark)
    assert len({request["connection"] for request in requests}) == 1
    assert sum("/login" in request["path"] for request in requests) == 1


# ---- tenants ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenant", ["acme", "/root/acme", "/root/acme/lab"])
def test_every_request_uses_the_same_tenant(edf33: SimulatedEdf, tenant: str) -> None:
    """/root/x was created below x and then searched in /root."""
    array = edf33.connect({"tenant": tenant})
    volume = make_volume(array)
    array.set_metadata(volume, {"owner": "me"})
    array.map_volume(volume, array.create_host("server", [IQN1]))
    array.create_snapshots([SnapshotSpec("monday", volume)])
    path = tenant if tenant.startswith("/") else f"/root/{tenant}"
    state = edf33.state()
    for kind in ("volumes", "hosts", "mappings"):
        assert {row["scope"] for row in state[kind]} == {path}
    assert array.volumes(["vol1"]).items[0].snapshots == ("monday",)
    assert len(edf33.connect({"tenant": "/root"}).volumes()) == 0


def test_a_host_can_have_an_initiator_that_its_tenant_inherits(edf: SimulatedEdf) -> None:
    """A tenant whose initiator /root has too could never attach."""
    edf.tenant = "/root/acme"
    edf.raw("POST", "/initiators", {"id": IQN1.address, "name": "everybody"}, tenant="/root")
    array = edf.connect()
    host = array.create_host("server", [IQN1, IQN2])
    assert array.map_volume(make_volume(array), host).host == "server"
    array.unmap_volume(array.mappings().items[0])
    array.delete_host(host)
    inherited = edf.raw("GET", f"/initiators/{IQN1.address}", tenant="/root")
    assert inherited["name"] == "everybody", "what belongs to /root stays there"


def test_an_initiator_group_of_the_parent_tenant_is_not_changed(edf: SimulatedEdf) -> None:
    edf.tenant = "/root/acme"
    edf.connect({"tenant": "/root"}).create_host("shared", [IQN1])
    array = edf.connect()
    before = edf.state()
    hosts = array.hosts(["shared"])
    if edf.name != "2.1":
        # Later versions report the owner, and so the list leaves it out
        assert len(hosts) == 0
        return
    for change in (array.delete_host, lambda host: array.add_initiators(host, [IQN2])):
        with pytest.raises(errors.Refused, match="the tenant above has a host shared"):
            change(hosts.items[0])
    assert edf.state() == before


def test_a_parameter_that_2_1_does_not_know_is_not_sent(edf21: SimulatedEdf) -> None:
    """The schema of 2.1 refuses ``force`` in POST /initiators."""
    mark = edf21.mark()
    edf21.connect().create_host("server", [IQN1])
    (sent,) = [request["body"] for request in edf21.requests(mark) if request["path"].endswith("/initiators")]
    assert set(sent) == {"id", "name"}


# ---- volumes ---------------------------------------------------------------------------------------------------------


def test_a_clone_larger_than_its_source_is_extended(edf: SimulatedEdf) -> None:
    """The clone had the size of its source, 2 GiB instead of the requested 3 GiB."""
    array = edf.connect()
    source = make_volume(array, "vol1", 2 * GIB)
    (taken,) = array.create_snapshots([SnapshotSpec("monday", source)])
    array.clone_volume(source, VolumeSpec("one", 3 * GIB))
    array.volume_from_snapshot(taken, VolumeSpec("two", 4 * GIB))
    sizes = {row["name"]: row["size"] // GIB for row in edf.state()["volumes"] if row["kind"] == "volume"}
    assert sizes == {"vol1": 2, "one": 3, "two": 4}


def test_a_limit_is_the_requested_number(edf: SimulatedEdf) -> None:
    """A limit per GiB without a total became a total of 1."""
    array = edf.connect()
    volume = make_volume(array, read_iops_max=5000)
    policy = edf.raw("GET", volume.id + "/performance_policy")
    assert {key: value for key, value in policy.items() if key.endswith("_max") and value} == {"read_iops_max": 5000}


def test_nothing_goes_offline_under_running_io(edf: SimulatedEdf) -> None:
    """Extending and exporting took the volume offline while hosts used it."""
    array = edf.connect({"offline_changes": True})
    volume, host = make_volume(array), array.create_host("server", [IQN1])
    array.map_volume(volume, host)
    edf.settle(array, "vol1")
    edf.login("vol1")
    mark = edf.mark()
    array.extend_volume(volume, 2 * GIB)
    array.map_volume(volume, array.create_host("other", [IQN2]))
    array.create_snapshots([SnapshotSpec("monday", volume)])
    array.set_volume(volume, {"total_iops_max": 100})
    assert not any("admin_state" in (request["body"] or {}) for request in edf.requests(mark))
    with pytest.raises(errors.InUse, match="it is mapped to other, server"):
        array.delete_volume(volume)
    assert [mapping.open for mapping in array.mappings(volumes=["vol1"]) if mapping.host == "server"] == [True]


def test_a_list_of_any_length_costs_one_request(edf: SimulatedEdf) -> None:
    """The driver sent up to four requests for each volume."""
    array = edf.connect()
    for number in range(20):
        array.create_volume(VolumeSpec(f"vol{number:02d}", GIB))
    for ask in (array.volumes, array.mappings, array.snapshots, array.ports):
        with edf.budget(array, 1, 0):
            ask()


def test_a_part_of_a_name_does_not_match(edf: SimulatedEdf) -> None:
    """The first match of a substring filter was used, and also deleted."""
    array = edf.connect()
    make_volume(array, "OS-IMAGE-1234")
    assert len(array.volumes(["1234", "IMAGE-1234", "OS-IMAGE-123"])) == 0
    assert len(array.volumes(["OS-IMAGE-1234"])) == 1


def test_deleting_a_deleted_volume_succeeds_and_a_failed_delete_is_reported(edf: SimulatedEdf) -> None:
    """Every error of a delete was ignored."""
    array = edf.connect()
    volume = make_volume(array)
    edf.fault("http_status", match={"method": "DELETE"}, status=500, count=None)
    with pytest.raises(errors.FlashError, match="500"):
        array.delete_volume(volume)
    edf.clear_faults()
    array.delete_volume(volume)
    array.delete_volume(volume)
    assert edf.state()["volumes"] == []


# ---- access lists ----------------------------------------------------------------------------------------------------


def test_an_access_list_does_not_grow_and_repeated_entries_are_removed(edf: SimulatedEdf) -> None:
    """Every attach appended the same entry again, and no entry was removed."""
    array = edf.connect()
    volume, host = make_volume(array), array.create_host("server", [IQN1])
    policy = volume.id.rsplit("/volumes/", 1)[0] + "/acl_policy"
    entry = {"path": "/initiator_groups/server"}

    def listed() -> int:
        return len(edf.raw("GET", policy)["initiator_groups"])

    edf.raw("PUT", policy, {"initiator_groups": [entry] * 4})
    assert (listed(), len(array.mappings())) == (4, 1)
    array.map_volume(volume, host)
    assert listed() == 1
    edf.raw("PUT", policy, {"initiator_groups": [entry] * 3})
    assert array.unmap_volume(array.mappings().items[0]) == ()
    assert listed() == 0


def test_hosts_that_attach_at_the_same_time_all_get_access(edf33: SimulatedEdf) -> None:
    """The complete list was read, changed and written back, so the last writer won."""
    array = edf33.connect()
    volume = make_volume(array)
    hosts = [array.create_host(f"host{number}", [iqn(number)]) for number in range(8)]
    clients = [edf33.connect() for _ in hosts]
    threads = [
        threading.Thread(target=client.map_volume, args=(volume, host))
        for client, host in zip(clients, hosts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(mapping.host for mapping in array.mappings()) == [host.name for host in hosts]


def test_entries_that_others_put_into_the_access_list_stay(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume, host = make_volume(array), array.create_host("server", [IQN1])
    edf.raw("POST", "/initiators", {"id": IQN2.address, "name": "by-hand"})
    policy = volume.id.rsplit("/volumes/", 1)[0] + "/acl_policy"
    edf.raw("PUT", policy, {"initiators": [{"path": f"/initiators/{IQN2.address}"}]})
    mapping = array.map_volume(volume, host)
    assert sorted(item.host for item in array.mappings()) == sorted([IQN2.address, "server"])
    array.unmap_volume(mapping)
    assert [item.host for item in array.mappings()] == [IQN2.address]


# ---- errors ----------------------------------------------------------------------------------------------------------


def test_name_code_and_message_of_a_refusal_are_reported(edf: SimulatedEdf) -> None:
    """The array's answer was not in the message."""
    array = edf.connect()
    with pytest.raises(errors.NotFound) as caught:
        array.create_volume(VolumeSpec("vol1", GIB, options={"ip_pool": "nowhere"}))
    error = caught.value
    assert error.code == "NotFoundError 10"
    assert error.said == "No data at /access_network_ip_pools/nowhere"
    assert (error.array, error.target) == (edf.name, "vol1")
    with pytest.raises(errors.Invalid) as caught_too:
        array.create_volume(VolumeSpec("vol1", 40000 * GIB))
    assert "ValidationFailedError" in str(caught_too.value)
    assert "32768" in str(caught_too.value)
