# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the role array_drift in a browser, with names as long and as odd as they may be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.openflash.storage.plugins.filter.array_drift import array_drift
from tests.module.playbooks import Player
from tests.support.browser import Browser
from tests.support.html_page import Page

pytestmark = pytest.mark.slow  # it installs a browser

HOSTILE = "<img src=x onerror=alert(1)>{{ 7 * 7 }}|`&"
LONG = "a-name-without-a-place-to-break-" * 7


def volume(name: str, size: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "size": size, **more}


def entries() -> dict[str, dict[str, Any]]:
    """What the role has found on each array: one of each status, and each kind of difference."""
    declared = {
        "volumes": [volume(LONG, "4GiB", pool=LONG), volume(HOSTILE, "1GiB"), volume("same", "1GiB")],
        "hosts": [{"name": "web", "initiators": [f"iqn.2026-01.org.example:{LONG}{number}" for number in range(4)]}],
    }
    gathered: dict[str, Any] = {
        "array": {"vendor": "xtremio", "model": "X1-40", "version": "4.2.0-33", "name": LONG},
        "gathered": {
            "volumes": [volume(LONG, "3GiB", pool=HOSTILE), volume("same", "1GiB"), volume("by-hand", "1GiB")],
            "hosts": [{"name": "web", "initiators": []}],
        },
        "not_declared": [
            {"kind": "mapping", "name": f"web/{LONG}", "reason": f"{HOSTILE} may use it", "unreadable": False}
        ],
    }
    error = {"msg": f"volume {HOSTILE} cannot be created: {LONG}", "reason": LONG}
    changed = {"changed": True, "error": None}
    plan = {
        "plan": [f"extend volume {LONG}", f"create volume {HOSTILE}"],
        "volumes": [changed, {"changed": False, "error": error}, {"changed": False, "error": None}],
        "hosts": [changed],
    }
    same = {"array": gathered["array"], "gathered": {"volumes": [volume("same", "1GiB")]}, "not_declared": []}
    away = {"msg": f"Cannot connect to {LONG}: {HOSTILE}", "error": {"kind": "unreachable", "msg": HOSTILE + LONG}}
    invalid = {"error": {"kind": "invalid", "msg": f"size {HOSTILE} is not a size"}}
    return {
        LONG: array_drift(declared, gathered, plan, name=LONG),
        "as-declared": array_drift({"volumes": [volume("same", "1GiB")]}, same, name="as-declared"),
        "away": array_drift(declared, away, name="away"),
        "invalid": array_drift({}, invalid, name="invalid"),
    }


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, as the role writes it from what it has found on each array."""
    folder = tmp_path_factory.mktemp("page")
    found = entries()
    assert [entry["status"] for entry in found.values()] == ["drift", "in_sync", "unreadable", "invalid"]
    for number, entry in enumerate(found.values()):
        (folder / f"array{number}.json").write_text(json.dumps(entry), encoding="utf-8")
    read = "{{ lookup('ansible.builtin.file', inventory_hostname ~ '.json') | from_json }}"
    report = {"name": "openflash.storage.array_drift", "tasks_from": "report"}
    play = [
        {
            "hosts": "arrays",
            "gather_facts": False,
            "tasks": [{"ansible.builtin.set_fact": {"array_drift_result": read}}],
        },
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {
                "array_drift_folder": str(folder),
                "array_drift_arrays": "{{ groups.arrays }}",
                "array_drift_fail": False,
            },
            "tasks": [{"ansible.builtin.include_role": report}],
        },
    ]
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts: dict[str, Any] = {f"array{number}": {} for number in range(len(found))}
    inventory = {"all": {"vars": local, "hosts": {"localhost": {}}, "children": {"arrays": {"hosts": hosts}}}}
    player = Player(folder)
    player.write([], {})
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    (folder / "page.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    ended = subprocess.run(
        ["ansible-playbook", "--inventory", "inventory.yml", "page.yml"],
        cwd=folder,
        env=player.environ(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / "drift.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_fits_and_can_be_read(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.readable_texts() > 50


def test_no_name_becomes_markup_or_a_template(browser: Browser, page: Path) -> None:
    checked = Page(page.read_text(encoding="utf-8"))
    checked.check()
    assert HOSTILE in checked.text
    browser.open(page, width=1440)
    assert browser.evaluate("document.images.length + document.scripts.length") == 0
    rows = "[...document.querySelectorAll('tbody tr')].filter((row) => row.cells.length != 5).length"
    assert browser.evaluate(rows) == 0


def test_a_row_of_the_table_in_markdown_stays_one_row(page: Path) -> None:
    lines = page.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    rows = [line.replace("\\|", "") for line in lines if line.startswith("| ")]
    assert len(rows) > 10
    assert {row.count("|") for row in rows} == {6}
    assert "<img" not in "".join(lines)
