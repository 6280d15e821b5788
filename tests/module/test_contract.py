# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One contract for every array: each operation by module and client, undisturbed, killed, with faults, raced, misused.

Every case checks the same: nothing is lost that an undisturbed run keeps, nothing unfinished has its final name,
another run completes the operation, and one more changes nothing. What an array cannot do is refused with the reason
in abilities.py before anything is written.
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
"""Another safety copy, taken by a run that finds a restore whose result is not known: see test_restores.py."""
TEMPORARY = re.compile(r"(\A|\.)of-")
"""The name of an unfinished copy; on XtremIO it begins with the name of the source."""
STAMPED = re.compile(r"(?<=of-)[0-9a-z]{25}\Z")
"""The time and the process in the name of the snapshot below a thin clone."""
RACED = ("busy", "conflict", "in_use", "not_found")
"""The errors of one of two runs of the same operation: the other run is at work, or was faster."""
DEPENDENT_CHANGES = (("xtremio", "restore a volume"), ("violin", "change the LUN of a volume"))
"""The second run changes what the first waits for: it names the first run's backup, or maps what the first unmapped."""
EXTRAS = ("chap", "groups", "metadata")
"""Operations whose methods only some clients have."""
RELATIVE = {
    ("violin", "extend a volume"): 1,
    ("violin", "create a larger clone"): 3,
    ("violin", "create a volume of a snapshot"): 2,
    ("flashsystem", "extend a volume"): 1,
}
"""The number of the change that is relative. It is never sent twice: a run that does not find it made fails."""
UNPROVEN = "does not prove that an object is a snapshot"
PENDING_NAMES = {("datera", "restore a volume"): (re.compile(r"openflash-pending-[0-9.]+:\Z"), "backup1")}
"""The name that a backup has until the next run, when the note of the pending restore is made after the run has ended.

No client can rule that out: here it stops reading before the delayed change is made.
"""
HOSTLESS: dict[str, str | None] = {
    "unmap and delete a volume": "cannot be asked whether used1 is mapped",
    "unmap a volume": "does not report what is attached to host web1",
    "delete a host": None,
    "create a full clone of a snapshot": None,
}
"""Why an array without hosts refuses this; None: it has no host to delete, or its wire has no such request."""


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
                    cases_found.append(
                        pytest.param(*values, id="-".join([row.name, name.replace(" ", "_"), executor]).rstrip("-"))
                    )
    return cases_found


def refusal(row: Row, name: str) -> str | None:
    """A part of the reason with which the array's task is refused, or None."""
    operation, abilities = OPERATIONS[name], row.abilities
    if not row.hosts and (operation.module == "flash_host_map" or operation.ability == "create_host"):
        return HOSTLESS.get(name, abilities.refusals["create_host"])
    if operation.ability == "proves_snapshots":
        return None if abilities.proves_snapshots else UNPROVEN
    if operation.ability == "chap" and abilities.chap == "of_volume":
        return None
    return abilities.refusals.get(operation.ability) if operation.ability else None


def finished(outcome: Any) -> Any:
    """An outcome without the objects that have a temporary name, which the next run removes."""
    volumes, equal, *others, notes = outcome
    named = {name: properties for name, properties in volumes.items() if not TEMPORARY.search(name)}
    groups = [[name for name in names if name in named] for names in equal]
    named_notes = {name: note for name, note in notes.items() if name in named}
    return (named, sorted(filter(None, groups)), *others, named_notes)


class Stage:
    """An array, and the client that prepares and reads it."""

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
        """Reset the array, create what the operation needs, and return the content of each volume and snapshot."""
        array = self.array
        array.reset()
        if array.row.abilities.copies == "host_copy":
            # The client remembers the host that it created for copies, which the reset has removed
            client = self._clients.pop(array.row.name, None)
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
            next_second()  # no snapshot of one second is older than another, and all are kept
        return self.contents()

    def contents(self) -> dict[str, str]:
        return {name: volume["content"] for name, volume in self.array.volumes().items()}

    def outcome(self) -> Any:
        """The state of the array without what differs from run to run."""
        array = self.array
        compared = {
            STAMPED.sub("", name): volume for name, volume in array.volumes().items() if not ANOTHER_BACKUP.match(name)
        }
        volumes = {
            name: (
                volume["size"],
                STAMPED.sub("", volume["parent"] or ""),
                volume["writable"],
                volume["provisioning"],
                volume["state"],
            )
            for name, volume in compared.items()
        }
        equal: dict[str, list[str]] = {}
        for name, volume in compared.items():
            equal.setdefault(volume["content"], []).append(name)
        # The host that a killed run created for a copy is removed with the next copy from the same machine.
        hosts = {name: addresses for name, addresses in array.hosts().items() if not name.startswith("openflash-")}
        state = array.state()
        chap = sorted((port["address"], port["chap"]) for host in state["hosts"] for port in host["initiators"])
        if array.subject.vendor == "flashsystem":
            chap = []
        notes = {}
        if array.cannot("metadata") is None:
            notes = {row.name: sorted(row.metadata.items()) for row in self.client.volumes() if row.name in compared}
        return volumes, sorted(map(sorted, equal.values())), hosts, array.luns(), chap, array.groups(), notes

    def check_names(self, before: dict[str, str], expected: Any, where: str) -> None:
        """A new object with its final name is finished, in everything that a client can read."""
        sizes = {name: properties[0] for name, properties in expected[0].items()}
        equal = {name: names for names in expected[1] for name in names}
        contents = self.contents()
        for volume in self.client.volumes([name for name in sizes if name not in before]):
            assert (volume.size, volume.state) == (sizes[volume.name], "ready"), (
                f"{where}: {volume.name} is not finished"
            )
            for source in equal[volume.name]:
                if source in before:
                    assert contents[volume.name] == contents[source], (
                        f"{where}: {volume.name} has not the content of {source}"
                    )

    def check_kept(self, before: dict[str, str], announced: set[str], where: str) -> None:
        contents = set(self.contents().values())
        lost = {name for name, content in before.items() if content not in contents}
        assert lost <= announced, f"{where}: the content of {lost - announced} is lost"

    def removed_initiators(self, hosts_before: dict[str, list[str]], expected: Any) -> frozenset[str]:
        """The initiators that a killed run has removed from their group and not deleted."""
        removed = {address for host in hosts_before.values() for address in host}
        removed -= {address for host in expected[2].values() for address in host}
        return frozenset(removed & set(self.array.hosts()))

    def run_again(self, name: str, by: str, connection: dict[str, Any] | None = None) -> Result:
        """The result of the next run. While that is busy, because the killed run may still live, it is repeated."""
        deadline = time.monotonic() + 10
        while True:
            result = self.array.carry_out(name, by, connection)
            assert result is not None
            if not result.failed or result["error"]["kind"] != "busy" or time.monotonic() > deadline:
                return result
            time.sleep(0.2)

    def check_end(
        self,
        name: str,
        by: str,
        expected: Any,
        where: str,
        connection: dict[str, Any] | None = None,
        *,
        temporary: bool = True,
        kept: frozenset[str] = frozenset(),
    ) -> None:
        """Another run completes the operation, and with the module one more changes nothing.

        :param temporary: whether objects with a temporary name are compared too.
        :param kept: initiators that the run leaves without a group. A task that names one deletes it.
        """
        result = self.run_again(name, by, connection)
        assert not result.failed, f"{where}: the next run fails: {result.msg}"
        if kept:
            assert self.array.hosts() == {**expected[2], **{address: [address] for address in kept}}, where
            for address in sorted(kept):
                assert self.array.done("flash_host_map", host=address, state="absent").changed
        end = self.outcome()
        if not temporary:
            end, expected = finished(end), finished(expected)
        assert end == expected, where
        if by == "module":
            mark = self.array.mark()
            third = self.run_again(name, by, connection)
            assert not third.failed, f"{where}: {third.msg}"
            assert not third.changed, f"{where}: a third run changes {third['plan']}"
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


def short_timeouts(stage: Stage, **changes: Any) -> dict[str, Any]:
    return {"timeout": 2.0, "wait_timeout": 10.0, "max_concurrency": 1, **stage.array.version, **changes}


def undisturbed(stage: Stage, name: str, by: str) -> tuple[Any, set[str], list[dict[str, Any]]]:
    """The outcome, the objects whose content is removed, and the requests, with those of the session."""
    before = stage.prepare(OPERATIONS[name])
    mark = stage.array.mark()
    result = stage.array.carry_out(name, by, short_timeouts(stage))
    assert result is not None
    assert not result.failed, result.msg
    requests = stage.array.requests(mark)
    contents = set(stage.contents().values())
    return stage.outcome(), {key for key, content in before.items() if content not in contents}, requests


def is_of_session(request: dict[str, Any]) -> bool:
    """Whether it is a login, a logout, or about the host that a client creates for copies."""
    return re.search(r"/login|/logout|\b(rm|ls)host\b.* openflash-", request["path"]) is not None


def changing(requests: list[dict[str, Any]]) -> list[int]:
    """The numbers, from 1, of the requests that change the array.

    A kill after a read leaves the same state as a kill before it, so it is not a case of its own.
    """
    return [number for number, request in enumerate(requests, 1) if request["write"] and not is_of_session(request)]


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
    stage.check_names(before, by_client, "undisturbed")


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


@pytest.mark.parametrize(
    ("row", "name"), [case for case in cases(supported=True) if OPERATIONS[str(case.values[1])].bad]
)
def test_bad_options_are_refused_before_anything_is_written(stage: Stage, name: str) -> None:
    operation = OPERATIONS[name]
    stage.prepare(operation)
    for change, message in operation.bad:
        stage.array.refuses(operation.module, message, **{**operation.options(stage.array.subject), **change})


# ---- killed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "name", "by"), [*cases(supported=True, by=BY), *cases(supported=True, by=("client",), rows=OTHER_FILTERS)]
)
def test_the_next_run_completes_what_a_killed_run_left_unfinished(stage: Stage, name: str, by: str) -> None:
    """Killed after each request that changes something. Where this host copies: after each request and before each."""
    expected, announced, requests = undisturbed(stage, name, by)
    numbers = [(number, False) for number in changing(requests)]
    if stage.array.row.abilities.copies == "host_copy" and any(
        "mkvdiskhostmap" in request["path"] for request in requests
    ):
        first = changing(requests)[0]
        numbers = [
            (number, before_the_next) for number in range(first, len(requests) + 1) for before_the_next in (False, True)
        ]
    keeps = stage.array.row.abilities.keeps_initiators_of_killed_removals is not None
    ever_kept: set[str] = set()
    for number, before_the_next in numbers:
        where = f"killed after request {number} of {len(requests)}"
        before = stage.prepare(OPERATIONS[name])
        hosts_before = stage.array.hosts()
        result = stage.array.carry_out(name, by, short_timeouts(stage), dies=(number, before_the_next))
        if result is not None:
            # This time the array was faster, and the run ended with fewer requests that read its progress.
            assert not result.failed, result.msg
            continue
        stage.check_kept(before, announced, where)
        stage.check_names(before, expected, where)
        kept = stage.removed_initiators(hosts_before, expected) if keeps else frozenset()
        ever_kept |= kept
        stage.check_end(name, by, expected, where, kept=kept)
        stage.check_kept(before, announced, where)
    removes = OPERATIONS[name].ability in ("remove_initiators", "delete_host")
    assert bool(ever_kept) == (keeps and removes), "abilities.py does not agree about kept initiators"


# ---- faults ----------------------------------------------------------------------------------------------------------

LOST_ANSWERS = ("reset_before", "reset_after", "reset_late", "truncated", "non_json")
"""The answer to a change does not arrive or cannot be read, so it is not known whether the change was made."""
NOT_MADE = ("http_status", "busy", "expired", "latency")
"""The change was not made, or is made late."""
AT_EVERY_CHANGE = ("reset_before", "reset_after")
"""These represent all lost answers, and occur at every change; the others occur at the first change."""
REFUSALS = {"xtremio": "some_internal_error", "dsware": "50159999", "datera": "500-UnknownError", "violin": "unknown"}
"""Error codes that no client knows."""
REFUSED = ("refused_before", "refused_after")
SECONDS = {"reset_late": 0.3, "latency": 0.1, "seen_late": 0.2}

NOT_LOGIN = r"^(?!.*(/login|/logout))"


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
def test_a_client_reads_whether_a_change_was_made_whose_answer_is_lost(stage: Stage, name: str, by: str) -> None:
    """Within the same run."""
    operation = OPERATIONS[name]
    assert operation.client is not None
    expected, announced, requests = undisturbed(stage, name, by)
    for kind in (*LOST_ANSWERS, *NOT_MADE):
        for skip in range(len(changing(requests)) if kind in AT_EVERY_CHANGE else 1):
            where = f"{kind} at change {skip + 1}"
            before = stage.prepare(operation)
            not_repeated = kind == "reset_before" and RELATIVE.get((stage.array.subject.vendor, name)) == skip + 1
            with stage.array.library(wait_timeout=1.0) if not_repeated else nullcontext(stage.client) as client:
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
            stage.check_kept(before, announced, where)
            renamed_late = PENDING_NAMES.get((stage.array.subject.vendor, name)) if kind == "reset_late" else None
            if renamed_late is not None:
                pending, final_name = renamed_late
                names = stage.contents().keys() - before.keys()
                assert [final_name] == [pending.sub(final_name, name_found) for name_found in names], where
                assert final_name not in names, where
            if kind in NOT_MADE or not_repeated or renamed_late is not None:
                operation.client(stage.client, stage.array.subject)
            # What a late change creates a second time has a temporary name, and is removed with the next copy
            end, expected_end = stage.outcome(), expected
            if kind == "reset_late":
                end, expected_end = finished(end), finished(expected_end)
            assert end == expected_end, where


@pytest.mark.parametrize(("row", "name", "by"), cases(supported=True, by=("module",)))
def test_a_task_with_a_fault_succeeds_or_reports_an_error_and_the_next_run_completes_it(
    stage: Stage, name: str, by: str
) -> None:
    """At the first read after the login and at each change. The kinds of faults take turns over all operations."""
    expected, announced, requests = undisturbed(stage, name, by)
    kinds = itertools.cycle(kinds_of(stage.array))
    for _ in range(list(OPERATIONS).index(name)):
        next(kinds)
    for number, kind in zip([2, *changing(requests)], kinds, strict=False):
        where = f"{kind} at request {number} of {len(requests)}"
        if leaves_traces(stage, kind, requests[number - 1]):
            continue
        before, untouched, mark = stage.prepare(OPERATIONS[name]), stage.array.state(), stage.array.mark()
        fault_at(stage, kind, number, requests)
        result = stage.array.carry_out(name, by, short_timeouts(stage))
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
        # What a late change creates a second time has a temporary name, and is removed with the next copy
        stage.check_end(name, by, expected, where, temporary=kind != "reset_late")


# ---- another run -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "name", "by"), cases(supported=True, by=("module",)))
def test_of_two_simultaneous_runs_both_succeed_or_one_reports_the_other(stage: Stage, name: str, by: str) -> None:
    """The second run is carried out after each change of the first."""
    expected, announced, requests = undisturbed(stage, name, by)
    for number in changing(requests)[:-1] or changing(requests):
        where = f"second run after request {number} of {len(requests)}"
        before = stage.prepare(OPERATIONS[name])
        first = stage.array.carry_out(name, by, short_timeouts(stage, wait_timeout=2.0), meets=number)
        assert first is not None
        runs = [first] if first.second is None else [first, first.second]
        kinds = [run["error"]["kind"] for run in runs if run.failed]
        assert len(kinds) < 2, f"{where}: {[run.msg for run in runs]}"
        allowed = (*RACED, "timeout") if (stage.array.subject.vendor, name) in DEPENDENT_CHANGES else RACED
        assert set(kinds) <= set(allowed), f"{where}: {[run.msg for run in runs if run.failed]}"
        stage.check_kept(before, announced, where)
        stage.check_end(name, by, expected, where)
