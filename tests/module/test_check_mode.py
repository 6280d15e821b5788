# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play of several tasks can be checked before the first of them has made anything."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.module.arrays import ROOT, ArrayUnderTest
from tests.module.playbooks import Player

ROWS = {
    "datera": "datera-2.2",
    "dsware": "dsware-rest",
    "flashsystem": "flashsystem-fc",
    "violin": "violin-7.5.5-fc",
    "xtremio": "xtremio-4.2-iscsi",
}
GUIDES = sorted(set((ROOT / "docs/docsite/rst").glob("*.rst")) - {ROOT / "docs/docsite/rst/guide_simulators.rst"})
"""Without the one whose play starts an array of its own, as the quickstart does."""


EXPORTED = {
    "volumes": [{"name": "web-data", "size": "2GiB", "provisioning": "thin"}],
    "groups": [{"name": "web", "volumes": ["web-data"]}],
    "hosts": [{"name": "web-server", "initiators": ["iqn.2026-01.org.example:web-server"]}],
    "mappings": [{"volume": "web-data", "host": "web-server", "lun": 1}],
}


def playbooks_of_arrays() -> list[str]:
    """The playbooks that ship and run on the arrays of the inventory."""
    return sorted(
        path.stem
        for path in (ROOT / "playbooks").glob("*.yml")
        if "default('flash_arrays')" in path.read_text(encoding="utf-8")
    )


def blocks(guide: Path) -> Iterator[Any]:
    """The blocks of YAML in a guide that are plays or tasks."""
    text = guide.read_text(encoding="utf-8")
    for block in re.findall(r"^\.\. code-block:: yaml(?:\+jinja)?\n\n((?:    .*\n|\n)+)", text, re.MULTILINE):
        found = yaml.safe_load(textwrap.dedent(block))
        if isinstance(found, list) and "openflash.storage.flash_" in block:
            yield found


def plays_of(guide: Path) -> Iterator[dict[str, Any]]:
    """Plays with the tasks of the guide, each for the array that it is about."""
    about = re.fullmatch(r"array_(\w+)", guide.stem)
    for number, found in enumerate(blocks(guide), 1):
        for play in found if "hosts" in found[0] else [{"tasks": found}]:
            defaults = play.get("module_defaults", {}).get("group/openflash.storage.flash", {})
            vendor = about.group(1) if about else defaults.get("vendor") if isinstance(defaults, dict) else None
            yield {
                "name": f"{guide.stem}, block {number}",
                "hosts": vendor if vendor in ROWS else "xtremio",
                "gather_facts": False,
                "module_defaults": {"group/openflash.storage.flash": "{{ golden_connection }}"},
                "vars": play.get("vars", {}),
                "tasks": play["tasks"],
            }


def test_every_playbook_and_guide_is_checked_on_empty_arrays(arrays: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    player = Player(tmp_path)
    player.write([], {})
    playbooks = playbooks_of_arrays()
    assert "golden_images" in playbooks
    hosts, before = {}, {}
    for vendor, row in ROWS.items():
        array = arrays[row]
        array.reset()
        before[vendor] = array.state()
        hosts[vendor] = {
            **{f"{prefix}_connection": array.connection for prefix in ("golden", *playbooks)},
            "fleet_report_document": {"volumes": [{"name": "db1", "size": "1GiB"}]},
            "golden_images": [{"name": "golden", "path": str(tmp_path / "fetched-before.qcow2")}],
            "golden_hosts": [{"name": "web1", "image": "golden", "initiators": [array.row.initiators[0]]}],
            "drift_document": {"volumes": []},
            "health_ignore": ["fc103"],  # a port of the Violin without a link
            "endpoint": array.endpoint,
        }
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "debian_12_sha512": "0" * 128,
        "build_number": 7,
        "this_host": socket.gethostname(),
    }
    inventory = {"flash_arrays": {"vars": variables, "hosts": hosts}}
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    content = str(ROOT / "playbooks/tasks/quickstart_content.yml")
    quickstart = {
        "name": "The content of the quickstart",
        "hosts": "flash_arrays",
        "gather_facts": False,
        "vars_files": [str(ROOT / "playbooks/vars/quickstart.yml")],
        "module_defaults": {"group/openflash.storage.flash": "{{ golden_connection }}"},
        "tasks": [{"ansible.builtin.include_tasks": content}],
    }
    plays = [quickstart] + [play for guide in GUIDES for play in plays_of(guide)]
    assert len(plays) > 10, "the guides have tasks"
    text = yaml.safe_dump(plays, sort_keys=False)
    for shown, here in (
        ("/usr/bin/vbs_cli", f"{arrays[ROWS['dsware']].endpoint['bin_dir']}/vbs_cli"),
        ("inventory_hostname_short", "this_host"),
        ("become: true", "become: false"),
    ):
        assert shown in text
        text = text.replace(shown, here)
    (tmp_path / "guides.yml").write_text(text, encoding="utf-8")
    # As the playbook export writes it
    (tmp_path / "exported").mkdir()
    for vendor in ROWS:
        (tmp_path / "exported" / f"{vendor}.yml").write_text(yaml.safe_dump(EXPORTED), encoding="utf-8")
    command = ["ansible-playbook", "--check", "--diff", "--inventory", "inventory.yml"]
    ended = subprocess.run(
        [*command, *(f"openflash.storage.{name}" for name in playbooks), "guides.yml"],
        cwd=tmp_path,
        env=player.environ(ANSIBLE_PIPELINING="true"),
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    output = ended.stdout + ended.stderr
    assert "if volume golden is made first: clone volume golden to web1-golden" in output
    assert "Check mode assumes that an earlier task makes what is missing: volume db1." in output
    for vendor, row in ROWS.items():
        assert arrays[row].state() == before[vendor]
