# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces the kernel of cinder-volume's host: its disks are files of simulated arrays.

Runs in the process of a Cinder, when ``OPENFLASH_DISKS`` has, as JSON, the folders with the ``dev`` and ``sys`` of the
host by protocol. It replaces two of os-brick's connectors, which would use the kernel. Everything else is Cinder's and
os-brick's own code, and every byte is really read and written.
"""

from __future__ import annotations

import json
import os
import shutil
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
ROOTS: dict[str, Path] = {}
# Seconds within which the simulated kernel must add or remove a disk
PATIENCE = 10.0


class FibreChannel(local.LocalConnector):  # type: ignore[misc] # os-brick has no types
    """Disks that appear after a scan, and stay until they are deleted (see the simulator's devicetree.py)."""

    @staticmethod
    def get_connector_properties(root_helper: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        ports = sorted(ROOTS["fc"].glob("sys/class/fc_host/*/port_name"))
        names = [port.read_text().strip().removeprefix("0x") for port in ports]
        return {"wwpns": names, "wwnns": [f"2{name[1:]}" for name in names]}

    def connect_volume(self, connection_properties: dict[str, Any]) -> dict[str, Any]:
        (ROOTS["fc"] / "sys/class/scsi_host/host1/scan").write_text("- - -\n")
        (path, *_more) = self._wait(connection_properties, True)
        device: dict[str, Any] = super().connect_volume({"device_path": path})
        return device

    def disconnect_volume(self, connection_properties: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        for path in self._disks(connection_properties):
            (ROOTS["fc"] / "sys/block" / Path(path).name / "device/delete").write_text("1\n")
        self._wait(connection_properties, False)

    def _disks(self, connection_properties: dict[str, Any]) -> list[str]:
        lun = str(connection_properties["target_lun"])
        links = sorted(ROOTS["fc"].glob("sys/block/*/device"))
        return [
            str(ROOTS["fc"] / "dev" / link.parent.name) for link in links if link.resolve().name.endswith(f":{lun}")
        ]

    def _wait(self, connection_properties: dict[str, Any], attached: bool) -> list[str]:
        end = time.monotonic() + PATIENCE
        while bool(disks := self._disks(connection_properties)) != attached:
            if time.monotonic() > end:
                raise RuntimeError(f"disks of LUN {connection_properties['target_lun']}: {disks}")
            time.sleep(0.02)
        return disks


class Local(local.LocalConnector):  # type: ignore[misc]
    """Disks of the block client, in a separate /dev folder.

    The simulated array loses the bytes of a volume that is detached, unlike a real one, so they are kept here.
    """

    @staticmethod
    def get_connector_properties(root_helper: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Another host name than this machine's, so that its own /dev is not used."""
        return {"host": HOST}

    def connect_volume(self, connection_properties: dict[str, Any]) -> dict[str, Any]:
        path = self._path(connection_properties)
        if self._kept(path).exists():
            copy(self._kept(path), path)
        device: dict[str, Any] = super().connect_volume({"device_path": str(path)})
        return device

    def disconnect_volume(self, connection_properties: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        path = self._path(connection_properties)
        copy(path, self._kept(path))

    @staticmethod
    def _path(connection_properties: dict[str, Any]) -> Path:
        return ROOTS["local"] / Path(connection_properties["device_path"]).relative_to("/dev")

    @staticmethod
    def _kept(path: Path) -> Path:
        return ROOTS["local"].parent / f"kept-{path.name}"


def copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "--sparse=always", str(source.resolve()), str(target.resolve())], check=True, timeout=600)


def register() -> None:
    ROOTS.update({protocol: Path(root) for protocol, root in json.loads(os.environ["OPENFLASH_DISKS"]).items()})
    for protocol, cls in (("FIBRE_CHANNEL", FibreChannel), ("LOCAL", Local)):
        mapping = connector.get_connector_mapping()
        listed, replacement = mapping[protocol], f"{__name__}.{cls.__name__}"
        mapping[protocol] = replacement
        connector.unix_connector_list[connector.unix_connector_list.index(listed)] = replacement
    # There is no rootwrap, and nothing needs another user
    os_brick.privileged.default.set_client_mode(False)
    cinder.privsep.sys_admin_pctxt.set_client_mode(False)
    folder = Path(tempfile.mkdtemp(prefix="sudo-", dir=next(iter(ROOTS.values())).parent))
    sudo = folder / "sudo"
    sudo.write_text('#!/bin/sh\nwhile [ "${1##*rootwrap*}" = "" ] || [ -f "$1" ]; do shift; done\nexec "$@"\n')
    sudo.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    assert shutil.which("sudo") == str(sudo)
