# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An isolated host for a test: its own files, processes, address and sshd, and this machine's kernel.

    with IsolatedHost(Recipe(packages=("sudo",))) as host:
        host.login                              # address, port and user; the key is in host.keys
        host.array_addresses                    # where simulators may listen, for it to reach them

It starts within a second. Its files are a Debian root, kept in the user's cache, below a layer in memory. It runs in
namespaces without names, which end with its first process, and that ends with this one, so nothing is left behind.
It has no kernel of its own, and therefore neither systemd nor disks: see emulated_host.py. Only root can make one.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.debian import Recipe, clean, made_once, make_keys, make_tree, need_tools
from tests.support.processes import child
from tests.support.running import Running, need_root

TOOLS = {"debootstrap": "debootstrap", "ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux",
         "ssh": "openssh-client", "ssh-keygen": "openssh-client"}  # fmt: skip
EVERY_HOST = ("openssh-server", "iproute2", "procps", "python3", "sudo")
# The name in known_hosts, and the user who logs in and may become root by sudo, as administrators do
ALIAS, USER = "isolated", "deployer"
# Reserved for tests by RFC 2544. Each host uses eight addresses. Emulated hosts have the other half of the network.
NETWORK, LENGTH = ipaddress.IPv4Network("198.19.0.0/16"), 29
START_SECONDS = 30.0
# Run in the root of the new host. Its first process is a shell that ends with sshd and reaps orphans.
SETUP = f"""
set -eu
echo {ALIAS} > /etc/hostname
echo '127.0.0.1 localhost {ALIAS}' > /etc/hosts
useradd --create-home --shell /bin/sh --password '*' {USER}
echo '{USER} ALL = (ALL) NOPASSWD: ALL' > /etc/sudoers.d/{USER}
chmod 0440 /etc/sudoers.d/{USER}
printf 'UseDNS no\\nUsePAM no\\nMaxSessions 100\\n' > /etc/ssh/sshd_config.d/{ALIAS}.conf
rm -f /sbin/init
printf '#!/bin/sh\\numount -l /mnt\\n/usr/sbin/sshd -D -e &\\nwait $!\\n' > /sbin/init
chmod 0755 /sbin/init
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
"""
# Run as the first process of the new namespaces, with the Debian root and an empty folder; it becomes the host's init.
ENTER = """
mount -t tmpfs -o mode=0755 tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t tmpfs -o mode=0755 tmpfs run
mkdir run/sshd
mkdir -m 1777 run/lock
mount -t tmpfs -o mode=0755 tmpfs dev
for name in null zero full random urandom tty; do
    : > "dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts
mkdir -m 1777 dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for name in stdin:0 stdout:1 stderr:2; do ln -s "/proc/self/fd/${name#*:}" "dev/${name%:*}"; done
hostname "$3"
ip link set lo up
pivot_root . mnt
exec chroot . /sbin/init
"""


def tree_of(recipe: Recipe) -> Path:
    """The folder with the Debian root and login keys of a recipe; made when it does not exist."""
    need_tools(TOOLS, "an isolated host")
    digest = recipe.digest(EVERY_HOST, SETUP)
    return made_once(f"isolated-host-{digest}", "the tree of an isolated host", lambda work: _make(recipe, work))


def _make(recipe: Recipe, work: Path) -> None:
    make_keys(work, make_tree(work, EVERY_HOST, SETUP, recipe), ALIAS, f"home/{USER}")


class IsolatedHost(Running):
    """:ivar log: the file with the output of its first process."""

    alias = ALIAS

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._folder = Path(tempfile.mkdtemp(prefix="isolated-"))
        self._wire = f"iso{secrets.token_hex(4)}"
        self._addresses: list[str] = []
        self._tree = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self.log = self._folder / "console"

    # ---- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the host and wait until its sshd answers."""
        need_root("an isolated host takes root, for its namespaces and mounts")
        self._tree = tree_of(self._recipe)
        root = self._folder / "root"
        root.mkdir()
        command = ["unshare", "--mount", "--propagation", "private", "--uts", "--ipc", "--net", "--pid", "--fork"]
        command += ["--kill-child=KILL", "sh", "-euc", ENTER, "init", str(self._tree / "tree"), str(root), ALIAS]
        with self.log.open("wb") as output:
            self._process = child(command, output, **clean())
        self._wait("its namespaces", self._is_apart)
        self._connect()
        self._wait("its sshd", self._lets_in)

    def _connect(self) -> None:
        """Make the network between the machines: the last address is the host's, the others are this machine's."""
        assert self._process is not None
        addresses = [str(address) for address in _free_network().hosts()]
        inside = ["nsenter", f"--net=/proc/{self._process.pid}/ns/net", "ip"]
        ends = ["type", "veth", "peer", "name", "eth0", "netns", str(self._process.pid)]
        self._do("ip", "link", "add", self._wire, *ends)
        for address in addresses[:-1]:
            self._do("ip", "addr", "add", f"{address}/{LENGTH}", "dev", self._wire)
        self._do("ip", "link", "set", self._wire, "up")
        self._do(*inside, "addr", "add", f"{addresses[-1]}/{LENGTH}", "dev", "eth0")
        self._do(*inside, "link", "set", "eth0", "up")
        self._addresses = addresses

    def _is_apart(self) -> bool:
        assert self._process is not None
        return os.readlink(f"/proc/{self._process.pid}/ns/net") != os.readlink("/proc/self/ns/net")

    def _lets_in(self) -> bool:
        try:
            with socket.create_connection((self._addresses[-1], 22), 1) as link:
                return link.recv(4) == b"SSH-"
        except OSError:
            return False

    def _wait(self, awaited: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + START_SECONDS
        while not ready():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > end:
                log_tail = self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
                pytest.fail(f"an isolated host does not start: no sign of {awaited}\n{log_tail}", pytrace=False)
            time.sleep(0.05)

    def stop(self) -> None:
        """End it and everything that runs on it. Its mounts and network device are removed with its last process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None
            # The kernel removes namespaces a little later, and the device must be removed when this returns.
            subprocess.run(
                ["ip", "link", "delete", self._wire], env=clean(), capture_output=True, check=False, timeout=600
            )
        shutil.rmtree(self._folder, ignore_errors=True)

    @staticmethod
    def _do(*command: str) -> None:
        done = subprocess.run(command, env=clean(), capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            pytest.fail(f"the network of an isolated host: {' '.join(command)}: {done.stderr}", pytrace=False)

    # ---- how it is reached, and what it reaches --------------------------------------------------------------------

    @property
    def array_addresses(self) -> list[str]:
        """Addresses of this machine for arrays: every second one, since an array with two portals uses the next too."""
        return self._addresses[:4:2]

    @property
    def login(self) -> tuple[str, int, str]:
        """Address, port and user of SSH."""
        return self._addresses[-1], 22, USER

    @property
    def keys(self) -> Path:
        """The folder with ``key`` and ``known_hosts``, which names the host ``alias``."""
        return self._tree


def _free_network() -> ipaddress.IPv4Network:
    """A network that no device of this machine uses."""
    output = subprocess.run(
        ["ip", "-4", "-o", "addr"], env=clean(), capture_output=True, text=True, check=True, timeout=600
    ).stdout
    taken = [ipaddress.ip_interface(line.split()[3]).network for line in output.splitlines()]
    networks = [
        network for network in NETWORK.subnets(new_prefix=LENGTH) if not any(network.overlaps(used) for used in taken)
    ]
    return secrets.choice(networks)
