# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drivers that Cinder ships, unmodified, and what must be around them.

The classes are a table that anybody may read. The rest runs in the environment of a Cinder.
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
    """Before the driver is made: what it needs of this Python, and what no option tells it.

    :param port: of the array's management.
    :param folder: for what it would otherwise write where every user has it.
    """
    if vendor == "datera":
        _prepare_datera(port, folder)
    if vendor == "dsware":
        # It writes its password there, in another form.
        constants: Any = importlib.import_module("cinder.volume.drivers.fusionstorage.constants")
        constants.CONF_PATH = str(folder / "there-is-none.conf")


def _prepare_datera(port: int, folder: Path) -> None:
    """Its SDK was written for an older Python, knows one port only, and keeps a file for all users."""
    for missing in ("Mapping", "MutableMapping", "Sequence"):
        setattr(collections, missing, getattr(collections.abc, missing))
    dfs_sdk: Any = importlib.import_module("dfs_sdk")
    connection: Any = importlib.import_module("dfs_sdk.connection")
    connection.REST_PORT = connection.REST_PORT_HTTPS = port
    original = dfs_sdk.get_api
    dfs_sdk.get_api = lambda *given, **options: original(*given, schema_loc=str(folder / "schema"), **options)
