# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule about the unfinished objects of earlier runs: see unfinished.py."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import unfinished
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Busy

NOW = 1795231218.9


def stamp_of_this_process(age: float = 0.0) -> unfinished.Stamp:
    """The stamp of a copy whose run has ended while its process still runs."""
    with unfinished.begin(time.time() - age) as stamp:
        return stamp


def stamp_of_another_host(age: float) -> unfinished.Stamp:
    """The stamp of a run on another host."""
    stamp = stamp_of_this_process(age)
    other = unfinished.parse(stamp.text.replace(stamp.place, "elsewh"))
    assert other is not None
    return other


def test_a_stamp_can_be_written_and_read() -> None:
    with unfinished.begin(NOW) as stamp:
        assert len(stamp.text) == unfinished.LENGTH
        assert unfinished.parse(stamp.text) == stamp
        assert unfinished.find("vol1.of-" + stamp.text) == stamp
        assert (stamp.when, stamp.pid, stamp.since) == (int(NOW), os.getpid(), "2026-11-21T03:20:18Z")
        assert stamp.age(NOW + 60) == 60 + NOW - int(NOW)


@pytest.mark.parametrize("text", ["", "x", "0" * 24, "0" * 26, "A" * 25, "vol1.of-" + "-" * 25])
def test_other_texts_are_not_stamps(text: str) -> None:
    assert unfinished.parse(text) is None
    assert unfinished.find("of-" + text[:20]) is None


def test_two_copies_of_one_process_have_different_stamps() -> None:
    with unfinished.begin(NOW) as first, unfinished.begin(NOW) as second:
        assert first.text != second.text


def test_a_copy_is_in_progress_until_its_block_ends() -> None:
    with unfinished.begin() as stamp:
        assert stamp.alive() is True
    assert stamp.alive() is False


def test_a_copy_is_in_progress_until_its_process_ends() -> None:
    script = (
        "import sys; from ansible_collections.openflash.storage.plugins.module_utils.openflash import unfinished\n"
        "with unfinished.begin() as stamp:\n print(stamp.text, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
    ) as process:
        assert process.stdout is not None
        stamp = unfinished.parse(process.stdout.readline().strip())
        assert stamp is not None
        assert stamp.pid == process.pid
        assert stamp.alive() is True
        with pytest.raises(Busy, match="nother run began this copy") as caught:
            unfinished.may_resume(stamp, 0.0, "volume x", True)
        assert f"process {process.pid}" in str(caught.value.hint)
        process.kill()
        # The copy has ended with the zombie already, and still after the wait
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert stamp.alive() is False
        process.wait(60)
    assert stamp.alive() is False


def test_a_later_process_with_the_same_id_does_not_count() -> None:
    with unfinished.begin() as stamp:
        pass
    other = stamp._replace(text=stamp.text[:-7] + "zzzzzzz", start="zzzz", pid=os.getppid())
    assert other.alive() is False


def test_a_run_on_another_host_counts_as_active_for_wait_timeout() -> None:
    stamp = stamp_of_another_host(100)
    assert stamp.alive() is None
    assert not unfinished.is_over(stamp, 200)
    assert unfinished.is_over(stamp, 50)
    with pytest.raises(Busy, match=r"began this copy 10\d s ago, as volume x") as caught:
        unfinished.may_resume(stamp, 200, "volume x", True)
    assert "again in" in str(caught.value.hint)


def test_a_run_on_a_host_whose_clock_is_ahead_counts_as_active() -> None:
    assert not unfinished.is_over(stamp_of_another_host(-3600), 600)
    with pytest.raises(Busy) as caught:
        unfinished.may_resume(stamp_of_another_host(-3600), 600, "volume x", True)
    seconds = re.search(r"run the task again in (\d+) s", str(caught.value.hint))
    assert seconds is not None
    assert 4100 < int(seconds.group(1)) <= 4201


def test_without_process_information_it_is_unknown_whether_a_run_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished, "_place", lambda: unfinished._NOWHERE)
    monkeypatch.setattr(unfinished, "_start_of", lambda pid: None)
    stamp = stamp_of_this_process()
    assert stamp.alive() is None


@pytest.mark.parametrize(
    ("age", "same_request", "resumed"),
    [
        (0, True, True),
        (unfinished.RESUME_WITHIN - 100, True, True),
        (unfinished.RESUME_WITHIN + 1, True, False),
        (0, False, False),
    ],
)
@pytest.mark.parametrize("here", [True, False])
def test_only_a_recent_copy_of_the_same_request_is_resumed(
    age: float, same_request: bool, resumed: bool, here: bool
) -> None:
    stamp = stamp_of_this_process(age) if here else stamp_of_another_host(age)
    assert unfinished.may_resume(stamp, 0.0, "volume x", same_request) is resumed
