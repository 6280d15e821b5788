# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of the guide "A fleet of arrays", run alternately, do what the guide says."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

from tests.module.arrays import ROOT, ArrayUnderTest
from tests.module.playbooks import Player

GUIDE = ROOT / "docs/docsite/rst/guide_fleet.rst"


def plays() -> list[dict[str, Any]]:
    """The plays in the guide's blocks of YAML, in its order."""
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"^\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    documents = [yaml.safe_load(textwrap.dedent(block)) for block in blocks]
    return [play for document in documents if isinstance(document, list) for play in document]


def test_neither_play_of_the_guide_removes_what_the_other_created(xtremio: ArrayUnderTest, tmp_path: Path) -> None:
    declare, nightly = plays()
    task = declare["tasks"][0]["openflash.storage.flash_array"]
    assert task["prune"]
    assert nightly["tasks"][0]["openflash.storage.flash_snapshot"]["keep"]
    xtremio.done("flash_volume", name="web-retired", size="1GiB")
    xtremio.done("flash_host_map", host="web-retired", initiators=[xtremio.initiator(9)])
    connection = xtremio.connection
    with xtremio.library() as client:
        client.info()  # fails here, and not in a play, when the array does not answer
    inventory = {
        "flash_arrays": {
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "flash_vendor": connection["vendor"],
                "vault_flash_password": connection["password"],
            },
            "hosts": {connection["address"]: {}},
        }
    }
    for play in (declare, nightly):
        play["module_defaults"]["group/openflash.storage.flash"]["username"] = connection["username"]
    player = Player(tmp_path)
    player.write([], {})
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    env = player.environ(FLASH_PORT=str(connection["port"]), FLASH_CA_PATH=connection["ca_path"])

    def run(name: str, play: dict[str, Any]) -> str:
        (tmp_path / name).write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
        command = ["ansible-playbook", "--inventory", "inventory.yml", name]
        completed = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False
        )
        assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed.stdout

    declared = {"web-data", "web-logs"}
    for night in (1, 2):
        run("declare.yml", declare)
        assert set(xtremio.hosts()) == {"web-server"}
        snapshots = set(xtremio.volumes()) - declared
        assert len(snapshots) == night - 1, "undeclared objects are removed, and every snapshot is kept"
        options = nightly["tasks"][0]["openflash.storage.flash_snapshot"]
        assert options["suffix"] == ("%Y%m%d" if night == 1 else "20260101")
        options["suffix"] = f"2026010{night}"  # as on the day after
        run("nightly.yml", nightly)
        assert set(xtremio.volumes()) == declared | snapshots | {options["name"] + options["suffix"]}
    assert "changed=0" in run("declare.yml", declare)
    assert len(set(xtremio.volumes()) - declared) == 2
