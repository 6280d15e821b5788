# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an array reports of its operation, beyond what it holds: which hosts are logged in.

It is read only when it is asked for, never on the way of a change. Which arrays report it is said by
``capabilities.refusal``, under the aspect of each extra.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Optional, Sequence

from .array import Extra
from .model import Listing


@dataclass(frozen=True)
class Login:
    """One initiator of a host at one target port, or an initiator of which the array does not name the ports."""

    host: str
    initiator: str
    protocol: str
    target: Optional[str] = None
    """The canonical address of the target port: a WWN, or the target's IQN. None where the array does not name it."""
    port: Optional[str] = None
    """The array's name of that port."""
    volume: Optional[str] = None
    """The volume that it is for, where each volume is a target of its own. None: every volume of the host."""
    paths: Optional[int] = None
    """To how many target ports the initiator is logged in here: 1 with a target, 0 when it is not logged in. None
    where the array does not report it."""

    @property
    def logged_in(self) -> Optional[bool]:
        return None if self.paths is None else self.paths > 0


class Connections(Extra):
    """Which initiators are logged in."""

    aspect = "connections"
    lacking = "this array does not report which initiators are logged in"

    @abstractmethod
    def logins(self, hosts: Optional[Sequence[str]] = None) -> Listing[Login]:
        """The log-ins of all hosts, or of these, and each initiator that is not logged in, with 0 paths."""
