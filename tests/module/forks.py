# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules as processes, many times faster than by starting Python for each.

As a program it imports what modules import. Then, for each job, a line of JSON on its standard input, it forks a
process that runs one module file as Ansible does, with the arguments and the environment of the job, and writes its
output to files. Instead of a module a job may name an operation of ``operations.py``, which the array's client then
carries out. The program has one thread, because a fork of several may wait forever for a lock that another thread
held. With ``--once`` it runs one module in its own process.

Between any two requests of a process (``Cut``) it can be made to die, or to wait while another run of the same job is
carried out.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

PACKAGE = "ansible_collections.openflash.storage.plugins"
LIBRARY = f"{PACKAGE}.module_utils.openflash"
DIED = 9
"""The exit status of a process that died in the middle of its work, as the job asked."""


def run(job: dict[str, Any]) -> None:
    """Become the module."""
    from ansible.module_utils import basic

    os.environ.clear()
    os.environ.update(job["env"])
    os.chdir(job["cwd"])
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": job["args"]}).encode()
    basic._ANSIBLE_PROFILE = "legacy"  # what a module of a collection is run with since ansible-core 2.19
    sys.argv = [job["module"]]
    runpy.run_module(f"{PACKAGE}.modules.{job['module']}", run_name="__main__", alter_sys=True)


def run_client(job: dict[str, Any]) -> None:
    """Carry out an operation by the client, and print the outcome in the form of a module's result."""
    connect = importlib.import_module(f"{LIBRARY}.connect").connect
    errors, model = (importlib.import_module(f"{LIBRARY}.{name}") for name in ("errors", "model"))
    operations = importlib.import_module("tests.module.operations")
    operation = operations.OPERATIONS[job["client"]]
    connection = job["connection"]
    try:
        with connect(model.Connection(**{**connection, "address": tuple(connection["address"])})) as array:
            operation.client(array, operations.Subject(**job["subject"]))
        outcome: dict[str, Any] = {"failed": False}
    except errors.FlashError as error:
        outcome = {"failed": True, "msg": str(error), "error": {"kind": error.kind}}
    print(json.dumps(outcome))


class Cut:
    """Performs an action once, after a number of requests of this process.

    Every transport checks for an interruption before it sends, and appends what it has sent to the journal.
    """

    def __init__(self, after: int, before_the_next: bool, action: Callable[[], None]) -> None:
        journal = importlib.import_module(f"{LIBRARY}.transport.journal").Journal
        interruption = importlib.import_module(f"{LIBRARY}.transport.interruption")
        append, check, numbers = journal.append, interruption.check, itertools.count(1)
        waiting: list[bool] = []

        def counting_append(*args: Any, **kwargs: Any) -> Any:
            call = append(*args, **kwargs)
            if call.sent and next(numbers) == after:
                if before_the_next:
                    waiting.append(True)
                else:
                    action()
            return call

        def acting_check(*args: Any, **kwargs: Any) -> None:
            if waiting:
                waiting.clear()
                action()
            check(*args, **kwargs)

        journal.append = counting_append
        setattr(interruption, "check", acting_check)  # noqa: B010  a module of the library, found by its name


class Second:
    """Another run of the same job, which waits to begin. It is forked before there are connections and threads."""

    def __init__(self, job: dict[str, Any]) -> None:
        begin, self._begin = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._begin)
            if not os.read(begin, 1):
                os._exit(0)  # the first run has ended
            files = {name: f"{job[name]}.second" for name in ("stdout", "stderr")}
            own = {key: value for key, value in {**job, **files}.items() if key not in ("meets", "dies")}
            child({**own, "dies": job["second_dies"]} if "second_dies" in job else own)
        os.close(begin)

    def meet(self) -> None:
        os.write(self._begin, b"!")
        os.waitpid(self._pid, 0)


def cut(job: dict[str, Any]) -> None:
    if "meets" in job:
        Cut(job["meets"], False, Second(job).meet)
    if "dies" in job:
        after, before_the_next = job["dies"]
        Cut(after, before_the_next, lambda: os._exit(DIED))
    if "short_pauses" in job:
        shorten_pauses()


def shorten_pauses() -> None:
    """A twentieth of the pauses of the main thread between two attempts."""
    interruption = importlib.import_module(f"{LIBRARY}.transport.interruption")
    setattr(interruption, "time", SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 20)))  # noqa: B010


def child(job: dict[str, Any]) -> None:
    for number, path in ((1, job["stdout"]), (2, job["stderr"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    code: Any = 1
    try:
        cut(job)
        (run_client if "client" in job else run)(job)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  shown as an interpreter shows it, and the process ends
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def serve() -> None:
    libraries = ("requests", "urllib3", "paramiko", "ansible.module_utils.basic", "tests.module.operations")
    for name in (*libraries, f"{PACKAGE}.module_utils.flash_module"):
        importlib.import_module(name)
    # Otherwise every process would import its vendor's client, which takes half of its time
    for vendor in importlib.import_module(f"{LIBRARY}.connect").VENDORS.values():
        vendor.load()
    # Otherwise the collection of garbage in a process would touch, and so copy, all memory that it shares with this one
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        job = json.loads(line)
        if len(os.listdir("/proc/self/task")) != 1:
            sys.exit("forks.py has threads, and must not fork: something that it imports has started one")
        pid = os.fork()
        if pid == 0:
            child(job)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))  # noqa: B023
        signal.alarm(job["timeout"])
        _, status = os.waitpid(pid, 0)
        signal.alarm(0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--once"]:
        run(json.loads(sys.stdin.read()))
    else:
        serve()
