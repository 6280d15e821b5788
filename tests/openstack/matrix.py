# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every driver supports on every kind of array, as the drivers and the arrays' capabilities tell it.

    matrix.py ENDPOINTS

Prints the table of the guide as JSON, ``{"step": "table", "ok": true, "detail": [[cell, ...], ...]}``.
"""

from __future__ import annotations

import lib  # first: it makes the process green

import json  # isort: skip
import sys  # isort: skip
from typing import Any  # isort: skip


# column, array, kind of driver, kind of volume
COLUMNS = [
    ("XtremIO 4 to 6", "xtremio", "xtremio-iscsi", "thin"),
    ("XtremIO 3.x", "xtremio3", "xtremio-iscsi", "thin"),
    ("FlashSystem 840, 900", "flashsystem", "flashsystem-fc", "thick"),
    ("Violin, thick", "violin", "violin-fc", "thick"),
    ("Violin, thin or dedup", "violin", "violin-fc", "thin"),
    ("Dsware, REST", "dsware", "dsware", "thin"),
    ("Datera", "datera", "datera", "thin"),
]
WORDS = {"instant": "array, at once", "array_copy": "array copies"}


def copies(driver: Any, array: Any, operation: str, kind: str) -> str:
    """Who makes an independent copy of a volume of this kind, of its own size."""
    from openflash import model
    from openflash.vendors.violin.facts import TimeMark

    volume = model.Volume("x", 10 * lib.GIB, provisioning=kind)
    source: Any = volume if operation == "clone_volume" else model.Snapshot("s", "x", volume.size)
    if array.capabilities.vendor == "violin" and operation != "clone_volume":
        source = TimeMark("s", "x", volume.size, provisioning=kind)
    spec = model.VolumeSpec("y", volume.size, provisioning=kind if driver.VENDOR == "violin" else None)
    if driver._needs_host(operation, array, source, spec, lib.volume(10)):
        return "service's host copies"
    return WORDS[array.capabilities.method(operation, source).kind]


def extends(known: Any, kind: str) -> str:
    from openflash import model

    kinds = [one for one in known.provisioning if (one == "thick") == (kind == "thick")]
    cannot = [one for one in kinds if known.refusal("extend_volume", model.Volume("x", lib.GIB, provisioning=one))]
    return f"yes, but not {' or '.join(cannot)} (7300)" if cannot else "yes"


def column(title: str, name: str, kind: str, volume: str) -> list[str]:
    array = lib.Array(sys.argv[1], name)
    driver = lib.make(lib.OURS[kind], kind, array.entry, title.replace(" ", "-"))
    driver.do_setup(lib.CONTEXT)
    with driver._session() as found:
        known = found.capabilities
        yes = {True: "yes", False: "no"}
        groups = hasattr(driver, "_group_name") and known.refusal("groups") is None
        chap = kind == "xtremio-iscsi" or known.chap_per_volume
        renames = known.refusal("rename_volume") is None
        return [
            title,
            "yes",
            "yes",
            extends(known, volume),
            "service's host copies" if driver.VENDOR == "flashsystem" else "array, at once",
            copies(driver, found, "volume_from_snapshot", volume),
            copies(driver, found, "clone_volume", volume),
            "in place" if known.refusal("restore_snapshot") is None else "Cinder copies",
            "yes, consistent" if groups else "Cinder's own, not consistent",
            "by name" if renames else "by name, which it keeps",
            yes[driver._multiattach()],
            yes[chap] if driver.PROTOCOL == "iSCSI" else "-",
            "limits, replicas, placement" if known.volume_options.get("replica_count") else "by migration",
        ]


ROWS = [
    "",
    "Create and delete",
    "Attach and detach, force detach",
    "Extend, attached or not",
    "Snapshots",
    "Volume from a snapshot",
    "Clone",
    "Revert to a snapshot",
    "Groups and group snapshots",
    "Manage, unmanage, list",
    "Attachments to several hosts",
    "CHAP",
    "Retype",
]


def main() -> int:
    lib.prepare()
    columns = [ROWS] + [column(*one) for one in COLUMNS]
    table = [list(row) for row in zip(*columns, strict=True)]
    print(json.dumps({"step": "table", "ok": True, "detail": table}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
