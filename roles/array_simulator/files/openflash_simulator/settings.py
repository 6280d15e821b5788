# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one simulated array is made from, checked by ``config``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .document import Document
from .faults import Fault


@dataclass(frozen=True)
class PoolConfig:
    """A pool to begin with; ``size`` in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class ArrayConfig:
    """One array to simulate. ``options`` are the vendor's own keys, already checked."""

    name: str
    vendor: str
    address: str = "127.0.0.1"
    port: int = 0
    username: str = "admin"
    # Kept out of repr: a traceback or a log line must not show it.
    password: str = field(default="", repr=False)
    version: str = ""
    pools: tuple[PoolConfig, ...] = ()
    state_dir: Path | None = None
    datapath: bool = False
    # The value of each entry of the wire's ledger, by id.
    assume: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    # What the array begins with, instead of empty.
    document: Document | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
