# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules as processes, many times faster than by starting Python anew for each.

As a program it imports what modules import and then, for each line of JSON on its standard input, forks a process
that runs one module file as Ansible would: its arguments and its environment are those of the line, and what it prints
goes to files. Instead of a module a line may name an operation of ``operations.py``, which is then carried out by the
array's client. The program has one thread: a fork of several may wait forever for a lock that another one held. With
``--once`` it does that a single time, in this very process.

Two things can happen to a process in the middle of its work, between any two of its requests (``Cut``): it dies, or
another run of the same is begun and comes to its end before the first goes on.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import runpy
import signal
import sys
from collections.abc import Callable
from typing import Any

PACKAGE = "ansible_collections.openflash.storage.plugins"
LIBRARY = f"{PACKAGE}.module_utils.openflash"
DIED = 9
"""The exit status of a process that ended in the middle of its work, as it was asked to."""


def run(order: dict[str, Any]) -> None:
    """Become the module."""
    from ansible.module_utils import basic

    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": order["args"]}).encode()
    basic._ANSIBLE_PROFILE = "legacy"  # what a module of a collection is run with since ansible-core 2.19
    sys.argv = [order["module"]]
    runpy.run_module(f"{PACKAGE}.modules.{order['module']}", run_name="__main__", alter_sys=True)


def run_client(order: dict[str, Any]) -> None:
    """Carry out an operation by the client, and print how it ended in the form of a module's result."""
    connect = importlib.import_module(f"{LIBRARY}.connect").connect
    errors, model = (importlib.import_module(f"{LIBRARY}.{name}") for name in ("errors", "model"))
    operations = importlib.import_module("tests.module.operations")
    operation = operations.OPERATIONS[order["client"]]
    given = order["connection"]
    try:
        with connect(model.Connection(**{**given, "address": tuple(given["address"])})) as array:
            operation.client(array, operations.Subject(**order["subject"]))
        ended: dict[str, Any] = {"failed": False}
    except errors.FlashError as error:
        ended = {"failed": True, "msg": str(error), "error": {"kind": error.kind}}
    print(json.dumps(ended))


class Cut:
    """Does something once, after so many requests of this process.

    Every transport asks whether it was interrupted before it sends, and notes in the journal what it has sent.
    """

    def __init__(self, after: int, before_the_next: bool, action: Callable[[], None]) -> None:
        journal = importlib.import_module(f"{LIBRARY}.transport.journal").Journal
        interruption = importlib.import_module(f"{LIBRARY}.transport.interruption")
        append, check, numbers = journal.append, interruption.check, itertools.count(1)
        waiting: list[bool] = []

        def noted(*given: Any, **named: Any) -> Any:
            call = append(*given, **named)
            if call.sent and next(numbers) == after:
                if before_the_next:
                    waiting.append(True)
                else:
                    action()
            return call

        def checked(*given: Any, **named: Any) -> None:
            if waiting:
                waiting.clear()
                action()
            check(*given, **named)

        journal.append = noted
        setattr(interruption, "check", checked)  # noqa: B010  a module of the library, found by its name


class Second:
    """Another run of the same, which waits until it is to begin. Forked before there are connections and threads."""

    def __init__(self, order: dict[str, Any]) -> None:
        begin, self._begin = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._begin)
            if not os.read(begin, 1):
                os._exit(0)  # the first one came to its end
            files = {name: f"{order[name]}.second" for name in ("stdout", "stderr")}
            child({key: value for key, value in {**order, **files}.items() if key != "meets"})
        os.close(begin)

    def meet(self) -> None:
        os.write(self._begin, b"!")
        os.waitpid(self._pid, 0)


def cut(order: dict[str, Any]) -> None:
    if "dies" in order:
        after, before_the_next = order["dies"]
        Cut(after, before_the_next, lambda: os._exit(DIED))
    if "meets" in order:
        Cut(order["meets"], False, Second(order).meet)


def child(order: dict[str, Any]) -> None:
    for number, path in ((1, order["stdout"]), (2, order["stderr"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    code: Any = 1
    try:
        cut(order)
        (run_client if "client" in order else run)(order)
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
    # Without this every process would read its vendor's client anew: half of its time
    for vendor in importlib.import_module(f"{LIBRARY}.connect").VENDORS.values():
        vendor.load()
    for line in sys.stdin:
        order = json.loads(line)
        if len(os.listdir("/proc/self/task")) != 1:
            sys.exit("forks.py has threads, and must not fork: something that it imports has started one")
        pid = os.fork()
        if pid == 0:
            child(order)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))  # noqa: B023
        signal.alarm(order["timeout"])
        _, status = os.waitpid(pid, 0)
        signal.alarm(0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--once"]:
        run(json.loads(sys.stdin.read()))
    else:
        serve()
