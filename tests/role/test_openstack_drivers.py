# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role openstack_drivers installs a wheel of the collection without an index, and again when the code changes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILDER = "roles/openstack_drivers/files/build_wheel.py"
PLAY = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "roles": ["openstack_drivers"],
        "tasks": [
            {
                "name": "Show what it tells",
                "ansible.builtin.debug": {
                    "msg": "TOLD {{ openstack_drivers_changed }} {{ openstack_drivers_version }}"
                },
            }
        ],
    }
]


class Tree:
    """A copy of only the parts of an installed collection that the role needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("roles/openstack_drivers", "plugins/module_utils/openflash"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        for path in folder.rglob("*"):
            path.chmod(path.stat().st_mode & ~0o222)

    def listing(self) -> list[tuple[str, float]]:
        return sorted((str(path), path.stat().st_mtime) for path in self.folder.rglob("*"))

    def version(self) -> str:
        done = subprocess.run(
            [sys.executable, "-I", str(self.folder / BUILDER), "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        )
        return done.stdout.strip()

    def role(self, where: Path, service_python: Path, /, *arguments: str, **options: Any) -> tuple[int, str]:
        """Run the role. Returns the number of tasks that changed something, and the output."""
        play = where / "play.yml"
        play.write_text(json.dumps(PLAY), encoding="utf-8")
        given = {f"openstack_drivers_{k}": v for k, v in {"python": str(service_python), **options}.items()}
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                str(play),
                "--extra-vars",
                json.dumps(given),
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=where,
            env={**os.environ, "ANSIBLE_ROLES_PATH": str(self.folder / "roles"), "ANSIBLE_NOCOLOR": "1"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(r"changed=(\d+)", done.stdout)
        assert found
        return int(found[1]), done.stdout


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of a service, with pip and without an index."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "service")], check=True, timeout=600)
    return tmp_path / "service" / "bin" / "python"


def installed(python: Path) -> str:
    code = (
        "import importlib.metadata as m, importlib.util as u\n"
        "print(m.version('openflash') if u.find_spec('openflash') else 'none')"
    )
    return subprocess.run(
        [str(python), "-I", "-c", code], capture_output=True, text=True, check=True, timeout=600
    ).stdout.strip()


@pytest.mark.slow
def test_the_drivers_are_installed_upgraded_and_removed(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/nothing-is-here")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    tree = Tree(tmp_path / "collection")
    before = tree.listing()
    changed, output = tree.role(tmp_path, python, "--check")
    assert (changed, installed(python)) == (1, "none")
    assert f"TOLD True {tree.version()}" in output
    changed, _output = tree.role(tmp_path, python)
    assert (changed, installed(python)) == (1, tree.version())
    changed, output = tree.role(tmp_path, python)
    assert changed == 0
    assert f"TOLD False {tree.version()}" in output
    assert tree.listing() == before, "the collection may be read-only"
    assert list((tmp_path / "tmp").iterdir()) == []
    # other code, the same release
    path = tree.folder / "plugins/module_utils/openflash/units.py"
    path.chmod(0o644)
    path.write_text(path.read_text(encoding="utf-8") + "\n# another\n", encoding="utf-8")
    old = installed(python)
    changed, _output = tree.role(tmp_path, python, "--check")
    assert (changed, installed(python)) == (1, old)
    changed, _output = tree.role(tmp_path, python)
    assert (changed, installed(python)) == (1, tree.version())
    assert old != tree.version()
    for arguments, left in ((["--check"], tree.version()), ([], "none")):
        changed, _output = tree.role(tmp_path, python, *arguments, state="absent")
        assert (changed, installed(python)) == (1, left)
    changed, _output = tree.role(tmp_path, python, state="absent")
    assert changed == 0


def test_the_wheel_is_reproducible_and_complete(tmp_path: Path) -> None:
    """It has the same bytes from any copy, both packages completely, and the library's version."""
    trees = [Tree(tmp_path / name) for name in ("one", "two")]
    wheels: list[Path] = []
    for tree in trees:
        for path in tree.folder.rglob("*.py"):
            path.chmod(0o644)
            os.utime(path, (len(wheels) * 1000, 10**9))
        command = [sys.executable, str(tree.folder / BUILDER), str(tree.folder.parent)]
        wheels.append(
            Path(subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout.strip())
        )
        wheels[-1] = wheels[-1].rename(tree.folder / wheels[-1].name)
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    with zipfile.ZipFile(wheels[0]) as archive:
        names = set(archive.namelist())
    sources = {
        f"openflash/{path.relative_to(ROOT / 'plugins/module_utils/openflash')}"
        for path in (ROOT / "plugins/module_utils/openflash").rglob("*.py")
    }
    assert sources <= names
    assert "openflash_openstack/cinder/base.py" in names
    version = re.search(r'__version__ = "(.+)"', (ROOT / "plugins/module_utils/openflash/version.py").read_text())
    assert version is not None
    assert wheels[0].name.startswith(f"openflash-{version[1]}+c")


def test_the_python_of_a_service_is_found(python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line of the service's program on the PATH has it; without a program, the role fails."""
    tree = Tree(tmp_path / "collection")
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    with pytest.raises(AssertionError, match="No Python of nova is found on localhost"):
        tree.role(tmp_path, Path(), python="", service="nova")
    (programs / "nova-compute").write_text(f"#!{python}\nprint('nova')\n", encoding="utf-8")
    tree.role(tmp_path, Path(), python="", service="nova")
    assert installed(python) == tree.version()


def test_the_virtual_environments_of_a_deployment_are_searched(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As openstack-ansible names them. Of two releases the one that systemd starts counts, and none without that."""
    tree = Tree(tmp_path / "collection")
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    venvs = [tmp_path / "venvs" / f"nova-{tag}" / "bin" for tag in ("30.1.0", "31.0.0")]
    options = {"python": "", "service": "nova", "folders": ["/nowhere/bin", f"{tmp_path}/venvs/SERVICE-*/bin"]}

    def environment(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "python").symlink_to("/bin/false")
        (folder / "nova-compute").write_text(f"#!{folder}/python\n", encoding="utf-8")

    environment(venvs[0])
    (venvs[0] / "python").unlink()
    (venvs[0] / "python").symlink_to(python)
    tree.role(tmp_path, Path(), "--check", **options)
    environment(venvs[1])
    with pytest.raises(AssertionError, match="several virtual environments of nova") as caught:
        tree.role(tmp_path, Path(), "--check", **options)
    assert f"{venvs[0]}/python, {venvs[1]}/python" in str(caught.value)
    # The form of `systemctl show`
    answer = f"ExecStart={{ path={venvs[0]}/nova-compute ; argv[]={venvs[0]}/nova-compute --x ; ignore_errors=no }}"
    (programs / "systemctl").write_text(f'#!/bin/sh\n[ "$3" = nova-compute ] && echo "{answer}"\n', encoding="utf-8")
    (programs / "systemctl").chmod(0o755)
    _changed, output = tree.role(tmp_path, Path(), "--check", **options)
    assert f"{venvs[0]}/python would get openflash" in output


def test_a_python_without_pip_is_reported_with_the_remedy(python: Path, tmp_path: Path) -> None:
    tree = Tree(tmp_path / "collection")
    (packages,) = (python.parent.parent / "lib").glob("python3*/site-packages")
    (packages / "pip").rename(packages / "another")
    with pytest.raises(AssertionError, match="has no pip. Install it, by the package python3-pip") as caught:
        tree.role(tmp_path, python)
    assert f"{python} -m ensurepip" in str(caught.value)
