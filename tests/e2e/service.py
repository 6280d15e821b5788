# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of real services that tests run: a process with a log and a port, and waiting for conditions."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.running import Running

HERE = Path(__file__).parent


class Service(Running):
    """One process and its children.

    :param python: of the environment that has the service.
    :param path: the folder with the built distribution.
    :param folder: the folder with the service's files.
    """

    NAME = ""
    deadline = 90.0
    """The seconds within which a condition must become true."""
    interval = 0.1
    """The seconds between two polls of a condition."""

    def __init__(self, python: Path, path: Path, folder: Path) -> None:
        self._python, self._path, self.folder = python, path, folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.log = folder / f"{self.NAME}.log"
        # The folders of its files and configuration as the service sees them, which may be on another host
        self.state = self.etc = folder

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # -- life --------------------------------------------------------------------------------------------------------

    def _env(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(self._path),
            "PYTHONWARNINGS": "ignore",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _manage(self, program: str, *arguments: str) -> None:
        command = [str(self._python), str(self._python.parent / program), *arguments]
        done = subprocess.run(command, env=self._env(), capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stderr

    def _launch(self, command: list[str], answers: Callable[[], bool], **env: str) -> None:
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                command, env={**self._env(), **env}, stdout=output, stderr=output, start_new_session=True
            )

        def ready() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "output").read_text()[-3000:]
            return answers()

        self.wait_for(f"the API of {self.NAME}", ready)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            self.kill()

    def kill(self) -> None:
        """End it and its children at once, as when the host loses power."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._process.wait(60)
        self._process = None

    # -- its log -----------------------------------------------------------------------------------------------------

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def errors(self, most: int = 25) -> str:
        lines = [line for line in self.said().splitlines() if " ERROR " in line and "sending heartbeat" not in line]
        return "\n".join(lines[-most:])

    def wait_for(self, title: str, ready: Callable[[], Any], deadline: float | None = None) -> Any:
        deadline = deadline or self.deadline
        end = time.monotonic() + deadline
        while True:
            result = ready()
            if result:
                return result
            assert time.monotonic() < end, f"waited {deadline:g} s in vain for {title}\n{self.errors()}"
            time.sleep(self.interval)


def ini(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of a configuration file, as oslo.config reads it."""
    lines = []
    for name, options in sections.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in options.items()), ""]
    return "\n".join(lines)
