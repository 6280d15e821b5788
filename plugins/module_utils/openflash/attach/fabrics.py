# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every way by which this host's kernel may reach an array, the better one first."""

from __future__ import annotations

from typing import Tuple

from .disks import Tree
from .fabric import Fabric
from .fibre_channel import FibreChannel
from .iscsi import Iscsi


def fabrics_of(tree: Tree, timeout: float) -> Tuple[Fabric, ...]:
    return (FibreChannel(tree, timeout), Iscsi(tree, timeout))
