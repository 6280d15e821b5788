# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A selection of the damaged and invented answers of ``make fuzz``, and those that once broke the rules."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.module.arrays import ONE_OF_EACH_WIRE, ArrayUnderTest
from tests.module.fuzz import HTTP, recorded_cases, targets

NAMES = (HTTP, *(row.name for row in ONE_OF_EACH_WIRE))
SELECTED = 100
SEED = 7


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_answer_is_read_or_refused(arrays: dict[str, ArrayUnderTest], name: str) -> None:
    with targets(arrays) as open_target:
        target = open_target(name)
        known = [case for case in recorded_cases() if case.target == name]
        random_cases = itertools.islice(target.cases(random.Random(f"{SEED} {name}")), SELECTED)
        defects = [f"{problem}\n{case}"[:2000] for case in (*known, *random_cases) if (problem := target.problem(case))]
    assert defects == [], "\n".join(defects)
