# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of an XtremIO is read completely, and a set of snapshots is of this request or is not returned."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.apply import apply
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    Listing,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired as options
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.desired import DesiredState
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.draft import Plan
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.planner import plan
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.rules import Policy
from ansible_collections.openflash.storage.plugins.module_utils.openflash.read import read
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio.client import XtremIO
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio.session import XmsSession
from tests.arrays.conftest import SimulatedXms

FC1 = Initiator("1000000000000001", "fc")
FC2 = Initiator("1000000000000002", "fc")


def make(array: XtremIO, name: str) -> model.Volume:
    array.create_volume(VolumeSpec(name, GIB))
    return array.volumes([name]).items[0]


def run(array: XtremIO, desired: DesiredState) -> Plan:
    """One task: read, plan, carry out. Raises what it refuses."""
    actual = read(array, desired)
    made = plan(desired, actual, Policy(), array.capabilities)
    for error in made.errors or apply(made, actual, array).errors.values():
        raise error
    return made


def hide(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Let the array not report this property of anything."""
    ask = XmsSession._ask

    def without(self: XmsSession, method: str, path: str, *given: Any, **named: Any) -> Any:
        reply = ask(self, method, path, *given, **named)
        if method != "GET":
            return reply
        body = reply.json()
        for row in [body.get("content"), *body.get(path, ())]:
            if isinstance(row, dict):
                row.pop(key, None)
        return replace(reply, body=json.dumps(body).encode())

    monkeypatch.setattr(XmsSession, "_ask", without)


# -- sets of snapshots -------------------------------------------------------------------------------------------------


def group_of_two(array: XtremIO) -> model.Group:
    return array.create_group("g1", [make(array, "v1"), make(array, "v2")])


@pytest.mark.parametrize("lost", [False, True])
def test_a_group_snapshot_of_another_day_is_not_returned_as_taken_now(xms_v2: SimulatedXms, lost: bool) -> None:
    """Also when the answer to the first attempt was lost and the array had not done it."""
    array = xms_v2.connect()
    group = group_of_two(array)
    array.snapshot_group(group, "nightly")
    before = xms_v2.state()["volumes"]
    if lost:
        xms_v2.fault("reset_before", match={"write": True})
    with pytest.raises(errors.Conflict, match=r"named <volume>\.nightly is there already, and was not taken now"):
        array.snapshot_group(group, "nightly")
    assert xms_v2.state()["volumes"] == before


def test_a_group_snapshot_whose_answer_was_lost_is_found_by_its_set(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    group = group_of_two(array)
    xms_v2.fault("reset_after", match={"write": True})
    taken = array.snapshot_group(group, "nightly")
    assert sorted(model.names(taken)) == ["v1.nightly", "v2.nightly"]
    assert len({one.group for one in taken}) == 1


def test_a_group_snapshot_has_the_members_of_the_moment(xms_v2: SimulatedXms) -> None:
    """A volume that joined since the group was read is in it too."""
    array = xms_v2.connect()
    group = group_of_two(array)
    array.add_to_group(group, [make(array, "v3")])
    assert sorted(model.names(array.snapshot_group(group, "cut"))) == ["v1.cut", "v2.cut", "v3.cut"]


def test_snapshots_of_several_instants_are_no_snapshot_of_the_group(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    group_of_two(array)
    for name in ("v1", "v2"):
        array.create_snapshots([SnapshotSpec(f"{name}.monday", array.volumes([name]).items[0])])
    wanted = options.snapshots([{"group": "g1", "name": "monday"}], {})
    with pytest.raises(errors.Conflict, match=r"v1\.monday, v2\.monday are there, but were not taken at one instant"):
        run(array, wanted)
    tuesday = options.snapshots([{"group": "g1", "name": "tuesday"}], {})
    assert len(run(array, tuesday).lines) == 1
    assert run(array, tuesday).lines == ()


def test_single_snapshots_are_no_set_of_one_instant(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volumes = [make(array, "v1"), make(array, "v2")]
    names = [{"volume": one.name, "name": f"s-{one.name}"} for one in volumes]
    for one in volumes:
        array.create_snapshots([SnapshotSpec(f"s-{one.name}", one)])
    atomic = options.snapshots(names, {"atomic": True})
    assert atomic.atomic
    with pytest.raises(errors.Conflict, match="were not taken at one instant"):
        run(array, atomic)
    assert run(array, options.snapshots(names, {})).lines == ()
    for taken in array.snapshots():
        array.delete_snapshot(taken)
    assert len(run(array, atomic).lines) == 1
    assert run(array, atomic).lines == ()


# -- what a killed run left --------------------------------------------------------------------------------------------


def test_the_operating_system_of_a_host_that_is_there_is_compared(xms: SimulatedXms) -> None:
    array = xms.connect()
    array.create_host("h1", [FC1])
    wanted = options.host_maps([{"host": "h1", "initiators": [FC1.address, FC2.address], "os": "Linux"}], {})
    made = run(array, options.host_maps([{"host": "h1", "os": "linux"}], {}))
    assert made.lines == ("set the operating system of host h1 to linux",)
    run(array, wanted)
    assert array.hosts(["h1"]).items[0].os == "linux"
    assert run(array, wanted).lines == ()
    assert run(array, options.host_maps([{"host": "h1", "initiators": [FC1.address]}], {})).lines == ()


def test_a_second_value_of_a_note_goes(xms_v2: SimulatedXms) -> None:
    """A run that is killed between a new tag and the old one leaves both."""
    array = xms_v2.connect()
    volume = make(array, "v1")
    array.set_metadata(volume, {"owner": "you", "kept": "1"})
    array._tag("owner=me", volume)
    array._tag("owner=a", volume)
    array.set_metadata(volume, {"owner": "me", "kept": "1"})
    assert array.metadata(volume) == {"owner": "me", "kept": "1"}
    found = array._xms.get("volumes", "v1", ("name", "tag-list"))
    assert found is not None
    assert sorted(str(tag[1]) for tag in found["tag-list"]) == ["/Volume/kept=1", "/Volume/owner=me"]


# -- what the array does not report ------------------------------------------------------------------------------------

Read = Callable[[XtremIO], Listing[Any]]


@pytest.mark.parametrize(
    ("key", "ask", "kind"),
    [
        ("vol-size", lambda array: array.volumes(), "volume"),
        ("vol-size", lambda array: array.snapshots(), "snapshot"),
        ("dest-snap-list", lambda array: array.snapshots(volumes=["v1"]), "snapshot"),
        ("vol-name", lambda array: array.mappings(), "mapping"),
        ("vol-name", lambda array: array.mappings(volumes=["v1"]), "mapping"),
        ("ig-name", lambda array: array.mappings(hosts=["h1"]), "mapping"),
        ("lun", lambda array: array.mappings(volumes=["v1"]), "mapping"),
        ("ig-id", lambda array: array.hosts(["h1"]), "initiator"),
        ("ig-id", lambda array: array.find_hosts([FC1.address]), "initiator"),
        ("port-address", lambda array: array.hosts(["h1"]), "host"),
        ("vol-list", lambda array: array.groups(["g1"]), "group"),
    ],
)
def test_what_is_not_reported_makes_the_read_incomplete(
    xms_v2: SimulatedXms, monkeypatch: pytest.MonkeyPatch, key: str, ask: Read, kind: str
) -> None:
    array = xms_v2.connect()
    volume = make(array, "v1")
    array.create_snapshots([SnapshotSpec("s1", volume)])
    array.map_volume(volume, array.create_host("h1", [FC1]))
    array.create_group("g1", [volume])
    hide(monkeypatch, key)
    found = ask(array)
    assert not found.complete
    assert kind in {one.kind for one in found.unreadable}


@pytest.mark.parametrize("ask", [lambda a: a.mappings(volumes=["v1"]), lambda a: a.mappings(hosts=["h1"])])
def test_a_volume_of_an_old_array_that_does_not_report_its_mappings_is_not_unmapped(
    xms_3: SimulatedXms, monkeypatch: pytest.MonkeyPatch, ask: Read
) -> None:
    array = xms_3.connect()
    volume = make(array, "v1")
    array.map_volume(volume, array.create_host("h1", [FC1]))
    hide(monkeypatch, "lun-mapping-list")
    assert ask(array).items or not ask(array).complete
    hide(monkeypatch, "ig-name")
    assert not ask(array).complete


def test_a_mapping_of_an_old_array_with_another_name_is_read(
    xms_3: SimulatedXms, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = xms_3.connect()
    volume = make(array, "v1")
    array.map_volume(volume, array.create_host("h1", [FC1]))
    array.map_volume(make(array, "v2"), array.create_host("h2", [FC2]))
    names = XmsSession.names

    def renamed(self: XmsSession, kind: str, session: bool = False) -> Any:
        return [dict(one, name="map") if kind == "lun-maps" else one for one in names(self, kind, session)]

    monkeypatch.setattr(XmsSession, "names", renamed)
    assert [(one.volume, one.host) for one in array.mappings(hosts=["h1"])] == [("v1", "h1")]


def test_tags_that_are_not_reported_are_not_none(xms_v2: SimulatedXms, monkeypatch: pytest.MonkeyPatch) -> None:
    array = xms_v2.connect()
    volume = make(array, "v1")
    hide(monkeypatch, "tag-list")
    with pytest.raises(errors.BadReply, match="does not report the tags"):
        array.set_metadata(volume, {"owner": "me"})
