# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drivers that Cinder ships, unmodified, and the environment that they need.

Any process can import the table of classes. The functions run in the environment of a Cinder.
"""

from __future__ import annotations

import collections
import collections.abc
import importlib
from pathlib import Path
from typing import Any

UPSTREAM = {
    "xtremio-iscsi": "cinder.volume.drivers.dell_emc.xtremio.XtremIOISCSIDriver",
    "xtremio-fc": "cinder.volume.drivers.dell_emc.xtremio.XtremIOFCDriver",
    "flashsystem-fc": "cinder.volume.drivers.ibm.flashsystem_fc.FlashSystemFCDriver",
    "flashsystem-iscsi": "cinder.volume.drivers.ibm.flashsystem_iscsi.FlashSystemISCSIDriver",
    "violin-fc": "cinder.volume.drivers.violin.v7000_fcp.V7000FCPDriver",
    "violin-iscsi": "cinder.volume.drivers.violin.v7000_iscsi.V7000ISCSIDriver",
    "dsware": "cinder.volume.drivers.fusionstorage.dsware.DSWAREDriver",
    "datera": "cinder.volume.drivers.datera.datera_iscsi.DateraDriver",
}


def prepare(vendor: str, port: int, folder: Path) -> None:
    """Prepare this Python for a driver before it is made, with settings that it has no options for.

    :param port: of the array's management.
    :param folder: for files that it would otherwise write to a shared folder.
    """
    if vendor == "datera":
        _prepare_datera(port, folder)
    if vendor == "dsware":
        # It would write its encoded password there.
        constants: Any = importlib.import_module("cinder.volume.drivers.fusionstorage.constants")
        constants.CONF_PATH = str(folder / "there-is-none.conf")


def _prepare_datera(port: int, folder: Path) -> None:
    """Its SDK was written for an older Python, uses one fixed port, and keeps one cache file for all users."""
    for missing in ("Mapping", "MutableMapping", "Sequence"):
        setattr(collections, missing, getattr(collections.abc, missing))
    dfs_sdk: Any = importlib.import_module("dfs_sdk")
    connection: Any = importlib.import_module("dfs_sdk.connection")
    connection.REST_PORT = connection.REST_PORT_HTTPS = port
    original = dfs_sdk.get_api
    dfs_sdk.get_api = lambda *arguments, **options: original(*arguments, schema_loc=str(folder / "schema"), **options)
