# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments with the third-party clients that test the simulators, kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from tests.support.cache import CACHE
from tests.support.environments import make_environment


def client_python(requirements: Path) -> Path:
    """The Python of an environment that holds exactly these requirements.

    Several test processes may call this at once. An unfinished environment is never used.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(requirements.read_bytes() + version.encode()).hexdigest()[:12]
    name = f"{requirements.stem.removeprefix('requirements-')}-{digest}"
    home = CACHE / "clients" / name
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = home / "complete"
        if not complete.exists():
            make_environment(home, Path(sys.executable), "--requirement", requirements)
            complete.touch()
    return home / "bin" / "python"


def client_wheel(requirement: str) -> Path:
    """The wheel of one release without its dependencies, for single files of a client that is too old to install."""
    home = CACHE / "clients" / "wheels" / requirement
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{requirement}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(home.glob("*.whl")):
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            subprocess.run(
                [*pip, "--no-deps", "--only-binary", ":all:", "--dest", str(home), requirement],
                check=True,
                timeout=1800,
            )
    (wheel,) = home.glob("*.whl")
    return wheel


def built_wheel(requirement: str, folder: Path) -> Path:
    """The wheel of a release that has source code only, without its dependencies, built into the folder."""
    requirements = Path(__file__).parents[1] / "conformance" / "requirements-datera.txt"
    # That environment has a release of setuptools which can still build it
    pip = [str(client_python(requirements)), "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), requirement], check=True, timeout=1800
    )
    (wheel,) = folder.glob("*.whl")
    return wheel
