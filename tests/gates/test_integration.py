# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ansible-test integration` with the targets of tests/integration, against simulated arrays."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., str]

ROOT = Path(__file__).resolve().parents[2]
TARGETS = sorted(folder.parent.name for folder in (ROOT / "tests/integration/targets").glob("*/tasks"))
MODULES = sorted(file.stem for file in (ROOT / "plugins/modules").glob("*.py"))


def test_every_module_has_a_target() -> None:
    # flash_image needs programs of QEMU, which a target cannot install; it is tested in tests/images
    assert set(MODULES) - set(TARGETS) == {"flash_image"}


@pytest.mark.slow
def test_the_targets_pass(run: Run, core: Callable[[str], Path], newcomer: dict[str, str], tmp_path: Path) -> None:
    collection = tmp_path / "ansible_collections/openflash/storage"
    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (collection / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, collection / name)
    run("git", "init", "--quiet", ".", cwd=collection)
    run("git", "add", "--all", cwd=collection)
    path = os.pathsep.join((str(core("2.21")), os.environ["PATH"]))
    command = ("ansible-test", "integration", "--local", "--color", "no", "--continue-on-error")
    output = run(*command, cwd=collection, timeout=2400, **newcomer, PATH=path)
    assert "All assertions passed" in output
    assert "[WARNING]" not in output
