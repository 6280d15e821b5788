# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One contract for every array: each operation by module and client, undisturbed, killed, cut off, raced, and misused.

After every case the same is asked: nothing is lost that an undisturbed run would have kept, nothing unfinished has its
final name, another run brings about what was asked for, and one more changes nothing. What an array cannot do it
refuses with the reason that abilities.py has for it, before anything is written.
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
from tests.module.arrays import CONTRACT, GIB, OTHER_FILTERS, ArrayUnderTest, Result, Row, next_second
from tests.module.operations import OPERATIONS, Operation, build

BY = ("module", "client")
ANOTHER_BACKUP = re.compile(r"backup1-\d+\Z")
"""One more safety copy, which a run takes that finds a restore whose end is not known: see test_restores.py."""
TEMPORARY = re.compile(r"(\A|\.)of-")
"""The name of an unfinished copy; XtremIO's begins with its source."""
STAMPED = re.compile(r"(?<=of-)[0-9a-z]{25}\Z")
"""When the snapshot that carries a thin clone was taken, and by which process."""
RACED = ("busy", "conflict", "in_use", "not_found")
"""How one of two runs of the same may fail: the other one is at it, or was faster."""
CHANGED_BY_BOTH = (("xtremio", "restore a volume"), ("violin", "change the LUN of a volume"))
"""The second run changes what the first one waits for: it names the backup of the first, or maps what that unmapped."""
EXTRAS = ("chap", "groups", "metadata")
"""What only some clients have methods for: the others do not have them at all."""
RELATIVE = {
    ("violin", "extend a volume"): 1,
    ("violin", "make a larger clone"): 3,
    ("violin", "make a volume of a snapshot"): 2,
    ("flashsystem", "extend a volume"): 1,
}
"""Which change is by so much, and not to so much. It is never sent twice: a run that does not see it done says so."""
UNPROVEN = "does not prove that an object is a snapshot"
RENAMED_LATE = {("datera", "restore a volume"): (re.compile(r"openflash-pending-[0-9.]+:\Z"), "backup1")}
"""What the backup is called, until the next run, when the note that the restore is not done is made after its end.

No client can rule that out: here the pauses between its reads are over before the lost change is made.
"""
HOSTLESS: dict[str, str | None] = {
    "unmap and delete a volume": "cannot be asked whether used1 is mapped",
    "unmap a volume": "does not report what is attached to host web1",
    "delete a host": None,
    "make a full volume of a snapshot": None,
}
"""Why an array that knows no hosts refuses this; None: it has none to delete, or its wire has no such request."""


def cases(*, able: bool, by: tuple[str, ...] = ("",), rows: tuple[Row, ...] = CONTRACT) -> list[Any]:
    """Row, operation and, where that is asked for, who carries it out."""
    found = []
    for row in rows:
        for name, operation in OPERATIONS.items():
            if operation.vendors and row.simulator["vendor"] not in operation.vendors:
                continue
            for who in by:
                if (not row.hosts and HOSTLESS.get(name, "") is None) or (who == "module" and not operation.module):
                    continue
                if (refusal(row, name) is None) is able and (who != "client" or operation.client):
                    given = (row.name, name, who) if who else (row.name, name)
                    found.append(pytest.param(*given, id="-".join([row.name, name.replace(" ", "_"), who]).rstrip("-")))
    return found


def refusal(row: Row, name: str) -> str | None:
    """Why the array does not do it, in the words that a task must fail with."""
    operation, can = OPERATIONS[name], row.can
    if not row.hosts and (operation.module == "flash_host_map" or operation.ability == "create_host"):
        return HOSTLESS.get(name, can.refusals["create_host"])
    if operation.ability == "proves_snapshots":
        return None if can.proves_snapshots else UNPROVEN
    if operation.ability == "chap" and can.chap == "of_volume":
        return None
    return can.refusals.get(operation.ability) if operation.ability else None


def finished(outcome: Any) -> Any:
    """An outcome without the objects that have no final name, which the next run removes."""
    volumes, equal, *others, notes = outcome
    named = {name: about for name, about in volumes.items() if not TEMPORARY.search(name)}
    groups = [[name for name in names if name in named] for names in equal]
    named_notes = {name: note for name, note in notes.items() if name in named}
    return (named, sorted(filter(None, groups)), *others, named_notes)


class Stage:
    """An array, and a client that sets it up and reads it all the time."""

    def __init__(self, array: ArrayUnderTest, clients: dict[str, Any], open_clients: ExitStack) -> None:
        self.array = array
        self._clients, self._open_clients = clients, open_clients

    @property
    def client(self) -> Any:
        name = self.array.row.name
        if name not in self._clients:
            opened = self.array.library(timeout=10.0, wait_timeout=20.0)
            self._clients[name] = self._open_clients.enter_context(opened)
        return self._clients[name]

    def prepare(self, operation: Operation) -> dict[str, str]:
        """An array with what the operation needs; the content of each volume and snapshot."""
        array = self.array
        array.reset()
        if array.row.can.copies == "host_copy":
            # It remembers the host that it made to copy, which is gone
            for client in [self._clients.pop(array.row.name, None)]:
                if client is not None:
                    client.close()
        needs = operation.needs
        if not array.row.hosts:
            needs = " ".join(name for name in needs.split() if name not in ("web1", "old1"))
        if array.cannot("groups"):
            needs = needs.replace("group1", "")
        if array.cannot("metadata"):
            needs = needs.replace("notes", "")
        build(self.client, array.subject, needs, lambda name: array.write(name, GIB))
        if "keep" in operation.options(array.subject):
            next_second()  # of snapshots of the same second none is the older one, and all stay
        return self.contents()

    def contents(self) -> dict[str, str]:
        return {name: one["content"] for name, one in self.array.volumes().items()}

    def outcome(self) -> Any:
        """What the array holds, in everything that is not chance."""
        array = self.array
        shown = {STAMPED.sub("", name): one for name, one in array.volumes().items() if not ANOTHER_BACKUP.match(name)}
        volumes = {
            name: (
                one["size"],
                STAMPED.sub("", one["parent"] or ""),
                one["writable"],
                one["provisioning"],
                one["state"],
            )
            for name, one in shown.items()
        }
        equal: dict[str, list[str]] = {}
        for name, one in shown.items():
            equal.setdefault(one["content"], []).append(name)
        # A host that a worker made to copy, and was killed before it took it away, goes with the worker's next copy.
        hosts = {name: addresses for name, addresses in array.hosts().items() if not name.startswith("openflash-")}
        state = array.state()
        chap = sorted((one["address"], one["chap"]) for host in state["hosts"] for one in host["initiators"])
        if array.subject.vendor == "flashsystem":
            chap = []
        notes = {}
        if array.cannot("metadata") is None:
            notes = {one.name: sorted(one.metadata.items()) for one in self.client.volumes() if one.name in shown}
        return volumes, sorted(map(sorted, equal.values())), hosts, array.luns(), chap, array.groups(), notes

    def check_names(self, before: dict[str, str], wanted: Any, where: str) -> None:
        """What carries the final name of something new is finished, as far as a reader can see."""
        sizes = {name: about[0] for name, about in wanted[0].items()}
        equal = {name: names for names in wanted[1] for name in names}
        held = self.contents()
        for one in self.client.volumes([name for name in sizes if name not in before]):
            assert (one.size, one.state) == (sizes[one.name], "ready"), f"{where}: {one.name} is not finished"
            for source in equal[one.name]:
                if source in before:
                    assert held[one.name] == held[source], f"{where}: {one.name} has not the content of {source}"

    def check_kept(self, before: dict[str, str], announced: set[str], where: str) -> None:
        held = set(self.contents().values())
        lost = {name for name, content in before.items() if content not in held}
        assert lost <= announced, f"{where}: the content of {lost - announced} is lost"

    def removed_initiators(self, hosts_before: dict[str, list[str]], wanted: Any) -> frozenset[str]:
        """The initiators of which a killed run has only removed the membership: the array has them without a group."""
        removed = {address for host in hosts_before.values() for address in host}
        removed -= {address for host in wanted[2].values() for address in host}
        return frozenset(removed & set(self.array.hosts()))

    def again(self, name: str, by: str, connection: dict[str, Any] | None = None) -> Result:
        """What the next run makes of it. What it may take for that of a live run it leaves alone, for a while."""
        until = time.monotonic() + 10
        while True:
            result = self.array.carry_out(name, by, connection)
            assert result is not None
            if not result.failed or result["error"]["kind"] != "busy" or time.monotonic() > until:
                return result
            time.sleep(0.2)

    def check_end(
        self,
        name: str,
        by: str,
        wanted: Any,
        where: str,
        connection: dict[str, Any] | None = None,
        *,
        temporary: bool = True,
        kept: frozenset[str] = frozenset(),
    ) -> None:
        """Another run finishes, and with the module one more has nothing to do.

        :param temporary: without, only what has its final name is compared.
        :param kept: initiators that the run leaves without a host. Whoever names them can delete them.
        """
        result = self.again(name, by, connection)
        assert not result.failed, f"{where}: the next run fails: {result.msg}"
        if kept:
            assert self.array.hosts() == {**wanted[2], **{address: [address] for address in kept}}, where
            for address in sorted(kept):
                assert self.array.done("flash_host_map", host=address, state="absent").changed
        end = self.outcome()
        if not temporary:
            end, wanted = finished(end), finished(wanted)
        assert end == wanted, where
        if by == "module":
            mark = self.array.mark()
            last = self.again(name, by, connection)
            assert not last.failed, f"{where}: {last.msg}"
            assert not last.changed, f"{where}: a third run changes {last['plan']}"
            assert self.array.changes(mark) == [], where


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


def quick(stage: Stage, **changes: Any) -> dict[str, Any]:
    return {"timeout": 2.0, "wait_timeout": 10.0, "max_concurrency": 1, **stage.array.version, **changes}


def undisturbed(stage: Stage, name: str, by: str) -> tuple[Any, set[str], list[dict[str, Any]]]:
    """What it comes to, whose content it takes away, and its requests, those of the session included."""
    before = stage.prepare(OPERATIONS[name])
    mark = stage.array.mark()
    result = stage.array.carry_out(name, by, quick(stage))
    assert result is not None
    assert not result.failed, result.msg
    requests = stage.array.requests(mark)
    held = set(stage.contents().values())
    return stage.outcome(), {key for key, content in before.items() if content not in held}, requests


def is_of_session(request: dict[str, Any]) -> bool:
    """A login or its end, or that of the host that a worker made to copy: nothing of the work."""
    return re.search(r"/login|/logout|\b(rm|ls)host\b.* openflash-", request["path"]) is not None


def changing(requests: list[dict[str, Any]]) -> list[int]:
    """The numbers of the requests after which the array is another one, from 1.

    A process that is killed after a read leaves what one leaves that is killed before it.
    """
    return [number for number, one in enumerate(requests, 1) if one["write"] and not is_of_session(one)]


# ---- undisturbed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "name"), cases(able=True))
def test_a_task_is_predicted_and_done_once_and_a_client_does_the_same(stage: Stage, name: str) -> None:
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
    stage.check_names(before, by_client, "undisturbed")


@pytest.mark.parametrize(("row", "name"), cases(able=False))
def test_what_an_array_cannot_do_is_refused_with_its_reason(stage: Stage, name: str) -> None:
    operation = OPERATIONS[name]
    stage.prepare(operation)
    why = str(refusal(stage.array.row, name))
    if operation.module:
        stage.array.refuses(operation.module, why, **operation.options(stage.array.subject))
    if operation.client is None or not stage.array.row.hosts:
        return
    mark = stage.array.mark()
    with pytest.raises((FlashError, AttributeError)) as caught:
        operation.client(stage.client, stage.array.subject)
    if isinstance(caught.value, FlashError):
        assert caught.value.kind == "unsupported"
        assert why in str(caught.value)
    else:
        assert operation.ability in EXTRAS
    assert stage.array.changes(mark) == []


@pytest.mark.parametrize(("row", "name"), [case for case in cases(able=True) if OPERATIONS[str(case.values[1])].bad])
def test_what_cannot_be_meant_is_refused_before_anything_is_written(stage: Stage, name: str) -> None:
    operation = OPERATIONS[name]
    stage.prepare(operation)
    for change, words in operation.bad:
        stage.array.refuses(operation.module, words, **{**operation.options(stage.array.subject), **change})


# ---- killed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "name", "by"), [*cases(able=True, by=BY), *cases(able=True, by=("client",), rows=OTHER_FILTERS)]
)
def test_what_a_killed_run_leaves_is_finished_by_the_next_one(stage: Stage, name: str, by: str) -> None:
    """Killed after each request that changes something; where this host copies, after each and before the next."""
    wanted, announced, requests = undisturbed(stage, name, by)
    numbers = [(number, False) for number in changing(requests)]
    if stage.array.row.can.copies == "host_copy" and any("mkvdiskhostmap" in one["path"] for one in requests):
        first = changing(requests)[0]
        numbers = [(number, late) for number in range(first, len(requests) + 1) for late in (False, True)]
    keeps = stage.array.row.can.keeps_initiators_of_killed_removals is not None
    ever_kept: set[str] = set()
    for number, before_the_next in numbers:
        where = f"killed after request {number} of {len(requests)}"
        before = stage.prepare(OPERATIONS[name])
        hosts_before = stage.array.hosts()
        result = stage.array.carry_out(name, by, quick(stage), dies=(number, before_the_next))
        if result is not None:
            # The array was faster this time, and was asked less often whether it has finished.
            assert not result.failed, result.msg
            continue
        stage.check_kept(before, announced, where)
        stage.check_names(before, wanted, where)
        kept = stage.removed_initiators(hosts_before, wanted) if keeps else frozenset()
        ever_kept |= kept
        stage.check_end(name, by, wanted, where, kept=kept)
        stage.check_kept(before, announced, where)
    removes = OPERATIONS[name].ability in ("remove_initiators", "delete_host")
    assert bool(ever_kept) == (keeps and removes), "abilities.py says something else about initiators"


# ---- answers that are lost -------------------------------------------------------------------------------------------

LOST = ("reset_before", "reset_after", "reset_late", "truncated", "non_json")
"""The answer to a change does not come, or says nothing; was it made?"""
NOT_MADE = ("http_status", "busy", "expired", "latency")
"""It was not made, or only later than usual."""
AT_EVERY_CHANGE = ("reset_before", "reset_after")
"""These stand for all answers that are lost, whatever is left of them; the others are met at the first change."""
REFUSALS = {"xtremio": "some_internal_error", "dsware": "50159999", "datera": "500-UnknownError", "violin": "unknown"}
"""Codes that no client knows."""
REFUSED = ("refused_before", "refused_after")
SECONDS = {"reset_late": 0.3, "latency": 0.1, "seen_late": 0.2}

NOT_LOGIN = r"^(?!.*(/login|/logout))"


def fault(stage: Stage, kind: str, **where: Any) -> None:
    if kind in REFUSED:
        where["code"] = REFUSALS[stage.array.subject.vendor]
    stage.array.fault(kind=kind, **({"seconds": SECONDS[kind]} if kind in SECONDS else {}), **where)


def kinds_of(array: ArrayUnderTest) -> tuple[str, ...]:
    """Every kind of fault that the array's wire has."""
    of_transport = {"tls": REFUSED, "ssh": ("no_status",), None: ()}[array.row.trust]
    of_vendor = ("failed",) if array.subject.vendor == "datera" else ()
    return (*LOST, *NOT_MADE, *of_transport, *of_vendor, "seen_late")


def fault_at(stage: Stage, kind: str, number: int, requests: list[dict[str, Any]]) -> None:
    """A fault at request ``number``. A volume has failed before; a change is seen late by the first read after it."""
    if kind == "failed":
        fault(stage, kind, match={"path": "^data1$"}, count=None)
    elif kind == "seen_late":
        fault(stage, kind, skip=sum(not one["write"] for one in requests[: number - 1]))
    else:
        fault(stage, kind, skip=number - 1)


def leaves_traces(stage: Stage, kind: str, request: dict[str, Any]) -> bool:
    """Whether the next run leaves something harmless, because the array refused to remove what nobody uses.

    Dsware keeps the marker of a finished copy then (see test_dsware_client.py), Datera an initiator without a host.
    """
    paths = {"dsware": r"/snapshot/delete", "datera": r"/initiator_groups/[^/]+/members|/initiators/"}
    path = paths.get(stage.array.subject.vendor)
    return kind in REFUSED and path is not None and re.search(path, request["path"]) is not None


def is_expected(kind: str, error: dict[str, Any]) -> bool:
    """Whether a run that met this kind of fault may fail with this error."""
    if kind == "failed":
        return error["kind"] == "conflict" and "data1 in state error" in error["msg"]
    if kind in REFUSED:
        return "Traceback" not in error["msg"]
    return not unexpected(error["kind"])


def unexpected(kind: str) -> bool:
    """Whether an error is not one of those that say what went wrong on the way."""
    return kind in ("error", "conflict", "invalid", "in_use", "refused", "unsupported")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two attempts, of which there are thousands here."""
    monkeypatch.setattr(interruption, "time", SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 20)))


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize(("row", "name", "by"), cases(able=True, by=("client",), rows=(*CONTRACT, *OTHER_FILTERS)))
def test_a_client_finds_out_what_became_of_a_change_whose_answer_is_lost(stage: Stage, name: str, by: str) -> None:
    """The state is read and decides, within the same run."""
    operation = OPERATIONS[name]
    assert operation.client is not None
    wanted, announced, requests = undisturbed(stage, name, by)
    for kind in (*LOST, *NOT_MADE):
        for skip in range(len(changing(requests)) if kind in AT_EVERY_CHANGE else 1):
            where = f"{kind} at change {skip + 1}"
            before = stage.prepare(operation)
            unseen = kind == "reset_before" and RELATIVE.get((stage.array.subject.vendor, name)) == skip + 1
            with stage.array.library(wait_timeout=1.0) if unseen else nullcontext(stage.client) as client:
                fault(stage, kind, match={"write": True, "path": NOT_LOGIN}, skip=skip)
                try:
                    operation.client(client, stage.array.subject)
                    assert not unseen, where
                except FlashError as error:
                    assert unseen or kind not in LOST, f"{where}: {error}"
                    assert not unexpected(error.kind), f"{where}: {error}"
            assert sum(stage.array.simulator.struck(stage.array.row.name)) == 1, where
            stage.array.clear_faults()
            if kind == "reset_late":
                time.sleep(SECONDS[kind])  # else it is made to the array of the next case
            stage.check_kept(before, announced, where)
            renamed_late = RENAMED_LATE.get((stage.array.subject.vendor, name)) if kind == "reset_late" else None
            if renamed_late is not None:
                pending, final_name = renamed_late
                names = stage.contents().keys() - before.keys()
                assert [final_name] == [pending.sub(final_name, one) for one in names], where
                assert final_name not in names, where
            if kind in NOT_MADE or unseen or renamed_late is not None:
                operation.client(stage.client, stage.array.subject)
            # What is made late, after it was made again, has the name of an unfinished copy, and goes with the next one
            end, expected = stage.outcome(), wanted
            if kind == "reset_late":
                end, expected = finished(end), finished(expected)
            assert end == expected, where


@pytest.mark.parametrize(("row", "name", "by"), cases(able=True, by=("module",)))
def test_a_task_that_meets_a_fault_succeeds_or_says_what_the_next_run_then_does(
    stage: Stage, name: str, by: str
) -> None:
    """At the first read after the login and at each change; which kind of fault goes round, so that each meets each."""
    wanted, announced, requests = undisturbed(stage, name, by)
    kinds = itertools.cycle(kinds_of(stage.array))
    for _ in range(list(OPERATIONS).index(name)):
        next(kinds)
    for number, kind in zip([2, *changing(requests)], kinds, strict=False):
        where = f"{kind} at request {number} of {len(requests)}"
        if leaves_traces(stage, kind, requests[number - 1]):
            continue
        before, untouched, mark = stage.prepare(OPERATIONS[name]), stage.array.state(), stage.array.mark()
        fault_at(stage, kind, number, requests)
        result = stage.array.carry_out(name, by, quick(stage))
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
        stage.check_kept(before, announced, where)
        # What is made late, after it was made again, has the name of an unfinished copy, and goes with the next one
        stage.check_end(name, by, wanted, where, temporary=kind != "reset_late")


# ---- another run -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "name", "by"), cases(able=True, by=("module",)))
def test_of_two_runs_that_meet_both_end_well_or_one_says_why(stage: Stage, name: str, by: str) -> None:
    """The second one comes to its end after each change of the first."""
    wanted, announced, requests = undisturbed(stage, name, by)
    for number in changing(requests)[:-1] or changing(requests):
        where = f"met after request {number} of {len(requests)}"
        before = stage.prepare(OPERATIONS[name])
        first = stage.array.carry_out(name, by, quick(stage, wait_timeout=2.0), meets=number)
        assert first is not None
        runs = [first] if first.second is None else [first, first.second]
        kinds = [run["error"]["kind"] for run in runs if run.failed]
        assert len(kinds) < 2, f"{where}: {[run.msg for run in runs]}"
        allowed = (*RACED, "timeout") if (stage.array.subject.vendor, name) in CHANGED_BY_BOTH else RACED
        assert set(kinds) <= set(allowed), f"{where}: {[run.msg for run in runs if run.failed]}"
        stage.check_kept(before, announced, where)
        stage.check_end(name, by, wanted, where)
