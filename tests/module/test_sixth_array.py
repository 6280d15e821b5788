# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sixth array is its own files and a few lines elsewhere: tests/sixth_array, added to a copy of the tree.

tests/sixth_array has an invented array, whose code the guide on adding an array shows.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.module.arrays import ROOT
from tests.openstack.conftest import CLIENTS
from tests.support import rows, simulator
from tests.support.clients import client_python

SIXTH = ROOT / "tests/sixth_array"
MOST_EDITED_LINES = 8
"""The limit of lines to edit outside the array's own files."""
EDITS: list[dict[str, str]] = yaml.safe_load((SIXTH / "edits.yml").read_text(encoding="utf-8"))
OWN = sorted(
    path.relative_to(SIXTH)
    for folder in ("docs", "plugins", "roles")
    for path in (SIXTH / folder).rglob("*")
    if path.suffix in (".py", ".rst")
)
GUIDE = ROOT / "docs/docsite/rst/guide_adding_an_array.rst"
TABLES_OF_TESTS = [
    f"tests/{name}" for name in ("module/arrays.py", "images/lab.py", "bench/run.py", "e2e/test_cinder.py")
]
"""The tables of tests/unit/test_rows_of_arrays.py that are in tests, to which the sixth array is not added."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the sixth array."""
    copy = tmp_path_factory.mktemp("sixth") / "tree"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/sixth_array/"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    (copy / "collections/ansible_collections/openflash").mkdir(parents=True)
    (copy / "collections/ansible_collections/openflash/storage").symlink_to("../../..")
    for path in OWN:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(SIXTH / path, copy / path)
    for edit in EDITS:
        path = copy / edit["file"]
        before, after = path.read_text(encoding="utf-8"), edit["after"] + "\n"
        assert before.count(after) == 1, f"{edit['file']} has not exactly one line {edit['after']!r}"
        path.write_text(before.replace(after, f"{after}{edit['line']}\n"), encoding="utf-8")
    run(copy, sys.executable, "-m", "tests.support.rows")
    return copy


def run(tree: Path, *command: str, **environment: str) -> str:
    """The output of a program that must succeed, run in the copy of the tree."""
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": f"{tree / 'collections'}{os.pathsep}{tree}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_COLLECTIONS_PATH": str(tree / "collections"),
    }
    completed = subprocess.run(
        command, cwd=tree, env={**variables, **environment}, capture_output=True, text=True, timeout=600, check=False
    )
    assert completed.returncode == 0, f"{' '.join(command)}\n{completed.stdout[-6000:]}\n{completed.stderr[-3000:]}"
    return completed.stdout


def edited(tree: Path) -> dict[str, int]:
    """By file, without the array's own, how many lines are new or different."""
    numbers = {}
    for path in sorted(tree.rglob("*")):
        name = path.relative_to(tree)
        if path.is_symlink() or not path.is_file() or "collections" in name.parts or name in OWN:
            continue
        if "__pycache__" in name.parts or (ROOT / name).read_bytes() == path.read_bytes():
            continue
        before, after = ((folder / name).read_text(encoding="utf-8").splitlines() for folder in (ROOT, tree))
        numbers[str(name)] = sum(line.startswith("+ ") for line in difflib.ndiff(before, after))
    return numbers


def blocks(language: str) -> list[str]:
    """The guide's blocks of code in this language, without their indentation."""
    indented = re.findall(rf"^\.\. code-block:: {language}\n\n((?:    [^\n]*\n|\n)+)", GUIDE.read_text(), re.MULTILINE)
    return [textwrap.dedent(block).strip("\n") for block in indented]


@pytest.mark.parametrize("number", range(7))
def test_the_guide_shows_the_code_that_is_tested(number: int) -> None:
    shown = blocks("python")
    assert len(shown) == 7
    sources = [textwrap.dedent((SIXTH / name).read_text(encoding="utf-8")) for name in OWN]
    block = shown[number]
    methods = textwrap.indent(block, "    ", lambda line: True).replace("    \n", "\n")
    assert any(block in source or methods in source for source in sources), block


def test_the_guide_shows_the_lines_that_are_edited() -> None:
    (shown,) = blocks("diff")
    assert [line[1:] for line in shown.splitlines() if line.startswith("+") and not line.startswith("+++")] == [
        edit["line"] for edit in EDITS
    ]
    assert set(re.findall(r"^\+\+\+ (.*)$", shown, re.MULTILINE)) == {edit["file"] for edit in EDITS}


def test_at_most_eight_lines_are_edited(tree: Path) -> None:
    """The lines that `make rows` writes do not count."""
    by_hand = {name: lines for name, lines in edited(tree).items() if name not in rows.WRITTEN}
    assert by_hand.keys() == {edit["file"] for edit in EDITS}
    assert sum(by_hand.values()) == len(EDITS)
    assert len(EDITS) <= MOST_EDITED_LINES


def test_every_table_outside_the_tests_has_a_row_for_the_array(tree: Path) -> None:
    of_tests = [f"tests/unit/test_rows_of_arrays.py::test_every_array_has_a_row[{table}]" for table in TABLES_OF_TESTS]
    deselected = [f"--deselect={test}" for test in of_tests]
    run(tree, "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_rows_of_arrays.py", *deselected)


@pytest.mark.parametrize(
    ("package", "folders", "python"),
    [
        ("ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.example", "collections", "3.8"),
        ("openflash_simulator.wires.example", "roles/array_simulator/files", "3.10"),
    ],
)
def test_mypy_accepts_the_array(tree: Path, package: str, folders: str, python: str) -> None:
    run(tree, "mypy", "--python-version", python, "--package", package, MYPYPATH=folders)


def test_the_documentation_of_the_modules_names_the_array(tree: Path) -> None:
    shown = run(tree, "ansible-doc", "openflash.storage.flash_volume")
    assert "Used with `vendor=example'" in shown
    assert "datera, dsware, example, flashsystem, violin, xtremio" in shown


@pytest.fixture(scope="module")
def connection(tree: Path) -> Iterator[dict[str, Any]]:
    """The connection options of a sixth array, which the simulator of the copied tree simulates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulator, "PACKAGE_DIR", tree / "roles/array_simulator/files")
        with simulator.Simulator([{"name": "sixth", "vendor": "example"}]) as running:
            entry = running.array("sixth")
            yield {key: entry[key] for key in ("vendor", "address", "port", "username", "password", "ca_path")}


def test_the_modules_manage_the_array(tree: Path, connection: dict[str, Any], tmp_path: Path) -> None:
    """The playbook runs each task twice, and expects that a mapped volume is not deleted without permission."""
    for name in ("playbook.yml", "content.yml"):
        shutil.copy(SIXTH / name, tmp_path / name)
    variables = tmp_path / "variables.yml"
    variables.write_text(yaml.safe_dump({"connection": connection, "ansible_python_interpreter": sys.executable}))
    run(tree, "ansible-playbook", "-i", "localhost,", "-e", f"@{variables}", str(tmp_path / "playbook.yml"))


LOAD_DRIVER = """
from cinder import objects
objects.register_all()
from openflash_openstack.cinder import options
from openflash_openstack.cinder.example import ExampleISCSIDriver as driver
names = [option.name for option in driver.get_driver_options()]
assert "example_api_root" in names and "openflash_timeout" in names, names
assert "example_api_root" in [option.name for option in options.list_opts()[0][1]]
assert not getattr(driver, "__abstractmethods__", None)
"""


def test_cinder_loads_the_driver_of_the_array(tree: Path) -> None:
    python = client_python(CLIENTS / "requirements-cinder29.txt")
    folders = (tree / "roles/openstack_drivers/files", tree / "plugins/module_utils")
    run(tree, str(python), "-c", LOAD_DRIVER, PYTHONPATH=os.pathsep.join(map(str, folders)))


def test_the_filter_of_the_role_writes_the_section_of_the_array(tree: Path) -> None:
    entry = '{"name": "e", "vendor": "example", "address": "a.example.com", "username": "u", "password": "p"}'
    shown = run(
        tree,
        *("ansible", "localhost", "-m", "ansible.builtin.debug", "-a"),
        f"msg={{{{ ([{entry}] | openflash.storage.cinder_backends).0.section.options.volume_driver }}}}",
    )
    assert "openflash_openstack.cinder.example.ExampleISCSIDriver" in shown
