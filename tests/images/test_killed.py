# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed or terminated leaves no incomplete volume under the final name, and the next run completes."""

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

# Runs the module, and kills itself right after the write to the array whose number is its argument.
DYING = """
import os, sys
sys.argv, number = sys.argv[:1], int(sys.argv[1])
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import journal
append, remaining = journal.Journal.append, [number]
def dying(self, *args, **kwargs):
    result = append(self, *args, **kwargs)
    if kwargs.get("write") and not kwargs.get("session"):
        remaining[0] -= 1
        if remaining[0] == 0:
            os.kill(os.getpid(), 9)
    return result
journal.Journal.append = dying
sys.path.insert(0, os.environ["FORKS"])
import forks, json
forks.run(json.loads(sys.stdin.read()))
"""


# Replaces qemu-img in one phase of a run: it copies 1 MiB in a second, and compares once the file `hold` is removed.
SLOW_QEMU_IMG = """\
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


def job_of(lab: Lab, environ: dict[str, str] | None = None, **args: Any) -> dict[str, Any]:
    """A job of forks.py."""
    options = {**lab.array.connection, **lab.args(**args), "_ansible_remote_tmp": str(lab.folder)}
    env = {**lab.array.modules.environ, **(environ or {})}
    return {"module": "flash_image", "args": options, "env": env, "cwd": str(lab.folder)}


def environ(lab: Lab) -> dict[str, str]:
    return {**lab.array.modules.environ, "FORKS": str(ROOT / "tests/module")}


def run_with_kill(lab: Lab, number: int, **args: Any) -> bool:
    """Whether the run was killed; otherwise it has ended by itself."""
    completed = subprocess.run(
        [sys.executable, "-c", DYING, str(number)],
        input=json.dumps(job_of(lab, **args)),
        text=True,
        capture_output=True,
        env=environ(lab),
        timeout=60,
        check=False,
    )
    if completed.returncode == -signal.SIGKILL:
        return True
    assert json.loads(completed.stdout)["changed"] is True, completed.stdout + completed.stderr
    return False


@contextmanager
def running(lab: Lab, phase: str, **args: Any) -> Iterator[subprocess.Popen[str]]:
    """A run that stays in this phase: 32 MiB take half a minute to copy, and a comparison waits for ``release``."""
    progress, bin_dir = lab.folder / "progress.json", lab.folder / "bin"
    progress.unlink(missing_ok=True)
    program = shutil.which("qemu-img", path=lab.array.modules.environ["PATH"])
    bin_dir.mkdir()
    program_file = bin_dir / "qemu-img"
    program_file.write_text(
        SLOW_QEMU_IMG.format(phase=phase, progress=progress, hold=lab.folder / "hold", program=program)
    )
    program_file.chmod(0o700)
    (lab.folder / "hold").touch()
    path = f"{bin_dir}{os.pathsep}{lab.array.modules.environ['PATH']}"
    job = job_of(lab, {"PATH": path}, progress_file=progress, **args)
    with lab.array.modules.started(job) as process:

        def is_in_phase() -> bool:
            ended = process.poll() is not None
            assert not ended, f"the run ended before the phase {phase}\n{process.communicate()}"
            report = json.loads(progress.read_text()) if progress.exists() else {"phase": None}
            if report["phase"] != phase:
                return False
            return report["percent"] > 0 if phase == "copying" else children(process.pid) != []

        wait_until(is_in_phase, 60, f"the run did not reach the phase {phase}")
        yield process


def release(lab: Lab) -> None:
    (lab.folder / "hold").unlink()


def children(pid: int) -> list[int]:
    completed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=False, timeout=120)
    assert completed.returncode == 0, completed.stderr
    return [int(row.split()[0]) for row in completed.stdout.splitlines() if int(row.split()[1]) == pid]


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
def test_after_a_kill_at_any_write_the_next_run_completes_the_import(lab: Lab) -> None:
    kill_after_each_write(lab)


def test_after_a_kill_at_some_writes_the_next_run_completes_the_import(xtremio: Lab) -> None:
    kill_after_each_write(xtremio, step=6)


def kill_after_each_write(lab: Lab, step: int = 1) -> None:
    """At all times the volume is absent, or has the complete old image or the complete new image."""
    images = [lab.raw(f"{seed}.raw", MIB, seed=seed) for seed in (1, 2)]
    contents = []
    for image in images:
        lab.imported(image, keep_old=0)
        contents.append(lab.content("golden"))
    number, runs, killed = 1 - step, 0, True
    while killed:
        image, expected = images[runs % 2], contents[runs % 2]
        number, runs = number + step, runs + 1
        killed = run_with_kill(lab, number, path=image, keep_old=0)
        if "golden" in lab.volumes():
            assert lab.content("golden") in contents, f"killed after write {number}: an incomplete image"
        lab.imported(image, keep_old=0)
        assert lab.content("golden") == expected, f"killed after write {number}"
        assert lab.volumes() == {"golden"}, f"killed after write {number}"
    assert number >= 7


@pytest.mark.few
def test_when_a_run_is_killed_during_a_copy_its_programs_end(lab: Lab) -> None:
    source = lab.raw(size=32 * MIB)
    with running(lab, "copying", path=source) as process:
        programs = children(process.pid)
        assert programs
        process.kill()
        process.wait(60)
    wait_until(lambda: not alive(programs), 30, f"programs still run: {programs}")
    assert "golden" not in lab.volumes()
    assert lab.imported(source).changed
    assert lab.volumes() == {"golden"}


@pytest.mark.few
@pytest.mark.parametrize("phase", ["copying", "verifying"])
def test_a_terminated_run_removes_everything_that_it_created(lab: Lab, phase: str) -> None:
    """The existing volume keeps its name and content."""
    lab.imported(lab.raw("1.raw", seed=1))
    content = lab.content("golden")
    with running(lab, phase, path=lab.raw("2.raw", size=32 * MIB, seed=2)) as process:
        programs = terminate(process)
    assert alive(programs) == []
    lab.assert_nothing_unfinished()
    assert lab.volumes() == {"golden"}
    assert lab.content("golden") == content


@pytest.mark.few
def test_a_terminated_export_leaves_no_part_of_a_file(lab: Lab) -> None:
    lab.imported(lab.raw(size=32 * MIB))
    out = lab.folder / "out" / "image.qcow2"
    out.parent.mkdir()
    with running(lab, "copying", path=out, state="exported") as process:
        programs = terminate(process)
    assert alive(programs) == []
    lab.assert_nothing_unfinished()
    assert list(out.parent.iterdir()) == []
    assert lab.volumes() == {"golden"}


def test_a_terminated_run_removes_disk_mapping_and_host_of_a_kernel_path(violin: Lab) -> None:
    """Disk, mapping and host are removed in this order."""
    with running(violin, "copying", path=violin.raw(size=32 * MIB)) as process:
        terminate(process)
    violin.assert_nothing_unfinished()
    assert violin.volumes() == set()


def terminate(process: subprocess.Popen[str]) -> list[int]:
    """Send SIGTERM while programs copy or compare, and return the ids of these programs."""
    programs = children(process.pid)
    assert programs
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    result = json.loads(out)
    assert result["failed"] is True, out + err
    assert result["changed"] is False, out + err
    assert result["error"]["kind"] == "interrupted"
    assert "interrupted by signal 15" in result["msg"]
    return programs


@pytest.mark.few
def test_after_a_refused_swap_no_later_task_gives_the_name_to_the_new_volume(lab: Lab) -> None:
    """The volume is mapped while its successor is verified. Later it is deleted, and must stay deleted."""
    lab.imported(lab.raw("1.raw", seed=1))
    content = lab.content("golden")
    with running(lab, "verifying", path=lab.raw("2.raw", seed=2)) as process:
        lab.map_to_another_host("golden")
        release(lab)
        out, err = process.communicate(timeout=60)
    result = json.loads(out)
    if lab.array.capabilities.mappings_known == "of_all_hosts":
        assert result["failed"] is True, out + err
        assert "mapped to host other" in result["msg"], out + err
        assert result["changed"] is False
        assert lab.volumes() == {"golden"}
        assert lab.content("golden") == content
    lab.assert_nothing_unfinished()
    lab.done("flash_host_map", host="other", volume="golden", state="absent", connection=lab.without_tool)
    lab.done("flash_volume", name="golden", state="absent", **lab.array.assume_unmapped)
    lab.imported(lab.raw("3.raw", seed=3), name="another")
    assert "golden" not in lab.volumes()


def test_a_second_run_is_refused_while_the_first_runs(dsware: Lab) -> None:
    source = dsware.raw()
    with running(dsware, "verifying", path=source) as process:
        result = dsware.run(path=source)
        release(dsware)
        assert result.failed
        assert result["error"]["kind"] == "busy"
        assert "another run" in result.msg
        out, err = process.communicate(timeout=60)
    assert json.loads(out)["changed"] is True, err
    dsware.assert_nothing_unfinished()
    assert dsware.volumes() == {"golden"}


@pytest.mark.few
def test_an_unfinished_volume_of_another_host_is_removed_when_old_and_unmapped(lab: Lab) -> None:
    """Its name shows what it is. While it is young or mapped, another run may still use it."""
    from ansible_collections.openflash.storage.plugins.module_utils.openflash.images.work import new_name

    source = lab.raw()
    young, old, other = new_name("golden", time.time()), new_name("golden", time.time() - 700), new_name("else", 1000)
    for name in (young, old, other):
        lab.done("flash_volume", name=name, size="1GiB")
    result = lab.run(path=source)
    assert result.failed
    assert result["error"]["kind"] == "busy"
    assert young in result.msg
    lab.done("flash_volume", name=young, state="absent", **lab.array.assume_unmapped)
    lab.map_to_another_host(old)
    if lab.array.capabilities.mappings_known == "of_all_hosts":
        result = lab.run(path=source)
        assert result.failed
        assert "it is mapped to host other" in result.msg
    lab.done("flash_host_map", host="other", volume=old, state="absent", connection=lab.without_tool)
    assert not lab.run(path=source).failed
    assert lab.volumes() == {"golden", other}
