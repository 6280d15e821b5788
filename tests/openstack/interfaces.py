# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the drivers with Cinder's interfaces, and their options with those of the upstream drivers.

    interfaces.py KIND...

Prints one JSON object per driver and step, and leaves with 0 when all are as expected.
"""

from __future__ import annotations

import lib  # first: it makes the process green

import importlib  # isort: skip
import importlib.metadata  # isort: skip
import inspect  # isort: skip
import sys  # isort: skip
from typing import Any  # isort: skip

from cinder.interface import (  # isort: skip
    volume_driver,
    volume_group_driver,
    volume_manageable_driver,
    volume_snapshot_revert,
)
from cinder.volume import driver as base  # isort: skip
from oslo_config import cfg  # isort: skip
from steps import Steps  # isort: skip

INTERFACES = (
    volume_driver.VolumeDriverCore,
    volume_manageable_driver.VolumeManagementDriver,
    volume_manageable_driver.VolumeListManageableDriver,
    volume_snapshot_revert.VolumeSnapshotRevertDriver,
)
# Methods whose implementation in Cinder's base class is enough, although it raises NotImplementedError
OF_CINDER = ("migrate_volume", "clone_image")
# Options of older drivers, which a cinder.conf may still have
OLDER = {"flashsystem": ("flashsystem_multipath_enabled",)}
RUN = Steps()
report = RUN.report


def functions(interface: Any) -> dict[str, Any]:
    return {
        name: function for name, function in vars(interface).items() if inspect.isfunction(function) and name[0] != "_"
    }


def parameters(function: Any) -> list[tuple[str, Any]]:
    """Names and defaults of the parameters, since Cinder passes some by position and some by name."""
    return [(parameter.name, parameter.default) for parameter in inspect.signature(function).parameters.values()]


def fits(declared: Any, implemented: Any) -> str:
    """The reason why a call that the interface permits would fail; empty when every call works."""
    its_parameters = inspect.signature(implemented).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in its_parameters.values()):
        names = [name for name, _default in parameters(implemented)]
        missing = [name for name, _default in parameters(declared) if name not in names]
        return f"{missing} are missing" if missing else ""
    if parameters(declared) != parameters(implemented):
        return f"{parameters(implemented)} instead of {parameters(declared)}"
    return ""


def refuses(function: Any) -> bool:
    return "raise NotImplementedError" in inspect.getsource(function)


def check(kind: str) -> None:
    module, name = lib.OURS[kind].rsplit(".", 1)
    cls = getattr(importlib.import_module(module), name)
    interfaces = INTERFACES + ((volume_group_driver.VolumeGroupDriver,) if kind.startswith("xtremio") else ())
    for interface in interfaces:
        for function, declared in functions(interface).items():
            implemented = getattr(cls, function, None)
            step = f"{kind} {function}"
            if implemented is None:
                report(step, False, "is missing")
                continue
            if isinstance(implemented, property):
                report(step, function in ("initialized", "supported"), "is a property")
                continue
            problem = fits(declared, implemented)
            inherited = implemented is getattr(base.BaseVD, function, None)
            if not problem and inherited and refuses(implemented) and function not in OF_CINDER:
                problem = "only raises NotImplementedError"
            report(step, not problem, problem)
    options(kind, cls)


def options(kind: str, cls: Any) -> None:
    """A cinder.conf for the upstream driver means the same to ours."""
    module, name = lib.shipped.UPSTREAM[kind].rsplit(".", 1)
    theirs = importlib.import_module(module)
    their_options = getattr(getattr(theirs, name), "get_driver_options", lambda: theirs.d_opts)
    ours = {option.name: option for option in cls.get_driver_options()}
    for older in OLDER.get(kind.split("-")[0], ()):
        report(f"{kind} option {older} of older releases", older in ours, "is missing")
    for option in their_options():
        our_option = ours.get(option.name)
        if our_option is None:
            shared = option.name in {option.name for option in [*base.volume_opts, *lib_san()]}
            report(f"{kind} option {option.name}", shared, "is missing")
            continue
        same = (type(option.type), option.default) == (type(our_option.type), our_option.default)
        if kind == "datera" and option.default in ("120", "5"):
            same = int(option.default) == our_option.default  # the upstream driver has numbers as text
        report(f"{kind} option {option.name}", same, f"{our_option.default!r} instead of {option.default!r}")


def lib_san() -> list[Any]:
    from cinder.volume.drivers.san import san

    options: list[Any] = san.san_opts
    return options


def published() -> None:
    every = importlib.metadata.entry_points(group="oslo.config.opts")
    entry = [option for option in every if option.name == "openflash_openstack.cinder"]
    report("entry point", len(entry) == 1, f"{entry}")
    published_options = {option.name: option for _group, listed in entry[0].load()() for option in listed}
    for kind, path in lib.OURS.items():
        module, name = path.rsplit(".", 1)
        for option in getattr(importlib.import_module(module), name).get_driver_options():
            report(f"{kind} publishes {option.name}", published_options.get(option.name) is option)
    secret = [name for name, option in published_options.items() if "password" in name and not option.secret]
    report("passwords are secret", not secret, f"{secret}")
    report("all are options", all(isinstance(option, cfg.Opt) for option in published_options.values()))


def main() -> int:
    lib.prepare()
    if sys.argv[1].startswith(("datera", "violin")):  # these need more to be imported
        entry: dict[str, Any] = {"address": "127.0.0.1", "port": 1, "username": "u", "password": "p"}
        lib.upstream(sys.argv[1], entry)
    for kind in sys.argv[1:]:
        check(kind)
    published()
    return RUN.status()


if __name__ == "__main__":
    sys.exit(main())
