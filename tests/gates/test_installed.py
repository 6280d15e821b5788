# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installed collection, with no more of it than the Ansible community package promises to keep."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.gates.conftest import each_core

KEPT = {"meta", "playbooks", "plugins", "roles"}
NATIVE = dict.fromkeys(("2.16", "2.18"), {"ANSIBLE_JINJA2_NATIVE": "true"})
"""Makes these cores keep the type of an expression, as later ones always do."""


def simulators(cache: Path, installed: Path, version: str) -> Path:
    """Where the role makes the simulators' environment once, for this core and these requirements."""
    requirements = (installed / "roles/array_simulator/files/requirements.txt").read_bytes()
    return cache / f"simulator-{version}-{hashlib.sha256(requirements).hexdigest()[:12]}"


def content(folder: Path) -> dict[str, int]:
    return {str(f.relative_to(folder)): f.stat().st_mtime_ns for f in folder.rglob("*") if f.is_file()}


@each_core()
def test_quickstart_with_ansible_core_alone(
    run: Callable[..., str],
    installed: Path,
    core: Callable[[str], Path],
    version: str,
    newcomer: dict[str, str],
    cache: Path,
    tmp_path: Path,
) -> None:
    """The quickstart runs from four folders, in an environment with ansible-core only, writes nothing into them, and
    uses nothing that a later ansible-core takes away."""
    for entry in installed.iterdir():
        if entry.name not in KEPT:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    before = content(installed)
    work = tmp_path / "work"
    work.mkdir()
    output = run(
        core(version) / "ansible-playbook",
        "openflash.storage.quickstart",
        # That the role makes it in an empty home is seen in test_readme.py
        *("--extra-vars", f"array_simulator_venv_dir={simulators(cache, installed, version)}"),
        cwd=work,
        ANSIBLE_COLLECTIONS_PATH=str(installed.parents[2]),
        ANSIBLE_DEPRECATION_WARNINGS="true",
        ANSIBLE_INJECT_FACT_VARS="false",
        # There is no inventory, and what a newcomer is told about that is not about this collection
        ANSIBLE_LOCALHOST_WARNING="false",
        ANSIBLE_INVENTORY_UNPARSED_WARNING="false",
        **NATIVE.get(version, {}),
        **newcomer,
    )
    assert "[WARNING]" not in output, output
    assert "[DEPRECATION WARNING]" not in output, output
    assert content(installed) == before
    assert not list(work.iterdir())
