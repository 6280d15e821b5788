# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source as ansible-rulebook loads and awaits it. tests/gates/test_rulebook.py has it in ansible-rulebook."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.simulator import Simulator

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "extensions/eda/plugins/event_source/flash.py"
PASSWORD = "Canary-Secret-7731"
# Prints so many events, each in a line
HARNESS = """
import asyncio, json, runpy, sys

async def watch():
    main, queue = runpy.run_path(sys.argv[1])["main"], asyncio.Queue()
    task = asyncio.ensure_future(main(queue, json.loads(sys.argv[2])))
    for _ in range(int(sys.argv[3])):
        event = asyncio.ensure_future(queue.get())
        await asyncio.wait({event, task}, timeout=200, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        print(json.dumps(event.result()), flush=True)
    task.cancel()

try:
    asyncio.run(watch())
except ValueError as error:
    sys.exit("refused: %s" % error)
"""


def run(args: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """So many events."""
    command = [sys.executable, "-c", HARNESS, str(SOURCE), json.dumps(args), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return [json.loads(event) for event in done.stdout.splitlines()]


def test_an_array_that_does_not_answer_keeps_no_other_waiting_and_no_event_has_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "lab.yml"
    file.write_text(yaml.safe_dump({"array": {}, "volumes": [{"name": "db1", "size": "10GiB"}]}), encoding="utf-8")
    with (
        Simulator([{"name": "lab", "vendor": "xtremio", "password": PASSWORD}]) as simulator,
        socket.socket() as silent,
    ):
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        lab = {"name": "lab", **simulator.endpoints["connections"]["lab"]}
        away = {**lab, "name": "away", "port": silent.getsockname()[1], "timeout": 1, "watch": ["capacity"]}
        lab["document"] = str(file)
        events = run({"arrays": [away, lab], "watch": ["drift"], "interval": 0.1}, 2)
        polls = [entry for entry in simulator.requests("lab") if "/types/volumes" in entry["path"]]
        assert simulator.writes("lab") == []
    assert [(event["array"], event["type"]) for event in events] == [("lab", "drift_found"), ("away", "unreachable")]
    assert len(polls) > 1, "the other one is polled meanwhile"
    assert events[0]["plan"][0].startswith("create volume db1 of 10GiB")


LAB = {"vendor": "xtremio", "address": "192.0.2.1", "username": "admin", "password": PASSWORD}


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({}, "the option arrays needs at least one array"),
        ({"arrays": []}, "the option arrays needs at least one array"),
        ({"arrays": ["xms1"]}, "array 1 is no mapping of connection options"),
        ({"arrays": [LAB], "intervall": 5}, "there is no option intervall; there are arrays, watch, thresholds"),
        ({"arrays": [{**LAB, "vendor": "acme"}]}, "array 1: vendor 'acme' is not one of datera, dsware"),
        ({"arrays": [{**LAB, "name": "lab", "tenant": "/root"}]}, "array lab: vendor xtremio has no connection option"),
        ({"arrays": [{**LAB, "address": f"admin:{PASSWORD}@xms1"}]}, "address is not the host name or IP address"),
        ({"arrays": [{**LAB, "address": ""}]}, "address is not"),
        ({"arrays": [LAB, LAB]}, "two arrays have the name 192.0.2.1"),
        ({"arrays": [LAB], "thresholds": [80, 120]}, "thresholds are percentages above 0 and up to 100"),
        ({"arrays": [LAB], "thresholds": "many"}, "thresholds is not a list of percentages"),
        ({"arrays": [LAB], "interval": 0}, "interval is not a number of seconds above 0"),
        ({"arrays": [LAB], "watch": []}, "there is nothing to watch"),
        ({"arrays": [LAB], "watch": ["weather"]}, "the option watch has no weather"),
        ({"arrays": [LAB], "watch": ["drift"]}, "watch with drift needs a document"),
        ({"arrays": [LAB], "watch": ["drift"], "document": "/nowhere.yml"}, "the document cannot be read"),
        ({"arrays": [LAB], "watch": ["drift"], "document": {"volumes": []}}, "the document declares nothing"),
        (
            {"arrays": [LAB], "watch": ["drift"], "document": {"volumes": [{"name": "a", "size": "big"}]}},
            "is not a size",
        ),
    ],
)
def test_a_mistake_is_named_before_any_array_is_asked(args: dict[str, Any], complaint: str) -> None:
    command = [sys.executable, "-c", HARNESS, str(SOURCE), json.dumps(args), "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("refused: "), done.stderr
    assert complaint.lower() in done.stderr.lower()
    assert PASSWORD not in done.stderr
