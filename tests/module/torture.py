# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation against arrays that behave otherwise than is assumed: ``make torture``.

A case is an operation of ``operations.py``, an array, other values of its assumptions, and what becomes of the run: it
is undisturbed, killed after one of its changes, loses the answer to one, or is met by a second run of the same. After
it a host writes, and the task runs again until it succeeds or names an assumption. The oracle is asked after each run.

    python -m tests.module.torture [--seed N] [--seconds N] [TEXT ...]

With TEXT only the cases whose description contains all of these texts. The order is that of the seed. Results are
appended to ``build/torture-SEED.jsonl``; what is there is not carried out again. It prints a table, and the cases that
broke a promise; these make the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openflash_simulator.vendors import wire_class
from tests.module.arrays import GIB, ONE_OF_EACH_WIRE, ArrayUnderTest, Modules, Row
from tests.module.operations import OPERATIONS
from tests.module.stage import NOT_LOGIN, Stage, changing, operations_of, short_timeouts
from tests.support.oracle import HELPER, Held, Oracle, Planned
from tests.support.simulator import Simulator

AS_ASSUMED, WORST = "as assumed", "worst"
UNDISTURBED, KILLED, LOST, MET = "undisturbed", "killed", "answer lost", "second run"
HOW = (UNDISTURBED, KILLED, LOST, MET)
CONVERGED, NAMED, BROKEN = "converged", "names the assumption", "broken"
SHORT = 0.5
"""Seconds of lateness that ``worst`` plays here, so that thousands of cases come to an end."""
SETTLED = 20.0
"""Seconds after which a task that is run again must succeed, or name an assumption."""
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Case:
    row: str
    operation: str
    alternative: str
    how: str
    number: int = 0
    """Of the change that is disturbed, from 1."""

    @property
    def about(self) -> str:
        return f"{self.row}: {self.operation}: {self.alternative}: {self.how} {self.number or ''}".rstrip()


def alternatives(vendor: str) -> dict[str, Any]:
    """What is played, by a description: each other value of each entry, and the least kind of all."""
    found: dict[str, Any] = {AS_ASSUMED: {}}
    late = {}
    for entry in wire_class(vendor).assumptions:
        found.update({f"{entry.id}={value}": {entry.id: value} for value in entry.others})
        if SHORT in entry.others:
            late[entry.id] = SHORT
    return {**found, WORST: {"*": WORST, **late}}


class Torture:
    """Carries out cases on simulated arrays."""

    def __init__(self, arrays: dict[str, ArrayUnderTest], open_clients: ExitStack) -> None:
        self._stages = {name: Stage(array, {}, open_clients) for name, array in arrays.items()}
        self._planned: dict[tuple[str, str], tuple[Planned, list[int]]] = {}

    def planned(self, row: str, operation: str) -> tuple[Planned, list[int]]:
        """What the task plans to do, and the numbers of its changing requests, where everything is as assumed."""
        if (row, operation) not in self._planned:
            stage = self._stages[row]
            stage.array.assume({})
            stage.prepare(OPERATIONS[operation])
            before, mark = stage.held(), stage.array.mark()
            result = stage.array.carry_out(operation, "module", short_timeouts(stage))
            assert result is not None
            assert not result.failed, result.msg
            self._planned[row, operation] = Planned(before, stage.held()), changing(stage.array.requests(mark))
        return self._planned[row, operation]

    def cases(self, row: Row, operations: tuple[str, ...] = ()) -> Iterator[Case]:
        for operation in operations or operations_of(row):
            _planned, changes = self.planned(row.name, operation)
            for alternative in alternatives(str(row.simulator["vendor"])):
                yield Case(row.name, operation, alternative, UNDISTURBED)
                for how in HOW[1:]:
                    for number in range(1, len(changes) + 1):
                        yield Case(row.name, operation, alternative, how, number)

    def carry_out(self, case: Case) -> tuple[str, str]:
        """CONVERGED, NAMED or BROKEN, and what was said."""
        stage = self._stages[case.row]
        array = stage.array
        planned, changes = self.planned(case.row, case.operation)
        array.assume({})
        _before, oracle = stage.begin(case.operation, planned)
        values = alternatives(array.subject.vendor)[case.alternative]
        array.assume(values)
        try:
            return self._carry_out(case, stage, oracle, values, changes)
        finally:
            array.clear_faults()
            array.assume({})

    def _carry_out(
        self, case: Case, stage: Stage, oracle: Oracle, values: dict[str, Any], changes: list[int]
    ) -> tuple[str, str]:
        array, mark = stage.array, stage.array.mark()
        cut: dict[str, Any] = {}
        if case.how == KILLED:
            cut = {"dies": (changes[case.number - 1], False)}
        elif case.how == MET:
            cut = {"meets": changes[case.number - 1]}
        elif case.how == LOST:
            kind = "reset_before" if case.number % 2 == len(case.alternative) % 2 else "reset_after"
            array.fault(kind=kind, match={"write": True, "path": NOT_LOGIN}, skip=case.number - 1)
        first = array.carry_out(case.operation, "module", short_timeouts(stage), **cut)
        array.clear_faults()
        found = oracle.problems()
        if first is not None and first.second is not None:
            first = first if first.failed else first.second
        if not found and case.how in (KILLED, LOST) and "data1" in oracle.first.contents:
            oracle.host_writes("data1", lambda name: array.write(name, GIB))
        until = time.monotonic() + SETTLED
        result = first
        while not found and (result is None or result.failed or case.how != UNDISTURBED):
            if result is not None and result.failed and _names(result, values):
                return NAMED, result.msg
            oracle.begins()
            result = array.carry_out(case.operation, "module", short_timeouts(stage))
            assert result is not None
            found = oracle.problems()
            if not result.failed:
                break
            if time.monotonic() > until and not _names(result, values):
                return BROKEN, f"still fails: {result.msg}"
            time.sleep(0.3)
        restored = Counter(one["about"]["name"] for one in array.changes(mark) if one["change"] == "volume.overwrite")
        found += [f"{name} is restored {count} times" for name, count in restored.items() if count > 1]
        if found:
            return BROKEN, "; ".join(found)
        missing = unlike(stage.held(), oracle.planned.after)
        return (BROKEN, missing) if missing else (CONVERGED, "")


def _names(result: dict[str, Any], values: dict[str, Any]) -> bool:
    """Whether the error names one of the assumptions that are not so."""
    named = result["error"].get("assumption")
    return named is not None and (named in values or "*" in values)


def unlike(held: Held, wanted: Held) -> str:
    """What is not as the task declares it; empty if all is. An array may hold more, such as backups of its own."""
    wrong = [
        f"{name} is not there" if name not in held.sizes else f"{name} has {held.sizes[name]} bytes"
        for name, size in wanted.sizes.items()
        if held.sizes.get(name) != size
    ]
    # A killed run may leave an initiator on a Datera that is in no group, and so gives access to nothing.
    hosts = {
        name: addresses
        for name, addresses in held.initiators.items()
        if not HELPER.search(name) and (name in wanted.initiators or addresses != {name})
    }
    if hosts != {name: addresses for name, addresses in wanted.initiators.items() if not HELPER.search(name)}:
        wrong.append(f"the hosts are {hosts}")
    if set(held.luns.items()) != set(wanted.luns.items()):
        wrong.append(f"the mappings are {held.luns}")
    return "; ".join(wrong)


def table(results: dict[Case, tuple[str, str]]) -> str:
    """By array and alternative, and what became of the run: how many converged and named the assumption."""
    counts: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for case, (verdict, _text) in results.items():
        counts.setdefault((case.row, case.alternative), Counter())[case.how, verdict] += 1
    width = max(len(alternative) for _row, alternative in counts)
    lines = ["  ".join([" " * width, *(f"{how:>15}" for how in HOW)])]
    previous = ""
    for (row, alternative), counted in sorted(counts.items()):
        if row != previous:
            lines.append(row)
            previous = row
        cells = ["/".join(str(counted[how, verdict]) for verdict in (CONVERGED, NAMED, BROKEN)) for how in HOW]
        lines.append("  ".join([f"{alternative:<{width}}", *(f"{cell:>15}" for cell in cells)]))
    return "\n".join([*lines, "", "came to what is declared/named the assumption/broke a promise"])


def load(path: Path) -> dict[Case, tuple[str, str]]:
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {Case(*row["case"]): (row["verdict"], row["text"]) for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", nargs="*")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    chosen = parser.parse_args()
    path = ROOT / f"build/torture-{chosen.seed}.jsonl"
    path.parent.mkdir(exist_ok=True)
    results = load(path)
    until = time.monotonic() + chosen.seconds
    rows = [row for row in ONE_OF_EACH_WIRE if row.hosts]
    named = [row for row in rows if row.name in chosen.texts]
    rows = named or rows
    modules = Modules()
    with Simulator([row.config for row in rows]) as simulator, ExitStack() as stack, path.open("a") as written:
        stack.callback(modules.stop)
        torture = Torture({row.name: ArrayUnderTest(row, simulator, modules) for row in rows}, stack)
        wanted = [
            case
            for row in rows
            for operation in operations_of(row)
            if _may_match(chosen.texts, row.name, operation)
            for case in torture.cases(row, (operation,))
            if all(text in case.about for text in chosen.texts)
        ]
        random.Random(chosen.seed).shuffle(wanted)
        for case in wanted:
            if case in results:
                continue
            if time.monotonic() > until:
                break
            verdict, text = results[case] = torture.carry_out(case)
            written.write(json.dumps({"case": list(vars(case).values()), "verdict": verdict, "text": text}) + "\n")
            written.flush()
            if verdict == BROKEN:
                print(f"{case.about}: {text}", flush=True)
        selected = {case: results[case] for case in wanted if case in results}
        print(table(selected) if selected else "no case matches")
        print(f"{len(selected)} of {len(wanted)} cases")
    sys.exit(any(verdict == BROKEN for verdict, _text in selected.values()))


def _may_match(texts: list[str], row: str, operation: str) -> bool:
    """Whether a case of this array and operation may contain all texts: what is planned costs a run to find out."""
    others = [text for text in texts if text not in f"{row}: {operation}: "]
    known = [other for other in OPERATIONS if other != operation]
    return not any(text in name for text in others for name in (*known, *(one.name for one in ONE_OF_EACH_WIRE)))


if __name__ == "__main__":
    main()
