# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection as Galaxy, automation hub and the Ansible community package judge it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

Run = Callable[..., str]


def test_ansible_lint(run: Run) -> None:
    run("ansible-lint", "--strict")


def test_galaxy_importer(run: Run, root: Path, artifact: Path) -> None:
    """But for ansible-lint, which test_ansible_lint runs on the same files and more."""
    run(root / "tests/gates/import", artifact, IMPORT_LINT="False")


def test_documentation(run: Run) -> None:
    run("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all", ".")


def test_documentation_site(run: Run, root: Path) -> None:
    run(root / "tests/gates/docs")


def test_changelog(run: Run) -> None:
    run("antsibull-changelog", "lint")
    run("antsibull-changelog", "lint-changelog-yaml", "changelogs/changelog.yaml")


def test_licences(run: Run) -> None:
    run("reuse", "lint")


def test_execution_environment(run: Run, installed: Path) -> None:
    """ansible-builder finds in the installed collection the libraries that meta/ names."""
    found = yaml.safe_load(run("ansible-builder", "introspect", "--verbosity", "0", installed.parents[2]))
    for kind, name in (("python", "requests"), ("python", "paramiko"), ("system", "python3-venv")):
        assert any(line.startswith(name) for line in found[kind]), found


def test_artifact_is_lean(installed: Path) -> None:
    """What ships is what a user needs, and the file that tells ansible-test the Pythons."""
    assert {entry.name for entry in installed.iterdir()} == {
        *("CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "FILES.json", "LICENSE", "LICENSES"),
        *("MAINTAINERS.md", "MANIFEST.json", "README.md", "REUSE.toml"),
        *("changelogs", "docs", "meta", "playbooks", "plugins", "roles", "tests"),
    }
    assert [entry.name for entry in (installed / "tests").iterdir()] == ["config.yml"]
    unwanted = (".", "__pycache__")
    assert not [path for path in installed.rglob("*") if path.name.startswith(unwanted) or path.is_symlink()]
