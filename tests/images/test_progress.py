# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a long copy is displayed by ansible-playbook while the task runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.images.lab import Lab
from tests.module.playbooks import ROOT, Player
from tests.support.running import join

# Replaces qemu-img: it reports 41 % of a copy, and makes it once the file `hold` is removed.
HELD_QEMU_IMG = """\
#!/bin/sh
if [ "$1" = convert ]; then
    while [ -e '{hold}' ]; do
        printf '    (41.00/100%%)\\r'
        sleep 0.1
    done
fi
exec '{program}' "$@"
"""


LINE = re.compile(r"\[localhost\] golden: 41 %, [\d.]+ [KM]?i?B/s(, [\d hmins]+ left)?\n")


@contextmanager
def playing(lab: Lab, task: dict[str, Any], *options: str) -> Iterator[subprocess.Popen[str]]:
    """ansible-playbook with this task, whose copy is held until ``hold`` in the folder is removed."""
    player, bin_dir = Player(lab.folder), lab.folder / "bin"
    bin_dir.mkdir()
    environ = player.environ(PYTHONUNBUFFERED="1")  # Ansible itself buffers what it writes into a pipe
    program = shutil.which("qemu-img", path=environ["PATH"])
    hold = lab.folder / "hold"
    hold.touch()
    (bin_dir / "qemu-img").write_text(HELD_QEMU_IMG.format(hold=hold, program=program))
    (bin_dir / "qemu-img").chmod(0o700)
    environ["PATH"] = f"{bin_dir}{os.pathsep}{environ['PATH']}"
    command = player.write([task], lab.array.connection)
    with subprocess.Popen(
        [*command, *options],
        cwd=lab.folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            hold.unlink(missing_ok=True)
            process.terminate()


def left_in(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if "progress" in path.name]


def test_the_progress_is_displayed_while_the_task_runs(dsware: Lab) -> None:
    """In the normal output, of a task with a secret, and nothing of it is in the result or left in a file."""
    connection = {**dsware.array.connection}
    task = {
        "openflash.storage.flash_image": dsware.args(path=dsware.raw()),
        "register": "imported",
    }
    lines: list[str] = []
    seen = threading.Event()

    def read(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if LINE.fullmatch(line):
                seen.set()

    with playing(dsware, task, "-v") as process:
        reader = threading.Thread(target=read, args=[process], daemon=True)
        reader.start()
        assert seen.wait(600), "".join(lines)
        (dsware.folder / "hold").unlink()
        join(reader)
        status = process.wait(timeout=60)
    output = "".join(lines)
    assert status == 0, output
    assert "openflash_progress" not in output
    assert str(connection["password"]) not in output
    assert dsware.volumes() == {"golden"}
    assert left_in(dsware.folder / "home") == []


def tasks_of_the_guide() -> list[dict[str, Any]]:
    """The recipe for a copy in the background."""
    text = (ROOT / "docs/docsite/rst/guide_images.rst").read_text(encoding="utf-8")
    blocks = re.findall(r"^\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    (block,) = [block for block in blocks if "async_status" in block]
    tasks: list[dict[str, Any]] = yaml.safe_load(textwrap.dedent(block))
    return tasks


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
def test_a_copy_in_the_background_is_awaited_without_a_line_for_each_attempt(dsware: Lab, fails: bool) -> None:
    """As the guide shows it; nothing looks like a failure unless it is one."""
    tasks = tasks_of_the_guide()
    image = next(task for task in tasks if "openflash.storage.flash_image" in task)
    progress_file = dsware.folder / "progress.json"
    path = dsware.folder / "missing.raw" if fails else dsware.raw()
    image["openflash.storage.flash_image"] = dsware.args(path=path, progress_file=progress_file)
    # Without it, one task looks in this test's home and another one in the user's own
    env = {"ANSIBLE_ASYNC_DIR": str(dsware.folder / "async")}
    played = Player(dsware.folder).play(tasks, dsware.array.connection, **env)
    assert "RETRYING" not in played.output
    assert (played.rc != 0) == fails, played.output
    assert ("there is no image" in played.output) == fails, played.output
    assert json.loads(progress_file.read_text(encoding="utf-8"))["phase"] == ("failed" if fails else "done")
    assert dsware.volumes() == (set() if fails else {"golden"})


@pytest.mark.slow
def test_a_secret_in_the_name_of_a_volume_is_not_displayed(dsware: Lab) -> None:
    password = str(dsware.array.connection["password"])
    task = {"openflash.storage.flash_image": dsware.args(name=f"golden-{password}-1", path=dsware.raw())}
    with playing(dsware, task) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("[localhost] ") and "41 %" in line)
    assert password not in line


@pytest.mark.slow
def test_a_playbook_that_is_stopped_stops_the_copy(dsware: Lab) -> None:
    """As without the lines: the module gets the signal too, and removes what it has made."""
    with playing(dsware, {"openflash.storage.flash_image": dsware.args(path=dsware.raw())}) as process:
        assert process.stdout is not None
        assert any(line.startswith("[localhost] golden: 41 %") for line in process.stdout)
        process.terminate()
        process.communicate(timeout=120)
        # The module removes it after the playbook has ended
        deadline = time.monotonic() + 60
        while dsware.volumes() and time.monotonic() < deadline:
            time.sleep(0.2)
    assert dsware.volumes() == set()
