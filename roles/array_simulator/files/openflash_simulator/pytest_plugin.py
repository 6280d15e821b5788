# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin for pytest: simulated arrays as fixtures, for people who test code of their own.

Name it in a file of tests or in ``conftest.py``, with the folder of the collections in ``PYTHONPATH``::

    pytest_plugins = (
        "ansible_collections.openflash.storage.roles.array_simulator.files.openflash_simulator.pytest_plugin"
    )

``flash_arrays`` has the arrays by name. They run in a process of their own for all tests of a session. Each test begins
with the arrays as they are configured. Which arrays there are is decided by a fixture ``flash_arrays_config`` of the
user, whose scope is the session and which returns the list that the role takes as ``array_simulator_arrays``.

The simulator needs the packages of ``requirements.txt`` beside this package. The setting ``flash_simulator_python``
names a Python that has them, where the one that runs pytest has not. This file needs nothing but pytest.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

FILES = Path(__file__).resolve().parents[1]
"""Where a Python finds the simulator."""
VENDORS = ("datera", "dsware", "flashsystem", "violin", "xtremio")
START_DEADLINE = 120.0
STOP_DEADLINE = 15.0
ANSWER = 300.0
"""Seconds: what is reported as the content of volumes with real bytes is read from them."""

Entry = dict[str, Any]


class FlashArray:
    """One simulated array."""

    def __init__(self, name: str, endpoint: Mapping[str, Any], connection: Mapping[str, Any], control: str) -> None:
        self.name = name
        self.endpoint = dict(endpoint)
        """Its entry in ``endpoints.json``: address, port, username, password, and what its vendor has besides."""
        self.connection = dict(connection)
        """The options with which a module of the collection connects to it."""
        self._control = control
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __repr__(self) -> str:
        return f"<FlashArray {self.name}>"

    # ---- content ---------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """``pools volumes hosts mappings groups``, each a list of dictionaries. Sizes are in bytes."""
        state: dict[str, Any] = self._ask("GET", "/state")
        return state

    def reset(self) -> None:
        """The array as it is configured, with an empty journal."""
        self._ask("POST", "/begin")
        self._ask("DELETE", "/journal")

    # ---- faults ----------------------------------------------------------------------------------------------------

    def fault(self, kind: str, **options: Any) -> None:
        """Add a fault: ``match``, ``skip``, ``count``, ``seconds``, ``status``, ``code``, as the role's README says.

        :raises ValueError: the simulator refuses it, with the reason.
        """
        self._ask("POST", "/faults", {"kind": kind, **options})

    def faults(self) -> list[Entry]:
        """The faults that are set, each with ``struck``, the number of requests that it has hit."""
        faults: list[Entry] = self._ask("GET", "/faults")
        return faults

    def clear_faults(self) -> None:
        self._ask("DELETE", "/faults")

    def assume(self, values: Any) -> None:
        """Play other values of what is assumed of the array, until the next reset: ids with values, or ``worst``.

        :raises ValueError: the simulator refuses a value, with those that it can play.
        """
        self._ask("PUT", "/assume", values)

    # ---- journal ---------------------------------------------------------------------------------------------------

    def journal(self, since: int = 0) -> list[Entry]:
        """Every request and every change since the test began, or after entry number ``since``. Secrets are masked."""
        entries: list[Entry] = self._ask("GET", f"/journal?since={since}")["entries"]
        return entries

    def mark(self) -> int:
        """The number of the last entry, for ``since``."""
        last: int = self._ask("GET", f"/journal?since={1 << 60}")["last"]
        return last

    def requests(self, method: str | None = None, path: str | None = None, since: int = 0) -> list[Entry]:
        """The requests whose method, or verb, is this one, and in whose path, or command line, ``path`` is found."""
        return [
            entry
            for entry in self.journal(since)
            if entry["kind"] == "request"
            and (method is None or entry["method"].lower() == method.lower())
            and (path is None or re.search(path, entry["path"]))
        ]

    def writes(self, since: int = 0) -> list[Entry]:
        """The requests that asked for a change."""
        return [entry for entry in self.requests(since=since) if entry["write"]]

    def changes(self, change: str | None = None, since: int = 0) -> list[Entry]:
        """The changes of the content, or those of one kind such as ``volume.create``."""
        changes = [entry for entry in self.journal(since) if entry["kind"] == "change"]
        return [entry for entry in changes if change in (None, entry["change"])]

    def _ask(self, method: str, path: str, document: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310  the control port of a simulator started here
            f"{self._control}/arrays/{quote(self.name, safe='')}{path}",
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=ANSWER) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise ValueError(json.loads(error.read())["error"]) from None


# ---- the process -----------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("flash_simulator_python", "the Python that runs simulated arrays", default=sys.executable)


@pytest.fixture(scope="session")
def flash_arrays_config() -> Sequence[Mapping[str, Any]]:
    """One array of each vendor, named as the vendor. To have others, define a fixture of this name and scope."""
    return [{"name": vendor, "vendor": vendor} for vendor in VENDORS]


@pytest.fixture(scope="session")
def flash_simulator(
    request: pytest.FixtureRequest,
    flash_arrays_config: Sequence[Mapping[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, FlashArray]]:
    """The running arrays by name, as earlier tests have left them."""
    run_dir = tmp_path_factory.mktemp("flash_arrays")
    config = run_dir / "arrays.yml"
    config.touch(mode=0o600)  # it may have passwords
    config.write_text(json.dumps({"arrays": [dict(array) for array in flash_arrays_config]}), encoding="utf-8")
    python = request.config.getini("flash_simulator_python")
    process = _start(python, config, run_dir)
    try:
        endpoints = json.loads((run_dir / "endpoints.json").read_text(encoding="utf-8"))
        yield {
            name: FlashArray(name, endpoint, endpoints["connections"][name], endpoints["control"])
            for name, endpoint in endpoints["arrays"].items()
        }
    finally:
        process.terminate()
        try:
            process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_DEADLINE)


@pytest.fixture
def flash_arrays(flash_simulator: dict[str, FlashArray]) -> dict[str, FlashArray]:
    """The arrays by name, as they are configured, with an empty journal."""
    for array in flash_simulator.values():
        array.reset()
    return flash_simulator


def _start(python: str, config: Path, run_dir: Path) -> subprocess.Popen[bytes]:
    """The process, once all arrays listen. When it ends instead, the tests fail with its last words."""
    log = run_dir / "simulator.log"
    command = [python, "-m", "openflash_simulator", "serve", "--config", str(config), "--run-dir", str(run_dir)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  the Python of the settings with this package
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": str(FILES), "PYTHONDONTWRITEBYTECODE": "1"},
        )
    deadline = time.monotonic() + START_DEADLINE
    while not (run_dir / "endpoints.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait(STOP_DEADLINE)
            text = log.read_text(encoding="utf-8", errors="replace").strip()
            pytest.fail(f"The simulated arrays did not start with {python}: {_advice(text)}{text}", pytrace=False)
        time.sleep(0.02)
    return process


def _advice(log: str) -> str:
    if "ModuleNotFoundError" not in log:
        return ""
    return f"it lacks packages. Install them: pip install -r {FILES / 'requirements.txt'}\n"
