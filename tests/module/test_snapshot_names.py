# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of snapshots with the time of the task, which the action plugin puts in."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest
from tests.module.playbooks import Player

MODULE = "openflash.storage.flash_snapshot"


def names(array: ArrayUnderTest) -> list[str]:
    found = array.task("flash_facts", gather_subset=["snapshots"])["ansible_facts"]["flash"]["snapshots"]
    return sorted(one["name"] for one in found)


def test_a_snapshot_is_named_by_the_time_of_the_controller_and_old_ones_are_deleted(
    xtremio: ArrayUnderTest, tmp_path: Path
) -> None:
    """The time zone of the controller does not matter, and the name is the prefix of what ``keep`` counts."""
    xtremio.done("flash_volume", size="1GiB", volumes=[{"name": "db1"}, {"name": "db2"}])
    for number in range(3):
        xtremio.done("flash_snapshot", name=f"nightly-2000010{number}", volume="db1")
        time.sleep(1.1)  # the array writes the time in seconds, and of two with the same time none is deleted
    xtremio.done("flash_snapshot", name="other-20000101", volume="db1")
    tasks: list[dict[str, Any]] = [
        {MODULE: {"name": "nightly-", "suffix": "%Y%m%d", "volume": "db1", "keep": 2}},
        {MODULE: {"suffix": "-%H%M", "snapshots": [{"name": "hour", "volume": "db2"}]}},
    ]
    before = time.gmtime()
    played = Player(tmp_path).play(tasks, xtremio.connection, TZ="Pacific/Kiritimati")
    assert played.rc == 0, played.output
    days = {f"nightly-{time.strftime('%Y%m%d', moment)}" for moment in (before, time.gmtime())}
    found = names(xtremio)
    hour = [name for name in found if re.fullmatch(r"hour-[0-2][0-9][0-5][0-9]", name)]
    assert len(hour) == 1
    assert hour[0][5:7] in (time.strftime("%H", before), time.strftime("%H"), time.strftime("%H", time.gmtime()))
    today = [name for name in found if name in days]
    assert len(today) == 1
    assert [name for name in found if name.startswith("nightly-")] == ["nightly-20000102", *today]
    assert "other-20000101" in found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"suffix": "%Q", "volume": "db1"}, "suffix: %Q has a part of the time that is not known"),
        ({"suffix": "-1", "volume": "db1", "state": "absent"}, "has a suffix, which is used only with state: present"),
        ({"suffix": "-1", "volume": "db1", "keep": 2, "name": "n"}, "prefix 'n' is shorter than 3 characters"),
        ({"volume": "db1", "keep": 2}, "the option suffix must be given"),
    ],
)
def test_what_has_no_clear_name_is_refused(xtremio: ArrayUnderTest, options: dict[str, Any], message: str) -> None:
    mark = xtremio.mark()
    result = xtremio.task("flash_snapshot", **{"name": "nightly", **options})
    assert result["error"]["kind"] == "invalid"
    assert message in result.msg
    assert xtremio.requests(mark) == []
