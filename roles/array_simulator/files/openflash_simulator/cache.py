# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a user's cache folder is: one rule for the simulator, its role and the tests.

The role runs this file by itself, on the host where the arrays will run, with whatever Python 3 that host has. It then
prints the folder.
"""

from __future__ import annotations

import os
import pwd
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


def cache_dir() -> Path:
    """``XDG_CACHE_HOME``, else ``.cache`` in the home folder, else a private folder in the temporary directory.

    The home folder is ``HOME``, else that of the user's passwd entry. One that this user cannot write to counts as
    missing, and so does ``/``, which is what a container has for a user without an entry.

    :raises OSError: somebody else has made the private folder.
    """
    explicit = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(explicit):
        return Path(explicit)
    for home in _homes():
        folder = home / ".cache"
        if home.is_absolute() and home != Path("/") and (_writable(folder) or _writable(home)):
            return folder
    return _private()


def _homes() -> Iterator[Path]:
    yield Path(os.environ.get("HOME", ""))
    try:
        yield Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        return


def _writable(folder: Path) -> bool:
    # Path.is_dir raises PermissionError below a folder of somebody else's
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _private() -> Path:
    """Anybody may write to the temporary directory, and what is kept here has passwords."""
    folder = Path(tempfile.gettempdir()) / f"openflash-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a private folder of this user: remove it, or set XDG_CACHE_HOME")
    return folder


if __name__ == "__main__":
    try:
        print(cache_dir())
    except OSError as error:
        sys.exit(str(error))
