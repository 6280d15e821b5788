# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task permits beyond the safe defaults. One field per option; False refuses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    unmap: bool = False
    """Delete, overwrite or restore a mapped volume, unmapping it first."""
    delete_snapshots: bool = False
    """Delete a volume together with its snapshots."""
    shared: bool = False
    """Map a volume that another host has."""
    force: bool = False
    """Unmap although the array reports an open session on that very volume; take all initiators of a host with maps."""
    openstack_owned: bool = False
    """Change what OpenStack owns, judged by its name."""
    assume_unmapped: bool = False
    """Treat a volume as unmapped where the array cannot be asked."""
    allow_empty: bool = False
    """Take an empty list at its word where that removes everything: prune, exclusive, exclusive_initiators."""
