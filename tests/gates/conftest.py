# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the gates share: running a tool, the Pythons of this machine, environments in the user's cache, the artifact."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cache import CACHE
from tests.support.environments import make_environment

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

Run = Callable[..., str]


@dataclass(frozen=True)
class Core:
    """One version of ansible-core, and what it needs."""

    pythons: tuple[str, ...]
    """The versions of Python that a controller may have, the preferred one first."""
    bootstrap: tuple[str, ...] = ("pip==25.2",)
    """What its ansible-test wants in an environment before anything else."""
    requirement: str = ""
    """What pip installs."""
    every_run: bool = False
    """`make test` tests with the oldest supported one and the next one, beside that of the development environment."""


CORES = {
    "2.16": Core(
        ("3.12", "3.11", "3.10"),
        ("pip==23.1.2", "setuptools==67.7.2", "wheel==0.37.1"),
        "ansible-core==2.16.*",
        every_run=True,
    ),
    "2.18": Core(("3.13", "3.12", "3.11"), ("pip==24.2",), "ansible-core==2.18.*"),
    "2.19": Core(("3.13", "3.12", "3.11"), ("pip==24.2",), "ansible-core==2.19.*"),
    "2.20": Core(("3.14", "3.13", "3.12"), requirement="ansible-core==2.20.*"),
    "2.21": Core(("3.14", "3.13", "3.12"), requirement="ansible-core==2.21.*"),
    "2.22": Core(("3.14", "3.13"), requirement="ansible-core==2.22.0rc1", every_run=True),
}


NEWEST = list(CORES)[-1]


def python_for(version: str, pythons: Iterable[str]) -> str:
    """The version of Python, of those of this machine, that a controller with this ansible-core has."""
    here = list(pythons)
    wanted = CORES[version].pythons
    found = next((python for python in wanted if python in here), None)
    if found is None:
        pytest.fail(f"ansible-core {version} needs Python {' or '.join(wanted)}; here are {', '.join(here)}")
    return found


def each_core() -> pytest.MarkDecorator:
    """Parameters ``version`` and ``complete``. `make test` tests on two cores what depends on the core; `make
    test-slow` tests everything on every core."""
    rows = [pytest.param(version, False, id=version) for version, core in CORES.items() if core.every_run]
    rows += [pytest.param(version, True, marks=pytest.mark.slow, id=f"{version}-complete") for version in CORES]
    return pytest.mark.parametrize(("version", "complete"), rows)


def clean_environment(**changes: str) -> dict[str, str]:
    """The caller's environment without what would steer Ansible or the modules, and with this environment's tools."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "FLASH_", "MOLECULE_", "PYTEST_"))}
    env["PATH"] = f"{BIN}{os.pathsep}{env['PATH']}"
    return env | {"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"} | changes


def run_tool(*command: object, cwd: Path = ROOT, timeout: int = 900, **env: str) -> str:
    """Run a command and return its output; when it fails, fail the test with all of it."""
    argv = [str(part) for part in command]
    with subprocess.Popen(
        argv,
        cwd=cwd,
        env=clean_environment(**env),
        text=True,
        errors="replace",
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            pytest.fail(f"{' '.join(argv)}: no end after {timeout} s\n{output}", pytrace=False)
    if process.returncode:
        pytest.fail(f"{' '.join(argv)}: exit status {process.returncode}\n{output}", pytrace=False)
    return output


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def cache() -> Path:
    """A folder in the user's cache that outlives the run."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return CACHE


@pytest.fixture(scope="session")
def run() -> Run:
    return run_tool


@pytest.fixture
def used(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say in the summary of the whole run what a gate was run with."""
    return lambda text: request.node.user_properties.append(("used", text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        value
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, [])
        if report.when == "call"
        for name, value in report.user_properties
        if name == "used"
    ]
    if lines:
        terminalreporter.section("run with")
        for line in sorted(lines):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def pythons() -> dict[str, Path]:
    """The interpreters of this machine by version, newest first."""
    listing = run_tool(ROOT / "tests/gates/pythons")
    return {version: Path(path) for version, path in (line.split() for line in listing.splitlines())}


@pytest.fixture(scope="session")
def environment(cache: Path) -> Callable[..., Path]:
    """Make, once, a virtual environment in the cache and return its bin folder. It is made again when its Python, its
    requirements or the content of the file with more of them changes, and serves every checkout."""

    def make(name: str, python: Path, *requirements: str, file: Path | None = None) -> Path:
        listed = "" if file is None else file.read_text(encoding="utf-8")
        wanted = hashlib.sha256(repr((str(python), requirements, listed)).encode()).hexdigest()
        folder, stamp = cache / name, cache / name / "made-from"
        with open(cache / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not stamp.exists() or stamp.read_text() != wanted:
                more = () if file is None else ("--requirement", file)
                make_environment(folder, python, *requirements, *more)
                stamp.write_text(wanted)
        return folder / "bin"

    return make


@pytest.fixture(scope="session")
def core(environment: Callable[..., Path], pythons: dict[str, Path]) -> Callable[[str], Path]:
    """The bin folder of an environment with one version of ansible-core, and nothing that it does not need."""

    def make(version: str) -> Path:
        python = pythons[python_for(version, pythons)]
        return environment(f"core-{version}", python, CORES[version].requirement)

    return make


@pytest.fixture(scope="session")
def simulators(environment: Callable[..., Path], root: Path) -> Callable[[str, Path], Path]:
    """Make, once, what the role array_simulator would make on this Python in each new home, and return the folder. That
    the role makes it is seen in test_readme.py."""

    def make(name: str, python: Path) -> Path:
        return environment(name, python, file=root / "roles/array_simulator/files/requirements.txt").parent

    return make


def processes_of(home: Path) -> dict[int, str]:
    """The processes that were started with this home, by id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a user with an empty home; only what pip has downloaded before is kept. Nothing may go on
    running in it after the test."""
    home = tmp_path / "home"
    home.mkdir()
    downloads = run_tool("python", "-m", "pip", "cache", "dir").strip()
    yield {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PIP_CACHE_DIR": downloads}
    left = processes_of(home)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, f"still running: {left}"


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tarball that a user installs."""
    output = tmp_path_factory.mktemp("dist")
    run_tool("ansible-galaxy", "collection", "build", "--output-path", output)
    return next(output.glob("*.tar.gz"))


@pytest.fixture
def installed(artifact: Path, tmp_path: Path) -> Iterator[Path]:
    """The collection freshly installed from the tarball, at ansible_collections/openflash/storage."""
    run_tool("ansible-galaxy", "collection", "install", "--collections-path", tmp_path, artifact, cwd=tmp_path)
    yield tmp_path / "ansible_collections/openflash/storage"
    shutil.rmtree(tmp_path)
