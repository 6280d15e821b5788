# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installed collection, with no more of it than the Ansible community package promises to keep."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

KEPT = {"meta", "playbooks", "plugins", "roles"}


def content(folder: Path) -> dict[str, int]:
    return {str(f.relative_to(folder)): f.stat().st_mtime_ns for f in folder.rglob("*") if f.is_file()}


def test_quickstart_with_ansible_core_alone(
    run: Callable[..., str], installed: Path, core_216: Path, newcomer: dict[str, str], tmp_path: Path
) -> None:
    """The quickstart runs from four folders, in an environment with ansible-core only, and writes nothing into them."""
    for entry in installed.iterdir():
        if entry.name not in KEPT:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    before = content(installed)
    work = tmp_path / "work"
    work.mkdir()
    run(
        core_216 / "ansible-playbook", "openflash.storage.quickstart", cwd=work,
        ANSIBLE_COLLECTIONS_PATH=str(installed.parents[2]), **newcomer,
    )
    assert content(installed) == before
    assert not list(work.iterdir())
