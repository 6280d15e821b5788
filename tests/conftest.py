# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tests share a worker: those of one file, which share simulators; of the longest file those of one vendor."""

from __future__ import annotations

from typing import Any

import pytest

import tests.support.programs  # noqa: F401  its import lets the library start programs

# By array: "test_a_fault_at_any_request_of_a_task[violin-7.5.5-fc-extend-reset_after]"
LONGEST = "tests/module/test_faults.py"


class _ByFile:
    """Mixed into xdist's scheduler, whose own marks of groups go unnoticed since pytest 9."""

    def _split_scope(self, nodeid: str) -> str:
        file, _colons, test = nodeid.partition("::")
        return f"{file} {test.partition('[')[2].partition('-')[0]}" if file == LONGEST else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    return type("ByFile", (_ByFile, LoadScopeScheduling), {})(config, log)
