# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests to the array for operations of Cinder's API: the driver that Cinder ships compared with ours.

Both are backends of one real Cinder, on one simulated array, which counts the requests. A warm-up comes first, since
facts that a driver reads only once are no part of an operation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.backends import DRIVERS, connector, section, upstream_section
from tests.e2e.services import Cinder
from tests.openstack.budget import excess
from tests.openstack.conftest import CLIENTS
from tests.support.clients import client_python
from tests.support.simulator import Simulator

ARRAYS: dict[str, dict[str, Any]] = {
    "xtremio": {},
    "xtremiofc": {"vendor": "xtremio", "version": "4.0.2-80"},
    "dsware": {"agents": ["127.0.0.1", "127.0.0.2"]},
    "datera": {},
    "flashsystem": {"vendor": "flashsystem", "protocol": "both", "datapath": True},
    "flashsystemiscsi": {"vendor": "flashsystem", "protocol": "both"},
}
# The host copies for FlashSystem, and it has disks for Fibre Channel only (see disks.py).
WITHOUT_COPIES = ("flashsystemiscsi",)
REQUIREMENTS = {"datera": "datera", "flashsystem": "cinder28", "flashsystemiscsi": "cinder28"}
ROWS = ["xtremio", *(pytest.param(name, marks=pytest.mark.slow) for name in ARRAYS if name != "xtremio")]
# Cinder calls no method of this upstream driver that ends an attachment of the current API, so the host keeps its
# access until the volume is deleted, and there is nothing to compare.
ENDS_NOTHING = ("datera",)
ENDS = {"detach, another stays", "detach, the last"}
OPERATIONS = {"create", "extend", "attach, new host", "attach, known host", "delete", "statistics"} | ENDS
COPIES = {"snapshot", "volume from snapshot", "clone", "delete snapshot"}


@dataclass
class Counter:
    """Counts the requests to the array. Those for statistics are counted separately."""

    simulator: Simulator
    array: str
    readings: Path
    who: str = ""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def statistics(self) -> list[tuple[int, int]]:
        """The journal entries of each reading of statistics: after the first number, and up to the second."""
        lines = self.readings.read_text().splitlines() if self.readings.exists() else []
        return [(int(line.split()[0]), int(line.split()[1])) for line in lines]

    @contextmanager
    def __call__(self, operation: str) -> Iterator[None]:
        mark = self.simulator.mark(self.array)
        yield
        inside = self.statistics()
        numbers = [request["n"] for request in self.simulator.requests(self.array, mark)]
        operation_numbers = [n for n in numbers if not any(after < n <= last for after, last in inside)]
        self._note(operation, len(operation_numbers))

    def mappings(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.simulator.state(self.array)["mappings"]
        return rows

    def count_statistics(self) -> None:
        """Count the requests of the last reading of statistics."""
        after, last = self.statistics()[-1]
        readings = [request for request in self.simulator.requests(self.array, after) if request["n"] <= last]
        self._note("statistics", len(readings))

    def forget(self, operation: str) -> None:
        """Remove the count of an operation that this driver does not have."""
        del self.counts[operation][self.who]

    def _note(self, operation: str, number: int) -> None:
        self.counts.setdefault(operation, {})[self.who] = number


class Scenario:
    """The operations, carried out by one backend."""

    def __init__(self, cinder: Cinder, counter: Counter, name: str) -> None:
        self.cinder, self.count, self.name = cinder, counter, name

    def host(self, number: int) -> dict[str, Any]:
        """The connector of a host. Each driver has separate hosts, except on Dsware, which has one agent."""
        if self.name == "dsware":
            return connector(1)
        host = connector(number + (10 if self.count.who == "ours" else 0))
        # The upstream driver for Datera stores the connector on the array, which accepts no lists.
        return {key: value for key, value in host.items() if self.name != "datera" or not isinstance(value, list)}

    def carry_out(self) -> None:
        cinder, count = self.cinder, self.count
        kind = cinder.type_of(count.who)
        self.warm_up(kind)
        with count("create"):
            first = cinder.create(1, kind)["id"]
        second = cinder.create(1, kind)["id"]
        with count("extend"):
            cinder.extend(first, 2)
        self.attach(first, second)
        if self.name not in WITHOUT_COPIES:
            self.copy(first, kind)
        with count("delete"):
            self.delete(first)
        self.delete(second)
        count.count_statistics()

    def warm_up(self, kind: str) -> None:
        volume = self.cinder.create(1, kind)["id"]
        attachment, _info = self.cinder.attach(volume, self.host(2))
        self.cinder.detach(attachment, volume)
        self.delete(volume)

    def attach(self, first_volume: str, second_volume: str) -> None:
        """Attach and detach as Nova does: an attachment without a host, then with its host, then completed."""
        with self.count("attach, new host"):
            first, _info = self.cinder.attach(first_volume, self.host(1))
        with self.count("attach, known host"):
            second, _info = self.cinder.attach(second_volume, self.host(1))
        with self.count("detach, another stays"):
            self.cinder.detach(first, first_volume)
        remaining = self.mapped(first_volume)
        with self.count("detach, the last"):
            self.cinder.detach(second, second_volume)
        remaining += self.mapped(second_volume)
        nothing_ends = self.name in ENDS_NOTHING and self.count.who == "theirs"
        assert remaining == (2 if nothing_ends else 0)
        for operation in ENDS if nothing_ends else ():
            self.count.forget(operation)

    def mapped(self, volume: str) -> int:
        return len([row for row in self.count.mappings() if volume in row["volume"]])

    def copy(self, source: str, kind: str) -> None:
        with self.count("snapshot"):
            snap = self.cinder.snapshot(source)
        with self.count("volume from snapshot"):
            copy = self.cinder.create(2, kind, snapshot_id=snap)["id"]
        with self.count("clone"):
            clone = self.cinder.create(2, kind, source_volid=source)["id"]
        with self.count("delete snapshot"):
            self.cinder.delete("snapshot", snap)
        for created in (copy, clone):
            self.delete(created)

    def delete(self, volume: str) -> None:
        """Delete a volume, and wait for the statistics that Cinder reads afterwards."""
        before = len(self.count.statistics())
        self.cinder.delete("volume", volume)
        self.cinder.wait_for("statistics", lambda: len(self.count.statistics()) > before)


@contextmanager
def running(name: str, simulator: Simulator, distribution: Path, folder: Path) -> Iterator[Cinder]:
    """A Cinder with the backends ``theirs`` and ``ours``, which polls statistics rarely."""
    array = DRIVERS[name][0]
    entry = simulator.array(array)
    about = {
        "vendor": ARRAYS[name].get("vendor", name),
        "port": entry["port"],
        "folder": str(folder),
        "journal": f"{simulator.endpoints['control']}/arrays/{array}/journal",
    }
    env = {"OPENFLASH_COMPARED": json.dumps(about)}
    if ARRAYS[name].get("datapath"):
        env["OPENFLASH_DISKS"] = json.dumps({"fc": [entry["device_root"]]})
    backends: dict[str, Mapping[str, Any]] = {
        "theirs": upstream_section(name, entry, volume_backend_name="theirs"),
        "ours": section(name, entry, volume_backend_name="ours"),
    }
    python = client_python(CLIENTS / f"requirements-{REQUIREMENTS.get(name, 'cinder29')}.txt")
    with Cinder(
        python, distribution, folder / "cinder", backends, {"backend_stats_polling_interval": 3600}, env
    ) as cinder:
        cinder.wait_for("both", lambda: cinder.backend_states() == dict.fromkeys(backends, "up up"))
        yield cinder


@pytest.mark.parametrize("name", ROWS)
def test_our_driver_sends_no_more_requests_than_the_upstream_one(name: str, distribution: Path, tmp_path: Path) -> None:
    array = DRIVERS[name][0]
    with Simulator([{"name": array, "vendor": name, **ARRAYS[name]}]) as simulator:
        counter = Counter(simulator, array, tmp_path / "statistics")
        with running(name, simulator, distribution, tmp_path) as cinder:
            for who in ("theirs", "ours"):
                counter.who = who
                Scenario(cinder, counter, name).carry_out()
                state = simulator.state(array)
                assert (state["volumes"], state["mappings"]) == ([], [])
    expected = OPERATIONS | (set() if name in WITHOUT_COPIES else COPIES)
    assert {operation for operation, by_driver in counter.counts.items() if "ours" in by_driver} == expected
    compared = {operation for operation, by_driver in counter.counts.items() if "theirs" in by_driver}
    assert compared == expected - (ENDS if name in ENDS_NOTHING else set())
    assert excess(ARRAYS[name].get("vendor", name), f"{name}, by a running Cinder", counter.counts) == {}
