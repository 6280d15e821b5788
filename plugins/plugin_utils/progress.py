# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Displays the progress of a module's copies while the module runs.

The module runs as it always does: in the foreground, on the connection of the task, and with the same result. A thread
reads the file to which the module writes its progress (see module_utils/openflash/progress.py), by commands of its own.
A task that ends within the first pause sends none.

The module is not made an asynchronous job: that would need a file with the options of the task, secrets among them, on
the target for as long as it runs, would not work with every ``become_user``, and would go on after the user has stopped
the playbook.
"""

from __future__ import annotations

import copy
import json
import secrets
import threading
import time
from itertools import chain, repeat
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple

from ansible.errors import AnsibleError

from ansible_collections.openflash.storage.plugins.plugin_utils.plan import WithPlan, show

OPTION = "_openflash_progress"
"""The same as PROGRESS of module_utils/flash_module.py, which no program on the controller can import."""

TRANSPORTS = ("local", "ssh")
"""Connections that start a process for each command, so that a second command does not disturb the first."""

FIRST_PAUSE = 5.0
NOTHING_TO_SHOW = 10.0
"""Seconds before the file is read for the first time, and again when no copy was under way."""
PAUSES = (10.0, 15.0, 30.0)
FURTHER_PAUSE = 60.0
"""Seconds after the first lines, and after further ones: a copy may take hours, and a log keeps every line."""

FAILURES = 3
"""After so many failed commands no more are sent. The module is not affected."""

LAST_WAIT = 1.0
"""Seconds for which the result waits for a command that is under way."""

Read = Callable[[], Optional[str]]
Report = Mapping[str, Any]


class WithProgress(WithPlan):
    """The action plugin of a module that may copy for a long time."""

    def _execute_module(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:
        if not self._is_watched():
            result: Dict[str, Any] = super()._execute_module(*args, **kwargs)
            return result
        path = "%s/openflash-progress-%s" % (
            self.get_shell_option("remote_tmp", "~/.ansible/tmp"),
            secrets.token_hex(8),
        )
        kwargs["module_args"] = dict(self._task.args, **{OPTION: path})
        watcher = Watcher(self._reader(path), self._shower(kwargs.get("task_vars") or {}))
        watcher.start()
        try:
            result = super()._execute_module(*args, **kwargs)
        finally:
            watcher.end()
        return result

    def _is_watched(self) -> bool:
        """Whether the task may copy, the user waits for it, and the name of the volume may be displayed."""
        task = self._task
        return self._connection.transport in TRANSPORTS and not (task.check_mode or task.async_val or task.no_log)

    def _reader(self, path: str) -> Read:
        """Reads the file as the user that the module runs as. None: there is none.

        The connection and the become plugin keep the state of their last command, so this has copies of both.
        """
        other = copy.copy(self)
        other._connection = copy.copy(self._connection)
        if other._connection.become is not None:
            other._connection.become = copy.copy(other._connection.become)
        # The shell of the target expands the path, as it does for Ansible's own temporary folders.
        command = 'cat "`echo %s`"' % path

        def read() -> Optional[str]:
            answer = other._low_level_execute_command(command)
            return str(answer["stdout"]) if answer["rc"] == 0 else None

        return read

    def _shower(self, task_vars: Mapping[str, Any]) -> Callable[[str], None]:
        host = str(task_vars.get("inventory_hostname", "localhost"))
        other = self._task.delegate_to
        label = "%s -> %s" % (host, other) if other and other != host else host
        return lambda line: show("[%s] %s" % (label, line))


class Watcher(threading.Thread):
    """Reads reports, at first after some seconds, and shows them until the module has ended."""

    def __init__(self, read: Read, show: Callable[[str], None]) -> None:
        super().__init__(name="progress", daemon=True)
        self._read = read
        self._show = show
        self._ended = threading.Event()

    def end(self) -> None:
        """Show no more. To be called once, when the module has ended."""
        self._ended.set()
        self.join(LAST_WAIT)

    def run(self) -> None:
        seen: Dict[Tuple[str, str], Tuple[float, float]] = {}
        failures = 0
        pause, pauses = FIRST_PAUSE, chain(PAUSES, repeat(FURTHER_PAUSE))
        while failures < FAILURES and not self._ended.wait(pause):
            try:
                reports = reports_in(self._read() or "")
            except (AnsibleError, OSError, ValueError):
                failures += 1
                continue
            now = time.monotonic()
            pause = next(pauses) if reports else NOTHING_TO_SHOW
            for report in reports:
                key, percent = (report["volume"], report["phase"]), report["percent"]
                line = line_of(report, now, seen.get(key))
                if percent is not None:
                    seen[key] = (now, percent)
                if not self._ended.is_set():
                    self._show(line)


def reports_in(text: str) -> List[Report]:
    """The reports in what was read, which is displayed, so whatever is not as it should be is left out."""
    return [report for report in map(_report, text.splitlines()) if report is not None]


def _report(line: str) -> Optional[Report]:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    texts, numbers = ("volume", "phase"), ("since", "updated")
    if not all(isinstance(found.get(name), str) for name in texts) or not _are_numbers(map(found.get, numbers)):
        return None
    known = {name: found.get(name) if _are_numbers([found.get(name)]) else None for name in ("percent", "bytes")}
    shown = {name: "".join(c if c.isprintable() else "?" for c in found[name][:255]) for name in texts}
    return dict(shown, since=found["since"], updated=found["updated"], **known)


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def line_of(report: Report, now: float, before: Optional[Tuple[float, float]] = None) -> str:
    """One line, such as ``warehouse: 41 %, 1.2 GiB/s, 12 min left``.

    :param now: seconds of any clock.
    :param before: such seconds, and the per cent, of the report before this one in the same phase.
    """
    percent, size = report["percent"], report["bytes"]
    phase = [] if report["phase"] == "copying" and percent is not None else [report["phase"]]
    elapsed = max(0.0, report["updated"] - report["since"])
    if percent is None:
        parts = phase + ["%s so far" % duration(elapsed)]
    else:
        seconds, done = (elapsed, percent) if before is None else (now - before[0], percent - before[1])
        rate = max(0.0, done) / seconds if seconds > 0 else 0.0
        parts = phase + ["%d %%" % percent]
        if size is not None:
            parts.append("%s/s" % amount(rate * size / 100.0))
        if rate > 0:
            parts.append("%s left" % duration((100.0 - percent) / rate))
    return "%s: %s" % (report["volume"], ", ".join(parts))


def amount(count: float) -> str:
    """Bytes, with a binary unit."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        del units[0]
    return "%.1f %s" % (count, units[0]) if count < 10 and units[0] != "B" else "%d %s" % (count, units[0])


def duration(seconds: float) -> str:
    """Seconds below two minutes, minutes below two hours, else hours and minutes."""
    minutes = round(seconds / 60)
    if seconds < 120:
        return "%d s" % round(seconds)
    return "%d min" % minutes if minutes < 120 else "%d h %d min" % divmod(minutes, 60)
