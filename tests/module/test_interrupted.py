# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that is asked to end (SIGTERM) ends at once, whatever it is at, and its result says what it has not done."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.module.arrays import ROOT, ArrayUnderTest, Result

pytestmark = pytest.mark.wire

PROMPTLY = 30.0
"""Seconds: far less than an answer takes here, and enough for a busy host."""
LATE = 60.0
"""Seconds that the array takes for an answer in these tests; the module would wait as long."""


def struck(array: ArrayUnderTest) -> int:
    """How many requests have met the faults of the array."""
    url = f"{array.simulator.endpoints['control']}/arrays/{array.row.name}/faults"
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
        return sum(fault["struck"] for fault in json.loads(answer.read()))


def interrupt(
    array: ArrayUnderTest,
    folder: Path,
    module: str,
    args: dict[str, Any],
    begun: Callable[[], bool],
    number: signal.Signals = signal.SIGTERM,
) -> Result:
    """Run the module, send it the signal once ``begun`` holds, and return its result."""
    given = {**array.connection, "timeout": LATE, "_ansible_remote_tmp": str(folder), "_ansible_verbosity": 2, **args}
    order = {"module": module, "args": given, "env": array.modules.environ, "cwd": str(folder)}
    command = [sys.executable, str(ROOT / "tests/module/forks.py"), "--once"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=array.modules.environ,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order))
        process.stdin.close()
        process.stdin = None
        deadline = time.monotonic() + 60
        while not begun():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, process.communicate()
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(number)
        sent = time.monotonic()
        try:
            out, err = process.communicate(timeout=PROMPTLY)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"it goes on: {process.communicate()}") from None
    assert out.strip().startswith("{"), f"no result {time.monotonic() - sent:.1f} s after the signal: {out} {err}"
    assert "Traceback" not in out + err
    result = Result(json.loads(out))
    assert result.failed
    assert process.returncode == 1
    assert result["error"]["kind"] == "interrupted"
    assert f"interrupted by signal {number.value} ({number.name})" in result.msg
    assert "Run the task again" in result["error"]["hint"]
    return result


def test_while_a_change_is_under_way(array: ArrayUnderTest, tmp_path: Path) -> None:
    interrupted_change(array, tmp_path, signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_by_another_signal(xtremio: ArrayUnderTest, tmp_path: Path, number: signal.Signals) -> None:
    interrupted_change(xtremio, tmp_path, number)


def interrupted_change(array: ArrayUnderTest, tmp_path: Path, number: signal.Signals) -> None:
    array.fault(kind="latency", seconds=LATE, count=None, match={"write": True})
    args = {"name": "db1", "size": "10GiB"}
    result = interrupt(array, tmp_path, "flash_volume", args, lambda: struck(array) > 0, number)
    assert result.msg.startswith("Cannot create volume db1 of 10GiB on ")
    assert "not known whether the array has done it" in result.msg
    assert result["plan"] == []
    assert not result.changed
    (line,) = result["not_done"]
    assert line.startswith("create volume db1")
    assert result["api"]["writes"] == 1
    assert "interrupted" in [call["outcome"] for call in result["calls"]]


def test_while_something_is_read(array: ArrayUnderTest, tmp_path: Path) -> None:
    array.fault(kind="latency", seconds=LATE, count=None, skip=2)
    result = interrupt(array, tmp_path, "flash_facts", {"gather_subset": ["all"]}, lambda: struck(array) > 0)
    assert "ansible_facts" not in result


@pytest.mark.trust("tls", None)
def test_while_it_waits_for_a_busy_array(array: ArrayUnderTest, tmp_path: Path) -> None:
    array.fault(kind="busy", count=None, match={"write": True})
    args = {"name": "db1", "size": "10GiB", "wait_timeout": LATE}
    result = interrupt(array, tmp_path, "flash_volume", args, lambda: struck(array) > 1)
    assert result.msg.startswith("Cannot create volume db1 of 10GiB on ")
    array.clear_faults()
    array.converges("flash_volume", name="db1", size="10GiB")


def test_while_several_threads_are_at_work(array: ArrayUnderTest, tmp_path: Path) -> None:
    """Those that have begun end, and no other begins."""
    array.fault(kind="latency", seconds=LATE, count=None, match={"write": True})
    args = {"volumes": [{"name": f"db{n}", "size": "10GiB"} for n in range(9)], "max_concurrency": 3}
    result = interrupt(array, tmp_path, "flash_volume", args, lambda: struck(array) > 2)
    assert result["plan"] == []
    assert len(result["not_done"]) == 9
    unknown = [one["name"] for one in result["volumes"] if "not known" in one["error"]["msg"]]
    idle = [one["name"] for one in result["volumes"] if "was not begun" in one["error"]["msg"]]
    assert (len(unknown), len(idle)) == (3, 6)
    assert result["api"]["writes"] == 3


class Port:
    """Takes connections, and says nothing or hangs up."""

    def __init__(self, listener: socket.socket) -> None:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        listener.setblocking(False)
        self._listener = listener
        self._links: list[socket.socket] = []
        self.number: int = listener.getsockname()[1]

    def taken(self) -> bool:
        """Whether somebody has connected."""
        with suppress(BlockingIOError):
            self._links.append(self._listener.accept()[0])
        return bool(self._links)

    def hung_up_twice(self) -> bool:
        if self.taken():
            self._links[-1].close()
        return len(self._links) > 1


@pytest.fixture
def port() -> Iterator[Port]:
    with socket.socket() as listener:
        yield Port(listener)


def test_while_it_connects(array: ArrayUnderTest, tmp_path: Path, port: Port) -> None:
    args = {"name": "db1", "size": "10GiB", "port": port.number}
    result = interrupt(array, tmp_path, "flash_volume", args, port.taken)
    assert f"Cannot connect to 127.0.0.1:{port.number}: it was interrupted" in result.msg
    assert result["api"]["writes"] == 0


@pytest.mark.trust("ssh")
def test_while_it_waits_to_connect_again(array: ArrayUnderTest, tmp_path: Path, port: Port) -> None:
    args = {"name": "db1", "size": "10GiB", "port": port.number}
    result = interrupt(array, tmp_path, "flash_volume", args, port.hung_up_twice)
    assert f"Cannot connect to 127.0.0.1:{port.number}: it was interrupted" in result.msg
