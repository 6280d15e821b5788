# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes virtual environments with packages, for less than half of the processor time that venv and pip need.

uv installs. Bytecode is made of everything but the packages' own tests, which are most of an OpenStack service. pip
installs where uv fails, and where pip is configured to use a package index of its own, since uv does not read that.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.cache import CACHE

UV = "uv==0.13.9"
OWN_TESTS = r"/site-packages/.*/tests/"


def make_environment(folder: Path, python: Path, *arguments: str | Path) -> None:
    """Make an environment of this Python that has pip and what these arguments of ``pip install`` name.

    :raises AssertionError: the packages cannot be installed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if not _make_by_uv(folder, python, *arguments):
        shutil.rmtree(folder, ignore_errors=True)
        _make_by_pip(folder, python, *arguments)


def _make_by_pip(folder: Path, python: Path, *arguments: str | Path) -> None:
    _run(python, "-m", "venv", folder)
    _run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments)


def _make_by_uv(folder: Path, python: Path, *arguments: str | Path) -> bool:
    """Whether it could be made."""
    try:
        if _pip_has_its_own_index():
            return False
        uv = _uv()
        _run(uv, "venv", "--quiet", "--seed", "--python", python, folder)
        _run(uv, "pip", "install", "--quiet", "--python", folder / "bin/python", *arguments)
    except AssertionError:
        return False
    # A file that cannot be compiled, such as a template, is none that is imported
    _run(folder / "bin/python", "-m", "compileall", "-q", "-x", OWN_TESTS, folder / "lib", check=False)
    return True


def _pip_has_its_own_index() -> bool:
    settings = _run(sys.executable, "-m", "pip", "config", "list").splitlines()
    names = {line.partition("=")[0].rpartition(".")[2].strip() for line in settings}
    return bool(names & {"index-url", "no-index"})


def _uv() -> Path:
    """The program, in an environment of its own."""
    folder = CACHE / UV
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{UV}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make_by_pip(folder, Path(sys.executable), UV)
            (folder / "complete").touch()
    return folder / "bin/uv"


def _run(*command: str | Path, check: bool = True) -> str:
    """The output of a program. A copy of each file: what a test writes to one must not be in the next environment."""
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "UV_LINK_MODE": "copy", "UV_PYTHON_DOWNLOADS": "never"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1800,
    )
    assert not (check and done.returncode), f"{command}: exit status {done.returncode}\n{done.stdout}"
    return done.stdout
