# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays that behave otherwise than is assumed, all of it at once. ``make torture`` plays each value alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest
from tests.module.torture import BROKEN, HOW, KILLED, UNDISTURBED, WORST, Case, Torture

OPERATIONS = ("restore a volume", "create a larger clone", "map a volume", "replace the initiators of a host")
"""By which data can be lost, an old copy get a new name, and a host lose what it has."""
ROWS = {"xtremio-4.2-iscsi": OPERATIONS, "flashsystem-fc": OPERATIONS[1:], "datera-2.2": OPERATIONS}
"""The arrays whose ledger is complete, and which of these operations they have."""
FIRST = ("xtremio-4.2-iscsi",)
"""Where all of it is in `make test`; of the others what this chooses of each array."""
CHOSEN = (("create a larger clone", KILLED), ("restore a volume", KILLED))


def cases() -> Iterator[Any]:
    for row, operations in ROWS.items():
        for operation in operations:
            for how in HOW:
                marks = () if row in FIRST or (operation, how) in CHOSEN else (pytest.mark.slow,)
                yield pytest.param(row, operation, how, marks=marks, id=f"{row}-{operation}-{how}")


@pytest.fixture(scope="module")
def torture(arrays: dict[str, ArrayUnderTest]) -> Iterator[Torture]:
    with ExitStack() as stack:
        yield Torture({name: arrays[name] for name in ROWS}, stack)


@pytest.mark.parametrize(("row", "operation", "how"), list(cases()))
def test_no_data_is_lost_where_all_that_is_assumed_is_wrong(
    torture: Torture, row: str, operation: str, how: str
) -> None:
    """The change before the last is the one that is disturbed: a restore has been carried out then."""
    _planned, changes = torture.planned(row, operation)
    number = 0 if how == UNDISTURBED else max(1, len(changes) - 1)
    verdict, text = torture.carry_out(Case(row, operation, WORST, how, number))
    assert verdict != BROKEN, text


def test_the_content_is_kept_where_an_array_lists_a_backup_late(arrays: dict[str, ArrayUnderTest]) -> None:
    """A Dsware that is refreshed, killed after the copy was begun. The next run does not see the backup for a while."""
    with ExitStack() as stack:
        torture = Torture({"dsware-rest": arrays["dsware-rest"]}, stack)
        late, operation = "dsware.array.made_seen_after=5.0", "refresh a volume from another volume"
        verdict, text = torture.carry_out(Case("dsware-rest", operation, late, KILLED, 5))
    assert verdict != BROKEN, text
