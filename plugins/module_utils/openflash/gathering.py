# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads an array into a document that flash_array takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

from . import report
from .array import Array
from .errors import context
from .plan.gathered import gathered
from .plan.selection import Selection
from .read import everything


def gather(array: Array, selection: Selection) -> Dict[str, Any]:
    """The document, what of the array is not in it, and the array with its pools as flash_facts has them.

    :raises FlashError: a kind of object cannot be read. Its section would seem to be empty.
    """
    with context(doing="read the pools", array=array.label):
        pools = array.pools()
    actual = everything(array, selection.snapshots)
    with context(doing="read the properties of the volumes", array=array.label):
        names = [volume.name for volume in actual.volumes if volume.name.startswith(selection.prefix)]
        actual = replace(actual, volumes=array.with_properties(actual.volumes, names))
    found = gathered(actual, pools, array.capabilities, selection)
    with context(doing="read the array", array=array.label):
        info = array.info()
    return {
        "gathered": found.document,
        "not_declared": [entry._asdict() for entry in found.not_declared],
        "array": report.info_data(info),
        "pools": [report.pool_data(pool) for pool in pools],
    }
