# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Datera's client does where an array is not what is assumed: no data is lost, and the error says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import SnapshotSpec, VolumeSpec
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.confirm import AnswerLost
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera.client import Datera
from tests.arrays.datera.conftest import IQN1, IQN2, SimulatedEdf
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def assumed_simulator() -> Iterator[Simulator]:
    config = {"vendor": "datera", "slowness": 0, "tenants": ["/root/acme"]}
    with Simulator([{"name": "assumed", **config}, {"name": "assumed-2.1", "version": "2.1.4.0", **config}]) as running:
        yield running


@pytest.fixture(params=["assumed", "assumed-2.1"])
def every(assumed_simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedEdf]:
    """An array of each API version."""
    yield from _array(assumed_simulator, request.param)


@pytest.fixture
def edf(assumed_simulator: Simulator) -> Iterator[SimulatedEdf]:
    yield from _array(assumed_simulator, "assumed")


def _array(simulator: Simulator, name: str) -> Iterator[SimulatedEdf]:
    found = SimulatedEdf(simulator, name)
    found.assume({})
    yield found
    found.close()


def assume(edf: SimulatedEdf, **values: Any) -> None:
    """Play other values. Keys have two underscores in place of the dot."""
    edf.assume({f"datera.{key.replace('__', '.')}": value for key, value in values.items()})


def named(work: Callable[[], Any], fact: str) -> errors.FlashError:
    """The error of ``work``, which must name this assumption."""
    with pytest.raises(errors.FlashError) as caught:
        work()
    assert caught.value.assumption == f"datera.{fact}", str(caught.value)
    return caught.value


def volume(array: Datera, name: str = "db1", size: int = GIB) -> model.Volume:
    existing = array.volumes([name]).items
    return existing[0] if existing else array.create_volume(VolumeSpec(name, size))


def snapshot(array: Datera, name: str, of: str = "db1") -> model.Snapshot:
    existing = array.snapshots([name]).items
    return existing[0] if existing else array.create_snapshots([SnapshotSpec(name, volume(array, of))])[0]


def content(edf: SimulatedEdf, name: str) -> str:
    row = edf.volume(name)
    assert row is not None, name
    return str(row["content"])


# ---- access ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [{"access__default_mode": "allow_all"}, {"clones__access": "inherited"}])
def test_a_copy_is_closed_to_every_host_before_it_has_its_name(every: SimulatedEdf, other: dict[str, Any]) -> None:
    array = every.connect()
    source = volume(array)
    array.map_volume(source, array.create_host("server", [IQN1]))
    taken = snapshot(array, "monday")
    template = {"name": "disk", "volume_templates": [{"name": "data", "size": 1, "replica_count": 1}]}
    every.raw("POST", "/app_templates", {"name": "gold", "storage_templates": [template]})
    assume(every, **other)
    mark = every.mark()
    array.clone_volume(source, VolumeSpec("copy1"))
    array.volume_from_snapshot(taken, VolumeSpec("copy2"))
    array.create_volume(VolumeSpec("made", GIB, options={"template": "gold"}))
    for name in ("copy1", "copy2", "made"):
        assert array.volumes([name]).items[0].mappings == (), name
    assert [one.volume for one in array.mappings()] == ["db1"]
    if "access__default_mode" in other:
        lines = every.requests(mark)
        closed = [place for place, line in enumerate(lines) if "access_control_mode" in (line["body"] or {})]
        final = [place for place, line in enumerate(lines) if (line["body"] or {}).get("name") in ("copy1", "made")]
        assert len(closed) == 3
        assert closed[0] < final[0]
        assert closed[-1] < final[-1]


def test_an_unfinished_copy_that_has_hosts_is_left_alone(edf: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    array = edf.connect()
    source = volume(array)
    array.map_volume(source, array.create_host("server", [IQN1]))
    assume(edf, clones__access="inherited")
    killed = edf.connect()
    with edf.killed(monkeypatch, 2, answered=True):
        killed.clone_volume(source, VolumeSpec("copy1"))
    assert isinstance(named(lambda: array.clone_volume(source, VolumeSpec("copy1")), "clones.access"), errors.Conflict)
    assert array.volumes(["copy1"]).items == ()


@pytest.mark.parametrize("answer", ["list", "policy", "entry"])
@pytest.mark.parametrize("removal", ["one", "all"])
@pytest.mark.parametrize("again", ["repeated", "refused"])
def test_access_lists_are_changed_whatever_the_array_answers(
    edf: SimulatedEdf, answer: str, removal: str, again: str
) -> None:
    assume(edf, access__answer=answer, access__removal=removal, access__add_again=again, access__remove_again="refused")
    array = edf.connect()
    host = array.create_host("server", [IQN1])
    for _run in range(2):
        mapping = array.map_volume(volume(array), host)
        assert [one.host for one in array.mappings(volumes=["db1"])] == ["server"]
    assert array.unmap_volume(mapping) == ()
    assert array.unmap_volume(mapping) == ()
    assert edf.state()["mappings"] == []
    host = array.add_initiators(host, [IQN2])
    array.add_initiators(replace(host, initiators=host.initiators[:1]), [IQN2])
    assert array.hosts(["server"]).items[0].addresses == (IQN1.address, IQN2.address)
    array.remove_initiators(host, [IQN2.address])
    array.remove_initiators(host, [IQN2.address])
    assert array.hosts(["server"]).items[0].addresses == (IQN1.address,)


def test_no_host_is_deleted_that_has_volumes_where_the_array_would_do_it(every: SimulatedEdf) -> None:
    array = every.connect()
    host = array.create_host("server", [IQN1])
    array.map_volume(volume(array), host)
    assume(every, hosts__delete_mapped="deleted", initiators__delete_in_use="deleted")
    before = every.state()
    with pytest.raises(errors.InUse, match="volumes are mapped to it: db1"):
        array.delete_host(host)
    assert every.state() == before


def test_no_initiator_is_deleted_that_something_else_uses(every: SimulatedEdf) -> None:
    """In this tenant or below it, by a group or an access list."""
    array, below = every.connect(), every.connect({"tenant": "/root/acme"})
    first, second = IQN1, IQN2
    host = array.create_host("server", [first, second])
    array.create_host("other", [first])
    single = array.single_host("single", second)
    array.map_volume(volume(array), single)
    assume(every, hosts__delete_mapped="deleted", initiators__delete_in_use="deleted")
    array.remove_initiators(host, [second.address])
    array.delete_host(host)
    assert array.hosts(["other"]).items[0].addresses == (first.address,)
    assert [one.host for one in array.mappings()] == [second.address]
    with pytest.raises(errors.InUse, match="db1"):
        array.delete_host(single)
    if every.name == "assumed":
        # A group of the tenant below has the initiator that it inherits.
        array.unmap_volume(array.mappings().items[0])
        members = {"name": "inheriting", "members": [{"path": f"/initiators/{first.address}"}]}
        every.raw("POST", "/initiator_groups", members, tenant="/root/acme")
        array.delete_host(array.hosts(["other"]).items[0])
        assert below.hosts(["inheriting"]).items[0].addresses == (first.address,)


# ---- volumes ---------------------------------------------------------------------------------------------------------


def test_a_volume_that_another_run_has_extended_is_not_made_smaller(edf: SimulatedEdf) -> None:
    array, other = edf.connect(), edf.connect()
    stale = volume(array)
    other.extend_volume(stale, 8 * GIB)
    assume(edf, volumes__shrink="done")
    with pytest.raises(errors.FlashError):
        array.extend_volume(stale, 4 * GIB)
    assert array.volumes(["db1"]).items[0].size == 8 * GIB


def test_an_extension_ends_when_the_array_reports_the_size(edf: SimulatedEdf) -> None:
    array = edf.connect()
    existing = volume(array)
    assume(edf, volumes__resize_status="silent")
    assert array.extend_volume(existing, 2 * GIB).size == 2 * GIB
    assert array.volumes(["db1"]).items[0].size == 2 * GIB
    assert array.clone_volume(array.volumes(["db1"]).items[0], VolumeSpec("copy1", 4 * GIB)).size == 4 * GIB
    assert array.volumes(["copy1"]).items[0].size == 4 * GIB


def test_force_is_sent_only_where_no_host_has_access(edf: SimulatedEdf) -> None:
    array = edf.connect({"offline_changes": True})
    idle, mapped = volume(array, "idle"), volume(array, "mapped")
    array.map_volume(mapped, array.create_host("server", [IQN1]))
    assume(edf, volumes__offline_idle="refused", volumes__extend_online=False)
    mark = edf.mark()
    named(lambda: array.extend_volume(mapped, 2 * GIB), "volumes.offline_idle")
    assert not any((entry["body"] or {}).get("force") for entry in edf.requests(mark))
    assert array.extend_volume(idle, 2 * GIB).size == 2 * GIB
    array.delete_volume(array.volumes(["idle"]).items[0])
    assert [one.name for one in array.volumes()] == ["mapped"]


def test_a_volume_with_sessions_is_not_taken_offline_where_the_array_would_do_it(edf: SimulatedEdf) -> None:
    array = edf.connect({"offline_changes": True})
    mapped = volume(array)
    array.map_volume(mapped, array.create_host("server", [IQN1]))
    for sessions in ("text", "references", "missing"):
        edf.assume({})
        edf.login("db1")
        assume(edf, volumes__offline_in_use="accepted", volumes__extend_online=False, access__sessions=sessions)
        with pytest.raises(errors.InUse):
            array.extend_volume(mapped, 2 * GIB)
        assert array.volumes(["db1"]).items[0].state == "ready"


def test_a_volume_that_has_the_id_of_a_deleted_one_is_not_changed(edf: SimulatedEdf) -> None:
    assume(edf, array__ids_reused=True)
    array = edf.connect({"offline_changes": True})
    gone = volume(array)
    host = array.create_host("server", [IQN1])
    mapping = array.map_volume(gone, host)
    array.unmap_volume(mapping)
    array.delete_volume(gone)
    made = volume(array, "other", 2 * GIB)
    assert made.id == gone.id
    array.map_volume(made, host)
    before = edf.state()
    for work in (
        lambda: array.extend_volume(gone, 4 * GIB),
        lambda: array.rename_volume(gone, "mine"),
        lambda: array.delete_volume(gone),
        lambda: array.map_volume(gone, host),
        lambda: array.unmap_volume(mapping),
    ):
        with pytest.raises(errors.Conflict, match="renamed to other"):
            work()
    assert edf.state() == before


def test_what_belongs_to_a_tenant_below_is_not_listed(edf: SimulatedEdf) -> None:
    array, below = edf.connect(), edf.connect({"tenant": "/root/acme"})
    volume(array)
    volume(below, "theirs")
    snapshot(below, "monday", "theirs")
    assume(edf, tenants__below_listed=True)
    assert [one.name for one in array.volumes()] == ["db1"]
    assert array.snapshots().items == ()


# ---- snapshots -------------------------------------------------------------------------------------------------------


def test_of_two_snapshots_of_one_uuid_none_is_used(edf: SimulatedEdf) -> None:
    array = edf.connect()
    taken = snapshot(array, "monday")
    assume(edf, snapshots__uuid_unique=False)
    (entity,) = edf.raw("GET", f"{taken.volume_id}/snapshots")
    edf.raw("POST", f"{taken.volume_id}/snapshots", {"uuid": entity["uuid"]})
    listed = array.snapshots(volumes=["db1"])
    assert listed.items == ()
    assert [one.name for one in listed.unreadable] == ["monday"]
    assert "datera.snapshots.uuid_unique" in listed.unreadable[0].reason
    edf.write("db1", 4096)
    other = snapshot(array, "tuesday")
    named(lambda: array.restore_snapshot(volume(array), other, "monday"), "snapshots.uuid_unique")


def test_a_snapshot_that_got_another_uuid_is_deleted_again(edf: SimulatedEdf) -> None:
    array = edf.connect()
    existing = volume(array)
    assume(edf, snapshots__uuid_given="own")
    named(lambda: array.create_snapshots([SnapshotSpec("monday", existing)]), "snapshots.uuid_given")
    assert array.snapshots(volumes=["db1"]).items == ()


def test_a_change_that_ends_the_session_is_made_once(edf: SimulatedEdf) -> None:
    array = edf.connect()
    existing = volume(array)
    monday = snapshot(array, "monday")
    for skip in range(3):
        edf.assume({})
        edf.write("db1", 4096)
        assume(edf, session__after_expiry="change_made", snapshots__uuid_unique=False)
        for number in range(skip):
            array.set_metadata(existing, {"skipped": f"{skip} {number}"})
        mark = edf.mark()
        array.restore_snapshot(volume(array), monday, f"before-{skip}")
        assert content(edf, "db1") == content(edf, "monday")
        changes = [entry["change"] for entry in edf.changes(mark)]
        assert changes.count("volume.overwrite") == 1
        listed = array.snapshots(volumes=["db1"])
        assert listed.unreadable == ()
        assert len(listed.items) == 2 + skip


def test_the_size_of_a_deleted_snapshot_is_not_that_of_a_new_one(edf: SimulatedEdf) -> None:
    array = edf.connect()
    first = snapshot(array, "monday")
    assume(edf, metadata__empty="refused")
    array.delete_snapshot(first)
    array.extend_volume(volume(array), 2 * GIB)
    assert snapshot(array, "monday").size == 2 * GIB


def test_what_the_array_refuses_names_the_assumption_that_may_be_wrong(edf: SimulatedEdf) -> None:
    array = edf.connect({"offline_changes": True})
    existing, host = volume(array), array.create_host("server", [IQN1])
    monday = snapshot(array, "monday")
    array.clone_volume(existing, VolumeSpec("copy1"))
    array.set_metadata(existing, {"owner": "me"})
    before = edf.state()

    def take(name: str) -> Callable[[], Any]:
        return lambda: array.create_snapshots([SnapshotSpec(name, existing)])

    assume(edf, metadata__key_characters="[A-Za-z0-9_]+")
    named(take("tuesday"), "metadata.key_characters")
    assume(edf, metadata__value_longest=64)
    named(take("t" * 80), "metadata.value_longest")
    assume(edf, metadata__empty="refused")
    named(lambda: array.set_metadata(existing, {}), "metadata.empty")
    assume(edf, instances__descr_characters="[a-zA-Z_][a-zA-Z0-9_]{2,127}")
    named(lambda: array.clone_volume(existing, VolumeSpec("copy2")), "instances.descr_characters")
    assume(edf, clones__source_deleted="refused")
    array.clone_volume(array.volumes(["copy1"]).items[0], VolumeSpec("copy3"))
    named(lambda: array.delete_volume(array.volumes(["copy1"]).items[0]), "clones.source_deleted")
    edf.assume({})
    for name in ("copy3",):
        array.delete_volume(array.volumes([name]).items[0])
    array.map_volume(existing, host)
    assume(edf, errors__offline_demand="unnamed", volumes__extend_online=False)
    named(lambda: array.extend_volume(volume(array), 2 * GIB), "errors.offline_demand")
    edf.assume({})
    array.unmap_volume(array.mappings().items[0])
    assert [one["name"] for one in edf.state()["volumes"]] == [one["name"] for one in before["volumes"]]
    assert monday.name == "monday"


# ---- restore ---------------------------------------------------------------------------------------------------------


def restore(array: Datera, backup: str = "before") -> model.Snapshot:
    return array.restore_snapshot(volume(array), snapshot(array, "monday"), backup)


def prepared(edf: SimulatedEdf) -> Datera:
    """A client of an array with a volume that was written to after its snapshot, and extended."""
    array = edf.connect()
    snapshot(array, "monday")
    edf.write("db1", 4096)
    return array


@pytest.mark.parametrize("other", ["unnamed", "always_named"])
def test_a_restore_needs_no_text_of_the_array(edf: SimulatedEdf, other: str) -> None:
    array = prepared(edf)
    assume(edf, errors__offline_demand=other, errors__codes="unknown")
    restore(array)
    assert content(edf, "db1") == content(edf, "monday")
    assert array.volumes(["db1"]).items[0].state == "ready"


def test_a_restore_keeps_the_size_of_the_volume(edf: SimulatedEdf) -> None:
    array = prepared(edf)
    array.extend_volume(volume(array), 2 * GIB)
    assume(edf, restore__size="of_snapshot")
    restore(array)
    assert array.volumes(["db1"]).items[0].size == 2 * GIB


def test_a_restore_is_not_sent_again_when_its_answer_is_lost(edf: SimulatedEdf) -> None:
    """The array carries it out later, or never. A host writes meanwhile."""
    edf.timeout = 1.0
    array = prepared(edf)
    assume(edf, restore__online="done")
    for kind, made in (("reset_after", True), ("reset_before", False)):
        edf.write("db1", 4096)
        former, backup = content(edf, "db1"), f"before-{kind}"
        edf.fault(kind, match={"method": "PUT", "path": r"/volumes/volume-1\Z"})
        mark = edf.mark()
        if made:
            restore(array, backup)
        else:
            with pytest.raises(AnswerLost) as caught:
                restore(array, backup)
            assert caught.value.assumption == "datera.array.carried_out_after"
            edf.write("db1", 4096)
            restore(array, backup)
            assert former in {row["content"] for row in edf.state()["volumes"]}
        assert content(edf, "db1") == content(edf, "monday")
        assert content(edf, backup) == former
        assert [entry["change"] for entry in edf.changes(mark)].count("volume.overwrite") == 1


def test_a_volume_is_restored_once_from_the_snapshot_that_it_was_restored_from_before(
    edf: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its restore point is the same before and after."""
    array = prepared(edf)
    assume(edf, restore__online="done")
    restore(array, "first")
    edf.write("db1", 4096)
    mark = edf.mark()
    restore(array, "second")
    requests = len(edf.requests(mark))
    for number in range(1, requests + 1):
        edf.write("db1", 4096)
        mark, backup = edf.mark(), f"killed-{number}"
        dying = edf.connect()
        with edf.killed(monkeypatch, number, answered=True):
            restore(dying, backup)
        kept = {row["content"] for row in edf.state()["volumes"] if row["kind"] == "snapshot"}
        restored = content(edf, "db1") == content(edf, "monday")
        edf.write("db1", 4096)
        later = content(edf, "db1")
        restore(array, backup)
        assert [entry["change"] for entry in edf.changes(mark)].count("volume.overwrite") == 1, number
        assert content(edf, "db1") == (later if restored else content(edf, "monday")), number
        assert kept | {later} <= {row["content"] for row in edf.state()["volumes"]}, number


def test_where_no_restore_point_is_reported_a_killed_restore_is_not_repeated(
    edf: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = prepared(edf)
    assume(edf, restore__online="done", restore__point="missing")
    dying = edf.connect()
    with edf.killed(monkeypatch, 40, answered=True) as events:
        restore(dying, "whole")
    requests = len(events)
    assert content(edf, "db1") == content(edf, "monday")
    for number in range(1, requests + 1):
        edf.write("db1", 4096)
        mark, backup = edf.mark(), f"killed-{number}"
        dying = edf.connect()
        with edf.killed(monkeypatch, number, answered=True):
            restore(dying, backup)
        edf.write("db1", 4096)
        later = content(edf, "db1")
        said = []
        for _run in range(2):
            try:
                restore(array, backup)
            except errors.Refused as error:
                said.append(error.assumption)
        assert set(said) <= {"datera.restore.point"}, number
        assert not said or content(edf, "db1") == later, number
        assert [entry["change"] for entry in edf.changes(mark)].count("volume.overwrite") <= 1, number
        assert later in {row["content"] for row in edf.state()["volumes"]}, number


# ---- everything ------------------------------------------------------------------------------------------------------


def test_every_operation_works_where_only_the_form_of_requests_and_answers_differs(every: SimulatedEdf) -> None:
    assume(
        every,
        lists__page_size=2,
        lists__filter_equal="refused",
        errors__codes="unknown",
        errors__validation_status=400,
        tenants__below_listed=True,
        volumes__resize_status="silent",
        volumes__delete_online="deleted",
        volumes__offline_idle="refused",
        access__add_again="repeated",
        access__answer="entry",
        access__sessions="references",
        snapshots__nested="missing",
        snapshots__of_instance="apart",
        clones__source="missing",
        restore__online="done",
        metadata__update="replaced",
        metadata__empty="dropped",
        luns__further="as_named",
        array__clock_ahead=3600.0,
    )
    array = every.connect()
    uuid = "11111111-2222-4333-8444-555555555555"
    created, named_by_uuid = volume(array, size=2 * GIB), volume(array, uuid)
    host = array.create_host("server", [IQN1])
    monday = snapshot(array, "monday")
    snapshot(array, "tuesday", uuid)
    array.clone_volume(created, VolumeSpec("copy1", 4 * GIB))
    array.volume_from_snapshot(monday, VolumeSpec("copy2"))
    mapping = array.map_volume(named_by_uuid, host)
    every.login(uuid)
    assert [one.open for one in array.volumes([uuid]).items[0].mappings or ()] == [True]
    assert array.volumes([uuid]).items[0].snapshots == ("tuesday",)
    every.login(uuid, is_open=False)
    array.unmap_volume(mapping)
    array.restore_snapshot(volume(array), monday, "before")
    array.set_metadata(created, {"owner": "me"})
    assert array.metadata(created) == {"owner": "me"}
    assert sorted(one.name for one in array.snapshots(volumes=["db1"])) == ["before", "monday"]
    for name in ("monday", "before"):
        array.delete_snapshot(snapshot(array, name))
    array.delete_host(host)
    array.delete_volume(array.rename_volume(created, "renamed"))
    assert sorted(one.name for one in array.volumes()) == sorted([uuid, "copy1", "copy2"])
