# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures and prints tables: requests per operation and their budget, many volumes in one task, and images.

The simulated array counts the requests. The exit status is 1 when a budget is exceeded, or images are copied too
slowly. Seconds depend on the machine, so compare the ratios.

    python tests/bench/run.py [--arrays dsware violin] [--volumes 1 100 1000]
"""

from __future__ import annotations

import argparse
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "collections"), str(ROOT / "roles/array_simulator/files")]

import tests.support.programs  # noqa: E402, F401  its import lets the library start programs
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (  # noqa: E402
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import parse_initiator  # noqa: E402
from tests.bench import images  # noqa: E402
from tests.module.abilities import DATERA, DSWARE, DSWARE_SOCKET, FLASHSYSTEM, VIOLIN, XTREMIO  # noqa: E402
from tests.module.arrays import FAST_COPIES, FC, GIB, ArrayUnderTest, Modules, Row  # noqa: E402
from tests.module.playbooks import Player  # noqa: E402
from tests.support.simulator import Simulator  # noqa: E402

LOOPED = 8
"""The number of one-volume tasks that are measured; the time of more is calculated from that."""


@dataclass(frozen=True)
class Budget:
    requests: int
    reads_for: str = ""
    """The purpose of each request that is not the change itself."""


@dataclass(frozen=True)
class Vendor:
    row: Row
    version_given: bool
    """Whether a task can set the array's version, which saves reading it."""
    budgets: dict[str, Budget]


VENDORS = (
    Vendor(
        Row("dsware", {"vendor": "dsware"}, abilities=DSWARE),
        version_given=False,
        budgets={
            "create": Budget(1),
            "extend": Budget(1),
            "delete": Budget(3, "is it mapped? Has it snapshots?"),
            "snapshot": Budget(1),
            "clone": Budget(4, "the size that it has; the other changes are a snapshot in between, which goes again"),
            "attach": Budget(4, "host and its initiators (2), the LUN that the array gave (1)"),
            "detach": Budget(2, "what the host still has"),
            "attach by tool": Budget(1, "none: one command on the host, whose answer has the device"),
            "detach by tool": Budget(1),
            "no-op": Budget(6, "all requests of the task: version, login, pools, volume, is it finished?, logout"),
        },
    ),
    Vendor(
        Row(
            "dsware-socket",
            {"vendor": "dsware", "assume": {"dsware.socket.extensions": True}},
            {"transport": "socket", "storage_pools": ["0"], "wire_extensions": True},
            abilities=DSWARE_SOCKET,
            port="socket_port",
            connection_per_request=True,
        ),
        version_given=False,
        budgets={
            "create": Budget(1),
            "extend": Budget(1),
            "delete": Budget(3, "is it gone? The array only begins with it (2)"),
            "snapshot": Budget(1),
            "clone": Budget(5, "the size that it has; is the snapshot in between gone?"),
            "attach by tool": Budget(1, "none: one command on the host, whose answer has the device"),
            "detach by tool": Budget(1),
            "no-op": Budget(3, "all requests of the task: pools, volume, is it finished?"),
        },
    ),
    Vendor(
        Row("datera", {"vendor": "datera", "slowness": 0}, abilities=DATERA),
        version_given=False,
        budgets={
            "create": Budget(1),
            "extend": Budget(1),
            "delete": Budget(3, "is it mapped or open? The second change takes it offline"),
            "snapshot": Budget(3, "names noted before; the second change notes this one (upstream 5)"),
            "clone": Budget(3, "is there one of that name? Is it finished? (upstream 6)"),
            "attach": Budget(3, "the host; can the target be logged in to? (upstream 18 with the export)"),
            "detach": Budget(3, "has the target other volumes? What the host still has (upstream 5)"),
            "stats": Budget(1, "all of it (upstream 1)"),
            "no-op": Budget(6, "all requests of the task: versions, login, system, volume, snapshot names, logout"),
        },
    ),
    Vendor(
        Row(
            "datera-offline",
            {"vendor": "datera", "slowness": 0, "assume": {"datera.volumes.extend_online": False}},
            {"offline_changes": True},
            abilities=DATERA,
        ),
        version_given=False,
        budgets={
            "create": Budget(1),
            "extend": Budget(5, "has anybody got it open? The first change is refused, two are off and on"),
            "extend again": Budget(4, "has anybody got it open? (upstream 7)"),
        },
    ),
    Vendor(
        Row("xtremio", {"vendor": "xtremio", "version": "4.2.0-33", "protocol": "iscsi"}, abilities=XTREMIO),
        version_given=True,
        budgets={
            "create": Budget(1),
            "extend": Budget(1),
            "delete": Budget(2, "is it mapped? The array would delete it all the same"),
            "snapshot": Budget(2, "none: the array gives its own name, the second change gives ours"),
            "clone": Budget(2, "none: the array gives its own name, the second change gives ours"),
            "attach": Budget(4, "host and its initiators (2), the LUN that the array gave (1)"),
            "detach": Budget(2, "what the host still has"),
            "no-op": Budget(2, "all requests of the task: cluster, volume"),
            "no-op, version found out": Budget(4, "all requests of the task: version (2), cluster, volume"),
        },
    ),
    # Upstream's figures are those of its driver, with P pools (2 here, that of the configuration included)
    Vendor(
        Row(
            "violin",
            {"vendor": "violin", "protocol": "fc", "limits": FAST_COPIES},
            abilities=VIOLIN,
            initiators=tuple(FC),
        ),
        version_given=False,
        budgets={
            "create": Budget(3, "room in the pools; that the array shows it (upstream 2+P)"),
            "extend": Budget(3, "the size before, since the wire takes what is to be added, and after (upstream 2)"),
            "delete": Budget(
                8,
                "is it still the same; which host has it, read immediately before (1, and 1 for each host); the "
                "snapshots, whose policy it is; that it is gone (upstream 8)",
            ),
            "snapshot": Budget(5, "resource and policy; its time. The first of a volume (upstream 11+P)"),
            "snapshot, later": Budget(3, "is it there?; its time (upstream 6)"),
            "delete snapshot": Budget(3, "what hangs on it; that it is gone (upstream 3)"),
            "stats": Budget(1, "all pools, of both gateways (upstream 1)"),
            "clone": Budget(11, "names, resource, progress of another copy and of this one, room, size (upstream 9+P)"),
            "attach": Budget(4, "the host (2), the LUN that the array gave (upstream 8)"),
            "detach": Budget(4, "what the host still has (upstream 5)"),
            "no-op": Budget(8, "all requests of the task: session (6), volume (2)"),
        },
    ),
    Vendor(
        Row(
            "flashsystem",
            {"vendor": "flashsystem", "protocol": "fc", "datapath": True},
            abilities=FLASHSYSTEM,
            initiators=tuple(FC),
        ),
        version_given=False,
        budgets={
            "create": Budget(1),
            "extend": Budget(2, "the present size: the request has the difference"),
            "delete": Budget(2, "is it still the same volume?"),
            "snapshot": Budget(
                13, "as clone, and once per task: volumes, identity of the source, hosts (2), this host (1 change)"
            ),
            "clone": Budget(8, "who has the source (1), identities to look for (1); two maps, two unmaps, the name"),
            "attach": Budget(3, "the host, the LUN that the array gave"),
            "detach": Budget(2, "what the host still has"),
            "no-op": Budget(4, "all requests of the task: system, pools, volumes, their mappings"),
        },
    ),
)


def with_tool(array: ArrayUnderTest) -> dict[str, Any]:
    """The options of a connection that attaches to this host by its own tool, where the array has one."""
    if "bin_dir" not in array.endpoint:
        return {}
    own = {key: value for key, value in array.connection.items() if array.has_option(key)}
    return {"options": {**own, "attach_tool": f"{array.endpoint['bin_dir']}/vbs_cli"}}


READ_AGAIN = "read again"
OPERATIONS = (
    *("create", "extend", "extend again", "attach", "detach", "delete", "snapshot"),
    *(READ_AGAIN, "snapshot, later", "delete snapshot", "stats", "clone"),
)


class Array:
    """The operations of a connected array, one method each."""

    def __init__(self, array: ArrayUnderTest, client: Any) -> None:
        self.array, self.client = array, client
        # Facts that a session reads only once
        client.info(), client.pools()
        if array.row.hosts:
            protocol, address = parse_initiator(array.row.initiators[0])
            client.create_host("server", [Initiator(address, protocol)])
        self.volume = client.create_volume(VolumeSpec("ground", 10 * GIB))

    def create(self) -> None:
        self.made = self.client.create_volume(VolumeSpec("made", 10 * GIB))

    def extend(self) -> None:
        self.made = self.client.extend_volume(self.made, 20 * GIB)

    def extend_again(self) -> None:
        self.made = self.client.extend_volume(self.made, 30 * GIB)

    def attach(self) -> None:
        self.mapping = self.client.map_volume(self.made, self.client.hosts(["server"]).named("server"))

    def attach_by_tool(self) -> None:
        self.mapping = self.client.map_volume(self.volume, self.client.hosts([socket.gethostname()]).items[0])

    def detach(self) -> None:
        self.client.unmap_volume(self.mapping)

    def delete(self) -> None:
        self.client.delete_volume(self.made)

    def snapshot(self) -> None:
        self.client.create_snapshots([SnapshotSpec("monday", self.volume)])

    def read_again(self) -> None:
        """Read the volume, which has a snapshot now, as a task does first."""
        self.volume = self.client.volumes(["ground"]).named("ground")

    def snapshot_later(self) -> None:
        (self.taken,) = self.client.create_snapshots([SnapshotSpec("tuesday", self.volume)])

    def delete_snapshot(self) -> None:
        self.client.delete_snapshot(self.taken)

    def stats(self) -> None:
        self.client.capacity()

    def clone(self) -> None:
        self.client.clone_volume(self.volume, VolumeSpec("copy"))

    def noop(self, **given: str) -> None:
        self.array.done("flash_volume", name="ground", size="10GiB", **given)


def operations(array: ArrayUnderTest, vendor: Vendor) -> list[tuple[str, int, int, int]]:
    """The name of each operation, and its numbers of requests, writes and connections."""
    found = []

    def count(name: str, operation: Callable[[], None]) -> None:
        if name not in vendor.budgets:
            return
        mark = array.mark()
        operation()
        requests = array.requests(mark)
        writes = sum(entry["write"] for entry in requests)
        found.append((name, len(requests), writes, len({entry["connection"] for entry in requests})))

    with array.library() as client:
        bench = Array(array, client)
        for name in OPERATIONS:
            if name == READ_AGAIN:
                bench.read_again()
            elif name in vendor.budgets:
                count(name, getattr(bench, name.replace(", ", "_").replace(" ", "_")))
        if "attach by tool" in vendor.budgets:
            with array.library(**with_tool(array)) as bench.client:
                count("attach by tool", bench.attach_by_tool)
                count("detach by tool", bench.detach)
        if "no-op" not in vendor.budgets:
            return found
        if vendor.version_given:
            count("no-op", lambda: bench.noop(array_version=array.endpoint["version"]))
            count("no-op, version found out", bench.noop)
        else:
            count("no-op", bench.noop)
    return found


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    print(f"\n{title}\n")
    for number, row in enumerate(cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def seconds(player: Player, array: ArrayUnderTest, tasks: list[dict[str, Any]]) -> float:
    started = time.monotonic()
    played = player.play(tasks, array.connection)
    if played.rc:
        raise SystemExit(played.output)
    return time.monotonic() - started


def many(player: Player, array: ArrayUnderTest, counts: Sequence[int]) -> list[list[object]]:
    """Rows that compare one task for several volumes with as many one-volume tasks."""
    empty = min(seconds(player, array, []) for _ in range(2))

    def spent(tasks: list[dict[str, Any]]) -> tuple[float, list[dict[str, Any]]]:
        mark = array.mark()
        return max(seconds(player, array, tasks) - empty, 0.001), array.requests(mark)

    def task(count: int, state: str) -> list[dict[str, Any]]:
        volumes = [{"name": f"vol-{number}"} for number in range(count)]
        permits = array.assume_unmapped if state == "absent" else {}
        return [{"openflash.storage.flash_volume": {"size": "1GiB", "state": state, "volumes": volumes, **permits}}]

    def loop(state: str) -> list[dict[str, Any]]:
        permits = array.assume_unmapped if state == "absent" else {}
        one = {"name": "loop-{{ item }}", "size": "1GiB", "state": state, **permits}
        return [{"openflash.storage.flash_volume": one, "loop": list(range(LOOPED))}]

    steps = (("create", "present"), ("no-op", "present"), ("delete", "absent"))
    each = {name: spent(loop(state))[0] / LOOPED for name, state in steps}
    rows: list[list[object]] = []
    for count in counts:
        for name, state in steps:
            took, requests = spent(task(count, state))
            connections = len({entry["connection"] for entry in requests})
            looped = each[name] * count
            rows.append(
                [name, count, len(requests), connections, f"{took:.2f}", f"{looped:.1f}", f"{looped / took:.0f} x"]
            )
    return rows


def start_up(player: Player, array: ArrayUnderTest) -> list[object]:
    """Processor time of a task that changes nothing, all its processes together, against one of ping."""
    volume = {"openflash.storage.flash_volume": {"name": "start-up", "size": "1GiB"}}
    processor_seconds(player, array, [volume])
    empty = min(processor_seconds(player, array, []) for _ in range(2))

    def each(task: dict[str, Any]) -> float:
        looped = [{**task, "loop": list(range(LOOPED))}]
        return (min(processor_seconds(player, array, looped) for _ in range(2)) - empty) / LOOPED

    ping, noop = each({"ansible.builtin.ping": {}}), each(volume)
    return [array.row.name, f"{ping:.2f}", f"{noop:.2f}", f"{noop / ping:.1f} x"]


def processor_seconds(player: Player, array: ArrayUnderTest, tasks: list[dict[str, Any]]) -> float:
    def ended() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = ended()
    seconds(player, array, tasks)
    return ended() - before


def main() -> int:
    parser = argparse.ArgumentParser(description="Count requests and measure time against simulated arrays.")
    parser.add_argument("--volumes", type=int, nargs="*", default=[1, 100, 1000], help="volumes in one task")
    known = [vendor.row.name for vendor in VENDORS]
    parser.add_argument("--arrays", nargs="*", choices=known, default=known, help="the arrays to measure, by vendor")
    parser.add_argument("--no-images", dest="images", action="store_false", help="do not copy disk images")
    options = parser.parse_args()
    counts = options.volumes
    vendors = [vendor for vendor in VENDORS if vendor.row.name in options.arrays]
    exceeded = []
    started: list[list[object]] = []
    modules = Modules()
    try:
        with Simulator([vendor.row.config for vendor in vendors]) as simulator, tempfile.TemporaryDirectory() as folder:
            for vendor in vendors:
                array = ArrayUnderTest(vendor.row, simulator, modules)
                rows: list[list[object]] = []
                for name, requests, writes, connections in operations(array, vendor):
                    budget = vendor.budgets[name]
                    wanted = requests if vendor.row.connection_per_request else 1
                    fits = requests <= budget.requests and connections == wanted
                    if not fits:
                        exceeded.append(f"{vendor.row.name}: {name}")
                    rows.append(
                        [name, requests, writes, budget.requests, "yes" if fits else "NO", budget.reads_for or "-"]
                    )
                header: tuple[str, ...] = (
                    "operation",
                    "requests",
                    "writes",
                    "budget",
                    "kept",
                    "what the reads are for",
                )
                each = "a connection for each" if vendor.row.connection_per_request else "over one connection"
                table(f"{vendor.row.name}: requests of one operation, {each}", header, rows)
                if counts and "no-op" in vendor.budgets:
                    array.reset()
                    header = ("task", "volumes", "requests", "connections", "seconds", "as a loop", "ratio")
                    title = f"{vendor.row.name}: volumes in one task (a loop: calculated from {LOOPED} tasks)"
                    table(title, header, many(Player(Path(folder)), array, counts))
                    array.reset()
                    started.append(start_up(Player(Path(folder)), array))
    finally:
        modules.stop()
    if started:
        title = f"Start-up: seconds of processor time of a task that changes nothing, as one of {LOOPED} in a loop"
        table(title, ("array", "ping", "flash_volume", "ratio"), started)
    if options.images:
        rows, slow = images.throughput()
        title = f"Images: {images.SIZE >> 20} MiB of random bytes into a volume, against a bare qemu-img convert"
        table(title, images.HEADER, rows)
        exceeded += slow
    if exceeded:
        print(f"\nOver budget: {', '.join(exceeded)}")
    return int(bool(exceeded))


if __name__ == "__main__":
    sys.exit(main())
