# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepares a Cinder that has the upstream driver and ours on the same array.

Runs in the process of that Cinder, when ``OPENFLASH_COMPARED`` has, as JSON, the ``vendor`` and ``port`` of the array,
a ``folder``, and the URL of the array's ``journal``. Cinder reads statistics by itself, also after each deletion. The
file ``statistics`` in the folder gets a line for every reading, with the numbers of the journal's last entries before
and after it, so that those requests can be distinguished from those of the operations.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

from cinder.volume import manager

OPENSTACK = Path(__file__).resolve().parents[1] / "openstack"


def register() -> None:
    about = json.loads(os.environ["OPENFLASH_COMPARED"])
    folder = Path(about["folder"])
    sys.path.append(str(OPENSTACK))
    import upstream

    upstream.prepare(about["vendor"], about["port"], folder)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    read = manager.VolumeManager._report_driver_status

    def last() -> int:
        with opener.open(f"{about['journal']}?since={1 << 60}", timeout=30) as answer:
            number: int = json.loads(answer.read())["last"]
            return number

    def read_and_note(self: Any, context: Any) -> None:
        before = last()
        try:
            read(self, context)
        finally:
            with (folder / "statistics").open("a") as file:
                file.write(f"{before} {last()}\n")

    manager.VolumeManager._report_driver_status = read_and_note
