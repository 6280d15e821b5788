# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One contract for every array: each operation by module and client, undisturbed, killed, with faults, raced, misused.

Every case checks the same: the oracle finds no data lost or changed without a plan, another run completes the
operation, and one more changes nothing. What an array cannot do is refused with the reason in abilities.py before
anything is written.

What would prove the same again is left to the slow variants, which are named "complete". Module and client take turns
at the places where a run is killed. The run that changes nothing follows the first disturbance of each operation and
not every one: the state from which it starts is compared with that of the undisturbed operation each time.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import interruption
from tests.module.arrays import CONTRACT, OTHER_FILTERS, ArrayUnderTest, Row
from tests.module.operations import OPERATIONS
from tests.module.stage import HOSTLESS, NOT_LOGIN, Stage, changing, finished, refusal, short_timeouts
from tests.support.oracle import Planned

BY = ("module", "client")
RACED = ("busy", "conflict", "in_use", "not_found")
"""The errors of one of two runs of the same operation: the other run is at work, or was faster."""
DEPENDENT_CHANGES = (("violin", "change the LUN of a volume"),)
"""The second run changes what the first waits for: it maps what the first unmapped."""
EXTRAS = ("chap", "groups", "metadata", "qos", "rename_host")
"""Operations whose methods only some clients have."""
RELATIVE = {
    ("violin", "extend a volume"): 1,
    ("violin", "create a larger clone"): 3,
    ("violin", "create a volume of a snapshot"): 2,
    ("flashsystem", "extend a volume"): 1,
    ("datera", "restore a volume"): 4,
}
"""The number of the change that is relative, or restores. It is never sent twice: a run that does not find it fails."""
REMOVE_INITIATORS = ("remove_initiators", "delete_host")
"""The abilities of operations that remove initiators."""
COPIES_BY_HOST = ("clone a volume", "create a volume of a snapshot", "take the first snapshot of a volume")
"""What this host copies itself, on an array that does not. It changes this host too, between two requests."""
PENDING_NAMES = {("datera", "restore a volume"): (re.compile(r"openflash-pending-[0-9.]+:\Z"), "backup1")}
"""The name that a backup has until the next run, when the note of the pending restore is made after the run has ended.

No client can rule that out: here it stops reading before the delayed change is made.
"""


Undisturbed = tuple[Any, Planned, list[dict[str, Any]]]
"""The outcome of an undisturbed run, what it plans to do, and its requests, with those of the session."""


def cases(*, supported: bool, by: tuple[str, ...] = ("",), rows: tuple[Row, ...] = CONTRACT) -> list[Any]:
    """Row, operation and, with ``by``, module or client."""
    cases_found = []
    for row in rows:
        for name, operation in OPERATIONS.items():
            if operation.vendors and row.simulator["vendor"] not in operation.vendors:
                continue
            for executor in by:
                if (not row.hosts and HOSTLESS.get(name, "") is None) or (
                    executor == "module" and not operation.module
                ):
                    continue
                if (refusal(row, name) is None) is supported and (executor != "client" or operation.client):
                    values = (row.name, name, executor) if executor else (row.name, name)
                    case_id = "-".join([row.name, name.replace(" ", "_"), executor]).rstrip("-")
                    marks = (pytest.mark.slow,) if row in OTHER_FILTERS else ()
                    cases_found.append(pytest.param(*values, id=case_id, marks=marks))
    return cases_found


def with_complete(found: list[Any]) -> list[Any]:
    """Each case with its complete variant, which is slow."""
    return [
        pytest.param(*case.values, complete, id=f"{case.id}-complete" if complete else case.id, marks=marks)
        for case in found
        for complete, marks in ((False, case.marks), (True, pytest.mark.slow))
    ]


@pytest.fixture(scope="session")
def open_clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def clients() -> dict[str, Any]:
    return {}


@pytest.fixture
def stage(
    row: str, arrays: dict[str, ArrayUnderTest], clients: dict[str, Any], open_clients: ExitStack
) -> Iterator[Stage]:
    array = arrays[row]
    array.clear_faults()
    yield Stage(array, clients, open_clients)
    array.clear_faults()


@pytest.fixture(scope="session")
def undisturbed_runs() -> dict[tuple[str, str, str], Undisturbed]:
    """By row, operation and executor. Each is carried out once, for all tests that compare with it."""
    return {}


@pytest.fixture
def undisturbed(
    stage: Stage, name: str, by: str, undisturbed_runs: dict[tuple[str, str, str], Undisturbed]
) -> Undisturbed:
    key = (stage.array.row.name, name, by)
    if key not in undisturbed_runs:
        before = stage.prepare(OPERATIONS[name])
        mark = stage.array.mark()
        result = stage.array.carry_out(name, by, short_timeouts(stage))
        assert result is not None
        assert not result.failed, result.msg
        requests = stage.array.requests(mark)
        undisturbed_runs[key] = (stage.outcome(), Planned(before, stage.held()), requests)
    return undisturbed_runs[key]


# ---- undisturbed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "name"), cases(supported=True))
def test_a_task_is_predicted_and_done_once_with_the_same_outcome_as_the_client(stage: Stage, name: str) -> None:
    operation = OPERATIONS[name]
    stage.prepare(operation)
    if operation.module:
        stage.array.converges(operation.module, **operation.connection, **operation.options(stage.array.subject))
        by_module = stage.outcome()
    if operation.client is None:
        return
    before = stage.prepare(operation)
    operation.client(stage.client, stage.array.subject)
    by_client = stage.outcome()
    assert by_client == by_module if operation.module else by_client
    operation.client(stage.client, stage.array.subject)
    assert stage.outcome() == by_client
    stage.check_ready(before, by_client, "undisturbed")


@pytest.mark.parametrize(("row", "name"), cases(supported=False))
def test_what_an_array_cannot_do_is_refused_with_its_reason(stage: Stage, name: str) -> None:
    operation = OPERATIONS[name]
    stage.prepare(operation)
    reason = str(refusal(stage.array.row, name))
    if operation.module:
        stage.array.refuses(operation.module, reason, **operation.options(stage.array.subject))
    if operation.client is None or not stage.array.row.hosts:
        return
    mark = stage.array.mark()
    with pytest.raises((FlashError, AttributeError)) as caught:
        operation.client(stage.client, stage.array.subject)
    if isinstance(caught.value, FlashError):
        assert caught.value.kind == "unsupported"
        assert reason in str(caught.value)
    else:
        assert operation.ability in EXTRAS
    assert stage.array.changes(mark) == []


def cases_with(field: str) -> list[Any]:
    return [case for case in cases(supported=True) if getattr(OPERATIONS[str(case.values[1])], field)]


@pytest.mark.parametrize(("row", "name"), cases_with("bad"))
def test_bad_options_are_refused_before_anything_is_written(stage: Stage, name: str) -> None:
    operation = OPERATIONS[name]
    stage.prepare(operation)
    for change, message in operation.bad:
        stage.array.refuses(operation.module, message, **{**operation.options(stage.array.subject), **change})


@pytest.mark.parametrize(("row", "name"), cases_with("missing"))
def test_a_missing_object_is_reported_and_a_check_assumes_that_it_is_made_before(stage: Stage, name: str) -> None:
    operation = OPERATIONS[name]
    stage.prepare(operation)
    for change, missing in operation.missing:
        args = {**operation.options(stage.array.subject), **change}
        stage.array.needs(missing, operation.module, "none1", kind=None, **args)


# ---- killed ----------------------------------------------------------------------------------------------------------


def kills(
    stage: Stage, name: str, by: str, requests: list[dict[str, Any]], *, complete: bool
) -> list[tuple[int, bool]]:
    """After which request, and whether it is before the next one begins.

    After each that changes something; in a copy by this host after each request and before each. Where not all is
    tested, module and client take turns: so a client is not killed in an operation of one change, whose outcome for the
    next run is that of an undisturbed one.
    """
    numbers = changing(requests)
    if stage.array.row.abilities.copies == "host_copy" and by == "client" and name in COPIES_BY_HOST:
        every = range(numbers[0], len(requests) + 1)
        return [(number, late) for number in every for late in (False, True) if complete or late == bool(number % 2)]
    operation = OPERATIONS[name]
    by_both = operation.client and operation.module and stage.array.row not in OTHER_FILTERS
    if by_both and not complete and operation.ability not in REMOVE_INITIATORS:
        numbers = numbers[BY.index(by) :: 2]
    return [(number, False) for number in numbers]


@pytest.mark.parametrize(
    ("row", "name", "by", "complete"),
    with_complete([*cases(supported=True, by=BY), *cases(supported=True, by=("client",), rows=OTHER_FILTERS)]),
)
def test_the_next_run_completes_what_a_killed_run_left_unfinished(
    stage: Stage, name: str, by: str, complete: bool, undisturbed: Undisturbed
) -> None:
    expected, planned, requests = undisturbed
    numbers = kills(stage, name, by, requests, complete=complete)
    keeps = stage.array.row.abilities.keeps_initiators_of_killed_removals is not None
    ever_kept: set[str] = set()
    for number, before_the_next in numbers:
        where = f"killed after request {number} of {len(requests)}"
        before, oracle = stage.begin(name, planned)
        result = stage.array.carry_out(name, by, short_timeouts(stage), dies=(number, before_the_next))
        if result is not None:
            # This time the array was faster, and the run ended with fewer requests that read its progress.
            assert not result.failed, result.msg
            continue
        stage.check_data(oracle, where)
        stage.check_ready(before, expected, where)
        kept = stage.removed_initiators(before, expected) if keeps else frozenset()
        ever_kept |= kept
        oracle.begins()
        once_more = complete or (number, before_the_next) == numbers[0]
        stage.check_end(name, by, expected, where, kept=kept, once_more=once_more)
        stage.check_data(oracle, where)
    removes = OPERATIONS[name].ability in REMOVE_INITIATORS
    assert bool(ever_kept) == (keeps and removes), "abilities.py does not agree about kept initiators"


# ---- faults ----------------------------------------------------------------------------------------------------------

LOST_ANSWERS = ("reset_before", "reset_after", "reset_late", "truncated", "non_json")
"""The answer to a change does not arrive or cannot be read, so it is not known whether the change was made."""
NOT_MADE = ("http_status", "busy", "expired", "latency")
"""The change was not made, or is made late."""
AT_EVERY_CHANGE = ("reset_before", "reset_after")
"""These represent all lost answers, and occur at every change of a client."""
IN_TURN = tuple(kind for kind in (*LOST_ANSWERS, *NOT_MADE) if kind not in (*AT_EVERY_CHANGE, "reset_late"))
"""To a client these are alike, so that each of its operations meets another one of them, at its first change."""
LEFT_TO_THE_NEXT_RUN = {
    ("dsware", "restore a volume"): (4, LOST_ANSWERS),
    ("dsware", "refresh a volume from a snapshot"): (4, ("reset_before",)),
    ("dsware", "refresh a volume from another volume"): (5, ("reset_before",)),
}
"""The number of a change, and the faults after which a Dsware does not report whether it was made.

Then it is not sent again. That the array copies into a volume it does report.
"""
REFUSALS = {"xtremio": "some_internal_error", "dsware": "50159999", "datera": "500-UnknownError", "violin": "unknown"}
"""Error codes that no client knows."""
REFUSED = ("refused_before", "refused_after")
SECONDS = {"reset_late": 0.3, "latency": 0.1, "seen_late": 0.2}


def fault(stage: Stage, kind: str, **options: Any) -> None:
    if kind in REFUSED:
        options["code"] = REFUSALS[stage.array.subject.vendor]
    stage.array.fault(kind=kind, **({"seconds": SECONDS[kind]} if kind in SECONDS else {}), **options)


def kinds_of(array: ArrayUnderTest) -> tuple[str, ...]:
    """Every kind of fault that is possible on the array's wire."""
    of_transport = {"tls": REFUSED, "ssh": ("no_status",), None: ()}[array.row.trust]
    of_vendor = ("failed",) if array.subject.vendor == "datera" else ()
    return (*LOST_ANSWERS, *NOT_MADE, *of_transport, *of_vendor, "seen_late")


def fault_at(stage: Stage, kind: str, number: int, requests: list[dict[str, Any]]) -> None:
    """Set a fault at request ``number``.

    For "failed" the volume is in state error from the beginning; for "seen_late" the first read after the request does
    not show the change yet.
    """
    if kind == "failed":
        fault(stage, kind, match={"path": "^data1$"}, count=None)
    elif kind == "seen_late":
        fault(stage, kind, skip=sum(not request["write"] for request in requests[: number - 1]))
    else:
        fault(stage, kind, skip=number - 1)


def leaves_traces(stage: Stage, kind: str, request: dict[str, Any]) -> bool:
    """Whether the next run leaves something harmless, because the array refused to delete it.

    On Dsware that is the marker of a finished copy (see test_dsware_client.py), on Datera an initiator without a host.
    """
    paths = {"dsware": r"/snapshot/delete", "datera": r"/initiator_groups/[^/]+/members|/initiators/"}
    path = paths.get(stage.array.subject.vendor)
    return kind in REFUSED and path is not None and re.search(path, request["path"]) is not None


def is_expected(kind: str, error: dict[str, Any]) -> bool:
    """Whether a run with this kind of fault may fail with this error."""
    if kind == "failed":
        return error["kind"] == "conflict" and "data1 in state error" in error["msg"]
    if kind in REFUSED:
        return "Traceback" not in error["msg"]
    return not unexpected(error["kind"])


def unexpected(kind: str) -> bool:
    """Whether the kind of an error does not describe a failed request."""
    return kind in ("error", "conflict", "invalid", "in_use", "refused", "unsupported")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A twentieth of the library's pauses, of which there are thousands in these tests."""
    monkeypatch.setattr(interruption, "time", SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 20)))


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize(("row", "name", "by"), cases(supported=True, by=("client",), rows=(*CONTRACT, *OTHER_FILTERS)))
def test_a_client_reads_whether_a_change_was_made_whose_answer_is_lost(
    stage: Stage, name: str, undisturbed: Undisturbed
) -> None:
    """Within the same run."""
    operation = OPERATIONS[name]
    assert operation.client is not None
    expected, planned, requests = undisturbed
    in_turn = IN_TURN[list(OPERATIONS).index(name) % len(IN_TURN)]
    for kind in (*AT_EVERY_CHANGE, "reset_late", in_turn):
        for skip in range(len(changing(requests)) if kind in AT_EVERY_CHANGE else 1):
            where = f"{kind} at change {skip + 1}"
            before, oracle = stage.begin(name, planned)
            of_array = (stage.array.subject.vendor, name)
            not_repeated = kind == "reset_before" and RELATIVE.get(of_array) == skip + 1
            change, kinds = LEFT_TO_THE_NEXT_RUN.get(of_array, (None, ()))
            not_repeated |= skip + 1 == change and kind in kinds
            impatient = stage.array.library(timeout=2.0, wait_timeout=1.0)
            with impatient if not_repeated else nullcontext(stage.client) as client:
                fault(stage, kind, match={"write": True, "path": NOT_LOGIN}, skip=skip)
                try:
                    operation.client(client, stage.array.subject)
                    assert not not_repeated, where
                except FlashError as error:
                    assert not_repeated or kind not in LOST_ANSWERS, f"{where}: {error}"
                    assert not unexpected(error.kind), f"{where}: {error}"
            assert sum(stage.array.simulator.struck(stage.array.row.name)) == 1, where
            stage.array.clear_faults()
            if kind == "reset_late":
                time.sleep(SECONDS[kind])  # otherwise the change is made in the next case
            stage.check_data(oracle, where)
            renamed_late = PENDING_NAMES.get((stage.array.subject.vendor, name)) if kind == "reset_late" else None
            if renamed_late is not None:
                pending, final_name = renamed_late
                names = stage.held().sizes.keys() - before.sizes.keys()
                assert [final_name] == [pending.sub(final_name, name_found) for name_found in names], where
                assert final_name not in names, where
            if kind in NOT_MADE or not_repeated or renamed_late is not None:
                operation.client(stage.client, stage.array.subject)
            # What a late change creates a second time has a temporary name, and is removed with the next copy
            end, expected_end = stage.outcome(), expected
            if kind == "reset_late":
                end, expected_end = finished(end), finished(expected_end)
            assert end == expected_end, where


@pytest.mark.parametrize(("row", "name", "by", "complete"), with_complete(cases(supported=True, by=("module",))))
def test_a_task_with_a_fault_succeeds_or_reports_an_error_and_the_next_run_completes_it(
    stage: Stage, name: str, by: str, complete: bool, undisturbed: Undisturbed
) -> None:
    """At the first read after the login and at each change. The kinds of faults take turns over all operations."""
    expected, planned, requests = undisturbed
    kinds = itertools.cycle(kinds_of(stage.array))
    for _ in range(list(OPERATIONS).index(name)):
        next(kinds)
    for number, kind in zip([2, *changing(requests)], kinds, strict=False):
        where = f"{kind} at request {number} of {len(requests)}"
        if leaves_traces(stage, kind, requests[number - 1]):
            continue
        _before, oracle = stage.begin(name, planned)
        untouched, mark = stage.array.state(), stage.array.mark()
        fault_at(stage, kind, number, requests)
        # What is made or seen late is so while the run still reads
        pauses = {} if kind in SECONDS else {"short_pauses": True}
        result = stage.array.carry_out(name, by, short_timeouts(stage), **pauses)
        assert result is not None
        stage.array.clear_faults()
        if kind == "reset_late":
            time.sleep(SECONDS[kind])
        if result.failed:
            assert is_expected(kind, result["error"]), f"{where}: {result.msg}"
            assert kind not in ("latency", "busy"), f"{where}: {result.msg}"
            assert "Traceback" not in result.stdout + result.stderr
            assert result.changed or result["api"]["writes"] or stage.array.state() == untouched, where
        else:
            assert result.changed, where
            assert stage.array.changes(mark) != [], where
        stage.check_data(oracle, where)
        oracle.begins()
        # What a late change creates a second time has a temporary name, and is removed with the next copy
        once_more = complete or number == 2
        stage.check_end(name, by, expected, where, temporary=kind != "reset_late", once_more=once_more)


# ---- another run -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "name", "by", "complete"), with_complete(cases(supported=True, by=("module",))))
def test_of_two_simultaneous_runs_both_succeed_or_one_reports_the_other(
    stage: Stage, name: str, by: str, complete: bool, undisturbed: Undisturbed
) -> None:
    """The second run is carried out after each change of the first."""
    expected, planned, requests = undisturbed
    numbers = changing(requests)[:-1] or changing(requests)
    for number in numbers:
        where = f"second run after request {number} of {len(requests)}"
        _before, oracle = stage.begin(name, planned)
        first = stage.array.carry_out(name, by, short_timeouts(stage, wait_timeout=2.0), meets=number)
        assert first is not None
        runs = [first] if first.second is None else [first, first.second]
        kinds = [run["error"]["kind"] for run in runs if run.failed]
        assert len(kinds) < 2, f"{where}: {[run.msg for run in runs]}"
        allowed = (*RACED, "timeout") if (stage.array.subject.vendor, name) in DEPENDENT_CHANGES else RACED
        assert set(kinds) <= set(allowed), f"{where}: {[run.msg for run in runs if run.failed]}"
        stage.check_data(oracle, where)
        oracle.begins()
        stage.check_end(name, by, expected, where, once_more=complete or number == numbers[0])
        stage.check_data(oracle, where)
