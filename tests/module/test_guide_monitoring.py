# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook health, as the guide "Monitoring" has it: report, metrics, exit status."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

from tests.module.arrays import ROOT, ArrayUnderTest
from tests.module.playbooks import Player
from tests.support.ports import free_port
from tests.unit.filter.test_health import samples

GUIDE = ROOT / "docs/docsite/rst/guide_monitoring.rst"
UNWELL, WELL = "xtremio-4.2-iscsi", "datera-2.2"


def blocks() -> list[Any]:
    """The guide's blocks of YAML, in its order."""
    text = GUIDE.read_text(encoding="utf-8")
    found = re.findall(r"^\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return [yaml.safe_load(textwrap.dedent(block)) for block in found]


class Operator:
    """A folder with the inventory of the guide, in which the playbook runs."""

    def __init__(self, folder: Path, hosts: dict[str, Any]) -> None:
        self.folder = folder
        self.player = Player(folder)
        self.player.write([], {})
        inventory = next(block for block in blocks() if "flash_arrays" in block)
        group = inventory["flash_arrays"]
        group["vars"].update(
            ansible_python_interpreter=sys.executable, health_metrics=str(folder / "collected" / "openflash.prom")
        )
        volumes = group["hosts"]["flash1"]["health_volumes"]
        group["hosts"] = {name: {"health_connection": connection} for name, connection in hosts.items()}
        group["hosts"]["flash1"]["health_volumes"] = volumes
        (folder / "collected").mkdir()
        (folder / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")

    def run(self, *options: str, playbook: str = "openflash.storage.health") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ansible-playbook", "--inventory", "inventory.yml", playbook, *options],
            cwd=self.folder,
            env=self.player.environ(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "health" / "health.json").read_text(encoding="utf-8"))
        return found


def test_one_run_reports_every_array_and_ends_with_the_status_of_the_worst(
    arrays: dict[str, ArrayUnderTest], tmp_path: Path
) -> None:
    unwell, well = arrays[UNWELL], arrays[WELL]
    for array in (unwell, well):
        array.reset()
        array.done("flash_volume", size="1GiB", volumes=[{"name": "db1"}, {"name": "db2"}])
    unwell.operate(
        parts={"X1-SC2": "critical"},
        alerts=[{"severity": "warning", "text": "a fan is slow", "code": "2400203"}],
        load={"read_iops": 3000, "read_latency": 500},
        volumes={"db1": {"write_iops": 7}},
    )
    away = {**well.connection, "port": free_port(), "timeout": 2.0, "wait_timeout": 2.0}
    marks = {array.name: array.mark() for array in (unwell, well)}
    operator = Operator(tmp_path, {"flash1": unwell.connection, "flash2": well.connection, "away": away})

    ended = operator.run()
    output = ended.stdout + ended.stderr
    assert ended.returncode == 2, output
    assert re.search(r"unreadable: away, flash1\.\s+The report is", output), output
    report = operator.report()
    assert {entry["name"]: entry["status"] for entry in report["arrays"]} == {
        "away": "unreadable", "flash1": "critical", "flash2": "ok"
    }  # fmt: skip
    problems = [(one["kind"], one["name"], one["state"]) for one in report["arrays"][1]["problems"]]
    assert problems == [("node", "X1-SC2", "critical"), ("alert", "2400203", "warning")]
    metrics = samples((tmp_path / "collected" / "openflash.prom").read_text(encoding="utf-8"))
    named = {(name, *sorted(dict(labels).values())): value for (name, labels), value in metrics.items()}
    assert named["openflash_up", "away"] == 0
    assert named["openflash_iops", "flash1", "read"] == 3000
    assert named["openflash_latency_seconds", "flash1", "read"] == 0.0005
    assert named["openflash_volume_iops", "db1", "flash1", "write"] == 7
    assert [path.name for path in (tmp_path / "collected").iterdir()] == ["openflash.prom"], "written in one step"
    for text in (output, json.dumps(report)):
        assert str(unwell.connection["password"]) not in text
    assert re.search(r"changed=0", output)
    assert not re.search(r"changed=[1-9]", output)

    ignored = ["X1-SC2", *next(block["health_ignore"] for block in blocks() if "health_ignore" in block)]
    quiet = ["--limit", "flash1,flash2", "--extra-vars", json.dumps({"health_ignore": ignored})]
    ended = operator.run(*quiet)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert operator.report()["arrays"][0]["ignored"] == 2
    ended = operator.run("--limit", "flash1", "--extra-vars", "health_fail_on=never")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert operator.report()["status"] == "critical"
    for name, mark in marks.items():
        assert arrays[name].writes(mark) == [], "the playbook wrote to an array"


def test_the_play_of_the_guide_names_hosts_with_a_single_path(
    arrays: dict[str, ArrayUnderTest], tmp_path: Path
) -> None:
    array = arrays[UNWELL]
    array.reset()
    array.done("flash_volume", name="db1", size="1GiB")
    array.done("flash_host_map", host="db-server", initiators=[array.row.initiators[0]], volume="db1")
    operator = Operator(tmp_path, {"flash1": array.connection})
    play = next(block for block in blocks() if isinstance(block, list) and "hosts" in block[0])
    (tmp_path / "single.yml").write_text(yaml.safe_dump(play, sort_keys=False), encoding="utf-8")
    for paths, status in ((1, 2), (2, 0)):
        array.log_in(array.row.initiators[0], paths)
        ended = operator.run(playbook="single.yml")
        assert ended.returncode == status, ended.stdout + ended.stderr
        assert ("one path or none: db-server" in ended.stdout) == (status == 2)
    task = next(
        block for block in blocks() if isinstance(block, list) and "openflash.storage.flash_host_map" in block[0]
    )
    assert array.done("flash_host_map", **task[0]["openflash.storage.flash_host_map"])["map"]["paths"] == 2
