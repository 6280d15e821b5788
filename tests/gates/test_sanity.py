# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-test sanity on what ships: every test, no ignore file, the oldest supported and the current ansible-core."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., str]

# ansible-test makes its environments with a downloaded get-pip. This does the same from wheels of the package index.
GET_PIP = """\
import glob, os, sys
wheels = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wheels")
sys.path.insert(0, glob.glob(os.path.join(wheels, "pip-{version}-*.whl"))[0])
from pip._internal.cli.main import main
arguments = [a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--no-index", "--find-links", wheels] + arguments))
"""
# What each ansible-core wants in an environment before anything else
BOOTSTRAP = {
    "2.16": ("pip==23.1.2", "setuptools==67.7.2", "wheel==0.37.1"),
    "2.19": ("pip==24.2",),
}


def prepare_home(run: Run, home: Path, packages: tuple[str, ...]) -> None:
    """A home for ansible-test with its download cache filled, and with pip configured as it is for the caller."""
    store = home / ".ansible/test/cache"
    script = store / f"get_pip_{packages[0].split('==')[1].replace('.', '_')}.py"
    if not script.exists():
        run("python", "-m", "pip", "download", "--no-deps", "--dest", store / "wheels", *packages)
        script.write_text(GET_PIP.format(version=packages[0].split("==")[1]))
    # ansible-test passes no PIP_... variable on
    listing = [line.split("=", 1) for line in run("python", "-m", "pip", "config", "list").splitlines()]
    settings = {name.split(".")[-1]: value.strip("'") for name, value in listing}
    (home / ".config/pip").mkdir(parents=True, exist_ok=True)
    (home / ".config/pip/pip.conf").write_text(
        "\n".join(["[global]", "quiet = 1", *(f"{name} = {value}" for name, value in settings.items()), ""])
    )


@pytest.mark.parametrize("core", BOOTSTRAP)
def test_sanity(
    run: Run, installed: Path, cache: Path, pythons: dict[str, Path], core: str, used: Callable[[str], None],
    request: pytest.FixtureRequest,
) -> None:
    home = cache / f"ansible-test-{core}"
    prepare_home(run, home, BOOTSTRAP[core])
    commands = request.getfixturevalue("core_216") if core == "2.16" else Path(sys.executable).parent
    # The interpreters themselves: a shim that does not run would be taken for a Python
    path = [commands, *(python.parent for python in pythons.values())]
    path += [entry for entry in os.environ["PATH"].split(os.pathsep) if not entry.endswith("/shims")]
    output = run(
        "ansible-test", "sanity", "--local", "--color", "no", cwd=installed,
        HOME=str(home), PATH=os.pathsep.join(str(entry) for entry in path),
    )
    used(f"ansible-test {core}: Python {', '.join(pythons)}")
    assert "ERROR" not in output
