# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks that Galaxy, automation hub and the Ansible community package make of the collection."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Run = Callable[..., str]

QUICK_SESSIONS = ("codeqa", "yamllint", "antsibull-nox-config", "docs-check", "license-check", "extra-checks")
"""Those of antsibull-nox.toml that need no environment of their own. The tests below run the tools of the others."""


def test_ansible_lint_finds_nothing(run: Run) -> None:
    run("ansible-lint", "--strict")


def test_galaxy_importer_accepts_the_artifact(run: Run, root: Path, artifact: Path) -> None:
    """Without its ansible-lint, which the test above runs on more files."""
    run(root / "tests/gates/import", artifact, IMPORT_LINT="False")


def test_the_documentation_of_the_plugins_is_valid(run: Run) -> None:
    run("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all", ".")


def test_the_documentation_site_can_be_built(run: Run, root: Path) -> None:
    run(root / "tests/gates/docs")


def test_the_changelog_is_valid(run: Run) -> None:
    run("antsibull-changelog", "lint")
    run("antsibull-changelog", "lint-changelog-yaml", "changelogs/changelog.yaml")


@pytest.fixture(scope="session")
def nox(environment: Callable[..., Path]) -> Path:
    """nox in an environment of its own: it and galaxy-importer do not accept the same releases of a library."""
    return environment("nox", Path(sys.executable).resolve(), "antsibull-nox==1.10.0") / "nox"


def test_the_sessions_of_antsibull_nox_find_nothing(run: Run, nox: Path) -> None:
    """With the tools of this environment: licences, language of code blocks, unwanted files, the action group."""
    run(nox, "--no-venv", "--sessions", *QUICK_SESSIONS)


@pytest.mark.slow
def test_all_sessions_of_antsibull_nox_succeed(run: Run, nox: Path, tmp_path: Path) -> None:
    """As a contributor runs them, with the newest tools in an environment for each session."""
    run(nox, "--envdir", tmp_path, timeout=5000, CI="true")


def test_an_execution_environment_has_the_required_libraries(run: Run, installed: Path) -> None:
    """ansible-builder finds the libraries that the collection's meta folder names."""
    required = yaml.safe_load(run("ansible-builder", "introspect", "--verbosity", "0", installed.parents[2]))
    for kind, name in (("python", "requests"), ("python", "paramiko"), ("system", "python3-venv")):
        assert any(line.startswith(name) for line in required[kind]), required


def test_the_artifact_has_only_what_a_user_needs(installed: Path) -> None:
    """One file more is for ansible-test: it names the supported Pythons."""
    assert {entry.name for entry in installed.iterdir()} == {
        *("CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "FILES.json", "LICENSE", "LICENSES"),
        *("MAINTAINERS.md", "MANIFEST.json", "README.md", "REUSE.toml", "SECURITY.md"),
        *("changelogs", "docs", "extensions", "meta", "playbooks", "plugins", "roles", "tests"),
    }
    assert [entry.name for entry in (installed / "tests").iterdir()] == ["config.yml"]
    unwanted = (".", "__pycache__")
    assert not [path for path in installed.rglob("*") if path.name.startswith(unwanted) or path.is_symlink()]
