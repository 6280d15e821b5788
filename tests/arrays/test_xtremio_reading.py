# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads of an XtremIO are complete, and a snapshot set is returned only if this request has taken it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Listing,
    SnapshotSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired as options
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio.client import XtremIO
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio.session import XmsSession
from tests.arrays.xtremio import FC1, FC2, SimulatedXms
from tests.support.one_array import make_volume
from tests.support.planning import carried_out


def hide(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Remove this property from every answer to a read."""
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
    return array.create_group("g1", [make_volume(array, "v1"), make_volume(array, "v2")])


@pytest.mark.parametrize("lost", [False, True])
def test_an_earlier_group_snapshot_is_not_returned_as_a_new_one(xms_v2: SimulatedXms, lost: bool) -> None:
    """That holds too when the answer to the first attempt was lost and the array had not carried it out."""
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
    assert len({snapshot.group for snapshot in taken}) == 1


def test_a_group_snapshot_has_the_members_of_the_moment(xms_v2: SimulatedXms) -> None:
    """It includes a volume that joined after the group was read."""
    array = xms_v2.connect()
    group = group_of_two(array)
    array.add_to_group(group, [make_volume(array, "v3")])
    assert sorted(model.names(array.snapshot_group(group, "cut"))) == ["v1.cut", "v2.cut", "v3.cut"]


def test_snapshots_of_several_instants_are_not_a_group_snapshot(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    group_of_two(array)
    for name in ("v1", "v2"):
        array.create_snapshots([SnapshotSpec(f"{name}.monday", array.volumes([name]).items[0])])
    monday = options.snapshots([{"group": "g1", "name": "monday"}], {})
    with pytest.raises(errors.Conflict, match=r"v1\.monday, v2\.monday are there, but were not taken at one instant"):
        carried_out(array, monday)
    tuesday = options.snapshots([{"group": "g1", "name": "tuesday"}], {})
    assert len(carried_out(array, tuesday).lines) == 1
    assert carried_out(array, tuesday).lines == ()


def test_single_snapshots_are_not_a_set_of_one_instant(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volumes = [make_volume(array, "v1"), make_volume(array, "v2")]
    names = [{"volume": volume.name, "name": f"s-{volume.name}"} for volume in volumes]
    for volume in volumes:
        array.create_snapshots([SnapshotSpec(f"s-{volume.name}", volume)])
    atomic = options.snapshots(names, {"atomic": True})
    assert atomic.atomic
    with pytest.raises(errors.Conflict, match="were not taken at one instant"):
        carried_out(array, atomic)
    assert carried_out(array, options.snapshots(names, {})).lines == ()
    for taken in array.snapshots():
        array.delete_snapshot(taken)
    assert len(carried_out(array, atomic).lines) == 1
    assert carried_out(array, atomic).lines == ()


# -- hosts and metadata ------------------------------------------------------------------------------------------------


def test_the_operating_system_of_an_existing_host_is_compared(xms: SimulatedXms) -> None:
    array = xms.connect()
    array.create_host("h1", [FC1])
    requested = options.host_maps([{"host": "h1", "initiators": [FC1.address, FC2.address], "os": "Linux"}], {})
    plan = carried_out(array, options.host_maps([{"host": "h1", "os": "linux"}], {}))
    assert plan.lines == ("set the operating system of host h1 to linux",)
    carried_out(array, requested)
    assert array.hosts(["h1"]).items[0].os == "linux"
    assert carried_out(array, requested).lines == ()
    assert carried_out(array, options.host_maps([{"host": "h1", "initiators": [FC1.address]}], {})).lines == ()


def test_a_second_value_of_a_metadata_key_is_removed(xms_v2: SimulatedXms) -> None:
    """A run that is killed after it set the new tag leaves the old one too."""
    array = xms_v2.connect()
    volume = make_volume(array, "v1")
    array.set_metadata(volume, {"owner": "you", "kept": "1"})
    array._tag("owner=me", volume)
    array._tag("owner=a", volume)
    array.set_metadata(volume, {"owner": "me", "kept": "1"})
    assert array.metadata(volume) == {"owner": "me", "kept": "1"}
    row = array._xms.get("volumes", "v1", ("name", "tag-list"))
    assert row is not None
    assert sorted(str(tag[1]) for tag in row["tag-list"]) == ["/Volume/kept=1", "/Volume/owner=me"]


# -- missing properties ------------------------------------------------------------------------------------------------

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
def test_a_property_that_is_not_reported_makes_the_read_incomplete(
    xms_v2: SimulatedXms, monkeypatch: pytest.MonkeyPatch, key: str, ask: Read, kind: str
) -> None:
    array = xms_v2.connect()
    volume = make_volume(array, "v1")
    array.create_snapshots([SnapshotSpec("s1", volume)])
    array.map_volume(volume, array.create_host("h1", [FC1]))
    array.create_group("g1", [volume])
    hide(monkeypatch, key)
    listing = ask(array)
    assert not listing.complete
    assert kind in {entry.kind for entry in listing.unreadable}


@pytest.mark.parametrize(
    "ask", [lambda array: array.mappings(volumes=["v1"]), lambda array: array.mappings(hosts=["h1"])]
)
def test_a_volume_without_its_mapping_list_is_not_taken_for_unmapped_on_rest_v1(
    xms_3: SimulatedXms, monkeypatch: pytest.MonkeyPatch, ask: Read
) -> None:
    array = xms_3.connect()
    volume = make_volume(array, "v1")
    array.map_volume(volume, array.create_host("h1", [FC1]))
    hide(monkeypatch, "lun-mapping-list")
    assert ask(array).items or not ask(array).complete
    hide(monkeypatch, "ig-name")
    assert not ask(array).complete


def test_a_mapping_whose_name_differs_is_read_on_rest_v1(xms_3: SimulatedXms, monkeypatch: pytest.MonkeyPatch) -> None:
    array = xms_3.connect()
    volume = make_volume(array, "v1")
    array.map_volume(volume, array.create_host("h1", [FC1]))
    array.map_volume(make_volume(array, "v2"), array.create_host("h2", [FC2]))
    names = XmsSession.names

    def renamed(self: XmsSession, kind: str, session: bool = False) -> Any:
        return [dict(row, name="map") if kind == "lun-maps" else row for row in names(self, kind, session)]

    monkeypatch.setattr(XmsSession, "names", renamed)
    assert [(mapping.volume, mapping.host) for mapping in array.mappings(hosts=["h1"])] == [("v1", "h1")]


def test_tags_that_are_not_reported_are_not_taken_for_none(
    xms_v2: SimulatedXms, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = xms_v2.connect()
    volume = make_volume(array, "v1")
    hide(monkeypatch, "tag-list")
    with pytest.raises(errors.BadReply, match="does not report the tags"):
        array.set_metadata(volume, {"owner": "me"})
