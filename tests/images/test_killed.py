# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed, at any moment, leaves nothing half-written under the final name, and the next one converges."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.images.lab import MIB, Lab
from tests.module.arrays import ROOT
from tests.support.running import wait_until

# Runs the module, and dies right after the write to the array whose number it is given.
DYING = """
import os, sys
sys.argv, number = sys.argv[:1], int(sys.argv[1])
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import journal
append, left = journal.Journal.append, [number]
def dying(self, *args, **kwargs):
    result = append(self, *args, **kwargs)
    if kwargs.get("write") and not kwargs.get("session"):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), 9)
    return result
journal.Journal.append = dying
sys.path.insert(0, os.environ["FORKS"])
import forks, json
forks.run(json.loads(sys.stdin.read()))
"""


# Takes the place of qemu-img in one phase of a run: copies 1 MiB in a second, and compares only when it may.
SLOW = """\
#!/bin/sh
verb=$1
shift
if grep -q '"phase": "{phase}"' '{progress}'; then
    case $verb in
    convert) set -- -r 1M "$@" ;;
    compare) while [ -e '{hold}' ]; do sleep 0.02; done ;;
    esac
fi
exec '{program}' "$verb" "$@"
"""


def order(lab: Lab, environ: dict[str, str] | None = None, **args: Any) -> str:
    given = {**lab.array.connection, **lab.args(**args), "_ansible_remote_tmp": str(lab.folder)}
    env = {**lab.array.modules.environ, **(environ or {})}
    return json.dumps({"module": "flash_image", "args": given, "env": env, "cwd": str(lab.folder)})


def environ(lab: Lab) -> dict[str, str]:
    return {**lab.array.modules.environ, "FORKS": str(ROOT / "tests/module")}


def run_and_die(lab: Lab, number: int, **args: Any) -> bool:
    """Whether it died; else it has come to its end."""
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(number)],
        input=order(lab, **args),
        text=True,
        capture_output=True,
        env=environ(lab),
        timeout=60,
        check=False,
    )
    if done.returncode == -signal.SIGKILL:
        return True
    assert json.loads(done.stdout)["changed"] is True, done.stdout + done.stderr
    return False


@contextmanager
def running(lab: Lab, phase: str, **args: Any) -> Iterator[subprocess.Popen[str]]:
    """A run in the midst of that phase, which does not end by itself for as long as a test looks: 32 MiB take half a
    minute to copy, and a comparison waits for ``go_on``.
    """
    progress, bin_dir = lab.folder / "progress.json", lab.folder / "bin"
    progress.unlink(missing_ok=True)
    program = shutil.which("qemu-img", path=lab.array.modules.environ["PATH"])
    bin_dir.mkdir()
    slow = bin_dir / "qemu-img"
    slow.write_text(SLOW.format(phase=phase, progress=progress, hold=lab.folder / "hold", program=program))
    slow.chmod(0o700)
    (lab.folder / "hold").touch()
    path = f"{bin_dir}{os.pathsep}{lab.array.modules.environ['PATH']}"
    command = [sys.executable, str(ROOT / "tests/module/forks.py"), "--once"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ(lab)
    ) as process:
        assert process.stdin is not None
        process.stdin.write(order(lab, {"PATH": path}, progress_file=progress, **args))
        process.stdin.close()
        process.stdin = None

        def begun() -> bool:
            ended = process.poll() is not None
            assert not ended, f"it ended before the phase {phase}\n{process.communicate()}"
            told = json.loads(progress.read_text()) if progress.exists() else {"phase": None}
            if told["phase"] != phase:
                return False
            return told["percent"] > 0 if phase == "copying" else children(process.pid) != []

        try:
            wait_until(begun, 60, f"it did not come to the phase {phase}")
            yield process
        finally:
            process.kill()  # nothing, unless the test has failed


def go_on(lab: Lab) -> None:
    (lab.folder / "hold").unlink()


def children(pid: int) -> list[int]:
    done = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    listed = done.stdout
    return [int(row.split()[0]) for row in listed.splitlines() if int(row.split()[1]) == pid]


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
def test_killed_after_any_write_the_next_run_converges(lab: Lab) -> None:
    kill_after_each_write(lab)


def test_killed_after_some_writes_the_next_run_converges(xtremio: Lab) -> None:
    kill_after_each_write(xtremio, step=6)


def kill_after_each_write(lab: Lab, step: int = 1) -> None:
    """At all times the name leads to a whole image, the old one or the new one, or to nothing."""
    images = [lab.raw(f"{seed}.raw", MIB, seed=seed) for seed in (1, 2)]
    contents = []
    for image in images:
        lab.imported(image, keep_old=0)
        contents.append(lab.content("golden"))
    number, turn, killed = 1 - step, 0, True
    while killed:
        image, whole = images[turn % 2], contents[turn % 2]
        number, turn = number + step, turn + 1
        killed = run_and_die(lab, number, path=image, keep_old=0)
        if "golden" in lab.volumes():
            assert lab.content("golden") in contents, f"killed after write {number}: half an image"
        lab.imported(image, keep_old=0)
        assert lab.content("golden") == whole, f"killed after write {number}"
        assert lab.volumes() == {"golden"}, f"killed after write {number}"
    assert number >= 7


@pytest.mark.few
def test_killed_while_bytes_move_no_program_goes_on(lab: Lab) -> None:
    source = lab.raw(size=32 * MIB)
    with running(lab, "copying", path=source) as process:
        programs = children(process.pid)
        assert programs
        process.kill()
        process.wait(60)
    wait_until(lambda: not alive(programs), 30, f"programs go on: {programs}")
    assert "golden" not in lab.volumes()
    assert lab.imported(source).changed
    assert lab.volumes() == {"golden"}


@pytest.mark.few
@pytest.mark.parametrize("phase", ["copying", "verifying"])
def test_a_run_that_is_asked_to_end_takes_everything_away(lab: Lab, phase: str) -> None:
    """And the volume that had the name has it still, as it was."""
    lab.imported(lab.raw("1.raw", seed=1))
    content = lab.content("golden")
    with running(lab, phase, path=lab.raw("2.raw", size=32 * MIB, seed=2)) as process:
        programs = asked_to_end(process)
    assert alive(programs) == []
    lab.nothing_left()
    assert lab.volumes() == {"golden"}
    assert lab.content("golden") == content


@pytest.mark.few
def test_an_export_that_is_asked_to_end_leaves_no_part_of_a_file(lab: Lab) -> None:
    lab.imported(lab.raw(size=32 * MIB))
    out = lab.folder / "out" / "image.qcow2"
    out.parent.mkdir()
    with running(lab, "copying", path=out, state="exported") as process:
        programs = asked_to_end(process)
    assert alive(programs) == []
    lab.nothing_left()
    assert list(out.parent.iterdir()) == []
    assert lab.volumes() == {"golden"}


def test_a_kernel_path_is_taken_away_when_the_run_is_asked_to_end(violin: Lab) -> None:
    """Disk, mapping and host go, in this order; nothing_left looks for each of them."""
    with running(violin, "copying", path=violin.raw(size=32 * MIB)) as process:
        asked_to_end(process)
    violin.nothing_left()
    assert violin.volumes() == set()


def asked_to_end(process: subprocess.Popen[str]) -> list[int]:
    """Send SIGTERM while a copy is on its way; the programs that copied."""
    programs = children(process.pid)
    assert programs
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    told = json.loads(out)
    assert told["failed"] is True, out + err
    assert told["changed"] is False, out + err
    assert told["error"]["kind"] == "interrupted"
    assert "interrupted by signal 15" in told["msg"]
    return programs


@pytest.mark.few
def test_a_swap_that_is_refused_leaves_nothing_that_a_later_task_could_give_the_name(lab: Lab) -> None:
    """A host takes the volume while its successor is verified; afterwards it is deleted, and is to stay deleted."""
    lab.imported(lab.raw("1.raw", seed=1))
    content = lab.content("golden")
    with running(lab, "verifying", path=lab.raw("2.raw", seed=2)) as process:
        lab.map_elsewhere("golden")
        go_on(lab)
        out, err = process.communicate(timeout=60)
    told = json.loads(out)
    if lab.array.capabilities.mappings_known == "of_all_hosts":
        assert told["failed"] is True, out + err
        assert "mapped to host other" in told["msg"], out + err
        assert told["changed"] is False
        assert lab.volumes() == {"golden"}
        assert lab.content("golden") == content
    lab.nothing_left()
    lab.done("flash_host_map", host="other", volume="golden", state="absent", connection=lab.plain)
    lab.done("flash_volume", name="golden", state="absent", **lab.array.unused)
    lab.imported(lab.raw("3.raw", seed=3), name="another")
    assert "golden" not in lab.volumes()


def test_a_second_run_keeps_off_while_the_first_lives(dsware: Lab) -> None:
    source = dsware.raw()
    with running(dsware, "verifying", path=source) as process:
        result = dsware.run(path=source)
        go_on(dsware)
        assert result.failed
        assert result["error"]["kind"] == "busy"
        assert "another run" in result.msg
        out, err = process.communicate(timeout=60)
    assert json.loads(out)["changed"] is True, err
    dsware.nothing_left()
    assert dsware.volumes() == {"golden"}


@pytest.mark.few
def test_what_a_run_on_another_host_left_goes_when_it_is_dead(lab: Lab) -> None:
    """It is known by its name; as long as it is young, or mapped, somebody may be at work on it."""
    from ansible_collections.openflash.storage.plugins.module_utils.openflash.images.work import new_name

    source = lab.raw()
    young, old, other = new_name("golden", time.time()), new_name("golden", time.time() - 700), new_name("else", 1000)
    for name in (young, old, other):
        lab.done("flash_volume", name=name, size="1GiB")
    result = lab.run(path=source)
    assert result.failed
    assert result["error"]["kind"] == "busy"
    assert young in result.msg
    lab.done("flash_volume", name=young, state="absent", **lab.array.unused)
    lab.map_elsewhere(old)
    if lab.array.capabilities.mappings_known == "of_all_hosts":
        result = lab.run(path=source)
        assert result.failed
        assert "it is mapped to host other" in result.msg
    lab.done("flash_host_map", host="other", volume=old, state="absent", connection=lab.plain)
    assert not lab.run(path=source).failed
    assert lab.volumes() == {"golden", other}
