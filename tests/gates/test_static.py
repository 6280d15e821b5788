# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of the source without running it. Together with the unit tests this is `make check`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

PACKAGES = {
    # name: where it is imported from, the oldest Python that runs it
    "ansible_collections.openflash.storage.plugins": ("collections", "3.8"),
    "openflash_simulator": ("roles/array_simulator/files", "3.10"),
    "openflash_openstack": ("roles/openstack_drivers/files:plugins/module_utils", "3.9"),
}
ELSEWHERE = ("sixth_array",)
"""Folders of tests that a test copies elsewhere, where their types are checked."""


def test_ruff_finds_nothing(run: Callable[..., str]) -> None:
    run("ruff", "check", "--no-cache", ".")
    run("ruff", "format", "--no-cache", "--check", ".")


@pytest.mark.parametrize("package", PACKAGES)
def test_mypy_finds_nothing_in_the_packages(run: Callable[..., str], package: str) -> None:
    folder, python = PACKAGES[package]
    run("mypy", "--python-version", python, "--package", package, MYPYPATH=folder)


def test_mypy_finds_nothing_in_the_tests(run: Callable[..., str], root: Path) -> None:
    folders = [
        path
        for path in sorted((root / "tests").iterdir())
        if path.is_dir() and path.name not in ELSEWHERE and any(path.rglob("*.py"))
    ]
    path = "collections:roles/array_simulator/files:."
    run("mypy", "--python-version", "3.11", "--follow-imports", "silent", "tests/conftest.py", *folders, MYPYPATH=path)


def test_mypy_of_the_wheel_s_builder(run: Callable[..., str]) -> None:
    run("mypy", "--python-version", "3.8", "roles/openstack_drivers/files/build_wheel.py")


def test_yamllint(run: Callable[..., str]) -> None:
    run("yamllint", "--strict", ".")


def test_one_version(root: Path) -> None:
    """The version is that of the library; galaxy.yml, which must repeat it, agrees."""
    source = (root / "plugins/module_utils/openflash/version.py").read_text()
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    assert found, "plugins/module_utils/openflash/version.py has no __version__"
    assert yaml.safe_load((root / "galaxy.yml").read_text())["version"] == found[1]


def test_the_action_group_flash_has_exactly_the_modules_with_connection_options(root: Path) -> None:
    group = yaml.safe_load((root / "meta/runtime.yml").read_text())["action_groups"]["flash"]
    connecting = [
        path.stem
        for path in (root / "plugins/modules").glob("*.py")
        if re.search(r"^\s*- openflash\.storage\.connection$", path.read_text(), re.MULTILINE)
    ]
    assert sorted(group) == sorted(connecting)


def waits_for_ever(call: ast.Call) -> bool:
    """Whether a call runs a program, or joins a thread or a process, without a timeout."""
    named = {keyword.arg for keyword in call.keywords}
    if not isinstance(call.func, ast.Attribute) or named & {"timeout", None}:
        return False
    if call.func.attr == "join":
        return not call.args
    return ast.unparse(call.func) in ("subprocess.run", "subprocess.check_call", "subprocess.check_output")


def test_no_test_waits_for_ever(root: Path) -> None:
    found = [
        f"{path.relative_to(root)}:{node.lineno}: {ast.unparse(node)[:60]}"
        for path in sorted((root / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and waits_for_ever(node)
    ]
    assert found == [], "give each a timeout"


ROOMS = (
    "plugins/module_utils",
    "roles/array_simulator/files/openflash_simulator",
    "roles/openstack_drivers/files/openflash_openstack",
)


def imports_of(path: Path, top: Path) -> set[Path]:
    """The files below ``top`` that a file imports by relative imports, those within functions included."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for typing_only in [node for node in ast.walk(tree) if isinstance(node, ast.If)]:
        if ast.unparse(typing_only.test) == "TYPE_CHECKING":
            typing_only.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            candidates = [base / name.name for name in node.names] + [base]
            found |= {file for one in candidates if (file := one.with_suffix(".py")).is_file() and top in file.parents}
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_no_imports_go_in_a_circle(root: Path, room: str) -> None:
    remaining = {path: imports_of(path, root / room) for path in (root / room).rglob("*.py")}
    assert sum(map(len, remaining.values())) > 10, "imports are found"
    while free := [path for path, imported in remaining.items() if not imported & remaining.keys()]:
        for path in free:
            del remaining[path]
    assert sorted(str(path.relative_to(root)) for path in remaining) == [], "in a circle, or above one"
