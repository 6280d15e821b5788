# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the product says that an array can do is what the table says: a test that asked the product would believe it."""

from __future__ import annotations

from tests.module.abilities import OPERATIONS
from tests.module.arrays import ArrayUnderTest


def test_the_array_refuses_what_the_table_says_and_nothing_else(array: ArrayUnderTest) -> None:
    with array.library() as client:
        found = {operation: client.capabilities.refusal(operation) for operation in OPERATIONS}
        others = set(client.capabilities.refusals) - set(OPERATIONS)
    refused = {operation: text for operation, text in found.items() if text is not None}
    expected = array.row.can.refusals
    assert set(refused) == set(expected)
    assert [text for operation, text in refused.items() if expected[operation] not in text] == []
    assert others == set(), "OPERATIONS does not name them"


def test_the_array_can_do_what_the_table_says(array: ArrayUnderTest) -> None:
    expected = array.row.can
    with array.library() as client:
        assert {name: getattr(client.capabilities, name) for name in expected.plain()} == expected.plain()
        assert frozenset(client.capabilities.volume_options) == expected.volume_options
        for operation in ("create_snapshots", "clone_volume", "volume_from_snapshot"):
            assert client.capabilities.method(operation).kind == expected.method(operation).kind
