# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that bring the same objects of one array about at the same time, each with a document of its own.

The documents overlap: each has some of the objects, in an order of its own. A run succeeds, or fails with an error that
says that something else is at work. Nothing is lost, nothing has an old content under a new name, and one more run of
all documents together converges.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.module.arrays import GIB, ONE_OF_EACH_WIRE, ArrayUnderTest, Result
from tests.module.stage import Stage
from tests.support.oracle import Oracle, Planned

WORKED_AT = ("busy", "conflict", "in_use", "not_found", "not_done", "timeout", "no_space")
"""Kinds of the error of a run that meets another one: that is at work, or was faster."""
KEPT = "keep1"


def document(array: ArrayUnderTest, objects: int) -> dict[str, Any]:
    """Volumes, clones, snapshots, hosts and mappings, so many in all."""
    volumes: list[dict[str, Any]] = [{"name": f"vol{n}", "size": "1GiB"} for n in range(objects * 3 // 10)]
    clones = [{"name": f"copy{n}", "source_volume": KEPT} for n in range(objects // 10)]
    snapshots = [{"name": f"snap{n}", "volume": KEPT} for n in range(objects * 2 // 10)]
    whole: dict[str, Any] = {"volumes": volumes + clones, "snapshots": snapshots}
    if array.row.hosts:
        hosts = objects // 10
        whole["hosts"] = [{"name": f"host{n}", "initiators": [array.initiator(n)]} for n in range(hosts)]
        whole["mappings"] = [
            {"volume": f"vol{n % len(volumes)}", "host": f"host{n % hosts}"} for n in range(objects * 3 // 10)
        ]
    return whole


def part(whole: dict[str, Any], random_: random.Random) -> dict[str, Any]:
    """Two thirds of the objects, with what they need, in another order."""
    chosen = {section: random_.sample(items, len(items) * 2 // 3) for section, items in whole.items()}
    volumes, hosts = ({item["name"] for item in chosen.get(section, ())} for section in ("volumes", "hosts"))
    if "mappings" in chosen:
        chosen["mappings"] = [
            item for item in chosen["mappings"] if item["volume"] in volumes and item["host"] in hosts
        ]
    return {section: items for section, items in chosen.items() if items}


def at_once(array: ArrayUnderTest, documents: Sequence[dict[str, Any]]) -> list[Result]:
    """The results of as many processes, which begin at the same time."""
    own = {"_ansible_remote_tmp": str(array.modules.folder), "_ansible_keep_remote_files": False}
    connection = {"timeout": 60.0, "wait_timeout": 120.0, "max_concurrency": 2, "continue_on_error": True}
    jobs = [
        {
            "module": "flash_array",
            "args": {**array.connection, **connection, **own, **content},
            "env": array.modules.environ,
            "cwd": str(array.modules.folder),
        }
        for content in documents
    ]
    with ExitStack() as stack:
        processes = [stack.enter_context(array.modules.started(job)) for job in jobs]
        outputs = [process.communicate(timeout=900) for process in processes]
    results = []
    for stdout, stderr in outputs:
        lines = [line for line in stdout.splitlines() if line.startswith("{")]
        assert len(lines) == 1, f"a process left no result\n{stdout}\n{stderr}"
        results.append(Result(json.loads(lines[0])))
    return results


def overlapping_documents_converge(array: ArrayUnderTest, processes: int, objects: int, seed: int) -> None:
    whole = document(array, objects)
    with ExitStack() as clients:
        stage = Stage(array, {}, clients)

        def prepare() -> None:
            array.reset()
            array.done("flash_volume", name=KEPT, size="1GiB")
            array.write(KEPT, GIB)

        prepare()
        before = stage.held()
        patient = {"timeout": 60.0, "wait_timeout": 300.0}
        array.done("flash_array", connection=patient, **whole)
        planned = Planned(before, stage.held())
        prepare()
        oracle = Oracle(stage.held, planned)
        random_ = random.Random(seed)
        results = at_once(array, [part(whole, random_) for _process in range(processes)])
        for result in results:
            if result.failed:
                assert result["error"]["kind"] in WORKED_AT, result.msg
                assert "Traceback" not in result.msg
        assert any(not result.failed for result in results) or processes > 2, [result.msg for result in results]
        assert oracle.problems() == [], [result.get("msg") for result in results]
        oracle.begins()
        last = array.task("flash_array", connection=patient, **whole)
        assert not last.failed, last.msg
        assert oracle.problems() == []
        held = stage.held()
        assert held.named.keys() == planned.after.named.keys()
        assert held.luns.keys() == planned.after.luns.keys()
        assert held.initiators == planned.after.initiators
        assert not array.task("flash_array", connection=patient, **whole).changed


def test_two_processes_with_overlapping_documents_converge(arrays: dict[str, ArrayUnderTest]) -> None:
    overlapping_documents_converge(arrays["xtremio-4.2-iscsi"], processes=2, objects=10, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("row", [row.name for row in ONE_OF_EACH_WIRE])
@pytest.mark.parametrize("seed", [1, 2])
def test_eight_processes_over_fifty_objects_converge(arrays: dict[str, ArrayUnderTest], row: str, seed: int) -> None:
    overlapping_documents_converge(arrays[row], processes=8, objects=50, seed=seed)
