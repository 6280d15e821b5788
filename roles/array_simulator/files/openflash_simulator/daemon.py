# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator in the background: start, stop and status, each of which can be repeated.

A process is known by its number *and* its start time, so that a number that was given to another program meanwhile is
never taken for the simulator, and never killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import SimulatorError
from .rundir import ENDPOINTS, prepare, write_atomically

PID_FILE = "simulator.json"
LOG_FILE = "simulator.log"
START_DEADLINE = 120.0
STOP_DEADLINE = 10.0


@dataclass(frozen=True)
class Process:
    """A running simulator. ``digest`` identifies the configuration and the code that it runs."""

    pid: int
    started: str
    digest: str

    @property
    def alive(self) -> bool:
        return start_time(self.pid) == self.started


def start_time(pid: int) -> str | None:
    """When the process began, in whatever unit the system keeps it; None when there is no such process."""
    try:
        # Field 22, counted after the command's name, which may itself contain blanks and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except (OSError, IndexError):
        return None
    listed = subprocess.run(  # noqa: S603  the only word from elsewhere is a number
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607  it is in different folders on different systems
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", **os.environ},
    )
    return listed.stdout.strip() or None


def running(run_dir: Path) -> Process | None:
    """The simulator of this run folder, if there is one and it is really that one."""
    try:
        saved = json.loads((run_dir / PID_FILE).read_text(encoding="utf-8"))
        process = Process(int(saved["pid"]), str(saved["started"]), str(saved["digest"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return process if process.alive else None


def endpoints(run_dir: Path) -> Path | None:
    """The endpoints file, if the control port named in it answers; a file left by a crash is not trusted."""
    path = run_dir / ENDPOINTS
    try:
        control = json.loads(path.read_text(encoding="utf-8"))["control"]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(control, timeout=5) as answer:
            return path if answer.status == 200 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def claimed(run_dir: Path, digest: str) -> Iterator[None]:
    """Be the simulator of this folder.

    :raises SimulatorError: another process already is.
    """
    with _locked(run_dir):
        if (other := running(run_dir)) is not None and other.pid != os.getpid():
            raise SimulatorError(f"a simulator (process {other.pid}) already runs in {run_dir}")
        (run_dir / ENDPOINTS).unlink(missing_ok=True)
        me = {"pid": os.getpid(), "started": start_time(os.getpid()), "digest": digest}
        write_atomically(run_dir / PID_FILE, json.dumps(me) + "\n")
    try:
        yield
    finally:
        if (present := running(run_dir)) is not None and present.pid == os.getpid():
            (run_dir / PID_FILE).unlink(missing_ok=True)


@dataclass(frozen=True)
class Arguments:
    """What a simulator is started with."""

    config: Path | None = None
    arrays: Sequence[str] = ()
    documents: Sequence[Path] = ()

    def as_options(self) -> list[str]:
        options = ["--config", str(self.config.absolute())] if self.config is not None else []
        for array in self.arrays:
            options += ["--array", array]
        for document in self.documents:
            options += ["--from", str(document.absolute())]
        return options


def digest_of(arguments: Arguments, files: Sequence[Path]) -> str:
    """Changes with the configuration, with the files that it names, and with the simulator's own code."""
    digest = hashlib.sha256("\0".join(arguments.arrays).encode())
    for path in (*([arguments.config] if arguments.config else []), *files):
        try:
            digest.update(b"\0" + str(path.absolute()).encode() + b"\0" + path.read_bytes())
        except OSError as error:
            raise SimulatorError(f"file {path} cannot be read: {error.strerror}") from error
    home = Path(__file__).parent
    for source in sorted(home.rglob("*.py")):
        digest.update(str(source.relative_to(home)).encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


def start(run_dir: Path, arguments: Arguments, files: Sequence[Path] = ()) -> tuple[Path, str]:
    """Run it with this configuration. Returns the endpoints file, and ``running``, ``started`` or ``restarted``.

    :param files: what the configuration names, and what a running simulator must be restarted for when it changes.
    """
    run_dir = prepare(run_dir)
    with _locked(run_dir, "start.lock"):
        digest, outcome = digest_of(arguments, files), "started"
        if (present := running(run_dir)) is not None:
            found = endpoints(run_dir)
            if present.digest == digest and found is not None:
                return found, "running"
            _end(present, run_dir)
            outcome = "restarted"
        return _launch(run_dir, arguments), outcome


def stop(run_dir: Path) -> bool:
    """Have it stopped. Returns whether there was anything to stop."""
    run_dir = run_dir.expanduser().absolute()
    if not run_dir.is_dir():
        return False
    with _locked(run_dir, "start.lock"):
        present = running(run_dir)
        if present is not None:
            _end(present, run_dir)
        for left in (PID_FILE, ENDPOINTS):
            (run_dir / left).unlink(missing_ok=True)
        return present is not None


def _launch(run_dir: Path, arguments: Arguments) -> Path:
    command = [sys.executable, "-m", __package__ or "openflash_simulator", "serve", "--run-dir", str(run_dir)]
    command += arguments.as_options()
    home = str(Path(__file__).parent.parent)
    search = os.pathsep.join(part for part in (home, os.environ.get("PYTHONPATH")) if part)
    log = run_dir / LOG_FILE
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        child = subprocess.Popen(  # noqa: S603  this Python with this package
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=run_dir,
            env={**os.environ, "PYTHONPATH": search},
        )
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        if child.poll() is not None:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            reason = lines[-1].removeprefix("openflash_simulator: ") if lines else f"it ended with {child.returncode}"
            raise SimulatorError(reason)
        present = running(run_dir)
        if present is not None and present.pid == child.pid and (found := endpoints(run_dir)) is not None:
            return found
        time.sleep(0.05)
    child.kill()
    raise SimulatorError(f"the simulator did not come up within {START_DEADLINE:.0f} seconds; see {log}")


def _end(process: Process, run_dir: Path) -> None:
    for number, patience in ((signal.SIGTERM, STOP_DEADLINE), (signal.SIGKILL, 5.0)):
        if process.alive:
            os.kill(process.pid, number)
        deadline = time.monotonic() + patience
        while process.alive and time.monotonic() < deadline:
            time.sleep(0.02)
    if process.alive:
        raise SimulatorError(f"the simulator (process {process.pid}) in {run_dir} does not end")


@contextmanager
def _locked(run_dir: Path, name: str = "run.lock") -> Iterator[None]:
    with os.fdopen(os.open(run_dir / name, os.O_RDWR | os.O_CREAT, 0o600), "r+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
