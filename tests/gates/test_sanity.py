# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-test sanity on what ships: every test, no ignore file, on every version of ansible-core that is supported."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from tests.gates.conftest import CORES, NEWEST, each_core, python_for

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


def take_from_the_index(commands: Path) -> None:
    """Let this ansible-test take each of its requirements from the package index, and none from elsewhere by URL."""
    for file in commands.parent.glob("lib/python*/site-packages/ansible_test/_data/requirements/*.txt"):
        text = file.read_text(encoding="utf-8")
        named = re.sub(r"^(\S+) @ https://.*$", r"\1", text, flags=re.MULTILINE)
        if named != text:
            file.write_text(named, encoding="utf-8")


DEPENDS = tuple(
    f"plugins/{name}"
    for name in ("action", "doc_fragments", "filter", "inventory", "lookup", "modules", "plugin_utils")
)
"""What imports something of ansible-core, beside the files that lie in plugins/module_utils itself."""


def selections(version: str, installed: Path, pythons: list[str]) -> list[tuple[str, ...]]:
    """The arguments of each run of ansible-test with which `make test` has everything proven once.

    Nearly all the time goes into two tests. `import` imports each file by itself, with all that the file imports, on
    every Python; pylint reads all that a file imports. The library imports nothing of Ansible, so that what they find
    in it does not depend on the core: the newest core judges it, with the newest Python. That the oldest Python imports
    all of the library is seen by its own tests (test_oldest_python.py). The files that do depend on the core are judged
    by both, and with the Python that only the oldest core has.
    """
    oldest, newest = pythons[-1], pythons[0]
    depends = [str(path.relative_to(installed)) for path in sorted(installed.glob("plugins/module_utils/*.py"))]
    depends += [
        str(path.relative_to(installed)) for folder in DEPENDS for path in sorted((installed / folder).glob("*.py"))
    ]
    if version == NEWEST:
        every_file = ("--test", "import", "--python", newest)
        return [("--skip-test", "import"), every_file, ("--test", "import", *depends)]
    of_this_core = ("--python", python_for(version, pythons))
    return [
        ("--skip-test", "import", "--skip-test", "pylint"),
        ("--test", "import", "--python", oldest, *depends),
        ("--test", "import", "--test", "pylint", *of_this_core, *depends),
    ]


@each_core()
def test_sanity(
    run: Run,
    installed: Path,
    cache: Path,
    pythons: dict[str, Path],
    core: Callable[[str], Path],
    version: str,
    complete: bool,
    used: Callable[[str], None],
) -> None:
    home = cache / f"ansible-test-{version}"
    prepare_home(run, home, CORES[version].bootstrap)
    commands = core(version)
    take_from_the_index(commands)
    # The interpreters themselves: a shim that does not run would be taken for a Python
    path: list[Path | str] = [commands, *(python.parent for python in pythons.values())]
    path += [entry for entry in os.environ["PATH"].split(os.pathsep) if not entry.endswith("/shims")]
    for selected in [()] if complete else selections(version, installed, list(pythons)):
        output = run(
            *("ansible-test", "sanity", "--local", "--color", "no", *selected),
            cwd=installed,
            HOME=str(home),
            PATH=os.pathsep.join(str(entry) for entry in path),
        )
        assert "ERROR" not in output
    used(f"ansible-test {version}: Python {', '.join(pythons)}")
