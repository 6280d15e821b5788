# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Violin's client does where an array is not what is assumed: no data is lost, and the error says which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Conflict, FlashError, InUse
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import VolumeSpec
from tests.arrays.violin import GIB, IQN, WWN, ViolinArray, empty_array, every_operation, fc, iscsi, snapshot, volume
from tests.support.simulator import Simulator

TIB = 1024 * GIB


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    fast = {"copy_speed": 1 << 30}
    with Simulator(
        [{"name": "violin", "vendor": "violin", "version": "7.5.6", "protocol": "both", "limits": fast}]
    ) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> ViolinArray:
    simulator.assume({}, "violin")
    return empty_array(simulator, "violin")


def assume(array: ViolinArray, **values: Any) -> None:
    """Play other values. Keys have two underscores in place of the dot."""
    array.simulator.assume({f"violin.{key.replace('__', '.')}": value for key, value in values.items()}, "violin")


def named(work: Any, fact: str) -> FlashError:
    """The error of ``work``, which must name this assumption."""
    with pytest.raises(FlashError) as caught:
        work()
    assert caught.value.assumption == f"violin.{fact}", str(caught.value)
    return caught.value


@pytest.mark.parametrize("failover", ["session_lost", "change_made"])
def test_a_change_that_ends_the_session_is_made_once(array: ViolinArray, failover: str) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        assume(array, session__after_failover=failover, snapshots__comment_unique=False)
        assert client.extend_volume(created, 2 * GIB).size == 2 * GIB
        assert array.volumes()["db1"]["size"] == 2 * GIB
        snapshot(client, created, "monday")
        assume(array, session__after_failover=failover, snapshots__comment_unique=False)
        snapshot(client, client.volumes(["db1"]).items[0], "tuesday")
        assert array.names() == ["db1", "monday", "tuesday"]


def test_of_two_snapshots_of_one_name_none_is_used_or_deleted(array: ViolinArray) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        taken = snapshot(client, created, "monday")
        assume(array, snapshots__comment_unique=False)
        params = {"comment": "monday", "priority": "medium", "snapshotNotification": False}
        array.raw("POST", f"/logicalresource/timemark/{created.id}", {"params": params})
        listed = client.snapshots(volumes=["db1"])
        assert listed.items == ()
        assert {entry.name for entry in listed.unreadable} == {"monday"}
        assert "violin.snapshots.comment_unique" in listed.unreadable[0].reason
        unread = replace(created, snapshots=None)
        by_name = replace(taken, id="")
        for work in (
            lambda: snapshot(client, unread, "monday"),
            lambda: client.delete_snapshot(by_name),
        ):
            assert isinstance(named(work, "snapshots.comment_unique"), Conflict)
    assert len(array.names()) == 3


def test_no_thin_clone_is_made_of_a_snapshot_whose_time_stamp_another_has_too(array: ViolinArray) -> None:
    with array.client() as client:
        thin = volume(client, "db1", provisioning="thin")
        first = snapshot(client, thin, "monday")
        array.write("db1", GIB)
        snapshot(client, replace(thin, snapshots=None), "tuesday")
        assume(array, snapshots__timestamp_unique=False)
        # The time stamps are those of minutes. Both were taken in one, unless it ended between them.
        stamps = {one.timestamp for one in client.snapshots(volumes=["db1"]).items}
        while len(stamps) > 1:
            newest = client.snapshots(volumes=["db1"]).items[-1]
            client.delete_snapshot(newest)
            first = snapshot(client, replace(thin, snapshots=None), newest.name)
            snapshot(client, replace(thin, snapshots=None), "wednesday")
            stamps = {one.timestamp for one in client.snapshots(volumes=["db1"]).items[-2:]}
        mark = array.mark()
        named(lambda: client.volume_from_snapshot(first, VolumeSpec("clone")), "snapshots.timestamp_unique")
        assert array.writes(mark) == []


def test_what_the_array_refuses_names_the_limit_that_may_be_wrong(array: ViolinArray) -> None:
    with array.client() as client:
        created, host = volume(client, "db1"), client.create_host("server", [fc()])
        thin = volume(client, "thin", provisioning="thin")
        client.map_volume(created, host)
        assume(
            array,
            names__longest=36,
            names__host_longest=54,
            names__characters=r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._-]*",
            luns__range=[0, 63],
            volumes__largest=2 * TIB,
            hosts__unassign_force="needed",
            clones__storage="needed",
        )
        before = array.state()
        mapping = client.mappings(hosts=["server"]).items[0]
        named(lambda: volume(client, "v" * 37), "names.longest")
        named(lambda: client.rename_volume(created, "v" * 37), "names.longest")
        named(lambda: client.create_host("h" * 55, [fc("100000000000c908")]), "names.host_longest")
        named(lambda: volume(client, "db@1"), "names.characters")
        named(lambda: client.map_volume(thin, host, 200), "luns.range")
        named(lambda: volume(client, "large", 3 * TIB, provisioning="thin"), "volumes.largest")
        named(lambda: client.unmap_volume(mapping), "hosts.unassign_force")
        assert array.state() == before
        named(lambda: client.clone_volume(thin, VolumeSpec("clone")), "clones.storage")
        assert array.names() == ["db1", "thin"]


def test_nothing_mapped_or_cloned_is_deleted_where_the_array_would_do_it(array: ViolinArray) -> None:
    with array.client() as client:
        created, host = volume(client, "db1"), client.create_host("server", [fc(WWN)])
        client.map_volume(created, host)
        thin = volume(client, "thin", provisioning="thin")
        taken = snapshot(client, thin, "monday")
        client.map_volume(client.volume_from_snapshot(taken, VolumeSpec("clone")), host)
        clone = client.volumes(["clone"]).items[0]
        assume(
            array,
            volumes__delete_mapped="deleted",
            hosts__delete_mapped="deleted",
            snapshots__delete_with_clone="deleted",
        )
        before = array.state()
        deletions: list[Any] = [
            lambda: client.delete_volume(created),
            lambda: client.delete_volume(clone),
            lambda: client.delete_host(host),
            lambda: client.delete_snapshot(taken),
        ]
        for work in deletions:
            with pytest.raises(InUse):
                work()
        assert array.state() == before


def test_a_volume_that_got_another_name_since_it_was_read_is_not_extended(array: ViolinArray) -> None:
    """Its id may be that of another volume by now."""
    with array.client() as client:
        created = volume(client, "db1")
        client.rename_volume(created, "other")
        with pytest.raises(Conflict):
            client.extend_volume(created, 2 * GIB)
    assert array.volumes()["other"]["size"] == GIB


def test_a_volume_whose_snapshot_policy_is_not_understood_is_kept(array: ViolinArray) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        client.delete_snapshot(snapshot(client, created, "monday"))
        assume(array, snapshots__policy_keys=[])
        named(lambda: client.delete_volume(created), "snapshots.policy_keys")
    assert array.names() == ["db1"]


def test_an_array_that_keeps_removed_initiators_is_reported_without_changing_the_list_again(array: ViolinArray) -> None:
    with array.client(wait_timeout=1.0) as client:
        client.create_host("server", [fc(), fc("100000000000c908")])
        host = client.hosts(["server"]).items[0]
        assume(array, hosts__update_replaces="adds")
        mark = array.mark()
        named(lambda: client.remove_initiators(host, host.addresses[1:]), "hosts.update_replaces")
        assert len(array.writes(mark)) == 1
        assert len(array.state()["hosts"][0]["initiators"]) == 2


def test_an_iscsi_target_that_cannot_be_deleted_is_not_given_to_another_host(array: ViolinArray) -> None:
    with array.client() as client:
        created, host = volume(client, "db1"), client.create_host("server", [iscsi()])
        client.unmap_volume(client.map_volume(created, host))
        assume(array, hosts__target_delete="unknown")
        client.delete_host(host)
        again = client.create_host("server", [iscsi(IQN + "-b")])
        array.simulator.assume({"violin.hosts.target_delete": "unknown"}, "violin")
        with array.client(wait_timeout=1.0) as other:
            named(lambda: other.map_volume(created, again), "hosts.target_delete")
    assert array.state()["mappings"] == []


def test_an_array_that_ends_a_session_only_for_credentials_gets_them(array: ViolinArray) -> None:
    assume(array, session__logout_body="credentials")
    mark = array.mark()
    with array.client():
        pass
    sent = [request for request in array.simulator.requests("violin", mark) if "logout" in request["path"]]
    assert [bool(request["body"]) for request in sent] == [False, True]
    assert array.endpoint["password"] not in str(sent)


def test_a_snapshot_resource_that_takes_space_gives_it_back(array: ViolinArray) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        assume(array, snapshots__area_takes_space=True)
        free = client.pools().items[0].free
        client.delete_snapshot(snapshot(client, created, "monday"))
        assert client.pools().items[0].free < free
        client.delete_volume(created)
        assert client.pools().items[0].free == free + GIB


def test_every_operation_works_where_only_the_form_of_requests_and_answers_differs(array: ViolinArray) -> None:
    assume(
        array,
        requests__unknown_keys="refused",
        errors__codes="unknown",
        errors__status=500,
        objects__id_of_new="missing",
        volumes__encrypted_reported=False,
        copies__reported_after=2.0,
        hosts__targets_outlive=False,
        hosts__target_delete="unknown",
        snapshots__area_takes_space=True,
        array__ids_reused=True,
        array__clock_ahead=3600.0,
    )
    with array.client() as client:
        every_operation(client)
