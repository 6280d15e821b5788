# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook export writes one file for each array, which loads back as variables for flash_array."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.module.arrays import ONE_OF_EACH_WIRE, ArrayUnderTest
from tests.module.playbooks import ROOT, Player

SECTIONS = ("volumes", "snapshots", "groups", "hosts", "mappings")
APPLY = [
    {
        "hosts": "flash_arrays",
        "gather_facts": False,
        "module_defaults": {"group/openflash.storage.flash": "{{ export_connection }}"},
        "tasks": [
            {"ansible.builtin.include_vars": {"file": "exported/{{ inventory_hostname }}.yml", "name": "declared"}},
            {
                "openflash.storage.flash_array": {name: f"{{{{ declared.{name} }}}}" for name in SECTIONS},
                "register": "applied",
            },
            {"ansible.builtin.assert": {"that": ["applied.plan == []", "applied.api.writes == 0"]}},
        ],
    }
]


def test_each_array_is_a_file_that_loads_back(arrays: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    hosts: dict[str, Any] = {}
    for row in ONE_OF_EACH_WIRE:
        array = arrays[row.name]
        array.reset()
        volumes = [{"name": "web-data", "size": "3GiB"}, {"name": "web-logs", "size": "2GiB"}]
        names = [("web-server", array.row.initiators[:2]), ("backup", array.row.initiators[2:])] if row.hosts else []
        array.done(
            "flash_array",
            volumes=volumes,
            snapshots=[{"name": "web-golden", "volume": "web-data"}],
            hosts=[{"name": name, "initiators": list(initiators)} for name, initiators in names],
            mappings=[{"volume": "web-data", "host": name, **array.lun(3)} for name, _initiators in names],
            shared=True,
        )
        hosts[row.name] = {"export_connection": array.connection, "export_snapshots": True}
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"flash_arrays": {"vars": variables, "hosts": hosts}}
    player = Player(tmp_path)
    player.write([], {})
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    (tmp_path / "apply.yml").write_text(yaml.safe_dump(APPLY), encoding="utf-8")
    playbooks = ["openflash.storage.export", "apply.yml", "openflash.storage.export"]
    ended = subprocess.run(
        ["ansible-playbook", "--inventory", "inventory.yml", *playbooks],
        cwd=tmp_path,
        env=player.environ(PWD=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # The folder and the file, once: neither the document nor the second export changes anything
    for name, changed in re.findall(r"^(\S+) +: .*changed=(\d+)", ended.stdout, re.MULTILINE):
        assert int(changed) <= 2, name
    for row in ONE_OF_EACH_WIRE:
        array = arrays[row.name]
        text = (tmp_path / "exported" / f"{row.name}.yml").read_text(encoding="utf-8")
        lint = subprocess.run(
            ["yamllint", "--strict", "--config-file", str(ROOT / ".yamllint"), "-"],
            input=text,
            env=player.environ(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert lint.returncode == 0, f"{lint.stdout}\n{text}"
        loaded = yaml.safe_load(text)
        result = array.done("flash_array", state="gathered", gather_snapshots=True)
        assert {name: loaded[name] for name in SECTIONS} == result["gathered"]
        assert loaded["array"]["vendor"] == array.endpoint["vendor"]
        assert [pool["name"] for pool in loaded["array"]["pools"]] == [pool["name"] for pool in result["pools"]]
        assert all(f"{entry['reason'][:30]}" in text for entry in result["not_declared"])
        assert array.connection["password"] not in text if "password" in array.connection else True
        assert ("set shared: true" in text) == row.hosts
