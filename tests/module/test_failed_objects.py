# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that an array reports as failed are never counted as kept, used as a source, or returned as present."""

from __future__ import annotations

import pytest

from tests.module.arrays import ArrayUnderTest

pytestmark = pytest.mark.wire


@pytest.fixture
def datera(arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    """An array with a volume db1, of a vendor whose value for a failed object is known."""
    array = arrays["datera-2.2"]
    array.reset()
    array.done("flash_volume", name="db1", size="1GiB")
    return array


def snapshot_names(array: ArrayUnderTest) -> list[str]:
    return sorted(snapshot["name"] for snapshot in array.facts(gather_subset=["snapshots"])["snapshots"])


def fail_snapshot(array: ArrayUnderTest, name: str) -> None:
    """Let the array report this snapshot as failed."""
    with array.library() as client:
        snapshot = client.snapshots([name], ["db1"]).named(name)
        entity = client._wire.get(snapshot.id)
    array.fault(kind="failed", match={"path": entity["uuid"]}, count=None)


def test_failed_snapshots_do_not_count_as_kept(datera: ArrayUnderTest) -> None:
    names = [f"night-{number}" for number in range(1, 6)]
    for name in names:
        datera.done("flash_snapshot", name=name, volume="db1")
    for name in names[3:]:
        fail_snapshot(datera, name)
    kept = datera.done("flash_snapshot", name="night-3", volume="db1", keep=3, prefix="night-")
    assert not kept.changed
    assert snapshot_names(datera) == names
    assert [text.split(" is not counted")[0] for text in kept.warnings] == ["snapshot night-4", "snapshot night-5"]
    kept = datera.done("flash_snapshot", name="night-6", volume="db1", keep=3, prefix="night-")
    assert kept["plan"] == ["create snapshot night-6 of volume db1", "delete snapshot night-1 of volume db1"]
    texts = ("snapshot night-5 in state error", "state: absent")
    datera.refuses("flash_snapshot", *texts, name="night-5", volume="db1", kind="conflict")
    datera.refuses("flash_volume", texts[0], name="db2", source_volume="db1", source_snapshot="night-5")
    datera.done("flash_snapshot", name="night-5", volume="db1", state="absent")
    assert "night-5" not in snapshot_names(datera)


def test_a_failed_volume_is_a_conflict_for_every_task(datera: ArrayUnderTest) -> None:
    datera.fault(kind="failed", match={"path": "^db1$"}, count=None)
    datera.refuses("flash_volume", "volume db1 in state error", name="db1", size="2GiB", kind="conflict")
    datera.refuses("flash_volume", "volume db1 in state error", name="db2", source_volume="db1", kind="conflict")
    datera.refuses("flash_snapshot", "volume db1 in state error", name="s1", volume="db1", kind="conflict")
    host = {"host": "server", "initiators": [datera.row.initiators[0]], "volume": "db1"}
    datera.refuses("flash_host_map", "volume db1 in state error", **host, kind="conflict")
