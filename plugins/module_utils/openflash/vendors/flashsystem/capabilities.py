# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the array can do, which names it takes, and what it refuses (sheet, sections 2 and 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional

from ...model import FC, ISCSI, THICK, Capabilities, CopyMethod, NameRule
from ...properties import LACKING
from .ledger import GRANULARITY, LARGEST, LUN_RANGE, NAME_LONGEST, NAME_PATTERN, SMALLEST
from .names import MARKER, SUFFIX

_LONGEST, _PATTERN = NAME_LONGEST.value, NAME_PATTERN.value

_COPIES = ("create_snapshots", "clone_volume", "volume_from_snapshot")

_REFUSALS: Dict[str, str] = {
    "atomic_snapshots": "this array takes no snapshots; the host that runs the task copies one volume after the other, "
    "so several are never of one instant; take them one by one while nothing writes to the volumes",
    "restore_snapshot": "this array cannot put a snapshot's content back into its volume; make a volume from the "
    "snapshot (source_snapshot) and map that instead",
    "refresh_volume": "this array cannot copy, so it puts no content into a volume that exists, and a copy that takes "
    "the name of the volume would be another disk to its hosts; make a volume from the source and map that instead",
    "groups": "this array has no consistency groups",
    "chap": "this array has no CHAP; leave the chap options out",
    "host_os": "this array stores no operating system of a host; leave os out",
    "metadata": "this array keeps no notes on a volume",
    "host_without_initiators": "this array makes no host without a port; give its initiators",
}


@dataclass(frozen=True)
class FlashSystemCapabilities(Capabilities):
    """Copies need a data path from the host that the task runs on to the array."""

    no_path: Callable[[], Optional[str]] = field(default=lambda: None, compare=False)
    """The reason, as a clause, why this host cannot copy; None when it can."""

    def refusal(self, operation: str, obj: Any = None, **details: Any) -> Optional[str]:
        if operation in _COPIES:
            problem = self.no_path()
            if problem is not None:
                return (
                    "this array cannot copy, so the host that runs the task does, and this one has no path to the "
                    "array: %s; delegate the task to a host that is connected to it by Fibre Channel or iSCSI" % problem
                )
            return None
        return super().refusal(operation, obj, **details)

    def method(self, operation: str, obj: Any = None) -> CopyMethod:
        return CopyMethod("host_copy", independent=True)


def capabilities(no_path: Callable[[], Optional[str]]) -> FlashSystemCapabilities:
    rule = "1 to %d letters, digits, spaces, '.', '-' and '_', the first a letter or '_', the last no space"
    not_given_here = r"(?!%s)(?!.*\.(?:snap|live)[-_][0-9a-f]{12}\Z)" % MARKER
    return FlashSystemCapabilities(
        vendor="flashsystem",
        volume_name=NameRule(_LONGEST, not_given_here + _PATTERN, rule % _LONGEST),
        # The name of a snapshot leaves room for what identifies its source.
        snapshot_name=NameRule(_LONGEST - SUFFIX, not_given_here + _PATTERN, rule % (_LONGEST - SUFFIX)),
        # Any name will do for a host: see safe_host_name.
        host_name=NameRule(255, r"[^\x00-\x1f\x7f]+", "1 to 255 characters"),
        provisioning=(THICK,),
        granularity=GRANULARITY,
        smallest=SMALLEST,
        largest=LARGEST.value,
        luns=LUN_RANGE.value,
        protocols=(FC, ISCSI),
        proves_snapshots=False,
        chap=None,
        refusals=dict(LACKING, **_REFUSALS),
        no_path=no_path,
    )
