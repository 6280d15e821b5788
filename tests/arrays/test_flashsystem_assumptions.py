# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FlashSystem that behaves otherwise than is assumed: no data is lost, and an error names the assumption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError, InUse
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import SnapshotSpec, VolumeSpec
from tests.support.flashsystem import GIB, IQN, MIB, WWPNS, FlashSystemUnderTest, empty_array, host, initiators, volume
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    pools = [{"name": "mdiskgrp0", "size": "8TiB"}]
    arrays: list[dict[str, Any]] = [
        {"name": "odd", "vendor": "flashsystem", "protocol": "both", "datapath": True, "pools": pools},
        {"name": "fc", "vendor": "flashsystem", "protocol": "fc"},
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> Iterator[FlashSystemUnderTest]:
    array = empty_array(simulator, "odd")
    array.assume({})
    yield array
    array.hang_up()


@pytest.fixture
def client(array: FlashSystemUnderTest) -> Iterator[Any]:
    with array.client(wait_timeout=2.0) as connected:
        yield connected


def assume(array: FlashSystemUnderTest, **values: Any) -> None:
    """Play other values. Keys have two underscores in place of the dot."""
    array.assume({f"flashsystem.{key.replace('__', '.')}": value for key, value in values.items()})


def named(work: Any, fact: str) -> FlashError:
    """The error of ``work``, which must name this assumption."""
    with pytest.raises(FlashError) as caught:
        work()
    assert caught.value.assumption == f"flashsystem.{fact}", str(caught.value)
    return caught.value


def every_operation(client: Any, array: FlashSystemUnderTest) -> None:
    """Each method once, and what it must have brought about."""
    db1 = volume(client, "db1")
    array.put("db1", 0, b"boot")
    server = client.create_host("server", initiators(*WWPNS[:2]))
    server = client.add_initiators(server, initiators(WWPNS[2], IQN))
    server = client.remove_initiators(client.hosts(["server"]).items[0], [WWPNS[0]])
    assert set(client.hosts(["server"]).items[0].addresses) == {*WWPNS[1:], IQN} == set(server.addresses)
    mapping = client.map_volume(db1, server)
    assert array.maps() == {("server", "db1"): mapping.lun}
    assert [(one.volume, one.lun) for one in client.mappings(hosts=["server"])] == [("db1", mapping.lun)]
    assert [one.volume for one in client.mappings()] == ["db1"]
    snapshot = client.create_snapshots([SnapshotSpec("monday", db1)])[0]
    copy = client.volume_from_snapshot(snapshot, VolumeSpec("copy"))
    clone = client.clone_volume(client.volumes(["db1"]).items[0], VolumeSpec("clone", 2 * GIB))
    assert [array.get(name, 0, 5) for name in ("copy", "clone")] == [b"boot\0"] * 2
    assert client.volumes(["db1"]).items[0].snapshots == ("monday",)
    assert client.extend_volume(clone, 3 * GIB).size == 3 * GIB
    renamed = client.rename_volume(copy, "renamed")
    assert client.unmap_volume(mapping) == ()
    client.delete_host(server)
    client.delete_snapshot(client.snapshots(["monday"]).items[0])
    for one in (client.volumes(["renamed"]).items[0], client.volumes(["clone"]).items[0]):
        client.delete_volume(one)
    client.delete_volume(renamed)
    assert client.info().protocols == ("fc", "iscsi")
    assert array.names() == ["db1"]
    assert array.maps() == {}


FORMS: tuple[dict[str, Any], ...] = (
    {
        "errors__codes": "exchanged",
        "requests__warnings": "stderr",
        "lists__columns": "more",
        "ports__wwpn_spelling": "colons",
        "hosts__wwpn_option": "-fcwwpn",
    },
    {
        "errors__codes": "unknown",
        "requests__warnings": "stdout",
        "lists__columns": "few",
        "lists__empty_header": True,
        "ports__wwpn_spelling": "0x",
        "ports__failover_rows": True,
        "nodes__iscsi_name": "naa",
        "system__code_level": "missing",
        "hosts__wwpn_option": "-fcwwpn",
        "hosts__wwpn_list": "none",
        "hosts__iqn_list": "none",
        "hosts__logged_in": "missing",
        "mappings__lun_optional": False,
        "mappings__list_all": False,
        "mappings__answer": "number",
        "mappings__second_host": "permitted",
        "volumes__expand_unit": "gb",
        "volumes__udid_unset": "0",
        "volumes__rounded": "space",
        "luns__range": [1, 255],
        "session__commands": 1,
        "array__ids_reused": True,
        "array__clock_ahead": 3600.0,
    },
)


@pytest.mark.parametrize("values", FORMS, ids=["exchanged", "unknown"])
def test_every_operation_works_where_only_the_form_of_commands_and_answers_differs(
    array: FlashSystemUnderTest, values: dict[str, Any]
) -> None:
    assume(array, **values)
    with array.client() as client:
        every_operation(client, array)


@pytest.mark.parametrize(
    ("made", "listed", "codes"),
    [(0.5, 0.5, "of_siblings"), (0.5, 0.0, "unknown")],
)
def test_changes_that_are_seen_late_are_waited_for(
    array: FlashSystemUnderTest, made: float, listed: float, codes: str
) -> None:
    with array.client() as client:
        db1, server = volume(client, "db1"), host(client)
        assume(array, array__made_seen_after=made, array__deleted_listed_for=listed, errors__codes=codes)
        client.clone_volume(db1, VolumeSpec("clone"))
        mapping = client.map_volume(db1, server)
        assert mapping.lun == array.maps()["db-server", "db1"]
        assert client.unmap_volume(mapping) == ()
        client.delete_volume(db1)
    assert array.names() == ["clone"]


def test_nothing_mapped_is_deleted_where_the_array_would_do_it(array: FlashSystemUnderTest, client: Any) -> None:
    db1, server = volume(client, "db1"), host(client)
    snapshot = client.create_snapshots([SnapshotSpec("monday", db1)])[0]
    client.map_volume(db1, server)
    client.map_volume(volume(client, "logs"), server)
    taken = next(name for name in array.names() if name.startswith("monday"))
    array.cli(f"svctask mkvdiskhostmap -host db-server {taken}")
    assume(array, volumes__delete_mapped="deleted", hosts__delete_mapped="deleted")
    before = array.state()
    deletions: list[Any] = [
        lambda: client.delete_volume(db1),
        lambda: client.delete_snapshot(snapshot),
        lambda: client.delete_host(server),
    ]
    for work in deletions:
        with pytest.raises(InUse, match="mapped to"):
            work()
    assert array.state() == before


def test_what_the_array_calls_unsuitable_is_not_taken_for_deleted(array: FlashSystemUnderTest, client: Any) -> None:
    """Somebody maps the volume between the read and the command."""
    db1, server = volume(client, "db1"), host(client)
    array.cli("svctask mkvdiskhostmap -host db-server db1")
    assume(array, errors__unsuitable="CMMVC5753E")
    client._mappings_of_volume = client._mappings_of_host = lambda name: client.mappings(volumes=[])
    for work in (lambda: client.delete_volume(db1), lambda: client.delete_host(server)):
        named(work, "errors.unsuitable")
    assert array.names() == ["db1"]
    assert len(array.maps()) == 1


@pytest.mark.parametrize(("lun", "answered"), [(None, True), (7, True), (7, False)])
def test_a_volume_that_the_array_maps_to_a_second_host_without_a_word_is_unmapped_again(
    array: FlashSystemUnderTest, client: Any, lun: int | None, answered: bool
) -> None:
    db1, server = volume(client, "db1"), host(client)
    client.map_volume(db1, client.create_host("other", initiators(IQN)))
    assume(array, mappings__second_host="permitted")
    if not answered:
        array.fault(kind="reset_after", match={"method": "mkvdiskhostmap"})
    named(lambda: client.map_volume(db1, server, lun), "mappings.second_host")
    assert set(array.maps()) == {("other", "db1")}
    assert client.map_shared(db1, server, lun).host == "db-server"


def test_what_the_array_refuses_names_the_limit_that_may_be_wrong(array: FlashSystemUnderTest, client: Any) -> None:
    db1, server = volume(client, "db1"), host(client)
    logs = volume(client, "logs")
    client.map_volume(db1, server)
    assume(
        array,
        names__longest=45,
        names__host_longest=45,
        names__characters=r"[A-Za-z_][A-Za-z0-9_-]*",
        luns__range=[1, 255],
        volumes__largest=2 << 40,
        volumes__expand_unit="gb",
        hosts__remove_port="force_needed",
    )
    before = array.state()
    named(lambda: volume(client, "v" * 46), "names.longest")
    named(lambda: client.rename_volume(db1, "v" * 46), "names.longest")
    named(lambda: client.create_host("h" * 46, initiators(WWPNS[2])), "names.host_longest")
    named(lambda: volume(client, "db 1"), "names.characters")
    named(lambda: client.map_volume(logs, server, 300), "luns.range")
    named(lambda: volume(client, "large", 3 << 40), "volumes.largest")
    named(lambda: client.extend_volume(db1, GIB + MIB), "volumes.expand_unit")
    named(lambda: client.remove_initiators(server, [WWPNS[0]]), "hosts.remove_port")
    assume(array, hosts__remove_port="unknown")
    named(lambda: client.remove_initiators(server, [WWPNS[0]]), "hosts.remove_port")
    assert array.state() == before
    assume(array, names__longest=45)
    named(lambda: client.clone_volume(db1, VolumeSpec("clone")), "names.longest")
    assert array.names() == ["db1", "logs"]


def test_a_copy_is_exact_where_a_new_volume_is_not_empty(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = volume(client, "db1")
    array.put("db1", 5 * MIB, b"data")
    assume(array, volumes__new_content="remains")
    client.clone_volume(db1, VolumeSpec("clone"))
    assert array.contents()["clone"] == array.contents()["db1"]
    assert array.get("clone", 700 * MIB, 4) == bytes(4)


def test_a_size_that_the_array_rounds_up_counts_as_requested(array: FlashSystemUnderTest, client: Any) -> None:
    assume(array, volumes__rounded="size")
    asked = GIB + 512 * MIB
    db1 = client.create_volume(VolumeSpec("db1", asked))
    assert db1.size == 2 * GIB == client.create_volume(VolumeSpec("db1", asked)).size
    assert client.clone_volume(client.volumes(["db1"]).items[0], VolumeSpec("clone", 2 * GIB + MIB)).size == 3 * GIB
    assert client.extend_volume(client.volumes(["db1"]).items[0], 3 * GIB + MIB).size == 4 * GIB
    assert client.capabilities.extent == GIB


def test_snapshots_of_a_deleted_volume_are_not_inherited_where_identities_are_given_out_again(
    array: FlashSystemUnderTest,
) -> None:
    assume(array, volumes__uids_reused=True, volumes__udid_unset="0")
    with array.client() as client:
        volume(client, "logs")
        db1 = volume(client, "db1")
        client.create_snapshots([SnapshotSpec("monday", db1)])
        client.delete_volume(client.volumes(["db1"]).items[0])
    with array.client() as client:
        again = volume(client, "db1")
        assert (again.serial, again.snapshots) == (db1.serial, ())
        assert again.id != db1.id


def test_an_openvms_number_0_is_kept(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = volume(client, "db1")
    array.cli("svctask chvdisk -udid 0 db1")
    client.create_snapshots([SnapshotSpec("monday", db1)])
    assert "udid!0\n" in array.cli("svcinfo lsvdisk -delim ! db1")[1]
    assert client.volumes(["db1"]).items[0].snapshots == ("monday",)


def test_the_host_for_copies_is_made_again_when_the_run_that_made_it_has_deleted_it(
    array: FlashSystemUnderTest, client: Any
) -> None:
    db1 = volume(client, "db1")
    with array.client() as other:
        other.clone_volume(other.volumes(["db1"]).items[0], VolumeSpec("first"))
        client.find_hosts(["10000000c9f10001"])
    assert array.state()["hosts"] == []
    client.clone_volume(db1, VolumeSpec("second"))
    assert array.names() == ["db1", "first", "second"]


def test_a_change_that_ends_after_the_deadline_is_not_made_twice(array: FlashSystemUnderTest) -> None:
    with array.client(timeout=2.0) as client:
        db1 = volume(client, "db1")
        assume(array, requests__answered_after=3.0)
        assert client.extend_volume(db1, 2 * GIB).size == 2 * GIB
    assert [row["size"] for row in array.state()["volumes"]] == [2 * GIB]


def test_an_extension_whose_answer_was_lost_names_the_assumption(array: FlashSystemUnderTest) -> None:
    with array.client(timeout=0.5) as client:
        db1 = volume(client, "db1")
        assume(array, array__carried_out_after=5.0)
        array.fault(kind="reset_before", match={"write": True})
        named(lambda: client.extend_volume(db1, 2 * GIB), "array.carried_out_after")


@pytest.mark.parametrize("absent", ["refused", "unknown"])
def test_an_array_without_a_protocol_may_refuse_to_list_its_ports(simulator: Simulator, absent: str) -> None:
    array = empty_array(simulator, "fc")
    assume(array, ports__absent_kind=absent, errors__unknown_command=1)
    with array.client() as client:
        assert {port.protocol for port in client.ports()} == {"fc"}
        assert client.ports().unreadable == ()
