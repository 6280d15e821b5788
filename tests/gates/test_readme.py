# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands and playbooks of README.md, run unchanged in a copy of the checkout.

Commands are the lines of its ```shell blocks. `make test` runs this file, so it is not run again. `make demo` makes an
environment first, as `make test` does, so only `make test-slow` runs it. Every other command runs with the environment
of this checkout, and the collection that it installs runs in an empty home. The playbooks of its ```yaml blocks are
checked against the options of the modules by a syntax check.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Run = Callable[..., str]

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("shell") for line in block.splitlines() if line != "make test"]
DEMO = "make demo"


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Path:
    """A copy of the checkout with the files of a new clone."""
    folder = tmp_path / "clone"
    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def test_every_command_of_the_readme_succeeds(run: Run, copy: Path, newcomer: dict[str, str]) -> None:
    assert len(COMMANDS) > 1
    for command in COMMANDS:
        if command != DEMO:
            run("bash", "-euc", command, cwd=copy, **newcomer)


@pytest.mark.slow
def test_the_demonstration_runs_in_a_new_clone(run: Run, copy: Path, newcomer: dict[str, str]) -> None:
    assert DEMO in COMMANDS
    run("bash", "-euc", DEMO, cwd=copy, **newcomer)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_playbook_of_the_readme_is_valid(run: Run, tmp_path: Path, text: str) -> None:
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(text)
    assert yaml.safe_load(text)
    run("ansible-playbook", "--syntax-check", "--inventory", "localhost,", playbook)
