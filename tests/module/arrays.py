# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays that every module test runs against, and what a test does with one of them.

To test another array, add a row to ROWS, and what it can do to abilities.py. What an array cannot do is not skipped:
abilities.py says so, and the test asserts that the task fails for that reason and changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils import basic

from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import VENDORS, connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Capabilities, Connection
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import format_initiator, parse_initiator
from tests.module.abilities import (
    DATERA,
    DATERA_21,
    DSWARE,
    DSWARE_SOCKET,
    FLASHSYSTEM,
    VIOLIN,
    VIOLIN_756,
    VIOLIN_7700,
    XTREMIO,
    XTREMIO_3,
    Abilities,
)
from tests.module.forks import DIED
from tests.module.operations import OPERATIONS, Subject
from tests.support.diffs import after, before, plan_lines
from tests.support.simulated_array import SimulatedArray
from tests.support.simulator import Simulator

INVOCATION = "_ansible_inject_invocation"
"""Since ansible-core 2.21 the options are part of a result only on this request, which an older one refuses."""
FILES = ("stdout", "stderr")
KNOWS_INVOCATION = INVOCATION in Path(basic.__file__).read_text(encoding="utf-8")
ROOT = Path(__file__).resolve().parents[2]
GIB = 1024**3

FC = ["10:00:00:00:c9:00:00:07", "10:00:00:00:c9:00:00:08", "10:00:00:00:c9:00:00:09"]
ISCSI = [f"iqn.2026-01.org.example:host{number}" for number in range(3)]


# So fast that no task looks at the progress twice: requests can be counted
FAST_COPIES = {"copy_speed": 1 << 40}


@dataclass(frozen=True)
class Row:
    """One array to test. ``simulator`` is its configuration, ``connection`` what a task needs beyond the endpoint."""

    name: str
    simulator: Mapping[str, Any]
    connection: Mapping[str, Any] = field(default_factory=dict)
    can: Abilities = field(kw_only=True)
    """What a test expects of it."""
    initiators: tuple[str, ...] = tuple(ISCSI)
    """Three, of a protocol that the array speaks, as the array's owner would write them."""
    hides: tuple[str, tuple[str, ...]] = ("types/lun-maps", ("mappings",))
    """What a request looks like that can be spoilt by itself, and the subsets of the facts that this hides."""
    own_targets: bool = False
    """Each volume has a target, and so ports, of its own."""
    nothing_to_do: int = 4
    """The most requests of a task that finds one volume as it should be, session included."""
    port: str = "port"
    """Which of the endpoint's ports a task connects to."""
    trust: str | None = "tls"
    """How a client knows that it is the array: by a certificate (tls), by a host key (ssh); None: nobody logs in."""
    scope: str | None = None
    """The part of the simulated state that the task works on, where there are several."""
    hosts: bool = True
    """The array knows hosts; without, the tests that are marked so do not run on it, and others make none."""
    tells_version: bool = True
    """The array tells the version of its software."""
    connection_each: bool = False
    """The wire takes one request for each connection."""
    connections: int = 3
    """How many a task uses that may use three: fewer where one carries several requests at a time."""
    thorough: bool = False
    """Also for the tests that meet every request of a task with every fault: one row for each wire is enough there."""
    patience: float = 20.0
    """A wait_timeout after which what a killed run left counts as dead, where the array itself cannot tell."""
    shown: Callable[[str], str] = str
    """What people call a volume or snapshot, by what the array calls it."""

    @property
    def config(self) -> dict[str, Any]:
        return {"name": self.name, **self.simulator}


def next_second() -> None:
    """The time stamps of an array may be no finer than that."""
    time.sleep(1.01 - time.time() % 1)


def without_source(name: str) -> str:
    """A FlashSystem keeps no record of what was copied, so the name of a snapshot ends in it."""
    return re.sub(r"\.(snap|live)[-_][0-9a-f]{12}$", "", name)


SOCKET = {
    "transport": "socket",
    "storage_pools": ["0"],
    "wire_extensions": True,
    # This wire has neither
    **dict.fromkeys(("username", "password", "ca_path")),
}
"""A connection to Dsware by the text socket."""

ROWS = (
    Row(
        "xtremio-4.2-iscsi",
        {"vendor": "xtremio", "version": "4.2.0-33", "protocol": "iscsi"},
        thorough=True,
        can=XTREMIO,
    ),
    Row(
        "xtremio-4.0-fc",
        {"vendor": "xtremio", "version": "4.0.2-80", "protocol": "fc"},
        initiators=tuple(FC),
        can=XTREMIO,
    ),
    Row(
        "xtremio-3.0",
        {"vendor": "xtremio", "version": "3.0.3-11", "protocol": "both"},
        initiators=(*FC[:2], ISCSI[0]),
        thorough=True,
        can=XTREMIO_3,
    ),
    Row(
        "xtremio-clusters",
        {"vendor": "xtremio", "version": "4.2.1-11", "protocol": "iscsi", "clusters": ["east", "west"], "chap": True},
        {"cluster": "west"},
        scope="west",
        can=XTREMIO,
    ),
    Row(
        "flashsystem-fc",
        {"vendor": "flashsystem", "protocol": "fc", "datapath": True},
        trust="ssh",
        connections=1,
        initiators=tuple(FC),
        thorough=True,
        patience=0.001,
        hides=("lshostvdiskmap", ("mappings",)),
        shown=without_source,
        can=FLASHSYSTEM,
    ),
    Row(
        "flashsystem-both",
        {
            "vendor": "flashsystem",
            "protocol": "both",
            "datapath": True,
            "nodes": 1,
            "shared_code": "CMMVC6045E",
            "empty_header": True,
        },
        trust="ssh",
        connections=1,
        initiators=(*FC[:2], ISCSI[0]),
        patience=0.001,
        hides=("lshostvdiskmap", ("mappings",)),
        shown=without_source,
        can=FLASHSYSTEM,
    ),
    Row(
        "datera-2.2",
        {"vendor": "datera", "version": "3.3.5.0", "slowness": 0},
        hides=("/initiator_groups", ("hosts",)),
        own_targets=True,
        nothing_to_do=5,
        scope="/root",
        thorough=True,
        can=DATERA,
    ),
    Row(
        "datera-2.1",
        {"vendor": "datera", "version": "2.1.4.0", "tenants": ["/root/acme", "/root/acme/lab"], "slowness": 0},
        {"tenant": "/root/acme/lab"},
        hides=("/initiator_groups", ("hosts",)),
        own_targets=True,
        nothing_to_do=6,
        scope="/root/acme/lab",
        can=DATERA_21,
    ),
    Row(
        "violin-7.5.5-fc",
        {"vendor": "violin", "protocol": "fc", "limits": FAST_COPIES},
        initiators=tuple(FC),
        nothing_to_do=8,
        hides=("sanclient", ("hosts", "mappings")),
        patience=0.5,
        thorough=True,
        can=VIOLIN,
    ),
    Row(
        "violin-7.5.6-iscsi",
        {"vendor": "violin", "version": "7.5.6", "protocol": "iscsi", "limits": FAST_COPIES},
        nothing_to_do=8,
        hides=("sanclient", ("hosts", "mappings")),
        can=VIOLIN_756,
    ),
    Row(
        "violin-7700",
        {
            "vendor": "violin",
            "model": 7700,
            "version": "7.5.3",
            "pools": [{"name": "PoolA", "size": "40TiB"}],
            "limits": FAST_COPIES,
        },
        {"dedup_capable_pools": ["PoolA"]},
        initiators=tuple(FC),
        nothing_to_do=8,
        hides=("sanclient", ("hosts", "mappings")),
        can=VIOLIN_7700,
    ),
    Row(
        "dsware-rest",
        {"vendor": "dsware"},
        nothing_to_do=6,
        hides=("/host/lun/list", ("mappings",)),
        tells_version=False,
        thorough=True,
        can=DSWARE,
    ),
    Row(
        "dsware-6.3",
        {"vendor": "dsware", "version": "6.3.0", "pools": [{"name": "fast", "size": "50TiB"}]},
        nothing_to_do=6,
        hides=("/host/lun/list", ("mappings",)),
        tells_version=False,
        can=DSWARE,
    ),
    Row(
        "dsware-socket",
        {"vendor": "dsware"},
        SOCKET,
        hides=("QUERY_SNAPSHOT", ("volumes", "snapshots")),
        hosts=False,
        tells_version=False,
        connection_each=True,
        port="socket_port",
        trust=None,
        thorough=True,
        can=DSWARE_SOCKET,
    ),
)


THOROUGH = tuple(row for row in ROWS if row.thorough)
TRANSPORTS = tuple(next(row for row in THOROUGH if row.trust == trust) for trust in ("tls", "ssh", None))
CONTRACT = THOROUGH
"""The arrays of test_contract.py."""
OTHER_FILTERS = tuple(row for row in ROWS if row.name == "xtremio-4.0-fc")
"""Reads of several objects are other requests there than before and after. Its client is killed and cut off too."""


class Result(dict[str, Any]):
    """What a module returned; ``rc`` and ``stderr`` are its process's."""

    rc = 0
    stdout = ""
    stderr = ""
    second: Result | None = None
    """That of the run which this one has met, if it has met one."""

    @property
    def output(self) -> str:
        """What Ansible may show of what the process wrote.

        Up to ansible-core 2.21 that is all of it. From 2.22 on the process tells Ansible its secrets, which takes this
        list away, and masks them in the options that it shows.
        """
        secrets = self.get("_ansible_new_secrets")
        if secrets is None:
            return self.stdout + self.stderr
        options = json.dumps(self.get("invocation"))
        for secret in secrets:
            options = options.replace(json.dumps(secret)[1:-1], "$REDACTED$")
        rest = {key: value for key, value in self.items() if key not in ("_ansible_new_secrets", "invocation")}
        return json.dumps(rest) + options + self.stderr

    @property
    def failed(self) -> bool:
        return bool(self.get("failed"))

    @property
    def changed(self) -> bool:
        return bool(self["changed"])

    @property
    def msg(self) -> str:
        return str(self["msg"])

    @property
    def warnings(self) -> list[str]:
        """The texts; since ansible-core 2.19 a module hands them over as events."""
        found = self.get("warnings", ())
        return [text if isinstance(text, str) else str(text["event"]["msg"]) for text in found]


class Modules:
    """Runs modules as processes; see forks.py."""

    def __init__(self) -> None:
        path = f"{ROOT / 'collections'}:{ROOT}"
        self.command = [sys.executable, str(ROOT / "tests/module/forks.py")]
        self.environ = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/"}
        self.folder = Path(tempfile.mkdtemp(prefix="openflash-modules-"))
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environ, cwd=ROOT
        )

    def stop(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()

    def run(
        self,
        module: str,
        args: Mapping[str, Any],
        *,
        check: bool = False,
        diff: bool = False,
        verbosity: int = 0,
        env: Mapping[str, str] | None = None,
        timeout: int = 120,
    ) -> Result:
        """The result of one module run, failed or not; AssertionError when it left none, as a crash does."""
        internal = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_verbosity": verbosity}
        if KNOWS_INVOCATION:
            internal[INVOCATION] = True
        own = {"_ansible_remote_tmp": str(self.folder), "_ansible_keep_remote_files": False}
        order = {"module": module, "args": {**args, **internal, **own}, "env": {**self.environ, **(env or {})}}
        result = self.send({**order, "cwd": str(self.folder)}, timeout)
        assert result is not None
        return result

    def send(self, order: Mapping[str, Any], timeout: int = 120) -> Result | None:
        """What came of one order to forks.py; None when the process was to die in the middle of it, and did."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        files = {name: str(self.folder / name) for name in FILES}
        for path in files.values():
            Path(f"{path}.second").unlink(missing_ok=True)
        self.process.stdin.write(json.dumps({**order, "timeout": timeout, **files}) + "\n")
        self.process.stdin.flush()
        # It ends a module that takes longer, so that only a server that has died itself does not answer.
        ready, _, _ = select.select([self.process.stdout], [], [], timeout + 60)
        line = self.process.stdout.readline() if ready else ""
        about = order.get("module") or order.get("client")
        assert line, f"{about}: forks.py does not answer (exit status {self.process.poll()})"
        rc = int(line)
        if rc == DIED and "dies" in order:
            return None
        result = self._result(f"{about} ended with {rc}", rc, "")
        if Path(f"{files['stdout']}.second").exists():
            result.second = self._result(f"the second run of {about} ended", 0, ".second")
        return result

    def _result(self, about: str, rc: int, suffix: str) -> Result:
        stdout, stderr = ((self.folder / f"{name}{suffix}").read_text(encoding="utf-8") for name in FILES)
        lines = [line for line in stdout.splitlines() if line.startswith("{")]
        assert len(lines) == 1, f"{about} and left no result\n{stdout}\n{stderr}"
        result = Result(json.loads(lines[0]))
        result.rc, result.stdout, result.stderr = rc, stdout, stderr
        return result


class ArrayUnderTest(SimulatedArray):
    """One simulated array, empty, and the modules to manage it with."""

    def __init__(self, row: Row, simulator: Simulator, modules: Modules) -> None:
        super().__init__(simulator, row.name)
        self.row = row
        self.modules = modules
        keys = ("vendor", "address", "port", "username", "password", "ca_path", "host_key", "device_root")
        own = {"timeout": 20.0, "port": self.endpoint[row.port], **row.connection}
        merged = {**{key: self.endpoint.get(key) for key in keys}, **own}
        self.connection = {key: value for key, value in merged.items() if value is not None}
        self._capabilities: Capabilities | None = None

    # ---- tasks -----------------------------------------------------------------------------------------------------

    def task(
        self,
        module: str,
        *,
        check: bool = False,
        diff: bool = False,
        verbosity: int = 0,
        env: Mapping[str, str] | None = None,
        connection: Mapping[str, Any] | None = None,
        **args: Any,
    ) -> Result:
        """Run a module; ``connection`` replaces options of the connection, None takes one out."""
        merged = {**self.connection, **(connection or {})}
        given = {key: value for key, value in merged.items() if value is not None}
        return self.modules.run(module, {**given, **args}, check=check, diff=diff, verbosity=verbosity, env=env)

    @property
    def subject(self) -> Subject:
        """What an operation of operations.py has to know of it."""
        can = self.row.can
        lun, known = "explicit_lun" not in can.refusals, can.mappings_known == "of_all_hosts"
        return Subject(self.endpoint["vendor"], self.row.initiators, lun, known, can.chap == "of_volume")

    def carry_out(self, name: str, by: str, connection: Mapping[str, Any] | None = None, **cut: Any) -> Result | None:
        """An operation of operations.py, by the module or by the client, in a process of its own.

        :param cut: ``dies``: after how many requests, and whether not before the next; ``meets``: the number of the
            request after which another run of the same is begun and comes to its end.
        :return: None when it died.
        """
        operation = OPERATIONS[name]
        given = {**self.connection, **operation.connection, **(connection or {})}
        order = {"env": self.modules.environ, "cwd": str(self.modules.folder), **cut}
        if by == "client":
            about = {"connection": self.settings(given).__dict__, "subject": self.subject.__dict__}
            return self.modules.send({**order, "client": name, **about})
        own = {"_ansible_remote_tmp": str(self.modules.folder), "_ansible_keep_remote_files": False}
        args = {**given, **operation.options(self.subject), **own}
        return self.modules.send({**order, "module": operation.module, "args": args})

    def volume(self, **args: Any) -> Result:
        return self.task("flash_volume", **args)

    def snapshot(self, **args: Any) -> Result:
        return self.task("flash_snapshot", **args)

    def host_map(self, **args: Any) -> Result:
        return self.task("flash_host_map", **args)

    def document(self, **args: Any) -> Result:
        return self.task("flash_array", **args)

    def facts(self, **args: Any) -> Any:
        result = self.task("flash_facts", **args)
        assert not result.failed, result
        return result["ansible_facts"]["flash"]

    def done(self, module: str, **args: Any) -> Result:
        """A task that must succeed, as the ground for a test."""
        result = self.task(module, **args)
        assert not result.failed, result.msg
        return result

    # ---- what every state that is declared keeps to ----------------------------------------------------------------

    def converges_if(self, operation: str, module: str, **args: Any) -> Result | None:
        """Like ``converges``; where the array has no such operation the task is refused in its own words, and None."""
        return None if self.refuses_without(operation, module, **args) else self.converges(module, **args)

    def refuses_without(self, operation: str, module: str, **args: Any) -> bool:
        """Whether the array has no such operation; then the task is refused in its own words."""
        why = self.cannot(operation)
        if why is not None:
            self.refuses(module, why, **args)
        return why is not None

    def converges(self, module: str, **args: Any) -> Result:
        """Run a task that must change something; returns what it returned.

        On the way: check mode predicts it and writes nothing, diff mode tells before and after in both, and the same
        task a second time changes nothing and writes nothing.
        """
        unchanged, mark = self.state(), self.mark()
        predicted = self.task(module, check=True, diff=True, **args)
        assert not predicted.failed, predicted.msg
        assert predicted.changed, predicted
        assert self.writes(mark) == [], "check mode wrote to the array"
        assert self.state() == unchanged, "check mode wrote to the array"
        assert predicted["api"]["writes"] == 0

        made = self.task(module, diff=True, **args)
        assert not made.failed, made.msg
        assert made.changed
        assert made["plan"] == predicted["plan"] != []
        assert schema_of(made) == schema_of(predicted)
        assert known_options(predicted).items() <= known_options(made).items()
        assert made["diff"][0] == predicted["diff"][0]
        assert [line[2:].removesuffix("  [destructive]") for line in plan_lines(made["diff"])] == made["plan"]
        assert before(made["diff"]) == before(predicted["diff"])
        assert after(made["diff"]).keys() == after(predicted["diff"]).keys()
        assert made["api"]["writes"] > 0

        changed, mark = self.state(), self.mark()
        again = self.task(module, diff=True, **args)
        assert not again.failed, again.msg
        assert not again.changed, f"a second run changes: {again['plan']}"
        assert again["plan"] == []
        assert again["api"]["writes"] == 0
        assert again["diff"] == []
        assert self.writes(mark) == []
        assert self.state() == changed
        assert schema_of(again) == schema_of(made)
        return made

    def refuses(self, module: str, *words: str, kind: str | None = None, **args: Any) -> Result:
        """A task that must fail, with these words, and must change nothing; the same in check mode."""
        unchanged, mark = self.state(), self.mark()
        for check in (True, False):
            result = self.task(module, check=check, **args)
            assert result.failed, f"{args} is not refused: {result.get('plan')}"
            assert not result.changed
            for word in words:
                assert word.lower() in result.msg.lower(), f"{word!r} is not in {result.msg!r}"
            if kind is not None:
                assert result["error"]["kind"] == kind, result["error"]
            assert result["error"]["msg"] == result.msg
            assert "Traceback" not in result.stdout + result.stderr
        assert self.state() == unchanged
        assert self.changes(mark) == []
        return result

    # ---- the other side --------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Abilities:
        """What the array can do, as the table says; the product is not asked."""
        return self.row.can

    @property
    def name_rules(self) -> Capabilities:
        """Which names the array takes, asked of the library: tests use names that follow them, and some that do not."""
        if self._capabilities is None:
            with self.library() as array:
                self._capabilities = array.capabilities
        return self._capabilities

    @contextmanager
    def library(self, **changes: Any) -> Iterator[Any]:
        """A connection of the library itself, to make what a module would not."""
        with connect(self.settings(self.connection, **changes)) as array:
            yield array

    def settings(self, connection: Mapping[str, Any], **changes: Any) -> Connection:
        """The library's form of a task's options of the connection."""
        options = {key: value for key, value in connection.items() if self.takes(key)}
        own = {key: value for key, value in connection.items() if key not in options}
        own["address"] = (own["address"],)
        return Connection(**{**own, "options": options, **changes})

    @property
    def pool(self) -> str:
        """The pool that volumes are made in, by the name that the array has for it."""
        named = self.row.connection.get("cluster") or self.row.connection.get("storage_pools", [None])[0]
        return str(named or self.endpoint["pools"][0]["name"])

    def takes(self, option: str) -> bool:
        """Whether it is one of this vendor's connection options."""
        return option in VENDORS[self.endpoint["vendor"]].options

    @property
    def version(self) -> dict[str, Any]:
        """The version as an option of the connection, where the array takes it."""
        return {"array_version": self.endpoint["version"]} if self.takes("array_version") else {}

    @property
    def speaks_ssh(self) -> bool:
        return self.row.trust == "ssh"

    @property
    def speaks_tls(self) -> bool:
        return self.row.trust == "tls"

    @property
    def logs_in(self) -> bool:
        return self.row.trust is not None

    def cannot(self, operation: str) -> str | None:
        """Why the array has no such operation, in the words that a task must fail with."""
        return self.capabilities.refusal(operation)

    def initiator(self, number: int) -> str:
        """Any number of initiators, of the protocol of the row's."""
        first = self.row.initiators[0]
        return f"{first}-{number}" if first.startswith("iqn") else f"20:00:00:00:c9:00:00:{number:02x}"

    def lun(self, number: int) -> dict[str, int]:
        """The option that asks for this LUN, where one can be asked for."""
        return {} if self.cannot("explicit_lun") else {"lun": number}

    @property
    def unused(self) -> dict[str, Any]:
        """What a task says that deletes a volume which no host has, where the array cannot be asked."""
        return {} if self.capabilities.mappings_known == "of_all_hosts" else {"assume_unmapped": True}

    def _in_scope(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.state()[kind] if self.row.scope in (None, one["scope"])]

    def volumes(self) -> dict[str, dict[str, Any]]:
        """Volumes and snapshots by name, as the array has them."""
        return {self.row.shown(one["name"]): one for one in self._in_scope("volumes")}

    def hosts(self) -> dict[str, list[str]]:
        """The addresses of each host's initiators."""
        return {
            one["name"]: sorted(format_initiator(parse_initiator(port["address"])[1]) for port in one["initiators"])
            for one in self._in_scope("hosts")
        }

    def luns(self) -> dict[tuple[str, str], int]:
        """LUN by host and volume."""
        return {(one["host"], self.row.shown(one["volume"])): one["lun"] for one in self._in_scope("mappings")}

    def groups(self) -> dict[str, list[str]]:
        """The volumes of each consistency group, but for the sets of snapshots that are taken at one instant."""
        named = [one for one in self._in_scope("groups") if not one["name"].startswith("openflash-")]
        return {one["name"]: sorted(one["members"]) for one in named}


NOT_SCHEMA = ("invocation", "diff", "warnings", "api", "plan", "changed", "calls")


def schema_of(result: Mapping[str, Any]) -> Any:
    """The keys of a result, all the way down; of a list, those of its first item."""
    return {key: _keys(value) for key, value in result.items() if key not in NOT_SCHEMA}


def known_options(result: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """The array_options of each volume of a result; in a prediction those that the array chooses are null."""
    volumes = [result["volume"]] if "name" in (result.get("volume") or ()) else result.get("volumes", ())
    return {
        (volume["name"], name): value
        for volume in volumes
        for name, value in (volume["array_options"] or {}).items()
        if value is not None
    }


def _keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _keys(item) for key, item in value.items()}
    return "value"
