# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cinder as it is deployed: cinder-api, cinder-scheduler and cinder-volume in three processes, with a broker."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.e2e.services import Cinder

REQUIREMENTS = Path(__file__).parent / "requirements-deployment.txt"
API, SCHEDULER, VOLUME = PROGRAMS = ("cinder-api", "cinder-scheduler", "cinder-volume")


class Deployment(Cinder):
    """A Cinder of three processes with a broker and a database server."""

    deadline = 180.0

    def __init__(
        self,
        python: Path,
        path: Path,
        folder: Path,
        backends: Mapping[str, Mapping[str, Any]],
        broker: str,
        database: str,
    ) -> None:
        super().__init__(python, path, folder, backends)
        self._broker, self._database = broker, database
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def sections(self) -> dict[str, dict[str, Any]]:
        sections = super().sections()
        sections["DEFAULT"] |= {
            "transport_url": self._broker,
            "osapi_volume_listen": "127.0.0.1",
            "osapi_volume_listen_port": self.port,
            "osapi_volume_workers": 1,
            # Each process sends its own heartbeats
            "service_down_time": 12,
            "rpc_response_timeout": 60,
        }
        sections["database"]["connection"] = self._database
        return sections

    def _command(self, program: str, *options: str) -> list[str]:
        folder = self._python.parent
        return [str(self._python), str(folder / program), "--config-file", str(self.folder / "cinder.conf"), *options]

    def start(self) -> None:
        self._manage("cinder-manage", "--config-file", str(self.configure()), "db", "sync")
        for program in PROGRAMS:
            self.start_one(program)
        self.wait_for("the API", self._answers)

    def start_one(self, program: str) -> None:
        with (self.folder / f"{program}.output").open("ab") as output:
            self._running[program] = subprocess.Popen(
                self._command(program, "--log-file", str(self.folder / f"{program}.log")),
                env=self._env(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def stop_one(self, program: str, hard: bool = False) -> None:
        """:param hard: end it at once, as when the machine loses its power."""
        process = self._running.pop(program)
        if not hard:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                pass
        try:
            # Its children too, one for each backend
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(60)

    def _answers(self) -> bool:
        for program, process in self._running.items():
            assert process.poll() is None, (self.folder / f"{program}.output").read_text()[-3000:]
        try:
            return self._session.get(f"http://127.0.0.1:{self.port}/", timeout=10).status_code < 500
        except requests.ConnectionError:
            return False

    def said(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in logs)

    def errors(self, most: int = 25) -> str:
        return "\n".join([line for line in self.said().splitlines() if " ERROR " in line][-most:])

    def stop(self) -> None:
        for program in reversed(list(self._running)):
            self.stop_one(program)
