# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has its final name holds what its source held when the run that reports it was made, on every array.

A run is cut off at each of its requests, the source is written to, and the task runs again. One array stands for each
wire: these tests meet every request.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import GIB, ArrayUnderTest, Result

pytestmark = pytest.mark.wire

TASKS: dict[str, tuple[str, dict[str, Any], str]] = {
    "snapshot": ("flash_snapshot", {"name": "made", "volume": "db1"}, "db1"),
    "clone": ("flash_volume", {"name": "made", "source_volume": "db1"}, "db1"),
    "larger clone": ("flash_volume", {"name": "made", "source_volume": "db1", "size": "3GiB"}, "db1"),
    "full clone": ("flash_volume", {"name": "made", "source_volume": "db1", "full_clone": True}, "db1"),
    "volume of a snapshot": ("flash_volume", {"name": "made", "source_snapshot": "old", "size": "3GiB"}, "old"),
}


def connection(array: ArrayUnderTest) -> dict[str, Any]:
    """So patient that a task which does not know that the other run has ended is still busy when the test looks."""
    return {"timeout": 2.0, "wait_timeout": 600.0, "max_concurrency": 1}


def prepare(array: ArrayUnderTest, task: str) -> None:
    array.reset()
    array.done("flash_volume", name="db1", size="2GiB")
    array.write("db1", GIB)
    if "snapshot" in task:
        array.done("flash_snapshot", name="old", volume="db1")


def arguments(array: ArrayUnderTest, task: str) -> tuple[str, dict[str, Any], str] | None:
    """The task for this array; None where the array has no such copy."""
    module, given, source = TASKS[task]
    args = dict(given)
    if args.pop("full_clone", False):
        if array.row.simulator["vendor"] != "dsware":
            return None
        args["array_options"] = {"full_clone": True}
    return module, args, source


def run(array: ArrayUnderTest, module: str, args: dict[str, Any]) -> Result:
    return array.task(module, connection=connection(array), **args)


@pytest.mark.parametrize("task", TASKS)
def test_a_copy_never_holds_what_its_source_held_for_a_run_that_was_cut_off(array: ArrayUnderTest, task: str) -> None:
    prepare(array, task)
    found = arguments(array, task)
    if found is None:
        array.refuses("flash_volume", "made", name="made", source_volume="db1", array_options={"full_clone": True})
        return
    module, args, source = found
    mark = array.mark()
    first = run(array, module, args)
    assert not first.failed, first.msg
    sent = array.requests(mark)
    requests = len(sent)
    begin = next(number for number, one in enumerate(sent) if one["write"] and "log" not in one["path"][-8:])
    assert array.volumes()["made"]["content"] == array.volumes()[source]["content"]
    for skip in range(begin, requests):
        prepare(array, task)
        then = array.volumes()["db1"]["content"]
        array.fault(kind="reset_before", skip=skip, count=None)
        cut = run(array, module, args)
        array.clear_faults()
        finished = not cut.failed or "made" in array.volumes() and _is_shown(array, module, args)
        array.write("db1", GIB)
        again = run(array, module, args)
        where = f"cut off after {skip} of {requests} requests"
        assert not again.failed, f"{where} ({cut.get('msg')}): {again.msg}"
        held = array.volumes()["made"]["content"]
        made = again["snapshot" if module == "flash_snapshot" else "volume"]
        if source == "old":
            assert held == array.volumes()["old"]["content"], where
        elif again.changed and not made.get("resumed"):
            assert held == array.volumes()["db1"]["content"] != then, where
        else:
            # The first run had finished it, or this one says that its content is of then.
            assert finished or made["resumed"], where
            assert held == then, where
        temporary = [name for name in array.volumes() if name.startswith("of-") or ".of-" in name]
        assert temporary == [] or not again.changed or module == "flash_volume", f"{where}: {temporary}"


def _is_shown(array: ArrayUnderTest, module: str, args: dict[str, Any]) -> bool:
    """Whether a run without faults finds it there, and not yet to be made."""
    return not array.task(module, check=True, connection=connection(array), **args).changed
