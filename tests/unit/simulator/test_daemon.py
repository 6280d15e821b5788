# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands start, stop, status and serve, also repeated, and the files that they leave."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openflash_simulator import daemon
from tests.support.running import wait_until
from tests.support.simulator import PACKAGE_DIR, Simulator
from tests.unit.simulator.xms import XmsClient

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    def command(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "openflash_simulator", name, "--run-dir", str(tmp_path / "run"), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_DIR)},
        )

    yield command
    command("stop")


def pid_of(run_dir: Path) -> int:
    process = daemon.running(run_dir)
    assert process is not None
    return process.pid


def test_start_and_stop_can_be_repeated_and_status_reports_the_simulator(run: Run, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    assert run("status").returncode == 3
    first = run("start", "--array", "xtremio")
    assert (first.returncode, first.stderr) == (0, "started\n")
    path = Path(first.stdout.strip())
    assert path == run_dir / "endpoints.json"
    pid = pid_of(run_dir)
    repeated = run("start", "--array", "xtremio")
    assert (repeated.stdout, repeated.stderr, pid_of(run_dir)) == (first.stdout, "running\n", pid)
    status = run("status")
    assert (status.returncode, status.stdout) == (0, first.stdout)

    entry = json.loads(path.read_text(encoding="utf-8"))["arrays"]["xtremio"]
    assert XmsClient(entry).show("xms/1")["sw-version"] == entry["version"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(run_dir.stat().st_mode) == 0o700
    assert entry["password"] not in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")

    assert (run("stop").stderr, run("stop").stderr) == ("stopped\n", "not running\n")
    assert not path.exists()
    assert run("status").returncode == 3
    assert daemon.start_time(pid) is None


def test_start_with_another_configuration_restarts_the_simulator(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "arrays.yml"
    config.write_text("arrays: [{vendor: xtremio}]\n", encoding="utf-8")
    run("start", "--config", str(config))
    pid = pid_of(tmp_path / "run")
    assert run("start", "--config", str(config)).stderr == "running\n"
    config.write_text("arrays: [{vendor: xtremio, name: other}]\n", encoding="utf-8")
    repeated = run("start", "--config", str(config))
    assert repeated.stderr == "restarted\n"
    assert pid_of(tmp_path / "run") != pid
    assert list(json.loads(Path(repeated.stdout.strip()).read_text(encoding="utf-8"))["arrays"]) == ["other"]


def test_the_files_of_a_killed_simulator_are_not_trusted(run: Run, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run("start", "--array", "xtremio")
    pid = pid_of(run_dir)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: daemon.start_time(pid) is None, 30, "the killed process has not ended")
    assert (run_dir / "endpoints.json").exists()
    assert run("status").returncode == 3
    assert run("start", "--array", "xtremio").stderr == "started\n"
    assert pid_of(run_dir) != pid


def test_another_process_with_the_saved_id_is_not_stopped(run: Run, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        saved = {"pid": other.pid, "started": "1", "digest": "x"}
        (run_dir / daemon.PID_FILE).write_text(json.dumps(saved), encoding="utf-8")
        assert run("status").returncode == 3
        assert run("stop").stderr == "not running\n"
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(60)


def test_two_simultaneous_starts_start_one_simulator(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "openflash_simulator", "start", "--run-dir", str(tmp_path), "--array", "xtremio"]
    env = {**os.environ, "PYTHONPATH": str(PACKAGE_DIR)}
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) for _ in "ab"]
    try:
        messages = sorted(process.communicate(timeout=60)[1] for process in both)
        assert messages == ["running\n", "started\n"]
    finally:
        daemon.stop(tmp_path)


def test_a_second_simulator_in_one_folder_is_refused(run: Run) -> None:
    run("start", "--array", "xtremio")
    second = run("serve", "--array", "xtremio")
    assert second.returncode == 1
    assert "already runs in" in second.stderr


@pytest.mark.parametrize("command", ["serve", "start"])
def test_a_port_in_use_is_reported(run: Run, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        failed = run(command, "--array", f"xtremio:{port}")
    assert failed.returncode == 1
    assert failed.stderr == f"openflash_simulator: array xtremio: port {port} on 127.0.0.1 is already in use\n"


@pytest.mark.parametrize("command", ["serve", "start"])
def test_a_bad_configuration_is_reported_in_one_line_with_status_2(run: Run, command: str, tmp_path: Path) -> None:
    config = tmp_path / "arrays.yml"
    config.write_text("arrays: [{vendor: xtremio, colour: red}]\n", encoding="utf-8")
    failed = run(command, "--config", str(config))
    assert failed.returncode == 2
    assert failed.stderr.count("\n") == 1
    assert "has no key 'colour'" in failed.stderr


def test_the_state_is_kept_over_a_restart(tmp_path: Path) -> None:
    array = {"vendor": "xtremio", "state_dir": str(tmp_path / "state"), "password": "kept-over-restarts-1"}
    with Simulator([array]) as simulator:
        xms = XmsClient(simulator.array())
        xms.volume("v")
        xms.snapshot("v", "s", **{"snapshot-type": "readonly"})
        xms.group("h", "iqn.1994-05.com.example:h")
        xms.map("v", "h", lun=9)
        xms.post("consistency-groups", {"consistency-group-name": "g", "vol-list": ["v"]})
        xms.post("tags", {"entity": "Volume", "tag-name": "t"})
        xms.put("tags", {"entity": "Volume", "entity-details": "v"}, name="/Volume/t")
        xms.post("schedulers", {"snapshot-object-id": "v.s", "snapshot-object-type": "Volume"})
        before = objects_of(xms)
        state = simulator.state()
    saved = tmp_path / "state" / "xtremio.json"
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert "kept-over-restarts-1" not in saved.read_text(encoding="utf-8")
    with Simulator([array]) as simulator:
        xms = XmsClient(simulator.array())
        assert objects_of(xms) == before
        assert simulator.state() == state
        assert xms.refused("DELETE", "volumes", name="v.s") == "cannot_remove_volume_that_has_a_scheduler"
        xms.volume("next")
        assert xms.show("volumes", name="next")["index"] == 3


def test_the_state_is_saved_soon_after_a_change(tmp_path: Path) -> None:
    array = {"vendor": "xtremio", "state_dir": str(tmp_path)}
    with Simulator([array]) as simulator:
        XmsClient(simulator.array()).volume("v")
        deadline = time.monotonic() + 5
        while not (tmp_path / "xtremio.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        simulator.kill()
    with Simulator([array]) as simulator:
        assert [volume["name"] for volume in simulator.state()["volumes"]] == ["v"]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1, "vendor": "violin", "content": {}}'])
def test_an_unreadable_state_file_stops_the_start(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "xtremio.json").write_text(text, encoding="utf-8")
    config = tmp_path / "arrays.yml"
    config.write_text(f"arrays: [{{vendor: xtremio, state_dir: {tmp_path}}}]\n", encoding="utf-8")
    failed = run("start", "--config", str(config))
    assert failed.returncode == 1
    assert "state file" in failed.stderr
    assert (tmp_path / "xtremio.json").read_text(encoding="utf-8") == text


def objects_of(xms: XmsClient) -> dict[str, object]:
    kinds = ("volumes", "snapshot-sets", "initiators", "initiator-groups", "lun-maps", "consistency-groups", "tags")
    return {kind: [{**row, "href": ""} for row in xms.get(kind, full=1)[kind]] for kind in kinds}
