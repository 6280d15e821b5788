# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The molecule scenarios: create, converge, converge again with no change, verify, destroy."""

from __future__ import annotations

from collections.abc import Callable

import pytest


def test_scenarios(run: Callable[..., str], newcomer: dict[str, str]) -> None:
    """In one home, so that the environment of the simulators is made once."""
    for name in ("default", "golden_images"):
        run("molecule", "test", "--scenario-name", name, **newcomer)


@pytest.mark.slow
def test_cinder_backend_scenario(run: Callable[..., str], newcomer: dict[str, str]) -> None:
    """Installs a Cinder from the package index, which takes minutes."""
    run("molecule", "test", "--scenario-name", "cinder_backend", timeout=1800, **newcomer)
