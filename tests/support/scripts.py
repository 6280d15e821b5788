# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs scripts in the Python of a third-party client, and reads the results of their steps."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The folder with the module ``steps``, and nothing else
IN_CLIENT = Path(__file__).parent / "in_client"
DEADLINE = 900
"""Seconds, for a machine that is busy with other work."""


@dataclass(frozen=True)
class Outcome:
    """The results of a script.

    :ivar steps: the names of its steps.
    :ivar wrong: the steps that failed, with the reason.
    :ivar counts: requests by operation, as the array counted them.
    :ivar details: what it reported of each step, by the step's name.
    """

    steps: list[str]
    wrong: list[str]
    status: int
    counts: dict[str, dict[str, int]]
    details: dict[str, Any]


def run_script(python: Path, script: Path, *arguments: str, paths: Sequence[Path] = (), **env: str) -> Outcome:
    """Run a script in its own folder, without the caller's environment variables.

    :param paths: folders that it can import from, beside its own, the client's and that of ``steps``.
    :param env: variables beside those that every script gets.
    """
    # Temporary files that it leaves are removed with this folder.
    with tempfile.TemporaryDirectory(prefix="client-", ignore_cleanup_errors=True) as folder:
        done = subprocess.run(
            [str(python), str(script), *arguments],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
            cwd=script.parent,
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ.get("HOME", "/"),
                "PYTHONWARNINGS": "ignore",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": os.pathsep.join(str(path) for path in (*paths, IN_CLIENT)),
                "TMPDIR": folder,
                **env,
            },
        )
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr
    steps = [line for line in lines if "step" in line]
    wrong = [f"{row['step']}: {row['detail']}" for row in steps if not row["ok"]]
    if done.returncode and not wrong:
        wrong = [done.stderr[-2000:]]
    return Outcome(
        steps=[row["step"] for row in steps],
        wrong=wrong,
        status=done.returncode,
        counts=next((line["counts"] for line in lines if "counts" in line), {}),
        details={row["step"]: row["detail"] for row in steps},
    )
