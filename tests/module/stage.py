# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage of the contract and of the torture: an array, what an operation needs, and the outcome."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from typing import Any

from tests.module.arrays import GIB, ArrayUnderTest, Result, Row, next_second
from tests.module.operations import OPERATIONS, Operation, build
from tests.support.oracle import TEMPORARY, Held, Oracle, Planned

STAMPED = re.compile(r"(?<=of-)[0-9a-z]{25}\Z")
"""The time and the process in the name of the snapshot below a thin clone."""
ANOTHER_BACKUP = re.compile(r"(data[12]\.)?backup-?1-\d+\Z")
"""Another safety copy, taken by a run that finds a restore whose result is not known: see test_restores.py."""
UNPROVEN = "does not prove that an object is a snapshot"
HOSTLESS: dict[str, str | None] = {
    "unmap and delete a volume": "cannot be asked whether used1 is mapped",
    "unmap a volume": "does not report what is attached to host web1",
    "delete a host": None,
    "create a full clone of a snapshot": None,
    "delete a volume with limits": None,
}
"""Why an array without hosts refuses this; None: it has no host to delete, no limits, or its wire no such request."""
NOT_LOGIN = r"^(?!.*(/login|/logout))"


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


def operations_of(row: Row) -> list[str]:
    """The operations that the array can do by a module."""
    return [
        name
        for name, operation in OPERATIONS.items()
        if operation.module
        and (not operation.vendors or row.simulator["vendor"] in operation.vendors)
        and (row.hosts or HOSTLESS.get(name, "") is not None)
        and refusal(row, name) is None
    ]


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
            opened = self.array.library(timeout=5.0, wait_timeout=20.0)
            self._clients[name] = self._open_clients.enter_context(opened)
        return self._clients[name]

    def prepare(self, operation: Operation) -> Held:
        """Reset the array, create what the operation needs, and return what it holds."""
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
        if array.cannot("qos"):
            needs = needs.replace("limited1", "")
        build(self.client, array.subject, needs, lambda name: array.write(name, GIB))
        if "keep" in operation.options(array.subject):
            next_second()  # no snapshot of one second is older than another, and all are kept
        return self.held()

    def outcome(self) -> Any:
        """The state of the array without what differs from run to run."""
        array = self.array
        state = array.state()
        compared = {
            STAMPED.sub("", name): volume
            for name, volume in array.volumes(state).items()
            if not ANOTHER_BACKUP.match(name)
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
        hosts = {name: addresses for name, addresses in array.hosts(state).items() if not name.startswith("openflash-")}
        chap = sorted((port["address"], port["chap"]) for host in state["hosts"] for port in host["initiators"])
        if array.subject.vendor == "flashsystem":
            chap = []
        notes = {}
        if array.cannot("metadata") is None:
            notes = {row.name: sorted(row.metadata.items()) for row in self.client.volumes() if row.name in compared}
        limits = [group["limits"] for group in state["groups"] if "limits" in group]
        groups = (array.groups(state), limits)
        return volumes, sorted(map(sorted, equal.values())), hosts, array.luns(state), chap, groups, notes

    def held(self) -> Held:
        """What the array holds, for the oracle."""
        array = self.array
        state = array.state()
        volumes = array.volumes(state)
        return Held(
            {name: volume["content"] for name, volume in volumes.items()},
            {name: volume["size"] for name, volume in volumes.items()},
            array.luns(state),
            {name: frozenset(addresses) for name, addresses in array.hosts(state).items()},
        )

    def begin(self, name: str, planned: Planned) -> tuple[Held, Oracle]:
        """Prepare the array for an operation, and return what it holds and the oracle of its data."""
        before = self.prepare(OPERATIONS[name])
        return before, Oracle(self.held, planned, before)

    def check_ready(self, before: Held, expected: Any, where: str) -> None:
        """A new object with its final name is finished, as a client reads it."""
        sizes = {name: properties[0] for name, properties in expected[0].items()}
        for volume in self.client.volumes([name for name in sizes if name not in before.sizes]):
            finished_as = (sizes[volume.name], "ready")
            assert (volume.size, volume.state) == finished_as, f"{where}: {volume.name} is not finished"

    def check_data(self, oracle: Oracle, where: str) -> None:
        problems = oracle.problems()
        assert problems == [], f"{where}: {problems}"

    def removed_initiators(self, before: Held, expected: Any) -> frozenset[str]:
        """The initiators that a killed run has removed from their group and not deleted."""
        removed = {address for host in before.initiators.values() for address in host}
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
        once_more: bool = True,
    ) -> None:
        """Another run completes the operation, and with the module one more changes nothing.

        :param temporary: whether objects with a temporary name are compared too.
        :param once_more: whether the module is run once more.
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
        if once_more and by == "module":
            mark = self.array.mark()
            third = self.run_again(name, by, connection)
            assert not third.failed, f"{where}: {third.msg}"
            assert not third.changed, f"{where}: a third run changes {third['plan']}"
            assert self.array.changes(mark) == [], where


def short_timeouts(stage: Stage, **changes: Any) -> dict[str, Any]:
    return {"timeout": 2.0, "wait_timeout": 10.0, "max_concurrency": 1, **stage.array.version, **changes}


def is_of_session(request: dict[str, Any]) -> bool:
    """Whether it is a login, a logout, or about the host that a client creates for copies."""
    return re.search(r"/login|/logout|\b(rm|ls)host\b.* openflash-", request["path"]) is not None


def changing(requests: list[dict[str, Any]]) -> list[int]:
    """The numbers, from 1, of the requests that change the array.

    A kill after a read leaves the same state as a kill before it, so it is not a case of its own.
    """
    return [number for number, request in enumerate(requests, 1) if request["write"] and not is_of_session(request)]
