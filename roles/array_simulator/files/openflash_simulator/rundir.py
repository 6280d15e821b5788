# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that a running simulator is known by. Needs nothing but Python, so that any Python can stop and ask."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import SimulatorError

ENDPOINTS = "endpoints.json"


def prepare(run_dir: Path) -> Path:
    """The run folder, private to this user, since it will hold passwords."""
    path = run_dir.expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SimulatorError(f"run folder {path} cannot be made: {error.strerror}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise SimulatorError(f"run folder {path} is not writable")
    return path


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace the file at once, so that a reader gets the old or the new one."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.fchmod(descriptor, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
