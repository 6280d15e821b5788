# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules as processes, many times faster than by starting Python anew for each.

As a program it imports what modules import and then, for each line of JSON on its standard input, forks a process
that runs one module file as Ansible would: its arguments and its environment are those of the line, and what it prints
goes to files. The program has one thread: a fork of several may wait forever for a lock that another one held. With
``--once`` it does that a single time, in this very process.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
from typing import Any

PACKAGE = "ansible_collections.openflash.storage.plugins"


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


def child(order: dict[str, Any]) -> None:
    for number, path in ((1, order["stdout"]), (2, order["stderr"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    code: Any = 1
    try:
        run(order)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def serve() -> None:
    libraries = ("requests", "urllib3", "paramiko", "ansible.module_utils.basic")
    for name in (*libraries, f"{PACKAGE}.module_utils.flash_module"):
        importlib.import_module(name)
    # Without this every process would read its vendor's client anew: half of its time
    for vendor in importlib.import_module(f"{PACKAGE}.module_utils.openflash.connect").VENDORS.values():
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
