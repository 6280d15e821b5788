# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A complete host for a test: systemd, a kernel with iSCSI and multipath, and root access, in QEMU without hardware.

    recipe = Recipe(packages=("open-iscsi",), environments={"openstack": Path("requirements.txt")})
    with EmulatedHost(recipe) as host:
        host.reach("127.37.0.0/16")             # the simulators' portals, at the addresses that they have here
        host.send(folder, "/root/folder")
        print(host.run("iscsiadm -m session"))

The disk is Debian, made by debootstrap once for a recipe and kept in the user's cache. Changes of the disk are
discarded when the host stops. Only root can make a disk.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.debian import Recipe, clean, do, made_once, make_keys, make_tree, need_tools
from tests.support.ports import free_port
from tests.support.processes import child
from tests.support.running import Running, need_root

# The programs that making a disk needs, each with the Debian package that has it
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "debootstrap": "debootstrap", "mkfs.ext4": "e2fsprogs",
         "ssh": "openssh-client", "ssh-keygen": "openssh-client"}  # fmt: skip
EVERY_HOST = ("linux-image-amd64", "systemd-sysv", "dbus", "udev", "openssh-server", "iproute2", "python3")
DISK_GIB = 8
BOOT_SECONDS = 400.0
# The name in known_hosts
ALIAS = "emulated"
# The outer host's loopback and this one's address, in QEMU's user network
GATEWAY, ADDRESS = "10.0.2.2", "10.0.2.15"
USER_MAC, WIRE_MAC = "52:54:00:12:34:56", "52:54:00:12:34:57"
NETWORK = "/etc/systemd/network/10-user.network"
# Run in the tree of the new host
SETUP = f"""
set -eu
echo emulated > /etc/hostname
echo '127.0.0.1 localhost emulated' > /etc/hosts
printf '[Match]\\nMACAddress={USER_MAC}\\n[Network]\\nAddress={ADDRESS}/24\\nGateway={GATEWAY}\\n' > {NETWORK}
systemctl enable --quiet systemd-networkd
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer systemd-networkd-wait-online e2scrub_reap fstrim.timer
# Sessions of ssh need no seat, and logind no minute to start
systemctl mask --quiet systemd-logind getty@tty1 serial-getty@ttyS0
printf 'UseDNS no\\nUsePAM no\\nMaxSessions 100\\n' > /etc/ssh/sshd_config.d/emulated.conf
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
"""


def disk_of(recipe: Recipe) -> Path:
    """The folder with disk, kernel and login keys of a recipe; made when it does not exist."""
    need_tools(TOOLS, "an emulated host")
    digest = recipe.digest(EVERY_HOST, DISK_GIB, SETUP)
    return made_once(f"emulated-host-{digest}", "the disk of an emulated host", lambda work: _make(recipe, work))


def _make(recipe: Recipe, work: Path) -> None:
    tree = make_tree(work, EVERY_HOST, SETUP, recipe)
    make_keys(work, tree, ALIAS)
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy((tree / name).resolve(), work / name)
    do(work, "mkfs.ext4", "-q", "-L", "root", "-d", str(tree), str(work / "disk.img"), f"{DISK_GIB}G")
    shutil.rmtree(tree)


# ---- the host --------------------------------------------------------------------------------------------------------


class Failed(AssertionError):
    """A command on the host ended with an error."""


class EmulatedHost(Running):
    """:ivar log: the file with the output of its console."""

    alias = ALIAS

    def __init__(self, recipe: Recipe, memory_mib: int = 3072) -> None:
        self._recipe = recipe
        self._memory = memory_mib
        self._folder = Path(tempfile.mkdtemp(prefix="emulated-"))
        self._disk = Path()
        self._wire = f"emu{secrets.token_hex(4)}"
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._link: subprocess.Popen[bytes] | None = None
        self.log = self._folder / "console"

    def start(self) -> None:
        """Start the host and wait until it runs commands."""
        self._disk = disk_of(self._recipe)
        self._port = free_port()
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m"]
        command += [str(self._memory), "-nographic", "-no-reboot", "-kernel", str(self._disk / "vmlinuz")]
        command += ["-initrd", str(self._disk / "initrd.img"), "-append"]
        command += ["root=/dev/vda rw console=ttyS0 edd=off mitigations=off net.ifnames=1 quiet"]
        # Nothing is written to the disk itself, so several hosts can use it.
        command += ["-drive", f"file={self._disk / 'disk.img'},if=virtio,format=raw,snapshot=on"]
        command += ["-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{self._port}-:22"]
        command += ["-device", f"virtio-net-pci,netdev=n0,mac={USER_MAC}", "-device", "virtio-rng-pci"]
        if os.geteuid() == 0:
            # The device is removed with the process. QEMU's user network stalls for seconds under the load of iSCSI.
            command += ["-netdev", f"tap,id=n1,ifname={self._wire},script=no,downscript=no"]
            command += ["-device", f"virtio-net-pci,netdev=n1,mac={WIRE_MAC}"]
        with self.log.open("wb") as output:
            # Changes of the disk are in TMPDIR
            self._process = child(command, output, TMPDIR=str(self._folder))
        end = time.monotonic() + BOOT_SECONDS
        while not self._linked():
            assert self._process.poll() is None, f"the emulated host does not start:\n{self.console()}"
            assert time.monotonic() < end, f"the emulated host does not start:\n{self.console()}"

    def _linked(self) -> bool:
        """One connection for all commands: an emulated processor takes a second for each login."""
        with (self._folder / "ssh").open("wb") as output:
            self._link = child([*self._words(ControlMaster="yes"), "-N", ALIAS], output)
        while not (self._folder / "link").exists():
            if self._link.poll() is not None:
                time.sleep(0.5)
                return False
            time.sleep(0.05)
        return True

    def console(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def stop(self) -> None:
        """End it at once, without a shutdown."""
        for process in (self._link, self._process):
            if process is not None:
                process.kill()
                process.wait(60)
        self._link = self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    # ---- commands --------------------------------------------------------------------------------------------------

    def run(self, command: str, timeout: float = 600, check: bool = True) -> str:
        """The output of a shell command, run by root. :raises Failed: when it ends with a status other than 0."""
        done = self._ssh([command], timeout)
        if check and done.returncode:
            raise Failed(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def succeeds(self, command: str) -> bool:
        return self._ssh([command], 600).returncode == 0

    def send(self, source: Path, target: str) -> None:
        """Copy a file, or the content of a folder. ``target`` is created, and belongs to root."""
        if source.is_dir():
            self._pipe(["tar", "-C", str(source), "-c", "."], f"mkdir -p {shlex.quote(target)} && "
                       f"tar -C {shlex.quote(target)} --no-same-owner -x")  # fmt: skip
        else:
            quoted = shlex.quote(target)
            self._pipe(["cat", str(source)], f"mkdir -p $(dirname {quoted}) && umask 077 && cat > {quoted}")

    def write(self, target: str, text: str, mode: str = "0644") -> None:
        path = self._folder / "text"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        self.send(path, target)
        path.unlink()
        self.run(f"chmod {mode} {shlex.quote(target)}")

    def _pipe(self, source: list[str], command: str) -> None:
        with subprocess.Popen(source, stdout=subprocess.PIPE) as reading:
            done = subprocess.run(
                [*self._words(), ALIAS, command],
                stdin=reading.stdout,
                capture_output=True,
                text=True,
                check=False,
                timeout=1800,
            )
        if done.returncode or reading.returncode:
            raise Failed(f"{' '.join(source)} | {command}: {done.stderr}")

    # ---- the network -----------------------------------------------------------------------------------------------

    def reach(self, network: str) -> None:
        """Route these addresses, such as 127.37.0.0/16, to the loopback of the outer host instead of this one's."""
        need_root("a network device between the hosts is made by root")
        number = 4 * secrets.randbelow(1 << 14)
        outer, inner = (str(ipaddress.ip_address("198.18.0.0") + number + offset) for offset in (1, 2))
        for command in (
            ["ip", "addr", "add", f"{outer}/30", "dev", self._wire],
            ["ip", "link", "set", self._wire, "up"],
            ["sysctl", "-q", "-w", f"net.ipv4.conf.{self._wire}.route_localnet=1"],
        ):
            done = subprocess.run(command, env=clean(), capture_output=True, text=True, check=False, timeout=1800)
            assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        device = self.run(f"ip -o link | grep {WIRE_MAC}").split(": ")[1]
        self.run(
            f"ip addr add {inner}/30 dev {device} && ip link set {device} up && "
            f"sysctl -q -w net.ipv4.conf.{device}.route_localnet=1 && "
            "ip route replace table local local 127.0.0.0/16 dev lo && "
            "{ ip route del table local local 127.0.0.0/8 dev lo || true; } && "
            f"ip route replace table local unicast {network} via {outer} dev {device} src {inner}"
        )

    @property
    def login(self) -> tuple[str, int, str]:
        """Address, port and user of SSH."""
        return "127.0.0.1", self._port, "root"

    @property
    def keys(self) -> Path:
        """The folder with ``key`` and ``known_hosts``, which names the host ``alias``."""
        return self._disk

    def publish(self, port: int) -> int:
        """Forward a port of this host. Returns the port on 127.0.0.1 of the outer host."""
        local = free_port()
        forwarding = f"127.0.0.1:{local}:127.0.0.1:{port}"
        done = subprocess.run(
            [*self._words(), "-O", "forward", "-L", forwarding, ALIAS],
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
        if done.returncode:
            raise Failed(f"ssh -L {forwarding}: {done.stderr}")
        return local

    @property
    def ssh_options(self) -> str:
        """Options with which a program that calls ssh itself reaches this host."""
        return shlex.join(self._words()[1:])

    def _words(self, **more: str) -> list[str]:
        options: dict[str, object] = {
            "IdentityFile": self._disk / "key",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self._disk / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "HostKeyAlias": ALIAS,
            "HostName": "127.0.0.1",
            "Port": self._port,
            "User": "root",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
            "ConnectTimeout": 20,
            "ControlPath": self._folder / "link",
            **more,
        }
        return [
            "ssh",
            "-F",
            "none",
            *(argument for key, value in options.items() for argument in ("-o", f"{key}={value}")),
        ]

    def _ssh(self, command: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self._words(), ALIAS, *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            return subprocess.CompletedProcess(command, 255, "", f"no end after {error.timeout} s")
