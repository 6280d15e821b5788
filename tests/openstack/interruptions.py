# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each call of Cinder to one driver, in a process that is killed after a change, or with the answer to a change lost.

    interruptions.py ENDPOINTS NAME KIND CHANGES

CHANGES is "every" for an interruption at each change, and "first" for one at the first of each call.
Each case runs in a fork of this process, which itself has no driver and no connection. Where the first fork ends after
a change, a second one does what Cinder does after a restart. Prints one JSON object per step, and how often each call
was interrupted; exits with 0 when all are as expected.
"""

from __future__ import annotations

import lib  # first: it makes the process green

import itertools  # isort: skip
import json  # isort: skip
import os  # isort: skip
import sys  # isort: skip
import time  # isort: skip
from collections.abc import Callable  # isort: skip
from dataclasses import dataclass, replace  # isort: skip
from typing import Any  # isort: skip

from cinder import exception  # isort: skip
from openflash.connect import VENDORS  # isort: skip
from openflash.transport.journal import Journal  # isort: skip

GIB = lib.GIB
DIED = 9
"""The exit status of a process that ended after the requested change."""
MOST = 9
"""A number that is larger than the changes of any call."""
LATE = 0.3
"""The seconds between a lost answer and the change that it was for."""
NOT_LOGIN = r"^(?!.*(/login|/logout))"
Held = dict[str, tuple[int, str]]
"""The content of an array: for each object, its size in GiB and the origin of its bytes."""


@dataclass(frozen=True)
class Call:
    """One call of Cinder.

    :ivar needs: the objects that exist before, besides the bystander and the volume.
    :ivar objects: the objects of the array afterwards.
    :ivar mapped: the host of each mapped object afterwards.
    :ivar makes: the object that Cinder has in error when the process that creates it ends.
    """

    needs: str
    objects: Held
    mapped: dict[str, str]
    makes: str = ""


BYSTANDER = {"bystander": (1, "of bystander")}
VOLUME = {**BYSTANDER, "volume": (1, "of volume")}
SNAPSHOT = {**VOLUME, "snapshot": (1, "of volume")}
OF_BYSTANDER = {"bystander": "compute-2"}
CALLS = {
    "create_volume": Call("", {**VOLUME, "copy": (1, "empty")}, OF_BYSTANDER, "copy"),
    "extend_volume": Call("", {**VOLUME, "volume": (2, "of volume")}, OF_BYSTANDER),
    "create_snapshot": Call("", SNAPSHOT, OF_BYSTANDER, "snapshot"),
    "create_cloned_volume": Call("", {**VOLUME, "copy": (1, "of volume")}, OF_BYSTANDER, "copy"),
    "create_volume_from_snapshot": Call("snapshot", {**SNAPSHOT, "copy": (1, "of volume")}, OF_BYSTANDER, "copy"),
    "initialize_connection": Call("", VOLUME, {**OF_BYSTANDER, "volume": "compute-1"}),
    "terminate_connection": Call("mapping", VOLUME, OF_BYSTANDER),
    "delete_snapshot": Call("snapshot", VOLUME, OF_BYSTANDER),
    "delete_volume": Call("", BYSTANDER, OF_BYSTANDER),
}

COPIES_BY_HOST = ("flashsystem",)
"""Arrays whose copies the driver's host makes. It copies nothing in these tests, so the copies are empty."""


class World:
    """The array, and Cinder's objects. It is made before the forks, so that all of them have the same objects."""

    def __init__(self, kind: str, array: lib.SimulatedArray) -> None:
        self.kind, self.vendor, self.array = kind, kind.split("-")[0], array
        self.namer = self._make()
        """A driver that is used for the names of objects only."""
        pool = array.entry["pools"][0]["name"] if self.namer.POOLS else kind
        # Violin's own full copies are of thick volumes only
        volume_type = lib.type_with(thin="False") if self.vendor == "violin" else None
        self.volumes = {
            name: lib.volume(1, pool, volume_type_id=volume_type) for name in ("bystander", "volume", "copy")
        }
        self.snapshot = lib.snapshot(self.volumes["volume"])

    def _make(self) -> Any:
        return lib.make(lib.OURS[self.kind], self.kind, self.array.entry, "ours", openflash_wait_timeout=20)

    def driver(self) -> Any:
        """A new driver that is set up."""
        driver = self._make()
        lib.no_fabric(driver, [])
        driver.do_setup(lib.CONTEXT)
        driver.check_for_setup_error()
        return driver

    def prepare(self, driver: Any, call: Call) -> None:
        self.array.reset()
        for name in ("bystander", "volume"):
            driver.create_volume(self.volumes[name])
            self.array.ask(f"/volumes/{driver._volume_name(self.volumes[name])}/write", {"bytes": GIB})
        driver.initialize_connection(self.volumes["bystander"], lib.connector(2))
        if "snapshot" in call.needs:
            driver.create_snapshot(self.snapshot)
        if "mapping" in call.needs:
            driver.initialize_connection(self.volumes["volume"], lib.connector(1))

    def carry_out(self, driver: Any, name: str) -> None:
        volume, copy = self.volumes["volume"], self.volumes["copy"]
        arguments = {
            "create_volume": (copy,),
            "extend_volume": (volume, 2),
            "create_snapshot": (self.snapshot,),
            "create_cloned_volume": (copy, volume),
            "create_volume_from_snapshot": (copy, self.snapshot),
            "initialize_connection": (volume, lib.connector(1)),
            "terminate_connection": (volume, lib.connector(1)),
            "delete_snapshot": (self.snapshot,),
            "delete_volume": (volume,),
        }
        getattr(driver, name)(*arguments[name])

    def delete_in_error(self, driver: Any, makes: str) -> None:
        """Delete the object that Cinder has in error after a restart, since it was being created."""
        if makes == "snapshot":
            driver.delete_snapshot(self.snapshot)
            return
        copy = self.volumes[makes]
        copy.previous_status, copy.status = "error", "deleting"
        driver.delete_volume(copy)

    def remove(self, driver: Any) -> None:
        """Delete all objects except the bystander."""
        volume, copy = self.volumes["volume"], self.volumes["copy"]
        driver.terminate_connection(volume, lib.connector(1))
        driver.delete_volume(copy)
        driver.delete_snapshot(self.snapshot)
        driver.delete_volume(volume)

    def view(self, contents: dict[str, str]) -> tuple[Held, list[tuple[str, str]]]:
        """The objects and mappings of the array, by the names of this file; any other object is temporary.

        :param contents: for each content id that existed before, the name of its origin.
        """
        names = {self.namer._volume_name(volume): name for name, volume in self.volumes.items()}
        names[self.namer._snapshot_name(self.snapshot)] = "snapshot"
        state = self.array.state()
        held = {
            names.get(row["name"], f"temporary {row['name']}"): (
                row["size"] // GIB,
                contents.get(row["content"], "empty"),
            )
            for row in state["volumes"]
        }
        machines = {row["name"]: machine_of(row["initiators"]) for row in state["hosts"]}
        mappings = [(names.get(row["volume"], row["volume"]), machines[row["host"]]) for row in state["mappings"]]
        return held, sorted(mappings)

    def contents(self) -> dict[str, str]:
        held = self.array.volumes()
        return {
            held[self.namer._volume_name(self.volumes[name])]["content"]: f"of {name}"
            for name in ("bystander", "volume")
        }


def machine_of(initiators: list[dict[str, Any]]) -> str:
    """The name of the host that has these initiators."""
    addresses = {row["address"].replace(":", "") for row in initiators}
    for machine in map(lib.connector, range(3)):
        if addresses & {machine["initiator"].replace(":", ""), *machine["wwpns"]}:
            return str(machine["host"])
    return "nobody"


def in_process(action: Callable[[], None]) -> int:
    """Run an action in a fork. Returns its exit status."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            lib.eventlet.hubs.use_hub()  # a new one, since the parent uses the existing one
            action()
            status = 0
        except Exception:  # noqa: BLE001  printed as by an interpreter, and the process ends
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_after(change: int) -> None:
    """End this process when this number of its changes was answered."""
    append, numbers = Journal.append, itertools.count(1)

    def noted(*arguments: Any, **named: Any) -> Any:
        call = append(*arguments, **named)
        if call.write and call.sent and next(numbers) == change:
            os._exit(DIED)
        return call

    Journal.append = noted


def with_empty_copies(objects: Held) -> Held:
    return {name: (about[0], "empty") if name in ("snapshot", "copy") else about for name, about in objects.items()}


class Cases:
    """All cases of one driver."""

    def __init__(self, world: World, run: lib.Steps, most: int) -> None:
        self.world, self.run, self.most = world, run, most
        self.calls = CALLS
        if world.vendor in COPIES_BY_HOST:
            self.calls = {name: replace(call, objects=with_empty_copies(call.objects)) for name, call in CALLS.items()}

    def fork(self, title: str, action: Callable[[], None]) -> int:
        """Run steps in a fork. A failed one is counted as a failure of this process. Returns the exit status."""

        def steps() -> None:
            action()
            if self.run.failed:
                os._exit(2)

        status = in_process(steps)
        if status not in (0, DIED):
            self.run.failed += 1
            if status != 2:
                self.run.report(title, False, f"the process ended with {status}")
        return status

    def killed(self, name: str) -> int:
        """Kill the process after each change, with each continuation of Cinder. Returns the number of changes."""
        call = self.calls[name]
        follow_ups = ["again"]
        if call.makes:
            follow_ups.append("deleted")
        if name == "initialize_connection":
            follow_ups.append("detached")
        for change in range(1, self.most + 1):
            for follow_up in follow_ups:
                title = f"{name} killed after change {change}, {follow_up}"
                if not self.killed_once(name, call, change, follow_up, title):
                    return change - 1
        return self.most

    def killed_once(self, name: str, call: Call, change: int, follow_up: str, title: str) -> bool:
        """Returns whether there was such a change."""

        def first(driver: Any, _contents: dict[str, str]) -> None:
            die_after(change)
            self.world.carry_out(driver, name)

        status, contents = self.prepared(title, call, first)
        if status != DIED:
            return False
        self.check_kept(name, call, contents, title)
        self.fork(title, lambda: self.go_on(name, call, follow_up, contents, title))
        return True

    def prepared(
        self, title: str, call: Call, action: Callable[[Any, dict[str, str]], None]
    ) -> tuple[int, dict[str, str]]:
        """Prepare the array for a call and run an action. Returns the exit status, and the contents before it."""
        read_end, write_end = os.pipe()

        def process() -> None:
            driver = self.world.driver()
            self.world.prepare(driver, call)
            contents = self.world.contents()
            os.write(write_end, json.dumps(contents).encode())
            action(driver, contents)

        status = self.fork(title, process)
        os.close(write_end)
        contents = json.loads(os.read(read_end, 65536) or "{}")
        os.close(read_end)
        return status, contents

    def check_kept(self, name: str, call: Call, contents: dict[str, str], title: str) -> None:
        """Existing objects are unchanged, and a new one has its final name only when it is finished."""
        held, _mapped = self.world.view(contents)
        if name != "delete_volume":
            self.run.expect(f"{title}: the volume", held.get("volume", (0, ""))[1], "of volume")
        self.run.expect(f"{title}: the bystander", held.get("bystander"), (1, "of bystander"))
        if call.makes in held:
            self.run.expect(f"{title}: what has its name is finished", held[call.makes], call.objects[call.makes])

    def go_on(self, name: str, call: Call, follow_up: str, contents: dict[str, str], title: str) -> None:
        world, run = self.world, self.run
        driver = world.driver()
        before = self.before(call)
        if follow_up == "again":
            run.step(title, lambda: world.carry_out(driver, name))
            self.expect(title, call.objects, call.mapped, contents)
        elif follow_up == "deleted":
            run.step(title, lambda: world.delete_in_error(driver, call.makes))
            self.expect(title, before, OF_BYSTANDER, contents)
        else:
            run.step(title, lambda: world.carry_out(driver, "terminate_connection"))
            self.expect(title, before, OF_BYSTANDER, contents)
        self.remove(driver, contents, title)

    def before(self, call: Call) -> Held:
        if "snapshot" not in call.needs:
            return VOLUME
        return with_empty_copies(SNAPSHOT) if self.world.vendor in COPIES_BY_HOST else SNAPSHOT

    def expect(
        self, title: str, objects: Held, mapped: dict[str, str], contents: dict[str, str], *, temporary: bool = True
    ) -> None:
        """:param temporary: whether temporary objects are compared too."""
        held, mappings = self.world.view(contents)
        if not temporary:
            held = {name: about for name, about in held.items() if not name.startswith("temporary ")}
        self.run.expect(f"{title}: objects", held, objects)
        self.run.expect(f"{title}: mappings", mappings, sorted(mapped.items()))

    def remove(self, driver: Any, contents: dict[str, str], title: str) -> None:
        self.run.step(f"{title}: delete everything", lambda: self.world.remove(driver))
        self.expect(f"{title}: in the end", BYSTANDER, OF_BYSTANDER, contents)

    def lost(self, name: str, kind: str) -> int:
        """Lose the answer to each change, and repeat a call that fails. Returns the number of changes."""
        for change in range(1, self.most + 1):
            if not self.lost_once(name, kind, change, f"{name} with {kind} at change {change}"):
                return change - 1
        return self.most

    def lost_once(self, name: str, kind: str, change: int, title: str) -> bool:
        """Returns whether there was such a change.

        An object that the array creates late, after it was created again, keeps the name of an unfinished copy until
        the next start of the driver.
        """
        world, run, call = self.world, self.run, self.calls[name]
        is_late = kind == "reset_late"

        def first(driver: Any, contents: dict[str, str]) -> None:
            seconds = {"seconds": LATE} if is_late else {}
            world.array.fault(kind=kind, match={"write": True, "path": NOT_LOGIN}, skip=change - 1, **seconds)
            try:
                world.carry_out(driver, name)
            except exception.CinderException:
                if is_late:
                    time.sleep(LATE)
                run.step(f"{title}: again", lambda: world.carry_out(driver, name))
            if not sum(row["struck"] for row in world.array.ask("/faults")):
                os._exit(DIED)
            world.array.clear()
            if is_late:
                time.sleep(LATE)
            self.expect(title, call.objects, call.mapped, contents, temporary=not is_late)
            if not is_late:
                self.remove(driver, contents, title)

        def second(contents: dict[str, str]) -> None:
            driver = world.driver()
            self.expect(f"{title}, after a restart", call.objects, call.mapped, contents)
            self.remove(driver, contents, title)

        status, contents = self.prepared(title, call, first)
        if status != DIED and is_late:
            self.fork(title, lambda: second(contents))
        return status != DIED


def main() -> int:
    endpoints, name, kind, changes = sys.argv[1:5]
    lib.prepare()
    array = lib.SimulatedArray(endpoints, name)
    run = lib.Steps(array)
    world = World(kind, array)
    VENDORS[world.vendor].load()
    cases = Cases(world, run, 1 if changes == "first" else MOST)
    with lib.zones():
        for call in CALLS:
            run.counts[call] = {
                "killed": cases.killed(call),
                **{fault: cases.lost(call, fault) for fault in ("reset_after", "reset_late")},
            }
    status: int = run.finish()
    return status


if __name__ == "__main__":
    sys.exit(main())
