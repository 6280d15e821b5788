# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capabilities of the product agree with abilities.py, which the other tests use."""

from __future__ import annotations

import pytest

from tests.module.abilities import OPERATIONS
from tests.module.arrays import ArrayUnderTest


@pytest.mark.every_row
def test_the_operations_that_an_array_refuses_are_those_of_the_table(array: ArrayUnderTest) -> None:
    with array.library() as client:
        refusals = {operation: client.capabilities.refusal(operation) for operation in OPERATIONS}
        others = set(client.capabilities.refusals) - set(OPERATIONS)
    refused = {operation: text for operation, text in refusals.items() if text is not None}
    expected = array.row.abilities.refusals
    assert set(refused) == set(expected)
    assert [text for operation, text in refused.items() if expected[operation] not in text] == []
    assert others == set(), "OPERATIONS does not name them"


@pytest.mark.every_row
def test_the_capabilities_of_an_array_are_those_of_the_table(array: ArrayUnderTest) -> None:
    expected = array.row.abilities
    with array.library() as client:
        assert {name: getattr(client.capabilities, name) for name in expected.comparable()} == expected.comparable()
        assert frozenset(client.capabilities.volume_options) == expected.volume_options
        for operation in ("create_snapshots", "clone_volume", "volume_from_snapshot"):
            assert client.capabilities.method(operation).kind == expected.method(operation).kind
