# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of copies: what modules write, and the lines that the action plugins make of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader

from ansible_collections.openflash.storage.plugins.module_utils.openflash import progress
from ansible_collections.openflash.storage.plugins.module_utils.openflash.progress import Reports
from ansible_collections.openflash.storage.plugins.plugin_utils.progress import (
    Watcher,
    WithProgress,
    amount,
    duration,
    line_of,
    reports_in,
)

GIB = 1 << 30
REPORT = {"volume": "warehouse", "phase": "copying", "percent": 41.0, "bytes": 1000 * GIB, "since": 50.0}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Reports write at once."""
    monkeypatch.setattr(progress, "QUIET", 0.0)
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    return tmp_path / "tmp" / "progress"


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_reports_are_what_the_action_plugin_reads(path: Path) -> None:
    reports = Reports(str(path))
    with reports.copy("db1", GIB) as one, reports.copy("db2") as other:
        one(12.345)
        other(None)
        both = reports_in(path.read_text())
        assert [dict(report, since=0, updated=0) for report in both] == [
            {"volume": "db1", "phase": "copying", "percent": 12.35, "bytes": GIB, "since": 0, "updated": 0},
            {"volume": "db2", "phase": "copying", "percent": None, "bytes": None, "since": 0, "updated": 0},
        ]
        assert all(report["since"] <= report["updated"] for report in both)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert written(path) == []
    reports.close()
    assert not list(path.parent.iterdir())


def test_a_short_task_writes_nothing(tmp_path: Path) -> None:
    reports = Reports(str(tmp_path / "tmp" / "progress"))
    with reports.copy("db1") as report:
        report(50.0)
    reports.close()
    assert not list(tmp_path.iterdir())


def test_a_secret_in_a_name_is_masked(path: Path) -> None:
    with Reports(str(path), lambda name: name.replace("geheim", "***")).copy("db-geheim-1") as report:
        report(1.0)
        assert "geheim" not in path.read_text()
        assert written(path)[0]["volume"] == "db-***-1"


def test_a_copy_does_not_fail_because_its_progress_cannot_be_written(tmp_path: Path, path: Path) -> None:
    (tmp_path / "tmp").write_text("a file where the folder would be")
    reports = Reports(str(path))
    with reports.copy("db1") as report:
        report(1.0)
    reports.close()


@pytest.mark.parametrize(
    ("changes", "before", "line"),
    [
        # 41 % of 1000 GiB in 350 s, the other 59 % in 504 s
        ({"updated": 400.0}, None, "warehouse: 41 %, 1.2 GiB/s, 8 min left"),
        # 1 % in the last 10 s
        ({"updated": 400.0}, (990.0, 40.0), "warehouse: 41 %, 1.0 GiB/s, 10 min left"),
        ({"updated": 400.0}, (990.0, 41.0), "warehouse: 41 %, 0 B/s"),
        ({"updated": 50.0, "percent": 0.0}, None, "warehouse: 0 %, 0 B/s"),
        ({"updated": 400.0, "phase": "verifying"}, None, "warehouse: verifying, 41 %, 1.2 GiB/s, 8 min left"),
        ({"updated": 91.0, "phase": "downloading", "bytes": None}, None, "warehouse: downloading, 41 %, 59 s left"),
        ({"updated": 400.0, "percent": None}, None, "warehouse: copying, 6 min so far"),
        # The clock was set back
        ({"updated": 1.0, "percent": None}, None, "warehouse: copying, 0 s so far"),
    ],
)
def test_a_line(changes: dict[str, Any], before: tuple[float, float] | None, line: str) -> None:
    (report,) = reports_in(json.dumps({**REPORT, **changes}))
    assert line_of(report, 1000.0, before) == line


def test_amounts_and_durations() -> None:
    assert [amount(count) for count in (0, 1023, 1536, 20 * 1024**2, 3 * GIB, 5000 * 1024**4)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "20 MiB",
        "3.0 GiB",
        "5000 TiB",
    ]
    assert [duration(seconds) for seconds in (0.4, 119, 120, 7100, 7200, 90000)] == [
        "0 s",
        "119 s",
        "2 min",
        "118 min",
        "2 h 0 min",
        "25 h 0 min",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cat: no such file",
        "[1]",
        '{"volume": "warehouse"}',
        json.dumps({**REPORT, "updated": "now"}),
        json.dumps({**REPORT, "updated": True}),
        json.dumps({**REPORT, "updated": 1.0, "volume": ["warehouse"]}),
    ],
)
def test_what_is_no_report_is_left_out(text: str) -> None:
    assert reports_in(text) == []


def test_the_terminal_gets_no_control_characters() -> None:
    (report,) = reports_in(json.dumps({**REPORT, "updated": 60.0, "volume": "a\x1b]0;b\u202ec\ud800", "percent": "x"}))
    assert report["volume"] == "a?]0;b?c?"
    assert line_of(report, 0.0) == "a?]0;b?c?: copying, 10 s so far"


def test_a_task_that_ends_within_the_first_pause_sends_no_command() -> None:
    def read() -> str:
        raise AssertionError("it was read")

    started = time.monotonic()
    watcher = Watcher(read, print)
    watcher.start()
    watcher.end()
    assert not watcher.is_alive(), time.monotonic() - started


@pytest.mark.parametrize(
    ("keywords", "watched"),
    [({}, True), ({"check_mode": True}, False), ({"async_val": 60}, False), ({"no_log": True}, False)],
)
def test_which_tasks_display_lines(keywords: dict[str, Any], watched: bool) -> None:
    task = Task()
    task.check_mode, task.no_log, task.async_val = False, False, 0
    for name, value in keywords.items():
        setattr(task, name, value)
    connection = connection_loader.get("local", PlayContext())
    plugin = WithProgress(task, connection, PlayContext(), None, None, None)
    assert plugin._is_watched() is watched
