# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive os-brick's connector for Huawei volumes, unmodified, with the attach tool of a simulated array.

    drive_huawei_connector.py SDS_CLI VOLUME MISSING DEVICE_ROOT SIZE

The volume is there and not attached; MISSING is not there. Prints one JSON object per step, ``{"step", "ok",
"detail"}``. The connector runs its tool without sudo only as root.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import os_brick
from os_brick import exception
from os_brick.initiator import connector
from oslo_concurrency import lockutils
from oslo_config import cfg

FAILED = 0


def step(name: str, action: Callable[[], Any], refused: type[Exception] | None = None, wanted: Any = ...) -> Any:
    """One step; ``wanted`` is what must come back."""
    global FAILED
    result, detail = None, ""
    try:
        result = action()
    except Exception as error:
        ok = refused is not None and isinstance(error, refused)
        detail = f"{type(error).__name__}: {error}"
    else:
        ok = refused is None and (wanted is ... or result == wanted)
        detail = "" if ok else f"{result!r} instead of {wanted!r}, or of {refused}"
    FAILED += not ok
    print(json.dumps({"step": name, "ok": ok, "detail": detail}), flush=True)
    return result


def main() -> int:
    tool, volume, missing, root, size = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    os.environ["HUAWEISDSHYPERVISORCLI_PATH"] = tool
    cfg.CONF([], project="conformance", default_config_files=[])
    lockutils.set_defaults(tempfile.mkdtemp(prefix="conformance-"))
    os_brick.setup(cfg.CONF)
    brick = connector.InitiatorConnector.factory("HUAWEISDSHYPERVISOR", "sudo")
    there = {"volume_id": volume, "access_mode": "rw", "qos_specs": None}
    nowhere = {**there, "volume_id": missing}
    refused = exception.BrickException

    step("not connected", lambda: brick.is_volume_connected(volume), wanted=False)
    step("no path yet", lambda: brick.get_volume_paths(there), refused)
    first = step("connect", lambda: brick.connect_volume(there)) or {"path": "/nowhere"}
    path = Path(first["path"])
    step("under the root", lambda: path.is_relative_to(root), wanted=True)
    step("of its size", lambda: path.stat().st_size, wanted=int(size))
    step("connect again", lambda: brick.connect_volume(there), wanted=first)
    step("connected", lambda: brick.is_volume_connected(volume), wanted=True)
    step("its path", lambda: brick.get_volume_paths(there), wanted=[first["path"]])
    step("disconnect", lambda: brick.disconnect_volume(there, None))
    step("no device left", path.exists, wanted=False)
    step("disconnect again", lambda: brick.disconnect_volume(there, None))
    step("connect what is not there", lambda: brick.connect_volume(nowhere), refused)
    step("is it connected", lambda: brick.is_volume_connected(missing), wanted=False)
    step("extend", lambda: brick.extend_volume(there), NotImplementedError)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
