# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The molecule scenarios: create, converge, converge again with no change, verify, destroy."""

from __future__ import annotations

import ipaddress
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cache import CACHE
from tests.support.processes import birth


@pytest.mark.slow
@pytest.mark.parametrize("name", ["default", "golden_images", "array_drift"])
def test_scenarios(
    run: Callable[..., str],
    simulators: Callable[[str, Path], Path],
    newcomer: dict[str, str],
    tmp_path: Path,
    name: str,
) -> None:
    environment = simulators("simulator-molecule", Path(sys.executable).resolve())
    variables = {"all": {"array_simulator_venv_dir": str(environment)}}
    config = tmp_path / "config.yml"
    config.write_text(json.dumps({"provisioner": {"inventory": {"group_vars": variables}}}), encoding="utf-8")
    command = ("molecule", "--base-config", config, "test", "--scenario-name", name)
    run(*command, timeout=1800, **newcomer)


@pytest.mark.slow
def test_the_template_passes_in_a_project_of_a_user(
    run: Callable[..., str],
    artifact: Path,
    root: Path,
    simulators: Callable[[str, Path], Path],
    newcomer: dict[str, str],
    tmp_path: Path,
) -> None:
    """With the collection from its artifact, outside of the checkout: as a new role, with molecule and pytest, and as
    the folder molecule of a project with a playbook, as the guide says."""
    collections, projects = tmp_path / "collections", tmp_path / "projects"
    projects.mkdir()
    run("ansible-galaxy", "collection", "install", "--collections-path", collections, artifact, cwd=tmp_path)
    skeleton = collections / "ansible_collections/openflash/storage/roles/array_simulator/files/skeleton"
    env = newcomer | {"ANSIBLE_COLLECTIONS_PATH": str(collections)}
    run("ansible-galaxy", "role", "init", "--offline", "--role-skeleton", skeleton, "disks", cwd=projects, **env)
    environment = simulators("simulator-molecule", Path(sys.executable).resolve())
    config = tmp_path / "config.yml"
    variables = {"all": {"array_simulator_venv_dir": str(environment)}}
    config.write_text(json.dumps({"provisioner": {"inventory": {"group_vars": variables}}}), encoding="utf-8")
    molecule = ("molecule", "--base-config", config, "test")
    run(*molecule, cwd=projects / "disks", timeout=1800, **env)

    shutil.copytree(skeleton / "molecule", projects / "site/molecule")
    guide = (root / "docs/docsite/rst/guide_simulators.rst").read_text(encoding="utf-8")
    for title in ("site.yml", "molecule/default/converge.yml"):
        block = guide.partition(f".. code-block:: yaml\n    :caption: {title}\n\n")[2]
        lines = list(itertools.takewhile(lambda line: not line or line.startswith(" "), block.splitlines()))
        (projects / "site" / title).write_text(textwrap.dedent("\n".join(lines)) + "\n", encoding="utf-8")
    run(*molecule, cwd=projects / "site", timeout=1800, **env)

    python_path = {"PYTHONPATH": str(collections)}
    run("pytest", "-p", "no:cacheprovider", "tests", cwd=projects / "disks", timeout=1800, **env, **python_path)


def on_a_host(run: Callable[..., str], newcomer: dict[str, str], name: str, timeout: int) -> None:
    """With the cache of these tests, where the hosts' files and the simulators' environment are, but in a new home."""
    cache = {"XDG_CACHE_HOME": str(CACHE.parent)}
    run("molecule", "test", "--scenario-name", name, timeout=timeout, **newcomer | cache)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["glance_datera", "cinder_backend"])
def test_roles_on_isolated_hosts(run: Callable[..., str], newcomer: dict[str, str], name: str) -> None:
    on_a_host(run, newcomer, name, 1800)


@pytest.mark.slow
def test_roles_on_an_emulated_host(run: Callable[..., str], newcomer: dict[str, str]) -> None:
    """With systemd and the kernel's initiator."""
    on_a_host(run, newcomer, "systemd_host", 5000)


@pytest.mark.slow
def test_nothing_is_left_of_a_host(root: Path, tmp_path: Path) -> None:
    """Neither when it is destroyed, nor when what keeps it is killed; and the next one is another."""
    folder = tmp_path / "host"
    met = set()
    for hard in (False, True):
        host(root, "create", "isolated", folder, TMPDIR=str(tmp_path))
        address = json.loads((folder / "host.json").read_text(encoding="utf-8"))["variables"]["ansible_host"]
        met.add(address)
        keeper = int((folder / "keeper").read_text(encoding="utf-8").split()[0])
        below = processes_below(keeper)
        assert len(below) >= 3, "unshare, its first process, sshd"
        assert network(address) in networks()
        host(root, "create", "isolated", folder)
        assert processes_below(keeper) == below, "it is there already"
        if hard:
            os.kill(keeper, signal.SIGKILL)
        host(root, "destroy", folder)
        gone(below, address)
        assert not folder.exists()
        assert list(tmp_path.iterdir()) == []
        host(root, "destroy", folder)
    assert len(met) == 2


def host(root: Path, *words: object, **env: str) -> None:
    command = [sys.executable, "-m", "tests.support.molecule_host", *map(str, words)]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, done.stderr


def network(address: str) -> str:
    return str(ipaddress.ip_interface(f"{address}/29").network)


def networks() -> list[str]:
    """Of the devices of this machine."""
    command = ["ip", "-4", "-o", "addr"]
    addresses = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout
    return [str(ipaddress.ip_interface(line.split()[3]).network) for line in addresses.splitlines()]


def gone(pids: list[int], address: str) -> None:
    """What ends with another process ends a moment after it."""
    end = time.monotonic() + 30
    while any(birth(pid) for pid in pids) or network(address) in networks():
        assert time.monotonic() < end, "something is left"
        time.sleep(0.05)


def processes_below(pid: int) -> list[int]:
    """Its children, theirs, and so on."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False, timeout=600
    ).stdout
    children = [int(word) for word in listed.split()]
    return [one for child in children for one in (child, *processes_below(child))]
