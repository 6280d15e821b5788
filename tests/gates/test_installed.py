# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installed collection, with no more of it than the Ansible community package promises to keep."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.gates.conftest import each_core, python_for

KEPT = {"meta", "playbooks", "plugins", "roles"}
NATIVE = dict.fromkeys(("2.16", "2.18"), {"ANSIBLE_JINJA2_NATIVE": "true"})
"""Makes these cores keep the type of an expression, as later ones always do."""
TWO_ARRAYS = [
    {"name": "flashsystem", "vendor": "flashsystem", "protocol": "fc", "datapath": True},
    {"name": "xtremio", "vendor": "xtremio", "protocol": "iscsi"},
]
"""One over SSH, one over HTTPS. test_readme.py has all five, and so has every core in `make test-slow`."""


def content(folder: Path) -> dict[str, int]:
    return {str(f.relative_to(folder)): f.stat().st_mtime_ns for f in folder.rglob("*") if f.is_file()}


@each_core()
def test_quickstart_with_ansible_core_alone(
    run: Callable[..., str],
    installed: Path,
    core: Callable[[str], Path],
    version: str,
    complete: bool,
    newcomer: dict[str, str],
    pythons: dict[str, Path],
    simulators: Callable[[str, Path], Path],
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
    arrays = () if complete else ("--extra-vars", json.dumps({"quickstart_arrays": TWO_ARRAYS}))
    environment = simulators(f"simulator-{version}", pythons[python_for(version, pythons)])
    output = run(
        core(version) / "ansible-playbook",
        "openflash.storage.quickstart",
        *("--extra-vars", f"array_simulator_venv_dir={environment}"),
        *arrays,
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
