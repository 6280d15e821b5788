# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive os-brick's connector for Huawei volumes, unmodified, with the attach tool of a simulated array.

    drive_huawei_connector.py SDS_CLI VOLUME MISSING DEVICE_ROOT SIZE

VOLUME exists and is not attached; MISSING does not exist. Prints one JSON object per step, ``{"step", "ok",
"detail"}``. The connector runs its tool without sudo only when the user is root.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path

import os_brick
from os_brick import exception
from os_brick.initiator import connector
from oslo_concurrency import lockutils
from oslo_config import cfg
from steps import Steps


def main() -> int:
    tool, volume, missing, root, size = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    os.environ["HUAWEISDSHYPERVISORCLI_PATH"] = tool
    cfg.CONF([], project="conformance", default_config_files=[])
    lockutils.set_defaults(tempfile.mkdtemp(prefix="conformance-"))
    os_brick.setup(cfg.CONF)
    brick = connector.InitiatorConnector.factory("HUAWEISDSHYPERVISOR", "sudo")
    existing = {"volume_id": volume, "access_mode": "rw", "qos_specs": None}
    nowhere = {**existing, "volume_id": missing}
    refused = exception.BrickException
    run = Steps()
    step = run.step

    step("not connected", lambda: brick.is_volume_connected(volume), False)
    step("no path yet", lambda: brick.get_volume_paths(existing), refused=refused)
    first = step("connect", lambda: brick.connect_volume(existing)) or {"path": "/nowhere"}
    path = Path(first["path"])
    step("under the root", lambda: path.is_relative_to(root), True)
    step("of its size", lambda: path.stat().st_size, int(size))
    step("connect again", lambda: brick.connect_volume(existing), first)
    step("connected", lambda: brick.is_volume_connected(volume), True)
    step("its path", lambda: brick.get_volume_paths(existing), [first["path"]])
    step("disconnect", lambda: brick.disconnect_volume(existing, None))
    step("no device left", path.exists, False)
    step("disconnect again", lambda: brick.disconnect_volume(existing, None))
    step("connect what is not there", lambda: brick.connect_volume(nowhere), refused=refused)
    step("is it connected", lambda: brick.is_volume_connected(missing), False)
    step("extend", lambda: brick.extend_volume(existing), refused=NotImplementedError)
    return run.status()


if __name__ == "__main__":
    sys.exit(main())
