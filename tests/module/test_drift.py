# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook drift compares arrays with what is declared for them, writes one report, and changes no array."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.module.arrays import ONE_OF_EACH_WIRE, ArrayUnderTest
from tests.module.playbooks import Played, Player
from tests.module.test_gathered import build
from tests.support.ports import free_port

DRIFTED, SAME = "xtremio-4.2-iscsi", "datera-2.2"


def drift(folder: Path, hosts: dict[str, Any], *options: str) -> tuple[Played, dict[str, Any]]:
    """How the playbook ended, and the report that it wrote."""
    player = Player(folder)
    player.write([], {})
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"flash_arrays": {"vars": variables, "hosts": hosts}}
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    ended = subprocess.run(
        ["ansible-playbook", "--inventory", "inventory.yml", "openflash.storage.drift", *options],
        cwd=folder,
        env=player.environ(PWD=str(folder)),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    report = folder / "drift" / "drift.json"
    assert report.exists(), ended.stdout + ended.stderr
    found = json.loads(report.read_text(encoding="utf-8"))
    return Played(ended.returncode, ended.stdout, ended.stderr), found


def declared(array: ArrayUnderTest) -> dict[str, Any]:
    """What the array holds, as the playbook export writes it."""
    result = array.done("flash_array", state="gathered", gather_snapshots=True)
    return {**result["gathered"], "array": result["array"], "not_declared": result["not_declared"]}


def test_one_report_has_every_array_also_one_that_is_away(arrays: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    hosts: dict[str, Any] = {}
    documents = tmp_path / "declared"
    documents.mkdir()
    marks = {}
    for name in (DRIFTED, SAME):
        array = arrays[name]
        array.reset()
        build(array)
        document = declared(array)
        if name == DRIFTED:
            document["volumes"] = [{**document["volumes"][0], "size": "4GiB"}, {"name": "web-new", "size": "1GiB"}]
            document["hosts"][0]["os"] = "esx"
        (documents / f"{name}.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
        hosts[name] = {"drift_connection": array.connection, "drift_documents": str(documents)}
        marks[name] = array.mark()
    hosts[DRIFTED]["drift_ignore"] = [{"kind": "host", "field": "os"}]
    away = {**arrays[SAME].connection, "port": free_port(), "timeout": 2.0, "wait_timeout": 2.0}
    hosts["away"] = {"drift_connection": away, "drift_document": {"volumes": []}}
    hosts["undeclared"] = {"drift_connection": arrays[SAME].connection}

    ended, report = drift(tmp_path, hosts)
    assert ended.rc == 2, ended.output
    assert "unreadable: 1 of 4 arrays differ from what is declared" in ended.output
    found = {entry["name"]: entry for entry in report["arrays"]}
    assert {name: entry["status"] for name, entry in found.items()} == {
        DRIFTED: "drift", SAME: "in_sync", "away": "unreadable", "undeclared": "invalid"
    }, report  # fmt: skip
    entry = found[DRIFTED]
    assert entry["missing"] == [{"kind": "volume", "name": "web-new", "refused": None}]
    (changed,) = entry["changed"]
    assert (changed["name"], changed["fields"]) == (
        "web-data",
        [{"field": "size", "declared": "4GiB", "actual": "3GiB"}],
    )
    assert [(one["kind"], one["name"]) for one in entry["added"]] == [("volume", "web-logs")]
    assert entry["ignored"] == 1
    assert "nothing is declared for undeclared" in found["undeclared"]["error"]["message"]
    for name, mark in marks.items():
        assert arrays[name].writes(mark) == [], "the playbook wrote to an array"
    for page in ("drift.md", "drift.html"):
        text = (tmp_path / "drift" / page).read_text(encoding="utf-8")
        for part in (DRIFTED, "web-new", "4GiB", "3GiB", "away", "not read", "document not valid"):
            assert part in text, f"{part} is not in {page}"
        assert "differences ignored: 1" in text
    own = text.replace(found["away"]["error"]["message"], "").replace("http-equiv", "")
    assert "http" not in own, "the page needs something from elsewhere"

    ended, report = drift(tmp_path, hosts, "--limit", f"{SAME},localhost")
    assert (ended.rc, report["status"]) == (0, "in_sync"), ended.output
    assert [entry["name"] for entry in report["arrays"]] == [SAME]


@pytest.mark.slow
def test_what_was_exported_is_no_drift_on_any_array(arrays: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    hosts: dict[str, Any] = {}
    for row in ONE_OF_EACH_WIRE:
        array = arrays[row.name]
        array.reset()
        build(array)
        hosts[row.name] = {"drift_connection": array.connection, "drift_document": declared(array)}
    ended, report = drift(tmp_path, hosts)
    assert (ended.rc, report["summary"]["in_sync"]) == (0, len(ONE_OF_EACH_WIRE)), json.dumps(report, indent=1)
    for row in ONE_OF_EACH_WIRE:
        arrays[row.name].done("flash_volume", name="web-by-hand", size="1GiB")
    ended, report = drift(tmp_path, hosts)
    assert ended.rc == 2, ended.output
    for entry in report["arrays"]:
        assert [one["name"] for one in entry["added"]] == ["web-by-hand"], entry
