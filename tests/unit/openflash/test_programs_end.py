# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a signal ends a task, the programs that the task has started end too."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.fabric import run_command
from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.qemu import Node, Qemu
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Interrupted
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import interruption
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.command import CommandTransport


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Installs the signal handlers of a module for the test."""
    monkeypatch.setattr(interruption, "_number", None)
    monkeypatch.setattr(interruption, "_state", interruption._State())
    interruption._asked.clear()
    before = {number: signal.getsignal(number) for number in interruption.SIGNALS}
    interruption.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    interruption._asked.clear()


def program_of(folder: Path) -> str:
    """A program that runs for a minute."""
    path = folder / "a-program"
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    path.chmod(0o755)
    return str(path)


RUNS: dict[str, Callable[[str], Any]] = {
    "qemu": lambda program: Qemu(program=program).info(Node({"driver": "raw"}, 512)),
    "fabric": lambda program: run_command([program]),
    "command": lambda program: CommandTransport().run([program]),
}


@pytest.mark.parametrize("runner", sorted(RUNS))
def test_a_program_ends_when_a_signal_arrives_during_its_start(
    signals: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: str
) -> None:
    """The program runs already, and the call that starts it has not returned yet."""
    started: list[int] = []
    create = subprocess.Popen.__init__

    def created(self: Any, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        started.append(self.pid)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(subprocess.Popen, "__init__", created)
    with pytest.raises(Interrupted):
        RUNS[runner](program_of(tmp_path))
    assert len(started) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


@pytest.mark.parametrize("runner", sorted(RUNS))
def test_a_program_ends_when_a_signal_arrives_while_it_runs(
    signals: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: str
) -> None:
    started: list[int] = []
    create = subprocess.Popen.__init__

    def created(self: Any, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        started.append(self.pid)
        signal.setitimer(signal.ITIMER_REAL, 0.2)

    monkeypatch.setattr(subprocess.Popen, "__init__", created)
    monkeypatch.setattr(interruption, "SIGNALS", (*interruption.SIGNALS, signal.SIGALRM))
    old = signal.signal(signal.SIGALRM, interruption.on_signal)
    try:
        with pytest.raises(Interrupted):
            RUNS[runner](program_of(tmp_path))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)
