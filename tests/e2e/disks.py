# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces the kernel of cinder-volume's host: its disks are files of simulated arrays.

Runs in the process of a Cinder, when ``OPENFLASH_DISKS`` has, as JSON, folders by protocol: ``fc`` those with the
``dev`` and ``sys`` of the host, one for each array; ``local`` the ``dev`` of the block client; ``iscsi`` an empty one.
It replaces those of os-brick's connectors that would use the kernel. Everything else is Cinder's and os-brick's own
code, and every byte is really read and written.

With ``iscsi`` root is needed: QEMU's initiator shows a LUN as a file by FUSE, and all disks are block devices, by loop
devices. A file as a disk would take the length of the image that is written to it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import cinder.privsep
import os_brick.privileged
from os_brick.initiator import connector
from os_brick.initiator.connectors import local

HOST = "control"
INITIATOR = "iqn.2026-01.org.example:control"
ROOTS: dict[str, Path] = {}
TREES: list[Path] = []
"""The folders of Fibre Channel."""
# Seconds within which the simulated kernel must add or remove a disk
PATIENCE = 10.0


class FibreChannel(local.LocalConnector):  # type: ignore[misc] # os-brick has no types
    """Disks that appear after a scan, and stay until they are deleted (see the simulator's devicetree.py)."""

    @staticmethod
    def get_connector_properties(root_helper: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        names = sorted({name for tree in TREES for name in ports(tree, "fc_host")})
        return {"wwpns": names, "wwnns": [f"2{name[1:]}" for name in names]}

    def connect_volume(self, connection_properties: dict[str, Any]) -> dict[str, Any]:
        (tree_of(connection_properties) / "sys/class/scsi_host/host1/scan").write_text("- - -\n")
        (path, *_more) = self._wait(connection_properties, True)
        device: dict[str, Any] = super().connect_volume({"device_path": block(Path(path))})
        return device

    def disconnect_volume(self, connection_properties: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        tree = tree_of(connection_properties)
        for path in self._disks(connection_properties):
            no_block(Path(path))
            (tree / "sys/block" / Path(path).name / "device/delete").write_text("1\n")
        self._wait(connection_properties, False)

    def _disks(self, connection_properties: dict[str, Any]) -> list[str]:
        tree, lun = tree_of(connection_properties), str(connection_properties["target_lun"])
        links = sorted(tree.glob("sys/block/*/device"))
        return [str(tree / "dev" / link.parent.name) for link in links if link.resolve().name.endswith(f":{lun}")]

    def _wait(self, connection_properties: dict[str, Any], attached: bool) -> list[str]:
        end = time.monotonic() + PATIENCE
        while bool(disks := self._disks(connection_properties)) != attached:
            if time.monotonic() > end:
                raise RuntimeError(f"disks of LUN {connection_properties['target_lun']}: {disks}")
            time.sleep(0.02)
        return disks


def ports(tree: Path, kind: str) -> list[str]:
    """The WWPNs of the host (``fc_host``), or of the array (``fc_remote_ports``)."""
    return [path.read_text().strip().lower().removeprefix("0x") for path in tree.glob(f"sys/class/{kind}/*/port_name")]


def tree_of(connection_properties: dict[str, Any]) -> Path:
    """The folder of the array that has these target ports."""
    targets = {name.lower() for name in connection_properties["target_wwn"]}
    (tree,) = [tree for tree in TREES if targets & set(ports(tree, "fc_remote_ports"))]
    return tree


def block(path: Path) -> str:
    """The path of a disk as a block device, where that is requested."""
    if "iscsi" not in ROOTS:
        return str(path)
    command = ["losetup", "--find", "--show", str(path.resolve())]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout.strip()


def no_block(path: Path) -> None:
    """End the block devices of a disk. All is written when that returns."""
    if "iscsi" in ROOTS and path.exists():
        command = ["losetup", "--noheadings", "--output", "NAME", "--associated", str(path.resolve())]
        names = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout.split()
        for name in names:
            subprocess.run(["losetup", "--detach", name], check=True, timeout=600)


class Iscsi(local.LocalConnector):  # type: ignore[misc]
    """A process of QEMU for each LUN, on the first of its paths."""

    @staticmethod
    def get_connector_properties(root_helper: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {"initiator": INITIATOR}

    def connect_volume(self, connection_properties: dict[str, Any]) -> dict[str, Any]:
        path = self._path(connection_properties)
        path.touch()
        options = {
            "driver": "iscsi",
            "node-name": "lun",
            "transport": "tcp",
            "portal": connection_properties["target_portal"],
            "target": connection_properties["target_iqn"],
            "lun": connection_properties["target_lun"],
            "initiator-name": INITIATOR,
        }
        command = ["qemu-storage-daemon", "--pidfile", str(self._pid(path))]
        if connection_properties.get("auth_method") == "CHAP":
            secret = path.with_name(f"{path.name}.chap")
            secret.touch(mode=0o600)
            secret.write_text(connection_properties["auth_password"])
            command += ["--object", f"secret,id=chap,file={secret}"]
            options |= {"user": connection_properties["auth_username"], "password-secret": "chap"}
        command += ["--blockdev", json.dumps(options)]
        command += ["--export", f"type=fuse,id=file,node-name=lun,mountpoint={path},writable=on"]
        # It has shown the file when the process that was started ends.
        subprocess.run([*command, "--daemonize"], check=True, timeout=600)
        device: dict[str, Any] = super().connect_volume({"device_path": block(path)})
        return device

    def disconnect_volume(self, connection_properties: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        path = self._path(connection_properties)
        no_block(path)
        pid = self._pid(path)
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)
            # QEMU removes it at its end.
            end = time.monotonic() + PATIENCE
            while pid.exists():
                if time.monotonic() > end:
                    raise RuntimeError(f"QEMU does not end: {path}")
                time.sleep(0.02)

    @staticmethod
    def _path(connection_properties: dict[str, Any]) -> Path:
        names = (connection_properties["target_iqn"], connection_properties["target_lun"])
        return ROOTS["iscsi"] / "-".join(str(name).replace(":", "-") for name in names)

    @staticmethod
    def _pid(path: Path) -> Path:
        return path.with_name(f"{path.name}.pid")


class Local(local.LocalConnector):  # type: ignore[misc]
    """Disks of the block client, in a separate /dev folder."""

    @staticmethod
    def get_connector_properties(root_helper: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Another host name than this machine's, so that its own /dev is not used."""
        return {"host": HOST}

    def connect_volume(self, connection_properties: dict[str, Any]) -> dict[str, Any]:
        device: dict[str, Any] = super().connect_volume({"device_path": block(self._path(connection_properties))})
        return device

    def disconnect_volume(self, connection_properties: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        no_block(self._path(connection_properties))

    @staticmethod
    def _path(connection_properties: dict[str, Any]) -> Path:
        return ROOTS["local"] / Path(connection_properties["device_path"]).relative_to("/dev")


def register() -> None:
    folders = json.loads(os.environ["OPENFLASH_DISKS"])
    TREES.extend(Path(tree) for tree in folders.pop("fc"))
    ROOTS.update({protocol: Path(root) for protocol, root in folders.items()})
    replaced = {"FIBRE_CHANNEL": FibreChannel, "LOCAL": Local} | ({"ISCSI": Iscsi} if "iscsi" in ROOTS else {})
    for protocol, cls in replaced.items():
        mapping = connector.get_connector_mapping()
        listed, replacement = mapping[protocol], f"{__name__}.{cls.__name__}"
        mapping[protocol] = replacement
        connector.unix_connector_list[connector.unix_connector_list.index(listed)] = replacement
    # There is no rootwrap, and nothing needs another user
    os_brick.privileged.default.set_client_mode(False)
    cinder.privsep.sys_admin_pctxt.set_client_mode(False)
    folder = Path(tempfile.mkdtemp(prefix="sudo-", dir=[*TREES, *ROOTS.values()][0].parent))
    sudo = folder / "sudo"
    sudo.write_text('#!/bin/sh\nwhile [ "${1##*rootwrap*}" = "" ] || [ -f "$1" ]; do shift; done\nexec "$@"\n')
    sudo.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    assert shutil.which("sudo") == str(sudo)
