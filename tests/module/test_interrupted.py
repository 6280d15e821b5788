# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that gets SIGTERM ends at once, whatever it is doing, and its result has the steps that are not done."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest, Result

pytestmark = pytest.mark.wire

TIME_TO_END = 30.0
"""Seconds, far fewer than an answer takes here, and enough for a busy host."""
DELAY = 60.0
"""Seconds that the array takes for an answer in these tests, and that the module waits."""


def interrupt(
    array: ArrayUnderTest,
    folder: Path,
    module: str,
    args: dict[str, Any],
    is_busy: Callable[[], bool],
    number: signal.Signals = signal.SIGTERM,
) -> Result:
    """Run the module, send it the signal once ``is_busy`` returns true, and return its result."""
    options = {
        **array.connection,
        "timeout": DELAY,
        "_ansible_remote_tmp": str(folder),
        "_ansible_verbosity": 2,
        **args,
    }
    job = {"module": module, "args": options, "env": array.modules.environ, "cwd": str(folder)}
    with array.modules.started(job) as process:
        deadline = time.monotonic() + 60
        while not is_busy():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, process.communicate()
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(number)
        sent = time.monotonic()
        try:
            out, err = process.communicate(timeout=TIME_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"the module still runs: {process.communicate()}") from None
    assert out.strip().startswith("{"), f"no result {time.monotonic() - sent:.1f} s after the signal: {out} {err}"
    assert "Traceback" not in out + err
    result = Result(json.loads(out))
    assert result.failed
    assert process.returncode == 1
    assert result["error"]["kind"] == "interrupted"
    assert f"interrupted by signal {number.value} ({number.name})" in result.msg
    assert "Run the task again" in result["error"]["hint"]
    return result


@pytest.mark.common
def test_sigterm_ends_a_task_that_waits_for_the_answer_to_a_change(array: ArrayUnderTest, tmp_path: Path) -> None:
    interrupted_change(array, tmp_path, signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_other_signals_end_a_task_too(xtremio: ArrayUnderTest, tmp_path: Path, number: signal.Signals) -> None:
    interrupted_change(xtremio, tmp_path, number)


def interrupted_change(array: ArrayUnderTest, tmp_path: Path, number: signal.Signals) -> None:
    array.fault(kind="latency", seconds=DELAY, count=None, match={"write": True})
    args = {"name": "db1", "size": "10GiB"}
    result = interrupt(array, tmp_path, "flash_volume", args, lambda: sum(array.struck()) > 0, number)
    assert result.msg.startswith("Cannot create volume db1 of 10GiB on ")
    assert "not known whether the array has done it" in result.msg
    assert result["plan"] == []
    assert not result.changed
    (line,) = result["not_done"]
    assert line.startswith("create volume db1")
    assert result["api"]["writes"] == 1
    assert "interrupted" in [call["outcome"] for call in result["calls"]]


@pytest.mark.common
def test_sigterm_ends_a_task_that_reads(array: ArrayUnderTest, tmp_path: Path) -> None:
    array.fault(kind="latency", seconds=DELAY, count=None, skip=2)
    result = interrupt(array, tmp_path, "flash_facts", {"gather_subset": ["all"]}, lambda: sum(array.struck()) > 0)
    assert "ansible_facts" not in result


@pytest.mark.trust("tls", None)
@pytest.mark.common
def test_sigterm_ends_a_task_that_waits_for_a_busy_array(array: ArrayUnderTest, tmp_path: Path) -> None:
    array.fault(kind="busy", count=None, match={"write": True})
    args = {"name": "db1", "size": "10GiB", "wait_timeout": DELAY}
    result = interrupt(array, tmp_path, "flash_volume", args, lambda: sum(array.struck()) > 1)
    assert result.msg.startswith("Cannot create volume db1 of 10GiB on ")
    array.clear_faults()
    array.converges("flash_volume", name="db1", size="10GiB")


@pytest.mark.common
def test_sigterm_ends_a_task_with_several_threads(array: ArrayUnderTest, tmp_path: Path) -> None:
    """The steps that have begun end, and no other step begins."""
    array.fault(kind="latency", seconds=DELAY, count=None, match={"write": True})
    args = {"volumes": [{"name": f"db{n}", "size": "10GiB"} for n in range(9)], "max_concurrency": 3}
    result = interrupt(array, tmp_path, "flash_volume", args, lambda: sum(array.struck()) > 2)
    assert result["plan"] == []
    assert len(result["not_done"]) == 9
    unknown = [volume["name"] for volume in result["volumes"] if "not known" in volume["error"]["msg"]]
    not_begun = [volume["name"] for volume in result["volumes"] if "was not begun" in volume["error"]["msg"]]
    assert (len(unknown), len(not_begun)) == (3, 6)
    assert result["api"]["writes"] == 3


class Port:
    """A port that accepts connections and never answers, or closes the connections."""

    def __init__(self, listener: socket.socket) -> None:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        listener.setblocking(False)
        self._listener = listener
        self._links: list[socket.socket] = []
        self.number: int = listener.getsockname()[1]

    def is_connected(self) -> bool:
        """Whether a client has connected."""
        with suppress(BlockingIOError):
            self._links.append(self._listener.accept()[0])
        return bool(self._links)

    def has_closed_two(self) -> bool:
        """Close each connection; whether a client has connected a second time."""
        if self.is_connected():
            self._links[-1].close()
        return len(self._links) > 1


@pytest.fixture
def port() -> Iterator[Port]:
    with socket.socket() as listener:
        yield Port(listener)


@pytest.mark.common
def test_sigterm_ends_a_task_that_connects(array: ArrayUnderTest, tmp_path: Path, port: Port) -> None:
    args = {"name": "db1", "size": "10GiB", "port": port.number}
    result = interrupt(array, tmp_path, "flash_volume", args, port.is_connected)
    assert f"Cannot connect to 127.0.0.1:{port.number}: it was interrupted" in result.msg
    assert result["api"]["writes"] == 0


@pytest.mark.trust("ssh")
def test_sigterm_ends_a_task_that_waits_to_connect_again(array: ArrayUnderTest, tmp_path: Path, port: Port) -> None:
    args = {"name": "db1", "size": "10GiB", "port": port.number}
    result = interrupt(array, tmp_path, "flash_volume", args, port.has_closed_two)
    assert f"Cannot connect to 127.0.0.1:{port.number}: it was interrupted" in result.msg
