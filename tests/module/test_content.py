# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy with its final name has the content that its source had when the run that reports it created it.

The connection of a run is cut after each of its changes, the source is written to, and the task runs again. Because
these tests cut so often, they run on one array of each wire.
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
    """With a wait_timeout so long that a task which waits for an ended run does not succeed within the test."""
    return {"timeout": 2.0, "wait_timeout": 600.0, "max_concurrency": 1}


def prepare(array: ArrayUnderTest, task: str) -> None:
    array.reset()
    array.done("flash_volume", name="db1", size="2GiB")
    array.write("db1", GIB)
    if "snapshot" in task:
        array.done("flash_snapshot", name="old", volume="db1")


def arguments(array: ArrayUnderTest, task: str) -> tuple[str, dict[str, Any], str] | None:
    """The task for this array; None where the array has no such copy."""
    module, options, source = TASKS[task]
    args = dict(options)
    if args.pop("full_clone", False):
        if array.row.simulator["vendor"] != "dsware":
            return None
        args["array_options"] = {"full_clone": True}
    return module, args, source


def run(array: ArrayUnderTest, module: str, args: dict[str, Any]) -> Result:
    return array.task(module, connection=connection(array), **args)


@pytest.mark.parametrize("task", TASKS)
def test_a_copy_never_has_the_content_of_the_time_of_an_interrupted_run(array: ArrayUnderTest, task: str) -> None:
    prepare(array, task)
    task_of_array = arguments(array, task)
    if task_of_array is None:
        array.refuses("flash_volume", "made", name="made", source_volume="db1", array_options={"full_clone": True})
        return
    module, args, source = task_of_array
    mark = array.mark()
    first = run(array, module, args)
    assert not first.failed, first.msg
    requests_sent = array.requests(mark)
    requests = len(requests_sent)
    begin = next(
        number for number, request in enumerate(requests_sent) if request["write"] and "log" not in request["path"][-8:]
    )
    assert array.volumes()["made"]["content"] == array.volumes()[source]["content"]
    # A run that is cut after a read leaves what one leaves that is cut before it
    for skip in (number for number in range(begin, requests) if number == begin or requests_sent[number - 1]["write"]):
        prepare(array, task)
        content_before = array.volumes()["db1"]["content"]
        array.fault(kind="reset_before", skip=skip, count=None)
        cut = run(array, module, args)
        array.clear_faults()
        finished = not cut.failed or "made" in array.volumes() and _is_complete(array, module, args)
        array.write("db1", GIB)
        repeated = run(array, module, args)
        where = f"cut off after {skip} of {requests} requests"
        assert not repeated.failed, f"{where} ({cut.get('msg')}): {repeated.msg}"
        content = array.volumes()["made"]["content"]
        copy = repeated["snapshot" if module == "flash_snapshot" else "volume"]
        if source == "old":
            assert content == array.volumes()["old"]["content"], where
        elif repeated.changed and not copy.get("resumed"):
            assert content == array.volumes()["db1"]["content"] != content_before, where
        else:
            # The first run finished it, or this run reports that it resumed an older copy.
            assert finished or copy["resumed"], where
            assert content == content_before, where
        temporary = [name for name in array.volumes() if name.startswith("of-") or ".of-" in name]
        assert temporary == [] or not repeated.changed or module == "flash_volume", f"{where}: {temporary}"


def _is_complete(array: ArrayUnderTest, module: str, args: dict[str, Any]) -> bool:
    """Whether a run without faults has nothing to create."""
    return not array.task(module, check=True, connection=connection(array), **args).changed
