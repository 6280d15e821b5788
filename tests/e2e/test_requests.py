# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often an array is asked for what is done through Cinder's API: the driver that Cinder ships beside ours.

Both are backends of one real Cinder, on one simulated array, which counts. A warm-up comes first: what a driver learns
once and keeps for as long as it runs is no part of an operation.
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
# FlashSystem is copied by the host, and there are disks for Fibre Channel only (see disks.py).
WITHOUT_COPIES = ("flashsystemiscsi",)
REQUIREMENTS = {"datera": "datera", "flashsystem": "cinder28", "flashsystemiscsi": "cinder28"}
ROWS = ["xtremio", *(pytest.param(one, marks=pytest.mark.slow) for one in ARRAYS if one != "xtremio")]
# Cinder calls nothing of this driver that would end an attachment made by its API of today, and so the host keeps its
# access until the volume is deleted: there is nothing to compare.
ENDS_NOTHING = ("datera",)
ENDS = {"detach, another stays", "detach, the last"}
OPERATIONS = {"create", "extend", "attach, new host", "attach, known host", "delete", "statistics"} | ENDS
COPIES = {"snapshot", "volume from snapshot", "clone", "delete snapshot"}


@dataclass
class Counter:
    """Counts what the array is asked, without what is asked for statistics: that is counted apart."""

    simulator: Simulator
    array: str
    readings: Path
    who: str = ""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def statistics(self) -> list[tuple[int, int]]:
        """What was read for statistics, as numbers of the journal: after the first, and up to the second."""
        lines = self.readings.read_text().splitlines() if self.readings.exists() else []
        return [(int(line.split()[0]), int(line.split()[1])) for line in lines]

    @contextmanager
    def __call__(self, operation: str) -> Iterator[None]:
        mark = self.simulator.mark(self.array)
        yield
        inside = self.statistics()
        asked = [one["n"] for one in self.simulator.requests(self.array, mark)]
        own = [n for n in asked if not any(after < n <= last for after, last in inside)]
        self._note(operation, len(own))

    def mappings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.simulator.state(self.array)["mappings"]
        return found

    def count_statistics(self) -> None:
        """Of the last reading."""
        after, last = self.statistics()[-1]
        asked = [one for one in self.simulator.requests(self.array, after) if one["n"] <= last]
        self._note("statistics", len(asked))

    def forget(self, operation: str) -> None:
        """It was not done."""
        del self.counts[operation][self.who]

    def _note(self, operation: str, number: int) -> None:
        self.counts.setdefault(operation, {})[self.who] = number


class Story:
    """The same operations by one backend."""

    def __init__(self, cinder: Cinder, counter: Counter, name: str) -> None:
        self.cinder, self.count, self.name = cinder, counter, name

    def host(self, number: int) -> dict[str, Any]:
        """Each driver has hosts of its own. What the array has of Dsware's is an agent, and there is one."""
        if self.name == "dsware":
            return connector(1)
        found = connector(number + (10 if self.count.who == "ours" else 0))
        # The other driver for Datera notes the connector on the array, which takes no lists.
        return {key: value for key, value in found.items() if self.name != "datera" or not isinstance(value, list)}

    def tell(self) -> None:
        cinder, count = self.cinder, self.count
        kind = cinder.type_of(count.who)
        self.warm_up(kind)
        with count("create"):
            one = cinder.create(1, kind)["id"]
        two = cinder.create(1, kind)["id"]
        with count("extend"):
            cinder.extend(one, 2)
        self.attach(one, two)
        if self.name not in WITHOUT_COPIES:
            self.copy(one, kind)
        with count("delete"):
            self.delete(one)
        self.delete(two)
        count.count_statistics()

    def warm_up(self, kind: str) -> None:
        one = self.cinder.create(1, kind)["id"]
        attachment, _info = self.cinder.attach(one, self.host(2))
        self.cinder.detach(attachment, one)
        self.delete(one)

    def attach(self, one: str, two: str) -> None:
        """An attachment is made for nobody, told its host, and completed: so Nova does it."""
        with self.count("attach, new host"):
            first, _info = self.cinder.attach(one, self.host(1))
        with self.count("attach, known host"):
            second, _info = self.cinder.attach(two, self.host(1))
        with self.count("detach, another stays"):
            self.cinder.detach(first, one)
        left = self.mapped(one)
        with self.count("detach, the last"):
            self.cinder.detach(second, two)
        left += self.mapped(two)
        nothing_ends = self.name in ENDS_NOTHING and self.count.who == "theirs"
        assert left == (2 if nothing_ends else 0)
        for operation in ENDS if nothing_ends else ():
            self.count.forget(operation)

    def mapped(self, volume: str) -> int:
        return len([one for one in self.count.mappings() if volume in one["volume"]])

    def copy(self, one: str, kind: str) -> None:
        with self.count("snapshot"):
            snap = self.cinder.snapshot(one)
        with self.count("volume from snapshot"):
            copy = self.cinder.create(2, kind, snapshot_id=snap)["id"]
        with self.count("clone"):
            clone = self.cinder.create(2, kind, source_volid=one)["id"]
        with self.count("delete snapshot"):
            self.cinder.delete("snapshot", snap)
        for made in (copy, clone):
            self.delete(made)

    def delete(self, volume: str) -> None:
        """And wait for the statistics that Cinder reads then."""
        before = len(self.count.statistics())
        self.cinder.delete("volume", volume)
        self.cinder.wait_for("statistics", lambda: len(self.count.statistics()) > before)


@contextmanager
def running(name: str, simulator: Simulator, distribution: Path, folder: Path) -> Iterator[Cinder]:
    """A Cinder with the backends ``theirs`` and ``ours``, which reads statistics only when it must."""
    array = DRIVERS[name][0]
    entry = simulator.array(array)
    told = {
        "vendor": ARRAYS[name].get("vendor", name),
        "port": entry["port"],
        "folder": str(folder),
        "journal": f"{simulator.endpoints['control']}/arrays/{array}/journal",
    }
    env = {"OPENFLASH_COMPARED": json.dumps(told)}
    if ARRAYS[name].get("datapath"):
        env["OPENFLASH_DISKS"] = json.dumps({"fc": entry["device_root"]})
    backends: dict[str, Mapping[str, Any]] = {
        "theirs": upstream_section(name, entry, volume_backend_name="theirs"),
        "ours": section(name, entry, volume_backend_name="ours"),
    }
    python = client_python(CLIENTS / f"requirements-{REQUIREMENTS.get(name, 'cinder29')}.txt")
    cinder = Cinder(python, distribution, folder / "cinder", backends, {"backend_stats_polling_interval": 3600}, env)
    try:
        cinder.start()
        cinder.wait_for("both", lambda: cinder.backend_states() == dict.fromkeys(backends, "up up"))
        yield cinder
    finally:
        cinder.stop()


@pytest.mark.parametrize("name", ROWS)
def test_the_array_is_asked_no_more_often(name: str, distribution: Path, tmp_path: Path) -> None:
    array = DRIVERS[name][0]
    with Simulator([{"name": array, "vendor": name, **ARRAYS[name]}]) as simulator:
        counter = Counter(simulator, array, tmp_path / "statistics")
        with running(name, simulator, distribution, tmp_path) as cinder:
            for who in ("theirs", "ours"):
                counter.who = who
                Story(cinder, counter, name).tell()
                state = simulator.state(array)
                assert (state["volumes"], state["mappings"]) == ([], [])
    wanted = OPERATIONS | (set() if name in WITHOUT_COPIES else COPIES)
    assert {operation for operation, found in counter.counts.items() if "ours" in found} == wanted
    compared = {operation for operation, found in counter.counts.items() if "theirs" in found}
    assert compared == wanted - (ENDS if name in ENDS_NOTHING else set())
    assert excess(ARRAYS[name].get("vendor", name), f"{name}, by a running Cinder", counter.counts) == {}
