# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What went wrong with other clients of Datera, each named as the wire sheet has it (sections 3 and 8)."""

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
    Chap,
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from tests.arrays.datera.conftest import IQN1, IQN2, SimulatedEdf, make
from tests.support.one_array import pauses_of


def iqn(number: int) -> Initiator:
    return Initiator(f"iqn.2026-01.org.example:many{number}", "iscsi")


# ---- session ---------------------------------------------------------------------------------------------------------


def test_the_password_of_a_refused_login_is_shown_nowhere(edf: SimulatedEdf) -> None:
    """The SDK put the whole body of the login into the message, and drivers logged that."""
    secret = "a-wrong-Pass-word"
    with pytest.raises(errors.Unauthorized) as caught:
        edf.connect(password=secret)
    shown = [str(caught.value), repr(caught.value), repr(caught.value.__dict__), str(caught.value.__cause__)]
    assert not [text for text in shown if secret in text]
    assert secret not in repr(edf.connection(password=secret))


def test_a_token_is_shown_nowhere(edf: SimulatedEdf) -> None:
    array = edf.connect()
    token = array._wire.http.headers["Auth-Token"]
    make(array)
    assert token not in str(list(array.calls)) + repr(array._wire.http) + repr(array)


def test_the_certificate_is_verified(edf33: SimulatedEdf, tmp_path: Path) -> None:
    """It never was, by any client."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    mark = edf33.mark()
    with pytest.raises(errors.Unreachable, match="certificate"):
        edf33.connect(ca_path=str(other))
    assert edf33.requests(mark) == []
    assert edf33.connect(ca_path=None, validate_certs=False).info().name == "3.3"


def test_no_schema_is_read_and_no_file_written(edf: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK shared one file in /tmp among all arrays, versions and users of a host."""
    monkeypatch.delitem(sys.modules, "dfs_sdk", raising=False)
    there, mark = set(os.listdir(tempfile.gettempdir())), edf.mark()
    with edf.connect() as array:
        make(array)
    assert not [line for line in edf.requests(mark) if line["path"].endswith("/api")]
    assert not [name for name in set(os.listdir(tempfile.gettempdir())) - there if "schema" in name]
    assert "dfs_sdk" not in sys.modules


def test_an_array_that_does_not_answer_is_given_up(edf33: SimulatedEdf) -> None:
    """There was no timeout at all."""
    array = edf33.connect(timeout=0.4)
    edf33.fault("latency", seconds=30, count=None, match={"path": "app_instances"})
    with pytest.raises(errors.Timeout):
        array.create_volume(VolumeSpec("vol1", GIB))


def test_an_overloaded_array_is_waited_for_until_wait_timeout(edf33: SimulatedEdf) -> None:
    """Silently for five minutes, whatever was configured."""
    array = edf33.connect(wait_timeout=1.0)
    edf33.fault("busy", count=2, match={"path": "app_instances"})
    assert make(array).size == GIB
    edf33.fault("busy", count=None, match={"path": "app_instances"})
    mark, pauses = edf33.mark(), pauses_of(array._wire.http)
    with pytest.raises(errors.Busy, match="stayed overloaded until wait_timeout"):
        array.volumes()
    assert len(edf33.requests(mark)) == len(pauses) + 1 >= 3
    assert sum(pauses) <= 1.0


def test_a_session_refused_during_login_is_no_deadlock(edf33: SimulatedEdf) -> None:
    """A 401 on what followed the login logged in again, under a lock that was already held."""
    edf33.fault("expired", match={"path": "/system"}, count=None)
    done: list[BaseException] = []

    def connect() -> None:
        try:
            edf33.connect()
        except errors.FlashError as error:
            done.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(done[0], errors.Unauthorized)


def test_many_threads_that_find_the_session_expired_log_in_once(edf33: SimulatedEdf) -> None:
    array = edf33.connect()
    for number in range(3):
        array.create_volume(VolumeSpec(f"vol{number}", GIB))
    array._wire.http.set_header("Auth-Token", "0" * 32)
    mark = edf33.mark()
    assert len(array.volumes(["vol0", "vol1", "vol2"])) == 3
    assert sum("/login" in one["path"] for one in edf33.requests(mark)) == 1


def test_one_connection_and_one_login_serve_a_complete_task(edf33: SimulatedEdf) -> None:
    """There was a new connection for every request, and two logins."""
    mark = edf33.mark()
    with edf33.connect() as array:
        volume = make(array)
        array.extend_volume(volume, 2 * GIB)
        array.delete_volume(volume)
    seen = edf33.requests(mark)
    assert len({one["connection"] for one in seen}) == 1
    assert sum("/login" in one["path"] for one in seen) == 1


# ---- tenants ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenant", ["acme", "/root/acme", "/root/acme/lab"])
def test_a_tenant_is_the_same_one_for_every_request(edf33: SimulatedEdf, tenant: str) -> None:
    """/root/x was created below x and then looked for in /root."""
    array = edf33.connect({"tenant": tenant})
    volume = make(array)
    array.set_metadata(volume, {"owner": "me"})
    array.map_volume(volume, array.create_host("server", [IQN1]))
    array.create_snapshots([SnapshotSpec("monday", volume)])
    path = tenant if tenant.startswith("/") else f"/root/{tenant}"
    state = edf33.state()
    for kind in ("volumes", "hosts", "mappings"):
        assert {one["scope"] for one in state[kind]} == {path}
    assert array.volumes(["vol1"]).items[0].snapshots == ("monday",)
    assert len(edf33.connect({"tenant": "/root"}).volumes()) == 0


def test_an_initiator_that_is_inherited_is_no_crash(edf: SimulatedEdf) -> None:
    """A tenant whose initiator /root has too could never attach."""
    edf.tenant = "/root/acme"
    edf.raw("POST", "/initiators", {"id": IQN1.address, "name": "everybody"}, tenant="/root")
    array = edf.connect()
    host = array.create_host("server", [IQN1, IQN2])
    assert array.map_volume(make(array), host).host == "server"
    array.unmap_volume(array.mappings().items[0])
    array.delete_host(host)
    left = edf.raw("GET", f"/initiators/{IQN1.address}", tenant="/root")
    assert left["name"] == "everybody", "what belongs to /root stays there"


def test_a_group_of_the_tenant_above_is_not_changed_from_below(edf: SimulatedEdf) -> None:
    edf.tenant = "/root/acme"
    edf.connect({"tenant": "/root"}).create_host("shared", [IQN1])
    array = edf.connect()
    before = edf.state()
    found = array.hosts(["shared"])
    if edf.name != "2.1":
        # There the array tells whose it is.
        assert len(found) == 0
        return
    for change in (array.delete_host, lambda host: array.add_initiators(host, [IQN2])):
        with pytest.raises(errors.Refused, match="the tenant above has a host shared"):
            change(found.items[0])
    assert edf.state() == before


def test_what_2_1_does_not_know_is_not_sent(edf21: SimulatedEdf) -> None:
    """force in POST /initiators is refused by the schema of 2.1."""
    mark = edf21.mark()
    edf21.connect().create_host("server", [IQN1])
    (sent,) = [one["body"] for one in edf21.requests(mark) if one["path"].endswith("/initiators")]
    assert set(sent) == {"id", "name"}


# ---- volumes ---------------------------------------------------------------------------------------------------------


def test_a_clone_larger_than_its_source_is_extended(edf: SimulatedEdf) -> None:
    """3 GiB were asked for, 2 GiB came."""
    array = edf.connect()
    source = make(array, "vol1", 2 * GIB)
    (taken,) = array.create_snapshots([SnapshotSpec("monday", source)])
    array.clone_volume(source, VolumeSpec("one", 3 * GIB))
    array.volume_from_snapshot(taken, VolumeSpec("two", 4 * GIB))
    sizes = {one["name"]: one["size"] // GIB for one in edf.state()["volumes"] if one["kind"] == "volume"}
    assert sizes == {"vol1": 2, "one": 3, "two": 4}


def test_a_limit_is_the_number_that_was_asked_for(edf: SimulatedEdf) -> None:
    """A limit per GiB without a total became a total of 1."""
    array = edf.connect()
    volume = make(array, read_iops_max=5000)
    policy = edf.raw("GET", volume.id + "/performance_policy")
    assert {key: value for key, value in policy.items() if key.endswith("_max") and value} == {"read_iops_max": 5000}


def test_the_very_first_request_may_be_a_create(edf: SimulatedEdf) -> None:
    """It crashed before statistics had been polled once."""
    assert edf.connect().create_volume(VolumeSpec("vol1", GIB)).size == GIB


def test_nothing_goes_offline_under_running_io(edf: SimulatedEdf) -> None:
    """Extending and exporting took the volume away from the hosts."""
    array = edf.connect({"offline_changes": True})
    volume, host = make(array), array.create_host("server", [IQN1])
    array.map_volume(volume, host)
    edf.settle(array, "vol1")
    edf.login("vol1")
    mark = edf.mark()
    array.extend_volume(volume, 2 * GIB)
    array.map_volume(volume, array.create_host("other", [IQN2]))
    array.create_snapshots([SnapshotSpec("monday", volume)])
    array.set_volume(volume, {"total_iops_max": 100})
    assert not any("admin_state" in (one["body"] or {}) for one in edf.requests(mark))
    with pytest.raises(errors.InUse, match="it is mapped to other, server"):
        array.delete_volume(volume)
    assert [one.open for one in array.mappings(volumes=["vol1"]) if one.host == "server"] == [True]


def test_a_list_costs_one_request_however_long(edf: SimulatedEdf) -> None:
    """One request for every volume, and three for each of those."""
    array = edf.connect()
    for number in range(20):
        array.create_volume(VolumeSpec(f"vol{number:02d}", GIB))
    for ask in (array.volumes, array.mappings, array.snapshots, array.ports):
        with edf.budget(array, 1, 0):
            ask()


def test_a_name_is_not_a_part_of_another(edf: SimulatedEdf) -> None:
    """The first hit of a substring filter was taken, deleted included."""
    array = edf.connect()
    make(array, "OS-IMAGE-1234")
    assert len(array.volumes(["1234", "IMAGE-1234", "OS-IMAGE-123"])) == 0
    assert len(array.volumes(["OS-IMAGE-1234"])) == 1


def test_deleting_a_deleted_volume_succeeds_and_a_failed_delete_is_reported(edf: SimulatedEdf) -> None:
    """Every error of a delete was swallowed."""
    array = edf.connect()
    volume = make(array)
    edf.fault("http_status", match={"method": "DELETE"}, status=500, count=None)
    with pytest.raises(errors.FlashError, match="500"):
        array.delete_volume(volume)
    edf.clear_faults()
    array.delete_volume(volume)
    array.delete_volume(volume)
    assert edf.state()["volumes"] == []


# ---- access lists ----------------------------------------------------------------------------------------------------


def test_an_access_list_does_not_grow_and_repetitions_go(edf: SimulatedEdf) -> None:
    """Every attach appended the same entry again, and none was ever removed."""
    array = edf.connect()
    volume, host = make(array), array.create_host("server", [IQN1])
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


def test_hosts_that_attach_at_the_same_time_all_get_in(edf33: SimulatedEdf) -> None:
    """The list was read, changed and written back whole: the last writer won."""
    array = edf33.connect()
    volume = make(array)
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
    assert sorted(one.host for one in array.mappings()) == [host.name for host in hosts]


def test_what_others_put_into_the_list_stays(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume, host = make(array), array.create_host("server", [IQN1])
    edf.raw("POST", "/initiators", {"id": IQN2.address, "name": "by-hand"})
    policy = volume.id.rsplit("/volumes/", 1)[0] + "/acl_policy"
    edf.raw("PUT", policy, {"initiators": [{"path": f"/initiators/{IQN2.address}"}]})
    mapping = array.map_volume(volume, host)
    assert sorted(one.host for one in array.mappings()) == sorted([IQN2.address, "server"])
    array.unmap_volume(mapping)
    assert [one.host for one in array.mappings()] == [IQN2.address]


def test_a_secret_is_written_and_never_read(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume, secret = make(array), "sec12ret34chap"
    array.set_volume_chap(volume, Chap("of-user", secret))
    assert secret not in str(list(array.calls)) + repr(Chap("of-user", secret)) + repr(array.volumes().items)


# ---- errors ----------------------------------------------------------------------------------------------------------


def test_name_code_and_message_of_a_refusal_are_reported(edf: SimulatedEdf) -> None:
    """What the array had said was hidden behind the text of an exception."""
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
