# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The molecule scenarios: create, converge, converge again with no change, verify, destroy."""

from __future__ import annotations

from collections.abc import Callable


def test_scenarios(run: Callable[..., str], newcomer: dict[str, str]) -> None:
    """All in one home, so that the environment of the simulators is made once."""
    run("molecule", "test", "--all", **newcomer)
