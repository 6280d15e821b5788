# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook fleet_report reads an array of each vendor, and writes a page, CSV and JSON about them."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.module.arrays import GIB, ONE_OF_EACH_WIRE, ArrayUnderTest
from tests.module.playbooks import Player
from tests.support.html_page import Page

ROWS = {row.simulator["vendor"]: row for row in reversed(ONE_OF_EACH_WIRE)}
DOCUMENT = {"volumes": [{"name": "db1", "size": "4GiB"}, {"name": "db9", "size": "1GiB"}]}
FILES = {
    "fleet_report.html",
    "fleet_report.json",
    *(f"fleet_report_{table}.csv" for table in ("arrays", "mappings", "snapshots", "volumes")),
}
DRIFT = {
    "schema": "openflash.storage.drift",
    "version": 1,
    "generated": "2026-11-30T06:00:00Z",
    "arrays": [
        {
            "name": "xtremio",
            "status": "drift",
            "missing": [{"kind": "volume", "name": "forgotten", "refused": None}],
            "changed": [],
            "added": [],
            "error": None,
        }
    ],
}


def test_one_run_reports_on_an_array_of_each_vendor(arrays: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    tested = {vendor: arrays[row.name] for vendor, row in ROWS.items()}
    hosts: dict[str, Any] = {}
    for vendor, array in tested.items():
        array.reset()
        array.done("flash_volume", size="2GiB", volumes=[{"name": "db1"}, {"name": "db2"}])
        array.done("flash_snapshot", name="monday", volume="db1")
        if array.row.hosts:
            array.done(
                "flash_host_map", host="web1", initiators=[array.row.initiators[0]], volume="db1", **array.lun(3)
            )
        hosts[vendor] = {"fleet_report_connection": array.connection}
    hosts["xtremio"]["fleet_report_document"] = DOCUMENT
    hosts["lost"] = {"fleet_report_connection": {**tested["xtremio"].connection, "port": 1}}
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"flash_arrays": {"vars": variables, "hosts": hosts}}
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "fleet_report-20260101T000000Z.json").write_text("{broken", encoding="utf-8")
    (tmp_path / "drift.json").write_text(json.dumps(DRIFT), encoding="utf-8")
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    before = {vendor: (array.state(), array.mark()) for vendor, array in tested.items()}
    player = Player(tmp_path)
    player.write([], {})
    settings = {"fleet_report_folder": "reports", "fleet_report_drift": "drift.json"}
    ended = subprocess.run(
        [
            *("ansible-playbook", "-v", "--inventory", "inventory.yml", "--extra-vars", json.dumps(settings)),
            "openflash.storage.fleet_report",
        ],
        cwd=tmp_path,
        env=player.environ(ANSIBLE_PIPELINING="true"),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    assert f"The report is {folder.resolve()}/fleet_report.html" in output
    assert "changed=0" in output.partition("PLAY RECAP")[2]
    assert not re.search(r"changed=[1-9]", output)

    for vendor, array in tested.items():
        state, mark = before[vendor]
        assert array.state() == state
        assert array.writes(mark) == [], "it only reads"

    files = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert set(files) > FILES
    (kept,) = set(files) - FILES - {"fleet_report-20260101T000000Z.json"}
    assert re.fullmatch(r"fleet_report-20\d{6}T\d{6}Z\.json", kept)
    for text in (*files.values(), output):
        for array in tested.values():
            assert str(array.connection.get("password")) not in text

    report = json.loads(files["fleet_report.json"])
    found = {array["name"]: array for array in report["arrays"]}
    assert set(found) == {*tested, "lost"}
    assert found["lost"]["error"].startswith("Cannot connect to ")
    for vendor, array in tested.items():
        assert found[vendor]["error"] is None
        assert found[vendor]["capacity"]["size"] > found[vendor]["capacity"]["used"] >= 0
        assert found[vendor]["capacity"]["provisioned"] >= 4 * GIB
        names = {row["name"]: row for row in report["volumes"] if row["array"] == vendor}
        assert {"db1", "db2"} <= set(names)
        snapshots = [row for row in report["snapshots"] if row["array"] == vendor]
        assert [row["name"] for row in snapshots] == ["monday"]
        assert (snapshots[0]["age_days"] is None) == (vendor == "flashsystem"), "only one array does not report it"
        if array.row.hosts:
            assert names["db1"]["hosts"] == ["web1"]
            assert names["db2"]["hosts"] == []
    assert [step["step"] for step in report["plans"][0]["steps"]] == [
        "extend volume db1 from 2GiB to 4GiB",
        "create volume db9 of 1GiB",
    ]
    assert ["20260101T000000Z" in warning for warning in report["warnings"]] == [True]
    point = json.loads(files[kept])
    assert set(point) == {"schema", "version", "generated", "arrays"}
    assert point["arrays"] == report["arrays"]

    rows = list(csv.DictReader(files["fleet_report_volumes.csv"].splitlines()))
    assert len(rows) == len(report["volumes"])
    page = Page(files["fleet_report.html"])
    page.check()
    for text in ("extend volume db1 from 2GiB to 4GiB", "volume forgotten", "Cannot connect to", "monday"):
        assert text in page.text
