# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulator for a test, in its own process: started, stopped, read, and given faults through its control API.

    with Simulator([{"vendor": "xtremio", "version": "4.2.0-33"}]) as simulator:
        array = simulator.array("xtremio")          # address, port, username, password, ca_path, ...
        mark = simulator.mark("xtremio")
        ...                                          # requests to the array
        assert simulator.writes("xtremio", since=mark) == []

The interpreter that runs the test has the simulator's requirements installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

PACKAGE_DIR = Path(__file__).resolve().parents[2] / "roles" / "array_simulator" / "files"
DEADLINE = 300.0
ANSWER = 300.0
"""The seconds that the control port may take: what it reports as the content of volumes it reads from their bytes."""


class Simulator:
    """Any number of simulated arrays, named as in the configuration (``vendor`` when no name is given)."""

    def __init__(
        self, arrays: str | Sequence[Mapping[str, Any]] = "xtremio", *, run_dir: Path | str | None = None
    ) -> None:
        requested: list[Mapping[str, Any]] = [{"vendor": arrays}] if isinstance(arrays, str) else list(arrays)
        self._config = {"arrays": [dict(array) for array in requested]}
        self._own_dir = run_dir is None
        self.run_dir = Path(tempfile.mkdtemp(prefix="openflash-sim-") if run_dir is None else run_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.endpoints: dict[str, Any] = {}

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        if self._own_dir:
            shutil.rmtree(self.run_dir, ignore_errors=True)

    # ---- life ------------------------------------------------------------------------------------------------------

    @property
    def endpoints_path(self) -> Path:
        return self.run_dir / "endpoints.json"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start and wait until every array listens."""
        self.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = self.run_dir / "config.yml"
        config.write_text(json.dumps(self._config), encoding="utf-8")
        log = self.run_dir / "test.log"
        command = [sys.executable, "-m", "openflash_simulator", "serve", "--config", str(config)]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, "--run-dir", str(self.run_dir)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(PACKAGE_DIR), "PYTHONDONTWRITEBYTECODE": "1"},
            )
        deadline = time.monotonic() + DEADLINE
        while not self.endpoints_path.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the simulator did not start: {log.read_text(encoding='utf-8')}")
            time.sleep(0.02)
        self.endpoints = json.loads(self.endpoints_path.read_text(encoding="utf-8"))

    def stop(self) -> None:
        """Terminate it, which saves its state."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """Kill it, which saves nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
        self._process = None

    # ---- content and journals of the arrays ------------------------------------------------------------------------

    def array(self, name: str = "xtremio") -> dict[str, Any]:
        """The array's entry in endpoints.json."""
        entry: dict[str, Any] = self.endpoints["arrays"][name]
        return entry

    def state(self, name: str = "xtremio") -> dict[str, Any]:
        """``pools volumes hosts mappings groups``, each a list of dictionaries."""
        state: dict[str, Any] = self._control("GET", f"/arrays/{name}/state")
        return state

    def volume(self, name: str, array: str = "xtremio") -> dict[str, Any] | None:
        """One volume of the state by its name."""
        return next((row for row in self.state(array)["volumes"] if row["name"] == name), None)

    def mark(self, name: str = "xtremio") -> int:
        """The number of the journal's last entry, for ``since``."""
        mark: int = self._control("GET", f"/arrays/{name}/journal?since={1 << 60}")["last"]
        return mark

    def journal(self, name: str = "xtremio", since: int = 0) -> list[dict[str, Any]]:
        """Every request and every change after entry ``since``."""
        entries: list[dict[str, Any]] = self._control("GET", f"/arrays/{name}/journal?since={since}")["entries"]
        return entries

    def requests(self, name: str = "xtremio", since: int = 0) -> list[dict[str, Any]]:
        return [entry for entry in self.journal(name, since) if entry["kind"] == "request"]

    def writes(self, name: str = "xtremio", since: int = 0) -> list[dict[str, Any]]:
        return [entry for entry in self.requests(name, since) if entry["write"]]

    def changes(self, name: str = "xtremio", since: int = 0) -> list[dict[str, Any]]:
        return [entry for entry in self.journal(name, since) if entry["kind"] == "change"]

    # ---- faults and host activity ----------------------------------------------------------------------------------

    def fault(self, name: str = "xtremio", **fault: Any) -> list[dict[str, Any]]:
        """Add a fault: ``kind`` and any of ``match``, ``count``, ``skip``, ``seconds``, ``status``."""
        faults: list[dict[str, Any]] = self._control("POST", f"/arrays/{name}/faults", fault)
        return faults

    def struck(self, name: str = "xtremio") -> list[int]:
        """How many requests each fault has struck that was added since they were cleared."""
        return [fault["struck"] for fault in self._control("GET", f"/arrays/{name}/faults")]

    def clear_faults(self, name: str = "xtremio") -> None:
        self._control("DELETE", f"/arrays/{name}/faults")

    def reset(self, name: str = "xtremio") -> None:
        """An empty array without faults; the journal's numbers go on."""
        self._control("POST", f"/arrays/{name}/reset")

    def write(self, volume: str, size: int, name: str = "xtremio") -> None:
        """Let ``size`` bytes be written to a volume by some host."""
        self._control("POST", f"/arrays/{name}/volumes/{quote(volume, safe='')}/write", {"bytes": size})

    def assume(self, values: Any, name: str = "xtremio") -> dict[str, Any]:
        """Play other values of the ledger: ``worst``, or a mapping of ids to values; an empty one: the defaults."""
        played: dict[str, Any] = self._control("PUT", f"/arrays/{name}/assume", values)
        return played

    def session(self, volume: str, initiator: str, name: str = "xtremio", *, is_open: bool = True) -> None:
        """Let a host log in to a volume, or out again."""
        self._control("POST", f"/arrays/{name}/session", {"volume": volume, "initiator": initiator, "open": is_open})

    def log_in(self, initiator: str, paths: int, name: str = "xtremio") -> None:
        """Let an initiator be logged in to so many target ports."""
        self._control("PUT", f"/arrays/{name}/login", {"initiator": initiator, "paths": paths})

    def operate(self, operation: Any, name: str = "xtremio") -> None:
        """Let the array report these states of parts, alerts and loads."""
        self._control("PUT", f"/arrays/{name}/operation", operation)

    def _control(self, method: str, path: str, document: Any = None) -> Any:
        request = urllib.request.Request(
            self.endpoints["control"] + path,
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={"Content-Type": "application/json"},
        )
        with self._opener.open(request, timeout=ANSWER) as answer:
            return json.loads(answer.read())
