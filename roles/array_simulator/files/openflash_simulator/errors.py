# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong before any array has been asked anything."""

from __future__ import annotations


class SimulatorError(Exception):
    """The simulator cannot do what its operator asked; the text is one complete sentence."""


class ConfigError(SimulatorError):
    """The configuration is wrong: an unknown key, vendor or value."""
