# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian root file systems for test hosts, made by debootstrap, with Python environments, kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.cache import CACHE

RELEASE, MIRROR = "bookworm", "http://deb.debian.org/debian"


@dataclass(frozen=True)
class Recipe:
    """What is on a host before it starts.

    :ivar packages: Debian packages, beyond those that every host has.
    :ivar environments: Python environments in /opt, each with a requirements file.
    :ivar commands: run by a shell as root in the new system, before it is booted.
    """

    packages: Sequence[str] = ()
    environments: Mapping[str, Path] = field(default_factory=dict)
    commands: str = ""

    def digest(self, *more: object) -> str:
        """A short hash of the recipe. :param more: what else the result depends on."""
        requirements = {name: path.read_text(encoding="utf-8") for name, path in sorted(self.environments.items())}
        parts = (RELEASE, *more, sorted(self.packages), requirements, self.commands)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def need_tools(tools: Mapping[str, str], title: str) -> None:
    """Install missing programs as root; fail for any other user.

    :param tools: programs, and the Debian package that has each.
    :param title: what needs them, for the message.
    """
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    packages = sorted({package for tool, package in tools.items() if shutil.which(tool, path=path) is None})
    if not packages:
        return
    if os.geteuid() or shutil.which("apt-get") is None:
        pytest.fail(f"{title} needs {', '.join(packages)}: let root install them, or run this as root")
    apt_install(packages)


def apt_install(packages: Sequence[str]) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", "-qq", *arguments],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=3600,
        )
        if done.returncode:
            pytest.fail(f"{', '.join(packages)} could not be installed:\n{done.stdout}{done.stderr}")


def made_once(name: str, title: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name in the cache; ``make`` fills it when it does not exist, which takes root.

    :param title: what the folder holds, for the message.
    """
    home = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            if os.geteuid():
                pytest.fail(f"{title} is made by root: run this once as root")
            # Renamed to its final name only when it is complete
            work = Path(tempfile.mkdtemp(prefix=f"{name.rpartition('-')[0]}-new-", dir=CACHE))
            try:
                make(work)
                work.rename(home)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return home


def make_tree(work: Path, every_host: Sequence[str], setup: str, recipe: Recipe) -> Path:
    """The new system's root folder, which is ``tree`` below ``work``.

    :param setup: shell commands that are run as root in the new system before those of the recipe.
    """
    tree = work / "tree"
    packages = [*every_host, *recipe.packages, *(("python3-venv",) if recipe.environments else ())]
    include = f"--include={','.join(dict.fromkeys(packages))}"
    do(work, "debootstrap", "--variant=minbase", include, RELEASE, str(tree), _mirror())
    do(work, "chroot", str(tree), "sh", "-c", setup)
    for name, requirements in recipe.environments.items():
        _install(work, tree, name, requirements)
    if recipe.commands:
        do(work, "chroot", str(tree), "sh", "-euc", recipe.commands)
    return tree


def make_keys(work: Path, tree: Path, alias: str, home: str = "root") -> None:
    """Make the SSH key of a user, and ``known_hosts`` with the host's own key under that alias.

    :param home: of the user, below the root of the new system.
    """
    do(work, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", alias, "-f", str(work / "key"))
    folder = tree / home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(work / "key.pub", folder / "authorized_keys")
    owner = folder.parent.stat()
    for path in (folder, folder / "authorized_keys"):
        os.chown(path, owner.st_uid, owner.st_gid)
    host_key = (tree / "etc" / "ssh" / "ssh_host_ed25519_key.pub").read_text(encoding="utf-8")
    (work / "known_hosts").write_text(f"{alias} {host_key}", encoding="utf-8")


def _mirror() -> str:
    """The mirror in this machine's apt configuration if it has this release of Debian, otherwise the default one."""
    if shutil.which("apt-get") is None:
        return MIRROR
    form = ["--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"]
    output = subprocess.run(
        ["apt-get", "indextargets", *form], capture_output=True, text=True, check=False, timeout=3600
    ).stdout
    targets = (line.split() for line in output.splitlines())
    return next((fields[0] for fields in targets if fields[1:] == [RELEASE, "main"]), MIRROR)


def _install(work: Path, tree: Path, name: str, requirements: Path) -> None:
    """Make a Python environment in the new system, with this machine's name servers, certificates and pip settings."""
    shutil.copy(requirements, tree / "tmp" / "requirements.txt")
    shutil.copy("/etc/resolv.conf", tree / "etc" / "resolv.conf")
    settings = {key: value for key, value in os.environ.items() if key.startswith("PIP_") or key.endswith("_proxy")}
    certificates = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
    if certificates:
        shutil.copy(certificates, tree / "tmp" / "certificates.pem")
        settings["PIP_CERT"] = "/tmp/certificates.pem"
    for key in ("PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PIP_CACHE_DIR"):
        settings.pop(key, None)
    settings_of_pip = [f"{key}={value}" for key, value in settings.items()]
    shell = [
        "env",
        *settings_of_pip,
        "PIP_NO_CACHE_DIR=1",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
        "sh",
        "-euc",
    ]
    target = f"/opt/{name}"
    pip = f"{target}/bin/python -m pip install --quiet --disable-pip-version-check --requirement /tmp/requirements.txt"
    do(work, "chroot", str(tree), *shell, f"python3 -m venv {target}; {pip}; rm -f /tmp/*")
    # An emulated processor takes a minute to compile it at every start of a service
    do(work, "chroot", str(tree), f"{target}/bin/python", "-m", "compileall", "-q", "-j", "0", f"{target}/lib")


def do(work: Path, *command: str) -> None:
    with (work / "log").open("ab") as log:
        done = subprocess.run(
            command,
            env=clean(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=3600,
        )
    if done.returncode:
        log_tail = (work / "log").read_text(encoding="utf-8", errors="replace")[-3000:]
        # Not the complete command: settings of pip may have a password in them
        pytest.fail(f"no Debian root: {command[0]} ended with status {done.returncode}\n{log_tail}", pytrace=False)


def clean() -> dict[str, str]:
    """An environment whose path has the folders of system tools, with the only locale that the new system has."""
    return {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
