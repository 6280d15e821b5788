# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays that every module test runs against, and what a test does with one of them.

To test another array, add a row to ROWS, and what it can do to abilities.py. What an array cannot do is in
abilities.py too: instead of being skipped, the test asserts that the task fails for that reason and changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
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

State = Mapping[str, Any]
"""What an array holds, as its simulator reports it."""

FC = ["10:00:00:00:c9:00:00:07", "10:00:00:00:c9:00:00:08", "10:00:00:00:c9:00:00:09"]
ISCSI = [f"iqn.2026-01.org.example:host{number}" for number in range(3)]


# So fast that no task reads the progress twice: requests can be counted
FAST_COPIES = {"copy_speed": 1 << 40}


@dataclass(frozen=True)
class Row:
    """One array to test. ``simulator`` is its configuration; ``connection`` has options that its endpoint lacks."""

    name: str
    simulator: Mapping[str, Any]
    connection: Mapping[str, Any] = field(default_factory=dict)
    abilities: Abilities = field(kw_only=True)
    """What it can do, as the tests expect."""
    initiators: tuple[str, ...] = tuple(ISCSI)
    """Three, of a protocol that the array speaks, as the array's owner would write them."""
    separate_read: tuple[str, tuple[str, ...]] = ("types/lun-maps", ("mappings",))
    """A part of the path of a request that can fail alone, and the subsets of the facts that are then unreadable."""
    own_targets: bool = False
    """Each volume has its own target, and so its own ports."""
    requests_without_change: int = 4
    """The most requests of a task that has nothing to change on one volume, with those of the session."""
    port: str = "port"
    """Which of the endpoint's ports a task connects to."""
    trust: str | None = "tls"
    """What proves the array's identity: a certificate (tls) or a host key (ssh); None: no login."""
    scope: str | None = None
    """The cluster or tenant of the simulated state that tasks work on, where there are several."""
    reports_version: bool = True
    """The array reports the version of its software."""
    connection_per_request: bool = False
    """The protocol carries one request for each connection."""
    connections: int = 3
    """How many connections a task uses whose max_concurrency is 3."""
    represents_wire: bool = False
    """The row of its wire for the tests that combine every request of a task with every fault."""
    abandoned_after: float = 20.0
    """A short wait_timeout in seconds, after which the unfinished objects of a killed run count as abandoned."""
    requested_name: Callable[[str], str] = str
    """The name of a volume or snapshot in a task, from its name on the array."""

    @property
    def hosts(self) -> bool:
        """Whether the array has host objects; tests with the mark ``hosts`` run only on arrays that have them."""
        return "create_host" not in self.abilities.refusals

    @property
    def config(self) -> dict[str, Any]:
        return {"name": self.name, **self.simulator}


def next_second() -> None:
    """Wait until the next second begins, because some arrays have time stamps in seconds."""
    time.sleep(1.01 - time.time() % 1)


def without_source(name: str) -> str:
    """The name of a snapshot without the digest of its source, which the client appends on a FlashSystem."""
    return re.sub(r"\.(snap|live)[-_][0-9a-f]{12}$", "", name)


SOCKET = {
    "transport": "socket",
    "storage_pools": ["0"],
    "wire_extensions": True,
    # This wire has no login and no TLS
    **dict.fromkeys(("username", "password", "ca_path")),
}
"""A connection to Dsware by the text socket."""

ROWS = (
    Row(
        "xtremio-4.2-iscsi",
        {"vendor": "xtremio", "version": "4.2.0-33", "protocol": "iscsi"},
        represents_wire=True,
        abilities=XTREMIO,
    ),
    Row(
        "xtremio-4.0-fc",
        {"vendor": "xtremio", "version": "4.0.2-80", "protocol": "fc"},
        initiators=tuple(FC),
        abilities=XTREMIO,
    ),
    Row(
        "xtremio-3.0",
        {"vendor": "xtremio", "version": "3.0.3-11", "protocol": "both"},
        initiators=(*FC[:2], ISCSI[0]),
        represents_wire=True,
        abilities=XTREMIO_3,
    ),
    Row(
        "xtremio-clusters",
        {"vendor": "xtremio", "version": "4.2.1-11", "protocol": "iscsi", "clusters": ["east", "west"], "chap": True},
        {"cluster": "west"},
        scope="west",
        abilities=XTREMIO,
    ),
    Row(
        "flashsystem-fc",
        {"vendor": "flashsystem", "protocol": "fc", "datapath": True},
        trust="ssh",
        connections=1,
        initiators=tuple(FC),
        represents_wire=True,
        abandoned_after=0.001,
        separate_read=("lshostvdiskmap", ("mappings",)),
        requested_name=without_source,
        abilities=FLASHSYSTEM,
    ),
    Row(
        "flashsystem-both",
        {
            "vendor": "flashsystem",
            "protocol": "both",
            "datapath": True,
            "nodes": 1,
            "assume": {"flashsystem.mappings.shared_code": "CMMVC6045E", "flashsystem.lists.empty_header": True},
        },
        trust="ssh",
        connections=1,
        initiators=(*FC[:2], ISCSI[0]),
        abandoned_after=0.001,
        separate_read=("lshostvdiskmap", ("mappings",)),
        requested_name=without_source,
        abilities=FLASHSYSTEM,
    ),
    Row(
        "datera-2.2",
        {"vendor": "datera", "version": "3.3.5.0", "slowness": 0},
        separate_read=("/initiator_groups", ("hosts",)),
        own_targets=True,
        requests_without_change=5,
        scope="/root",
        represents_wire=True,
        abilities=DATERA,
    ),
    Row(
        "datera-2.1",
        {"vendor": "datera", "version": "2.1.4.0", "tenants": ["/root/acme", "/root/acme/lab"], "slowness": 0},
        {"tenant": "/root/acme/lab"},
        separate_read=("/initiator_groups", ("hosts",)),
        own_targets=True,
        requests_without_change=6,
        scope="/root/acme/lab",
        abilities=DATERA_21,
    ),
    Row(
        "violin-7.5.5-fc",
        {"vendor": "violin", "protocol": "fc", "limits": FAST_COPIES},
        initiators=tuple(FC),
        requests_without_change=8,
        separate_read=("sanclient", ("hosts", "mappings")),
        abandoned_after=0.5,
        represents_wire=True,
        abilities=VIOLIN,
    ),
    Row(
        "violin-7.5.6-iscsi",
        {"vendor": "violin", "version": "7.5.6", "protocol": "iscsi", "limits": FAST_COPIES},
        requests_without_change=8,
        separate_read=("sanclient", ("hosts", "mappings")),
        abilities=VIOLIN_756,
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
        requests_without_change=8,
        separate_read=("sanclient", ("hosts", "mappings")),
        abilities=VIOLIN_7700,
    ),
    Row(
        "dsware-rest",
        {"vendor": "dsware"},
        requests_without_change=6,
        separate_read=("/host/lun/list", ("mappings",)),
        reports_version=False,
        represents_wire=True,
        abilities=DSWARE,
    ),
    Row(
        "dsware-6.3",
        {"vendor": "dsware", "version": "6.3.0", "pools": [{"name": "fast", "size": "50TiB"}]},
        requests_without_change=6,
        separate_read=("/host/lun/list", ("mappings",)),
        reports_version=False,
        abilities=DSWARE,
    ),
    Row(
        "dsware-socket",
        {"vendor": "dsware", "assume": {"dsware.socket.extensions": True}},
        SOCKET,
        separate_read=("QUERY_SNAPSHOT", ("volumes", "snapshots")),
        reports_version=False,
        connection_per_request=True,
        port="socket_port",
        trust=None,
        represents_wire=True,
        abilities=DSWARE_SOCKET,
    ),
)


ONE_OF_EACH_WIRE = tuple(row for row in ROWS if row.represents_wire)
TRANSPORTS = tuple(next(row for row in ONE_OF_EACH_WIRE if row.trust == trust) for trust in ("tls", "ssh", None))
CONTRACT = ONE_OF_EACH_WIRE
"""The arrays of test_contract.py."""
OTHER_FILTERS = tuple(row for row in ROWS if row.name == "xtremio-4.0-fc")
"""XtremIO 4.0 reads several objects by other requests than 3.0 and 4.2, so its client is tested for kills too."""


class Result(dict[str, Any]):
    """What a module returned; ``rc``, ``stdout`` and ``stderr`` are those of its process."""

    rc = 0
    stdout = ""
    stderr = ""
    second: Result | None = None
    """The result of the run that was carried out in the middle of this one, if there was one."""

    @property
    def output(self) -> str:
        """The part of the process's output that Ansible may show.

        Up to ansible-core 2.21 that is all. From 2.22 on the process reports its secrets to Ansible, which removes
        this list and masks the secrets in the options.
        """
        secrets = self.get("_ansible_new_secrets")
        if secrets is None:
            return self.stdout + self.stderr
        options = json.dumps(self.get("invocation"))
        for secret in secrets:
            options = options.replace(json.dumps(secret)[1:-1], "$REDACTED$")
        shown = {key: value for key, value in self.items() if key not in ("_ansible_new_secrets", "invocation")}
        return json.dumps(shown) + options + self.stderr

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
        """The texts; since ansible-core 2.19 a module returns them as events."""
        warnings = self.get("warnings", ())
        return [text if isinstance(text, str) else str(text["event"]["msg"]) for text in warnings]


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
        self.process.wait(60)
        self.process.stdout.close()
        # Also what a module leaves that ends without the clean-up of an interpreter (see forks.py)
        shutil.rmtree(self.folder)

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
        job = {"module": module, "args": {**args, **internal, **own}, "env": {**self.environ, **(env or {})}}
        result = self.send({**job, "cwd": str(self.folder)}, timeout)
        assert result is not None
        return result

    @contextmanager
    def started(self, job: Mapping[str, Any]) -> Iterator[subprocess.Popen[str]]:
        """One job in its own process, which a test can signal; killed at the end of the block if it still runs."""
        with subprocess.Popen(
            [*self.command, "--once"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ,
        ) as process:
            assert process.stdin is not None
            process.stdin.write(json.dumps(job))
            process.stdin.close()
            process.stdin = None
            try:
                yield process
            finally:
                process.kill()

    def send(self, job: Mapping[str, Any], timeout: int = 120) -> Result | None:
        """The result of one job of forks.py; None when the process died in the middle of it, as the job asked."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        files = {name: str(self.folder / name) for name in FILES}
        for path in files.values():
            Path(f"{path}.second").unlink(missing_ok=True)
        self.process.stdin.write(json.dumps({**job, "timeout": timeout, **files}) + "\n")
        self.process.stdin.flush()
        # forks.py ends a module that takes longer, so it answers in this time unless it has died itself.
        ready, _, _ = select.select([self.process.stdout], [], [], timeout + 60)
        line = self.process.stdout.readline() if ready else ""
        title = job.get("module") or job.get("client")
        assert line, f"{title}: forks.py does not answer (exit status {self.process.poll()})"
        rc = int(line)
        if rc == DIED and "dies" in job:
            return None
        result = self._result(f"{title} ended with {rc}", rc, "")
        second = Path(f"{files['stdout']}.second")
        if second.exists() and (second.stat().st_size or "second_dies" not in job):
            result.second = self._result(f"the second run of {title} ended", 0, ".second")
        return result

    def _result(self, title: str, rc: int, suffix: str) -> Result:
        stdout, stderr = ((self.folder / f"{name}{suffix}").read_text(encoding="utf-8") for name in FILES)
        lines = [line for line in stdout.splitlines() if line.startswith("{")]
        assert len(lines) == 1, f"{title} and left no result\n{stdout}\n{stderr}"
        result = Result(json.loads(lines[0]))
        result.rc, result.stdout, result.stderr = rc, stdout, stderr
        return result


class ArrayUnderTest(SimulatedArray):
    """One simulated array, and the modules that manage it."""

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
        """Run a module; ``connection`` replaces options of the connection, and removes those that are None."""
        merged = {**self.connection, **(connection or {})}
        options = {key: value for key, value in merged.items() if value is not None}
        return self.modules.run(module, {**options, **args}, check=check, diff=diff, verbosity=verbosity, env=env)

    @property
    def subject(self) -> Subject:
        """What an operation of operations.py needs to know about the array."""
        abilities = self.row.abilities
        return Subject(
            self.endpoint["vendor"],
            self.row.initiators,
            explicit_lun="explicit_lun" not in abilities.refusals,
            mappings_known=abilities.mappings_known == "of_all_hosts",
            chap_of_volume=abilities.chap == "of_volume",
        )

    def carry_out(self, name: str, by: str, connection: Mapping[str, Any] | None = None, **cut: Any) -> Result | None:
        """Carry out an operation of operations.py by the module or by the client, in its own process.

        :param cut: ``dies``: after how many requests the process dies, and whether it waits for the next to begin;
            ``meets``: the number of the request after which another run of the same operation is carried out;
            ``second_dies``: as ``dies``, of that other run;
            ``short_pauses``: its pauses between two attempts are a twentieth.
        :return: None when the process died.
        """
        operation = OPERATIONS[name]
        connection_options = {**self.connection, **operation.connection, **(connection or {})}
        job = {"env": self.modules.environ, "cwd": str(self.modules.folder), **cut}
        if by == "client":
            arguments = {"connection": self.settings(connection_options).__dict__, "subject": self.subject.__dict__}
            return self.modules.send({**job, "client": name, **arguments})
        own = {"_ansible_remote_tmp": str(self.modules.folder), "_ansible_keep_remote_files": False}
        args = {**connection_options, **operation.options(self.subject), **own}
        return self.modules.send({**job, "module": operation.module, "args": args})

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
        """The result of a task that must succeed, such as the preparation of a test."""
        result = self.task(module, **args)
        assert not result.failed, result.msg
        return result

    # ---- expectations of every task ----------------------------------------------------------------

    def converges_if(self, operation: str, module: str, **args: Any) -> Result | None:
        """Like ``converges``; None where the array lacks the operation, and the task is refused for that reason."""
        return None if self.refuses_without(operation, module, **args) else self.converges(module, **args)

    def refuses_without(self, operation: str, module: str, **args: Any) -> bool:
        """Whether the array lacks the operation; then the task is refused for that reason."""
        reason = self.cannot(operation)
        if reason is not None:
            self.refuses(module, reason, **args)
        return reason is not None

    def converges(self, module: str, **args: Any) -> Result:
        """The result of a task that must change something.

        Check mode predicts the result and writes nothing, both differences are equal, and the same task a second time
        changes and writes nothing.
        """
        unchanged, mark = self.state(), self.mark()
        predicted = self.task(module, check=True, diff=True, **args)
        assert not predicted.failed, predicted.msg
        assert predicted.changed, predicted
        assert self.writes(mark) == [], "check mode wrote to the array"
        assert self.state() == unchanged, "check mode wrote to the array"
        assert predicted["api"]["writes"] == 0

        applied = self.task(module, diff=True, **args)
        assert not applied.failed, applied.msg
        assert applied.changed
        assert applied["plan"] == predicted["plan"] != []
        assert schema_of(applied) == schema_of(predicted)
        assert known_options(predicted).items() <= known_options(applied).items()
        assert applied["diff"][0] == predicted["diff"][0]
        assert [line[2:].removesuffix("  [destructive]") for line in plan_lines(applied["diff"])] == applied["plan"]
        assert before(applied["diff"]) == before(predicted["diff"])
        assert after(applied["diff"]).keys() == after(predicted["diff"]).keys()
        assert applied["api"]["writes"] > 0

        changed, mark = self.state(), self.mark()
        repeated = self.task(module, diff=True, **args)
        assert not repeated.failed, repeated.msg
        assert not repeated.changed, f"a second run changes: {repeated['plan']}"
        assert repeated["plan"] == []
        assert repeated["api"]["writes"] == 0
        assert repeated["diff"] == []
        assert self.writes(mark) == []
        assert self.state() == changed
        assert schema_of(repeated) == schema_of(applied)
        return applied

    def refuses(self, module: str, *texts: str, kind: str | None = None, **args: Any) -> Result:
        """The result of a task that fails with these texts in its message and changes nothing, in check mode too."""
        unchanged, mark = self.state(), self.mark()
        for check in (True, False):
            result = self.task(module, check=check, **args)
            assert result.failed, f"{args} is not refused: {result.get('plan')}"
            assert not result.changed
            for text in texts:
                assert text.lower() in result.msg.lower(), f"{text!r} is not in {result.msg!r}"
            if kind is not None:
                assert result["error"]["kind"] == kind, result["error"]
            assert result["error"]["msg"] == result.msg
            assert "Traceback" not in result.stdout + result.stderr
        assert self.state() == unchanged
        assert self.changes(mark) == []
        return result

    def needs(self, missing: str, module: str, *words: str, kind: str | None = "not_found", **args: Any) -> Result:
        """A task that needs what is not there: it fails with these words and changes nothing.

        Check mode assumes that an earlier task makes it, says so, and promises no size and no LUN.
        """
        unchanged, mark = self.state(), self.mark()
        predicted = self.task(module, check=True, diff=True, **args)
        assert not predicted.failed, predicted.msg
        assert missing in predicted["assumes"], predicted["assumes"]
        assert all(what in text for text in predicted.warnings[:1] for what in predicted["assumes"])
        assert predicted.warnings[0].startswith("Check mode assumes")
        result = self.task(module, **args)
        assert result.failed, f"{args} is not refused: {result.get('plan')}"
        for word in words:
            assert word.lower() in result.msg.lower(), f"{word!r} is not in {result.msg!r}"
        assert kind is None or result["error"]["kind"] == kind, result["error"]
        assert not result.changed
        assert "assumes" not in result
        assert self.state() == unchanged
        assert self.changes(mark) == []
        return predicted

    # ---- the array --------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Abilities:
        """What the array can do, as abilities.py has it; this is not read from the product."""
        return self.row.abilities

    @property
    def name_rules(self) -> Capabilities:
        """The library's capabilities, for its rules of names: tests use names that follow them and some that do not."""
        if self._capabilities is None:
            with self.library() as array:
                self._capabilities = array.capabilities
        return self._capabilities

    @contextmanager
    def library(self, **changes: Any) -> Iterator[Any]:
        """A connection of the library, for objects that no module would create."""
        with connect(self.settings(self.connection, **changes)) as array:
            yield array

    def settings(self, connection: Mapping[str, Any], **changes: Any) -> Connection:
        """The connection options of a task in the library's form."""
        options = {key: value for key, value in connection.items() if self.has_option(key)}
        common = {key: value for key, value in connection.items() if key not in options}
        common["address"] = (common["address"],)
        return Connection(**{**common, "options": options, **changes})

    @property
    def pool(self) -> str:
        """The pool in which volumes are created, by the array's name for it."""
        named = self.row.connection.get("cluster") or self.row.connection.get("storage_pools", [None])[0]
        return str(named or self.endpoint["pools"][0]["name"])

    def has_option(self, option: str) -> bool:
        """Whether it is one of this vendor's connection options."""
        return option in VENDORS[self.endpoint["vendor"]].options

    @property
    def version(self) -> dict[str, Any]:
        """The version as a connection option, where the vendor has one."""
        return {"array_version": self.endpoint["version"]} if self.has_option("array_version") else {}

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
        """A part of the reason with which a task is refused, where the array lacks the operation."""
        return self.capabilities.refusal(operation)

    def initiator(self, number: int) -> str:
        """The address of one of any number of initiators, of the same protocol as those of the row."""
        first = self.row.initiators[0]
        return f"{first}-{number}" if first.startswith("iqn") else f"20:00:00:00:c9:00:00:{number:02x}"

    def lun(self, number: int) -> dict[str, int]:
        """The option that requests this LUN, where a LUN can be requested."""
        return {} if self.cannot("explicit_lun") else {"lun": number}

    @property
    def assume_unmapped(self) -> dict[str, Any]:
        """The option that permits a task to delete an unmapped volume, where the array does not report mappings."""
        return {} if self.capabilities.mappings_known == "of_all_hosts" else {"assume_unmapped": True}

    # A test that asks several of these questions at once reads the state once, and passes it.

    def _in_scope(self, kind: str, state: State | None) -> list[dict[str, Any]]:
        found = self.state() if state is None else state
        return [item for item in found[kind] if self.row.scope in (None, item["scope"])]

    def volumes(self, state: State | None = None) -> dict[str, dict[str, Any]]:
        """The array's volumes and snapshots by name."""
        return {self.row.requested_name(volume["name"]): volume for volume in self._in_scope("volumes", state)}

    def hosts(self, state: State | None = None) -> dict[str, list[str]]:
        """The addresses of each host's initiators."""
        return {
            host["name"]: sorted(format_initiator(parse_initiator(port["address"])[1]) for port in host["initiators"])
            for host in self._in_scope("hosts", state)
        }

    def luns(self, state: State | None = None) -> dict[tuple[str, str], int]:
        """LUN by host and volume."""
        return {
            (mapping["host"], self.row.requested_name(mapping["volume"])): mapping["lun"]
            for mapping in self._in_scope("mappings", state)
        }

    def groups(self, state: State | None = None) -> dict[str, list[str]]:
        """The volumes of each consistency group, without the library's own groups of snapshots of one instant."""
        found = self._in_scope("groups", state)
        named = [group for group in found if not group["name"].startswith("openflash-")]
        return {group["name"]: sorted(group["members"]) for group in named}


NOT_SCHEMA = ("invocation", "diff", "warnings", "api", "plan", "changed", "calls", "assumes")


def schema_of(result: Mapping[str, Any]) -> Any:
    """The keys of a result and of the mappings in it, with "value" in place of all else."""
    return {key: _keys(value) for key, value in result.items() if key not in NOT_SCHEMA}


def known_options(result: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """The array_options of each volume of a result without nulls, which a prediction has where the array chooses."""
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
