# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands for the kernel of the host of cinder-volume: its disks are files of simulated arrays.

Runs in the process of a Cinder, when ``OPENFLASH_DISKS`` has, as JSON, the folders with the ``dev`` and ``sys`` of the
host by protocol. Two of os-brick's connectors are replaced: the kernel is what they would talk to. All else is Cinder's
and os-brick's own, and so is every byte that is read or written.
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
# Seconds for the simulated kernel to do what it was told
PATIENCE = 10.0


class FibreChannel(local.LocalConnector):  # type: ignore[misc] # os-brick has no types
    """Disks that show up after a scan, and stay until they are deleted (see the simulator's devicetree.py)."""

    @staticmethod
    def get_connector_properties(root_helper: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        ports = sorted(ROOTS["fc"].glob("sys/class/fc_host/*/port_name"))
        names = [port.read_text().strip().removeprefix("0x") for port in ports]
        return {"wwpns": names, "wwnns": [f"2{name[1:]}" for name in names]}

    def connect_volume(self, connection_properties: dict[str, Any]) -> dict[str, Any]:
        (ROOTS["fc"] / "sys/class/scsi_host/host1/scan").write_text("- - -\n")
        (path, *_more) = self._wait(connection_properties, True)
        found: dict[str, Any] = super().connect_volume({"device_path": path})
        return found

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

    def _wait(self, connection_properties: dict[str, Any], there: bool) -> list[str]:
        end = time.monotonic() + PATIENCE
        while bool(found := self._disks(connection_properties)) != there:
            if time.monotonic() > end:
                raise RuntimeError(f"disks of LUN {connection_properties['target_lun']}: {found}")
            time.sleep(0.02)
        return found


class Local(local.LocalConnector):  # type: ignore[misc]
    """Disks that the block client makes, in a /dev of their own. The simulated array forgets what was written when a
    volume is detached; a real one does not."""

    @staticmethod
    def get_connector_properties(root_helper: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """By another name than this machine's, whose /dev is not asked then."""
        return {"host": HOST}

    def connect_volume(self, connection_properties: dict[str, Any]) -> dict[str, Any]:
        path = self._path(connection_properties)
        if self._kept(path).exists():
            copy(self._kept(path), path)
        found: dict[str, Any] = super().connect_volume({"device_path": str(path)})
        return found

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
        listed, mine = mapping[protocol], f"{__name__}.{cls.__name__}"
        mapping[protocol] = mine
        connector.unix_connector_list[connector.unix_connector_list.index(listed)] = mine
    # Nothing here needs another user, and there is no rootwrap.
    os_brick.privileged.default.set_client_mode(False)
    cinder.privsep.sys_admin_pctxt.set_client_mode(False)
    folder = Path(tempfile.mkdtemp(prefix="sudo-", dir=next(iter(ROOTS.values())).parent))
    sudo = folder / "sudo"
    sudo.write_text('#!/bin/sh\nwhile [ "${1##*rootwrap*}" = "" ] || [ -f "$1" ]; do shift; done\nexec "$@"\n')
    sudo.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    assert shutil.which("sudo") == str(sudo)
