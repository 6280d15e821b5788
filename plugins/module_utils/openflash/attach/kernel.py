# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The protocols of this host's kernel. Above them, so that they can share fabric.py without importing in a circle."""

from __future__ import annotations

from typing import Tuple

from .disks import Tree
from .fabric import Fabric
from .fibre_channel import FibreChannel
from .iscsi import Iscsi


def fabrics_of(tree: Tree, timeout: float) -> Tuple[Fabric, ...]:
    """Each protocol by which this host's kernel may reach an array, the preferred one first.

    :param timeout: seconds within which a disk must appear, and disappear.
    """
    return (FibreChannel(tree, timeout), Iscsi(tree, timeout))
