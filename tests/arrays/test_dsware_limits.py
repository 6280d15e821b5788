# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The limits of volumes on a Dsware, which are QoS policies. Kills and lost answers: tests/module/test_contract.py."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import SnapshotSpec, Volume, VolumeSpec
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.wire import Policy
from tests.arrays.dsware import SimulatedDsware

LIMITS = {"total_iops_max": 500, "total_bandwidth_max": 100 * 1024}
UNLIMITED = {"total_iops_max": 0, "total_bandwidth_max": 0}


def limited(array: Dsware, name: str = "v1", **options: int) -> Volume:
    return array.create_volume(VolumeSpec(name, GIB, options=options or LIMITS))


def limits(array: Dsware, name: str = "v1") -> dict[str, Any]:
    return dict(array.volumes_in_full([name]).items[0].options)


def policies(simulated: SimulatedDsware) -> dict[tuple[str, ...], dict[str, int]]:
    """The limits of each policy, by the volumes that have it."""
    groups = [group for group in simulated.state()["groups"] if group["kind"] == "qos"]
    return {tuple(sorted(group["members"])): group["limits"] for group in groups}


def test_a_volume_is_made_with_limits_that_are_changed_and_deleted_with_it(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    array.pools()
    with dsware_rest.budget(array, 3, writes=3):
        volume = limited(array)
    assert volume.options == limits(array) == LIMITS
    assert policies(dsware_rest) == {("v1",): {"maxIOPS": 500, "maxMBPS": 100}}
    with dsware_rest.budget(array, 2, writes=1):
        volume = array.set_volume(volume, {"total_iops_max": 700})
    assert volume.options == limits(array) == {**LIMITS, "total_iops_max": 700}
    with dsware_rest.budget(array, 8, writes=5):
        array.delete_volume(volume)
    assert (dsware_rest.names(), policies(dsware_rest)) == ([], {})


def test_a_volume_without_limits_gets_some_and_loses_them(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    volume = array.create_volume(VolumeSpec("v1", GIB))
    with dsware_rest.budget(array, 3, writes=2):
        volume = array.set_volume(volume, {"total_iops_max": 500})
    assert volume.options == limits(array) == {"total_iops_max": 500, "total_bandwidth_max": 0}
    volume = array.set_volume(volume, UNLIMITED)
    assert volume.options == limits(array) == UNLIMITED
    array.delete_volume(volume)
    assert policies(dsware_rest) == {}


def test_a_policy_of_somebody_else_is_never_changed_or_deleted(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    first, second = (array.create_volume(VolumeSpec(name, GIB)) for name in ("v1", "v2"))
    array._wire.create_policy(Policy("gold", 900, 90))
    for volume in (first, second):
        array._wire.associate(volume.name, "gold")
    assert limits(array) == {"total_iops_max": 900, "total_bandwidth_max": 90 * 1024}
    first = array.set_volume(first, {"total_iops_max": 500})
    gold = {"maxIOPS": 900, "maxMBPS": 90}
    own = {"maxIOPS": 500, "maxMBPS": 90}
    assert policies(dsware_rest) == {("v2",): gold, ("v1",): own}, "the limit that is not requested stays"
    array.delete_volume(first)
    second = array.set_volume(second, UNLIMITED)
    assert policies(dsware_rest) == {(): gold}
    array.delete_volume(second)
    assert policies(dsware_rest) == {(): gold}


def test_copies_have_the_limits_that_are_requested_and_not_those_of_their_source(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    source = limited(array)
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", source)])
    array.clone_volume(source, VolumeSpec("plain"))
    array.clone_volume(source, VolumeSpec("clone", options={"total_iops_max": 7}))
    array.clone_volume(source, VolumeSpec("full", options={"total_iops_max": 8, "full_clone": True}))
    array.volume_from_snapshot(snapshot, VolumeSpec("old", options={"total_iops_max": 9}))
    found = {name: limits(array, name)["total_iops_max"] for name in ("v1", "plain", "clone", "full", "old")}
    assert found == {"v1": 500, "plain": 0, "clone": 7, "full": 8, "old": 9}


def test_the_limits_of_a_volume_that_has_the_name_already_are_not_changed_before_it_is_compared(
    dsware_rest: SimulatedDsware,
) -> None:
    array = dsware_rest.connect()
    limited(array)
    with pytest.raises(errors.Conflict):
        array.create_volume(VolumeSpec("v1", 2 * GIB, options={"total_iops_max": 7}))
    assert limits(array) == LIMITS
    same = array.create_volume(VolumeSpec("v1", GIB, options={"total_iops_max": 7}))
    assert same.options == limits(array) == {"total_iops_max": 7, "total_bandwidth_max": 0}


def test_what_the_array_does_not_do_leaves_no_volume(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    dsware_rest.fault("refused_before", match={"path": "/qos/"}, code="50500001", count=None)
    with pytest.raises(errors.Unsupported):
        limited(array)
    dsware_rest.clear_faults()
    assert dsware_rest.names() == []


# -- what is assumed ---------------------------------------------------------------------------------------------------


def test_a_largest_value_that_the_array_refuses_is_named(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    dsware_rest.assume({"dsware.qos.unlimited": (9_999_999, 99_999)})
    volume = limited(array)
    with pytest.raises(errors.FlashError) as caught:
        array.set_volume(volume, {"total_iops_max": 0})
    assert caught.value.assumption == "dsware.qos.unlimited"
    assert limits(array) == LIMITS
    dsware_rest.assume({"dsware.socket.extensions": True})


def test_limits_that_are_not_reported_are_unknown(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    volume = limited(array)
    dsware_rest.assume({"dsware.qos.reported": False})
    assert limits(array) == dict.fromkeys(LIMITS)
    array.delete_volume(volume)
    assert policies(dsware_rest) == {}
    dsware_rest.assume({"dsware.socket.extensions": True})


def test_a_second_policy_may_replace_the_first(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    volume = array.create_volume(VolumeSpec("v1", GIB))
    array._wire.create_policy(Policy("gold", 900, 90))
    array._wire.associate("v1", "gold")
    dsware_rest.assume({"dsware.qos.second_policy": "replaced"})
    array.set_volume(volume, LIMITS)
    assert limits(array) == LIMITS
    dsware_rest.assume({"dsware.socket.extensions": True})
