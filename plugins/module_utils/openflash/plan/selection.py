# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task gathers of an array."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Invalid
from .desired import SECTIONS, Options


@dataclass(frozen=True)
class Selection:
    """What of an array is gathered into a document."""

    prefix: str = ""
    """The beginning of the names of its objects; empty for every name."""
    snapshots: bool = False
    openstack: bool = False
    """Also what OpenStack owns, by its name."""


_ONLY_DECLARED = (*SECTIONS, "prune")


def selection(params: Options) -> Selection:
    """flash_array with ``state: gathered``.

    :raises Invalid: the task also declares something.
    """
    given = [name for name in _ONLY_DECLARED if params.get(name) not in (None, False)]
    if given:
        raise Invalid(
            "the option %s is not for state: gathered, which only reads" % " and ".join(given),
            hint="Declare in a task of its own.",
        )
    return Selection(
        prefix=params.get("gather_prefix") or "",
        snapshots=bool(params.get("gather_snapshots")),
        openstack=not params.get("exclude_openstack", True),
    )
