# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make release`: the versions that it refuses before it changes anything, and one complete release."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.gates.conftest import clean_environment

Run = Callable[..., str]


@pytest.fixture
def clone(run: Run, root: Path, tmp_path: Path) -> Path:
    """A clone of this checkout in which its uncommitted changes are committed."""
    folder = tmp_path / "clone"
    run("git", "clone", "--quiet", "--no-tags", root, folder)
    changed = run("git", "ls-files", "--modified", "--others", "--exclude-standard").splitlines()
    for name in changed:
        target = folder / name
        if (root / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((root / name).read_bytes())
            target.chmod((root / name).stat().st_mode)
        else:
            target.unlink(missing_ok=True)
    commit(run, folder, "As it is")
    return folder


def commit(run: Run, folder: Path, message: str) -> None:
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    run("git", "add", "--all", cwd=folder)
    run("git", *author, "commit", "--quiet", "--allow-empty", "--message", message, cwd=folder)


def test_an_invalid_release_is_refused_and_changes_nothing(run: Run, clone: Path) -> None:
    def refused(*version: str) -> str:
        done = subprocess.run(
            [clone / "tests/gates/release", *version],
            cwd=clone,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stderr.strip()

    assert refused() == "Name the version as X.Y.Z: make release VERSION=1.2.3"
    assert refused("1.0") == "Name the version as X.Y.Z: make release VERSION=1.2.3"
    assert refused("0.1.0") == "The changelog has a release 0.1.0 already."
    assert refused("0.0.9") == f"0.0.9 is older than {version_of(clone)}, the version of the tree."
    run("git", "tag", "99.0.0", cwd=clone)
    assert refused("99.0.0") == "There is a tag 99.0.0 already."
    assert run("git", "status", "--porcelain", cwd=clone) == ""
    (clone / "README.md").write_text("changed", encoding="utf-8")
    assert refused("99.0.1") == "The tree has changes that are not committed. Commit them first."
    assert run("git", "status", "--porcelain", cwd=clone).split() == ["M", "README.md"]


def version_of(folder: Path) -> str:
    return str(yaml.safe_load((folder / "galaxy.yml").read_text(encoding="utf-8"))["version"])


@pytest.mark.slow
def test_a_release_is_prepared_completely(run: Run, clone: Path) -> None:
    output = run(clone / "tests/gates/release", "99.0.0", cwd=clone)
    assert "ansible-galaxy collection publish dist/openflash-storage-99.0.0.tar.gz" in output
    assert version_of(clone) == "99.0.0"
    assert "v99.0.0\n=======" in (clone / "CHANGELOG.rst").read_text(encoding="utf-8")
    assert not list((clone / "changelogs/fragments").glob("*.yml"))
    commit(run, clone, "Release 99.0.0")
    assert run("git", "status", "--porcelain", cwd=clone) == "", "the release changes only files that are committed"
