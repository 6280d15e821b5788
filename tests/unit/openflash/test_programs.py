# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of this host: their output, limits and end. The test process starts them as a service does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import programs
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.programs import (
    LARGEST_OUTPUT,
    Expired,
    Limits,
    run,
)


def python(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", script, *arguments]


def test_both_outputs_and_the_status_are_returned() -> None:
    result = run(["/bin/sh", "-c", "echo out; echo wrong >&2; exit 3"], 20)
    assert (result.status, result.stdout, result.stderr) == (3, b"out\n", b"wrong\n")
    assert (result.text, result.complaint) == ("out\n", "wrong")


def test_a_message_on_standard_output_is_reported_after_a_failure() -> None:
    assert run(["/bin/sh", "-c", "echo no such target; exit 1"], 20).complaint == "no such target"


def test_a_program_has_an_english_locale_and_no_input() -> None:
    result = run(["/bin/sh", "-c", "cat; echo $LC_ALL $LANG $EXTRA"], 20, environ={"EXTRA": "1", "LC_ALL": "de_DE"})
    assert result.text == "C C 1\n"


def test_a_program_inherits_only_the_named_descriptors(tmp_path: Path) -> None:
    (tmp_path / "named").write_text("content", encoding="utf-8")
    with open(tmp_path / "named", "rb") as named, open(tmp_path / "named", "rb") as other:
        os.set_inheritable(other.fileno(), True)
        script = (
            "import os, sys\n"
            "print(os.read(int(sys.argv[1]), 9))\n"
            "try: os.fstat(int(sys.argv[2]))\n"
            "except OSError: print(0)"
        )
        result = run(python(script, str(named.fileno()), str(other.fileno())), 20, [named.fileno()])
    assert result.text == "b'content'\n0\n"


def test_output_is_passed_on_while_the_program_runs(tmp_path: Path) -> None:
    """The program waits for a file that is created when its output arrives."""
    seen = tmp_path / "output-arrived"
    script = (
        "import os, sys, time\n"
        "os.write(1, b'half\\n')\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        "os.write(1, b'end\\n')"
    )

    def on_output(data: bytes) -> bytes:
        if b"half" in data:
            seen.touch()
        return data.replace(b"half\n", b"")

    assert run(python(script, str(seen)), 20, on_output=on_output).text == "end\n"


def test_only_the_beginning_of_very_long_output_is_kept() -> None:
    result = run(python("import sys\nsys.stdout.write('x' * 3000000)\nsys.stderr.write('y' * 3000000)"), 60)
    assert (len(result.stdout), len(result.stderr)) == (LARGEST_OUTPUT, LARGEST_OUTPUT)


def test_at_the_deadline_the_program_is_killed_with_its_children() -> None:
    script = "(echo $$; sleep 600) & echo $!; sleep 600"
    pids: list[int] = []

    def on_output(data: bytes) -> bytes:
        pids.extend(int(pid) for pid in data.split())
        return data

    with pytest.raises(Expired):
        run(["/bin/sh", "-c", script], 3.0, on_output=on_output)
    assert pids
    for pid in pids:
        _wait_until_ended(pid)


def test_an_exception_of_the_caller_ends_the_program() -> None:
    pids = []

    def on_output(data: bytes) -> bytes:
        pids.append(int(data))
        raise KeyError("from the caller")

    with pytest.raises(KeyError, match="from the caller"):
        run(["/bin/sh", "-c", "echo $$; exec sleep 600"], 20, on_output=on_output)
    _wait_until_ended(pids[0])


def test_the_wait_for_a_killed_program_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed program can remain in the kernel, where it waits for a disk that does not answer."""

    class Blocked(subprocess.Popen):  # type: ignore[type-arg]
        def poll(self) -> None:
            return None

        def wait(self, timeout: float | None = None) -> int:
            raise AssertionError("a wait without a limit")

    def start(arguments: list[str], _descriptors: Any, _environ: Any, watch: Callable[[Any], None]) -> int:
        process = Blocked(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout, process.stderr:
            try:
                watch(process)
            finally:
                subprocess.Popen.wait(process)
        raise AssertionError("the program has ended")

    monkeypatch.setattr(programs, "_start", start)
    monkeypatch.setattr(programs, "KILLED_WITHIN", 0.1)
    with pytest.raises(Expired):
        run(["/bin/sh", "-c", "exec sleep 600"], 0.2)


def _wait_until_ended(pid: int) -> None:
    deadline = time.monotonic() + 20
    while _runs(pid):
        assert time.monotonic() < deadline, f"the process {pid} still runs"
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")
def test_the_limits_of_a_program_are_enforced() -> None:
    huge = run(python("bytearray(512 * 1024**2)"), 60, limits=Limits(memory=256 * 1024**2))
    assert huge.status != 0
    assert "MemoryError" in huge.complaint
    busy = run(python("while True: pass"), 60, limits=Limits(processor=1))
    assert busy.status in (-signal.SIGXCPU, -signal.SIGKILL)
    assert run(python("print(1)"), 60, limits=Limits()).text == "1\n"


def test_a_program_with_limits_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """By SIGKILL, which the parent cannot handle."""
    script = (
        "import sys\n"
        "import tests.support.programs\n"
        "from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import programs\n"
        "def on_output(data):\n"
        "    print(int(data), flush=True)\n"
        "    import os, signal\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "command = ['/bin/sh', '-c', 'echo $$; exec sleep 600']\n"
        "programs.run(command, 60, limits=programs.Limits(), on_output=on_output)\n"
    )
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    result = run(python(script), 60, environ={"PYTHONPATH": paths})
    assert result.status == -signal.SIGKILL
    _wait_until_ended(int(result.text))


def test_a_program_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run([str(tmp_path / "none")], 20)
    (tmp_path / "file").touch()
    with pytest.raises(PermissionError):
        run([str(tmp_path / "file")], 20)
