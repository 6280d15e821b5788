# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for real services, each in its own environment."""

from __future__ import annotations

from tests.openstack.conftest import distribution

__all__ = ["distribution"]
