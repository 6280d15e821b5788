# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Register what this package has with programs that offer no entry points, when they import the module concerned.

A path file of the distribution (see build_wheel.py) calls ``install`` whenever a Python starts that has it. So this
module imports next to nothing, and nothing that goes wrong here may keep a program from starting.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Optional

REGISTRATIONS = {
    "os_brick.initiator.connector": "openflash_openstack.brick.registration",
    "nova.virt.libvirt.driver": "openflash_openstack.nova.registration",
}
"""The module that a program imports, and the module whose ``register`` is then called with it."""


class Finder:
    """Lets the other finders find the modules of REGISTRATIONS, and adds a step to their import."""

    def __init__(self) -> None:
        self._searching: set[str] = set()

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if fullname not in REGISTRATIONS or fullname in self._searching:
            return None
        self._searching.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._searching.discard(fullname)
        if spec is not None and spec.loader is not None:
            _follow(spec.loader, REGISTRATIONS[fullname])
        return spec


def _follow(loader: Any, registration: str) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _register(registration, module)

    loader.exec_module = exec_module


def _register(registration: str, module: ModuleType) -> None:
    try:
        importlib.import_module(registration).register(module)
    except Exception as error:  # noqa: BLE001  a failed registration must not stop a program that merely starts
        # The program runs without the drivers, as it did before they were installed.
        sys.stderr.write("openflash: the drivers cannot be registered with %s: %r\n" % (module.__name__, error))


def install() -> None:
    """Once per process. With modules that are imported already the drivers are registered now."""
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, Finder())
    for name, registration in REGISTRATIONS.items():
        if name in sys.modules:
            _register(registration, sys.modules[name])
