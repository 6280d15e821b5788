# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the playbook fleet_report in a browser, with a fleet as large and as odd as it may be."""

from __future__ import annotations

import calendar
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.openflash.storage.plugins.filter.fleet_report import DAY, TIME, fleet_report
from tests.module.playbooks import ROOT, Player
from tests.support.browser import Browser
from tests.support.html_page import Page

pytestmark = pytest.mark.slow  # it installs a browser

TIB = 1024**4
NOW = calendar.timegm((2026, 12, 1, 7, 30, 0))
HOSTILE = "<img src=x onerror=alert(1)>{{ 7 * 7 }}\x1b\u202e\udcff"
LONG = "a-name-without-a-place-to-break-" * 7
WIDTHS = (390, 1440)
BETWEEN = (320, 761, 1081, 1321)
"""The widths on the near side of which the page has another form."""


def stamp(moment: float) -> str:
    return time.strftime(TIME, time.gmtime(moment))


def content(number: int, used: float, *, complete: bool = True) -> dict[str, Any]:
    """What flash_info returns of an array."""
    chance = random.Random(number)
    size = 60 * TIB
    amounts = {"size": size, "used": int(used * size), "free": size - int(used * size)}
    promised = {"provisioned": 2 * size, "data_reduction_ratio": 3.4}
    about = {"vendor": "xtremio", "model": "X1-40", "serial": f"S{number}", "version": "4.2.0", "state": "healthy"}
    pools = [
        {"name": f"pool{pool}", "state": "ready", **amounts, "provisioned": None} for pool in range(1 + number % 2)
    ]
    found: dict[str, Any] = {
        "array": about,
        "capacity": {**amounts, **promised},
        "pools": pools,
        "unreadable": [],
    }
    if not complete:
        return found
    names = [f"{chance.choice(['db', 'web', 'mail'])}-{index:02d}" for index in range(40)]
    names[:2] = [HOSTILE, LONG]
    hosts = [f"esx-{index:02d}" for index in range(12)] + [f"host{HOSTILE}", LONG]
    fixed = {"pool": "pool0", "provisioning": "thin", "state": "ready", "source": None}
    volumes = [
        {"name": name, "size": size, "used": size // 3, **fixed}
        for name in names
        for size in [chance.randrange(1, 90) * 100 * 1024**3]
    ]
    snapshots = [
        {
            "name": f"nightly-{index}-{name}",
            "volume": name,
            "size": TIB,
            "state": "ready",
            "created": str(NOW - int(chance.random() * 150 * DAY)) if index else None,
        }
        for name in names
        for index in range(3)
    ]
    mappings = [
        {"host": host, "volume": name, "lun": chance.randrange(40), "device": None}
        for name in names
        for host in chance.sample(hosts, chance.randrange(4))
    ]
    unreadable = [{"kind": "volume", "name": HOSTILE, "reason": f"its size is {HOSTILE}"}]
    listed = [{"name": host, "os": "linux", "initiators": []} for host in hosts]
    return {
        **found,
        "volumes": volumes,
        "snapshots": snapshots,
        "mappings": mappings,
        "hosts": listed,
        "unreadable": unreadable,
    }


def report(folder: Path) -> dict[str, Any]:
    history = []
    for day in range(60, 0, -4):
        earlier = [
            {"array": f"xms-{number}", "content": content(number, 0.9 - 0.004 * day * number, complete=False)}
            for number in range(4)
        ]
        path = folder / f"{day}.json"
        path.write_text(json.dumps(fleet_report(earlier, stamp(NOW - day * DAY))), encoding="utf-8")
        history.append(str(path))
    plan = f"  + create volume {LONG}\n  - delete volume {HOSTILE}  [destructive]\nrefused:\n  ! {LONG}\n"
    reads: list[dict[str, Any]] = [
        {
            "array": f"xms-{number}",
            "content": content(number, 0.9),
            "plan": {"plan": [], "diff": [{"prepared": plan}]} if number == 1 else None,
        }
        for number in range(4)
    ]
    reads.append({"array": LONG, "content": {"msg": f"Cannot connect to {LONG}: {HOSTILE}"}})
    difference = {"kind": "volume", "name": LONG, "fields": [{"field": "size", "declared": HOSTILE, "actual": None}]}
    drift = {
        "schema": "openflash.storage.drift",
        "version": 1,
        "generated": stamp(NOW),
        "arrays": [
            {
                "name": "xms-1",
                "status": "drift",
                "missing": [difference],
                "changed": [],
                "added": [],
                "error": {"message": LONG},
            }
        ],
    }
    return fleet_report(reads, stamp(NOW), history, drift, f"Storage {HOSTILE}")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, as the task of the playbook writes it."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "fleet_report.json").write_text(json.dumps(report(folder)), encoding="utf-8")
    tasks = yaml.safe_load((ROOT / "playbooks/tasks/fleet_report.yml").read_text(encoding="utf-8"))
    block = tasks[-1]["block"]
    task = next(task for task in block if "ansible.builtin.template" in task)
    task["ansible.builtin.template"]["src"] = str(ROOT / "playbooks/templates/fleet_report.html.j2")
    task["vars"]["script"] = task["vars"]["script"].replace("'templates/", f"'{ROOT}/playbooks/templates/")
    variables = {**tasks[-1]["vars"], "fleet_report_path": str(folder), "fleet_report_now": stamp(NOW)}
    Player(folder).write([], {})
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": [task]}]
    (folder / "page.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    ended = subprocess.run(
        ["ansible-playbook", "--inventory", "localhost,", "page.yml"],
        cwd=folder,
        env=Player(folder).environ(ANSIBLE_PYTHON_INTERPRETER=sys.executable),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / "fleet_report.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [*WIDTHS, *BETWEEN])
def test_the_page_fits_and_can_be_read(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.readable_texts() > 300


def test_no_name_becomes_markup_or_a_template(browser: Browser, page: Path) -> None:
    source = page.read_text(encoding="utf-8")
    checked = Page(source)
    checked.check()
    assert "{{ 7 * 7 }}\\x1b\\u202e\\udcff" in checked.text
    assert not set(checked.text) & set("\x1b\u202e\udcff")
    browser.open(page, width=1440)
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("document.scripts.length") == 1


def test_a_table_sorts_by_each_header(browser: Browser, page: Path) -> None:
    browser.open(page, width=1440)
    column = """[...document.querySelectorAll("section[aria-labelledby=volumes] tbody tr")]
        .map((row) => row.cells[%d].dataset.v ?? row.cells[%d].textContent)"""
    press = "document.querySelectorAll('section[aria-labelledby=volumes] th button')[%d].click()"
    sizes = browser.evaluate(column % (2, 2))
    assert sizes == sorted(sizes, key=int, reverse=True), "the largest first, before anything is pressed"
    browser.evaluate(press % 2)
    browser.evaluate(press % 2)
    assert browser.evaluate(column % (2, 2)) == sorted(sizes, key=int)
    browser.evaluate(press % 1)
    arrays = browser.evaluate(column % (1, 1))
    assert arrays == sorted(arrays)
    order = (
        "[...document.querySelectorAll('section[aria-labelledby=volumes] th')].map((h) => h.getAttribute('aria-sort'))"
    )
    assert browser.evaluate(order)[:3] == [None, "ascending", None]
    assert browser.problems == []


def test_the_page_is_complete_without_scripts(browser: Browser, page: Path) -> None:
    browser.open(page, width=1440, scripts=False)
    assert browser.problems == []
    assert browser.evaluate("document.querySelectorAll('th button').length") == 0
    assert browser.evaluate("document.querySelectorAll('section[aria-labelledby=volumes] tbody tr').length") == 20
