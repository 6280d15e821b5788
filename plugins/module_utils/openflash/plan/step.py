# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every step of a plan has, and how a plan shows it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Callable, ClassVar, Tuple

from ..array import Array
from .world import World

MAKE, CHANGE, REMOVE, NEITHER = "+", "~", "-", " "


@dataclass(frozen=True)
class Line:
    """A step for an operator to read."""

    text: str
    sign: str = CHANGE
    destructive: bool = False


Key = Tuple[str, ...]
"""What a step is about: ("volume", NAME), ("snapshot", VOLUME, NAME), ("host", NAME), ("mapping", HOST, VOLUME) ..."""

Change = Callable[[], None]
"""Brings the world to what the array has by now. Call it with the lock of the world."""


@dataclass(frozen=True)
class Step(ABC):
    item: Key
    """The desired object that the step is for. Results and errors are reported for that object."""

    destructive: ClassVar[bool] = False
    """Whether it removes something: content, an object, or a host's access to a volume.

    Such a step comes after all others, and is not carried out when any step failed or any part of the task was refused.
    A rename is not destructive: content and mappings stay, and it can be undone.
    """

    sign: ClassVar[str] = CHANGE
    """Whether it makes, changes or removes something, as a plan shows it."""

    @property
    @abstractmethod
    def line(self) -> str:
        """What it does, for an operator to read."""

    @property
    def keys(self) -> Tuple[Key, ...]:
        """The desired objects that succeed or fail with this step."""
        return (self.item,)

    @abstractmethod
    def apply(self, array: Array, world: World) -> Change:
        """Do it on the array, and return what then changes in the world. The world is only read, with its lock."""

    def __str__(self) -> str:
        return self.line
