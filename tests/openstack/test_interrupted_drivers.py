# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cinder drivers whose process is killed after a change, or that never receive the answer to one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.openstack.conftest import Runner
from tests.support.simulator import Simulator

# The number of changes of each call, which is the number of interruptions
CHANGES = {
    "xtremio-iscsi": {
        "create_volume": 1,
        "extend_volume": 1,
        "create_snapshot": 2,
        "create_cloned_volume": 2,
        "create_volume_from_snapshot": 2,
        "initialize_connection": 2,
        "terminate_connection": 1,
        "delete_snapshot": 1,
        "delete_volume": 1,
    },
    "datera": {
        "create_volume": 1,
        "extend_volume": 1,
        "create_snapshot": 1,
        "create_cloned_volume": 1,
        "create_volume_from_snapshot": 1,
        "initialize_connection": 2,
        "terminate_connection": 1,
        "delete_snapshot": 1,
        "delete_volume": 2,
    },
    "violin-fc": {
        "create_volume": 1,
        "extend_volume": 1,
        "create_snapshot": 3,
        "create_cloned_volume": 3,
        "create_volume_from_snapshot": 2,
        "initialize_connection": 2,
        "terminate_connection": 1,
        "delete_snapshot": 1,
        "delete_volume": 2,
    },
    "flashsystem-fc": {
        "create_volume": 1,
        "extend_volume": 1,
        "create_snapshot": 1,
        "create_cloned_volume": 1,
        "create_volume_from_snapshot": 1,
        "initialize_connection": 1,
        "terminate_connection": 1,
        "delete_snapshot": 1,
        "delete_volume": 1,
    },
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(
        [{"name": name, "vendor": name} for name in ("xtremio", "datera", "violin", "flashsystem")]
    ) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "kind", "changes"),
    [
        ("xtremio", "xtremio-iscsi", "every"),
        pytest.param("datera", "datera", "every", marks=pytest.mark.slow),
        pytest.param("violin", "violin-fc", "every", marks=pytest.mark.slow),
        pytest.param("flashsystem", "flashsystem-fc", "first", marks=pytest.mark.slow),
    ],
)
def test_after_a_driver_is_killed_or_an_answer_is_lost_the_next_call_finishes_and_nothing_remains(
    cinder29: Runner, simulator: Simulator, name: str, kind: str, changes: str
) -> None:
    """The next call is the same one, or the delete of an object that Cinder has in error."""
    outcome = cinder29.run("interruptions.py", str(simulator.endpoints_path), name, kind, changes)
    assert (outcome.wrong, outcome.status) == ([], 0)
    counts = {
        call: dict.fromkeys(("killed", "reset_after", "reset_late"), number) for call, number in CHANGES[kind].items()
    }
    assert outcome.counts == counts
