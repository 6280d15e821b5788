# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the connector, of Nova's half and of the image store share: running a script where they are
installed.

A script runs in an environment with os-brick, Nova or glance_store, and with the built distribution as a site folder:
its path file is obeyed and its entry points are found, as if pip had installed it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.clients import client_python

HERE = Path(__file__).parent
DEADLINE = 240


@dataclass(frozen=True)
class Outcome:
    steps: list[str]
    wrong: list[str]
    status: int
    stderr: str = field(repr=False)


class Place:
    """An environment made of ``requirements-<kind>.txt`` of this folder, and the distribution."""

    def __init__(self, kind: str, distribution: Path) -> None:
        self.python = client_python(HERE / f"requirements-{kind}.txt")
        self._distribution = distribution

    def run(self, script: str, *arguments: str, **env: str) -> Outcome:
        # What it leaves goes with its own folder for temporary files.
        with tempfile.TemporaryDirectory(prefix="openstack-", ignore_cleanup_errors=True) as folder:
            done = subprocess.run(
                [str(self.python), str(HERE / script), *arguments],
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
                cwd=HERE,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": os.environ.get("HOME", "/"),
                    "PYTHONWARNINGS": "ignore",
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "OPENFLASH_SITE": str(self._distribution),
                    "TMPDIR": folder,
                    **env,
                },
            )
        lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines, done.stderr
        wrong = [f"{line['step']}: {line['detail']}" for line in lines if not line["ok"]]
        if done.returncode and not wrong:
            wrong = [done.stderr[-2000:]]
        return Outcome([line["step"] for line in lines], wrong, done.returncode, done.stderr)
