# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts in the Python of a third-party client, and what they tell of their steps."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# With the module ``steps``, and nothing else
IN_CLIENT = Path(__file__).parent / "in_client"
DEADLINE = 240


@dataclass(frozen=True)
class Outcome:
    """What a script made of its steps.

    :ivar steps: their names.
    :ivar wrong: those that went wrong, with the reason.
    :ivar counts: requests by operation, as the array counted them.
    :ivar details: what it told of each step, by its name.
    """

    steps: list[str]
    wrong: list[str]
    status: int
    counts: dict[str, dict[str, int]]
    details: dict[str, Any]


def run_script(python: Path, script: Path, *arguments: str, paths: Sequence[Path] = (), **env: str) -> Outcome:
    """Run it in its own folder, with no environment of the caller's.

    :param paths: what it may import beyond its neighbours, the client and ``steps``.
    :param env: what its environment has beyond what every script gets.
    """
    # What it leaves goes with its own folder for temporary files.
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
    wrong = [f"{one['step']}: {one['detail']}" for one in steps if not one["ok"]]
    if done.returncode and not wrong:
        wrong = [done.stderr[-2000:]]
    return Outcome(
        steps=[one["step"] for one in steps],
        wrong=wrong,
        status=done.returncode,
        counts=next((line["counts"] for line in lines if "counts" in line), {}),
        details={one["step"]: one["detail"] for one in steps},
    )
