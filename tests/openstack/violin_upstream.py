# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drivers for Violin that Cinder had until 2017, unmodified, on a current Cinder and Python.

This module restores what they need and what was removed since: exceptions of Cinder, a database query, and for the
vendor's library some names of Python 2 and the ports (see tests/conformance/drive_violin.py).
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"
# The wheel of the last Cinder that has the drivers, and the folder with vmemclient
WHEEL, LIBRARY = "OPENFLASH_VIOLIN_WHEEL", "OPENFLASH_VIOLIN_LIBRARY"
EXCEPTIONS = {
    "ViolinInvalidBackendConfig": "Volume backend config is invalid: %(reason)s",
    "ViolinRequestRetryTimeout": "Backend service retry timeout hit: %(timeout)s sec",
    "ViolinBackendErr": "Backend reports: %(message)s",
    "ViolinBackendErrExists": "Backend reports: item already exists",
    "ViolinBackendErrNotFound": "Backend reports: item not found",
    "ViolinResourceNotFound": "Backend reports: %(message)s",
}


def prepare(entry: dict[str, Any], volumes: dict[str, Any]) -> None:
    """Make ``cinder.volume.drivers.violin`` importable, for this array.

    :param volumes: by id, the volumes that the drivers read from the database.
    """
    from cinder import exception
    from cinder.volume import drivers

    sys.path.append(str(CONFORMANCE))
    drive: Any = importlib.import_module("drive_violin")
    if entry.get("ca_path"):
        os.environ["SSL_CERT_FILE"] = entry["ca_path"]
    drive.redirect(entry["port"], "https" if entry.get("ca_path") else "http")
    drive.python_2()
    sys.path.append(os.environ[LIBRARY])
    drivers.__path__.append(os.environ[WHEEL] + "/cinder/volume/drivers")
    for name, message in EXCEPTIONS.items():
        setattr(exception, name, type(name, (exception.VolumeDriverException,), {"message": message}))
    database: Any = types.ModuleType("cinder.db.sqlalchemy")
    database.api = types.SimpleNamespace(volume_get=lambda ctxt, number: volumes[number])
    sys.modules["cinder.db.sqlalchemy"] = database
    vmemclient: Any = importlib.import_module("vmemclient")
    log_in = vmemclient.open

    def quiet(*arguments: Any, **more: Any) -> Any:
        """Log in without the output of the library, which prints the answer."""
        with contextlib.redirect_stdout(io.StringIO()):
            return log_in(*arguments, **more)

    vmemclient.open = quiet
    common: Any = importlib.import_module("cinder.volume.drivers.violin.v7000_common")
    with zones_by_decorator():
        for module, name in (("v7000_fcp", "V7000FCPDriver"), ("v7000_iscsi", "V7000ISCSIDriver")):
            driver: Any = getattr(importlib.import_module(f"cinder.volume.drivers.violin.{module}"), name)
            driver.get_driver_options = classmethod(lambda cls: common.violin_opts)


@contextlib.contextmanager
def zones_by_decorator() -> Iterator[None]:
    """Let Cinder's zone functions work as decorators, as the drivers use them."""
    from cinder.zonemanager import utils

    now = {name: getattr(utils, name) for name in ("add_fc_zone", "remove_fc_zone")}

    def decorator(tell: Callable[[Any], None]) -> Any:
        def decorate(method: Any) -> Any:
            @functools.wraps(method)
            def call(*arguments: Any, **more: Any) -> Any:
                info = method(*arguments, **more)
                tell(info)
                return info

            return call

        return decorate

    for name, tell in now.items():
        setattr(utils, name, decorator(tell))
    try:
        yield
    finally:
        for name, tell in now.items():
            setattr(utils, name, tell)
