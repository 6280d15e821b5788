# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the array can do, and why it cannot do the rest."""

from __future__ import annotations

from typing import Dict

from ...model import FC, ISCSI, THIN, WITH_VOLUMES, Capabilities, NameRule
from ...properties import LACKING
from ...units import MIB
from .ledger import GRANULARITY, LARGEST, LUN_RANGE, NAME_LONGEST, NAME_PATTERN
from .names import TEMPORARY_LONGEST


def _rule(longest: int) -> NameRule:
    return NameRule(
        longest,
        NAME_PATTERN.value,
        "1 to %d letters, digits, '.', '_', ':', '@', '+' and '-', the first a letter or digit, not digits only"
        % longest,
    )


_ON_3X: Dict[str, str] = {
    "atomic_snapshots": "XIOS 3.x does not promise that several snapshots are of one instant; take them one by one, "
    "or upgrade the array to 4.0 or later",
    "restore_snapshot": "XIOS 3.x cannot put a snapshot's content back into its volume; make a volume from the "
    "snapshot and map that instead, or upgrade the array to 4.0 or later",
    "refresh_volume": "XIOS 3.x cannot put content into a volume that exists; make a volume from the snapshot and map "
    "that instead, or upgrade the array to 4.0 or later",
    "groups": "XIOS 3.x has no consistency groups; upgrade the array to 4.0 or later",
    "metadata": "XIOS 3.x has no tags to keep notes in; upgrade the array to 4.0 or later",
}


def capabilities(is_v2: bool) -> Capabilities:
    """What the array can do, over REST v2 (XMS 4.0 and later) or v1 (XIOS 3.x)."""
    # The name of a volume with the suffix of an unfinished copy must not be too long.
    volume = _rule(NAME_LONGEST.value - TEMPORARY_LONGEST)
    return Capabilities(
        vendor="xtremio",
        volume_name=volume,
        snapshot_name=volume,
        host_name=_rule(NAME_LONGEST.value),
        group_name=_rule(NAME_LONGEST.value) if is_v2 else None,
        provisioning=(THIN,),
        granularity=GRANULARITY,
        smallest=MIB,
        largest=LARGEST,
        luns=LUN_RANGE.value,
        protocols=(FC, ISCSI),
        snapshot_names=WITH_VOLUMES,
        finishes_snapshot_sets=True,
        proves_snapshots=is_v2,
        refusals=LACKING if is_v2 else dict(LACKING, **_ON_3X),
    )
