# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Third-party clients, unmodified, against the simulators."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.clients import client_python

HERE = Path(__file__).parent
DEADLINE = 180


@dataclass(frozen=True)
class Outcome:
    """What a client made of its steps: their names, and those that went wrong with the reason."""

    steps: list[str]
    wrong: list[str]
    status: int


class Client:
    """A script of this folder in the environment of the client that it drives."""

    def __init__(self, python: Path) -> None:
        self._python = python

    def drive(self, script: str, *arguments: str) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            # Nothing of this project may be importable: what is judged here is the wire.
            env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONWARNINGS": "ignore"}
            done = subprocess.run(
                [str(self._python), str(HERE / script), *arguments],
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
                cwd=HERE,
                env=env | {"TMPDIR": folder},
            )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines, done.stderr
        wrong = [f"{line['step']}: {line['detail']}" for line in lines if not line["ok"]]
        return Outcome([line["step"] for line in lines], wrong, done.returncode)


@pytest.fixture(scope="session")
def cinder29() -> Client:
    return Client(client_python(HERE / "requirements-cinder29.txt"))


@pytest.fixture(scope="session")
def cinder28() -> Client:
    return Client(client_python(HERE / "requirements-cinder28.txt"))
