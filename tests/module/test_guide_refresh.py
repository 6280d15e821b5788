# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The play and the tasks of the guide "Refresh a test database every night" do what the guide says."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

from tests.module.arrays import GIB, ROOT, ArrayUnderTest
from tests.module.playbooks import Player

GUIDE = ROOT / "docs/docsite/rst/guide_refresh.rst"


def tasks() -> list[dict[str, Any]]:
    """The tasks of the guide, in its order: of its play, and those that stand alone."""
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"^\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    plays = [play for block in blocks for play in yaml.safe_load(textwrap.dedent(block))]
    return [task for play in plays for task in play.get("tasks", [play])]


def test_the_tasks_of_the_guide_refresh_the_test_volume(xtremio: ArrayUnderTest, tmp_path: Path) -> None:
    xtremio.done("flash_volume", name="db1", size="2GiB")
    xtremio.done("flash_volume", name="db1-test", source_volume="db1")
    xtremio.done("flash_host_map", host="test", initiators=[xtremio.initiator(9)], volume="db1-test")
    xtremio.done("flash_snapshot", name="db1-test-golden", volume="db1-test")
    player = Player(tmp_path)
    found = tasks()
    assert len(found) == 3
    luns = xtremio.luns()
    for task in found:
        for volume in ("db1", "db1-test"):
            xtremio.write(volume, GIB)
        before = {name: volume["content"] for name, volume in xtremio.volumes().items()}
        if task is found[2]:
            task["openflash.storage.flash_snapshot"]["while_mapped"] = True
        variables = '{"night": "2026-11-30", "build_number": 7}'
        for changed in (1, 0):
            played = player.play([task], xtremio.connection, "--extra-vars", variables)
            assert played.rc == 0, played.output
            assert f"changed={changed}" in played.stdout, played.output
        after = {name: volume["content"] for name, volume in xtremio.volumes().items()}
        source = "db1-test-golden" if task is found[2] else "db1"
        assert after["db1-test"] == before[source]
        (backup,) = set(after) - set(before) - {"db1-2026-11-30"}
        assert backup.startswith("db1-test-before-")
        assert after[backup] == before["db1-test"]
    assert xtremio.luns() == luns
