# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drivers beside Cinder's own interface, the published options, and the options of the drivers taken over from.

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
# Cinder's own core implements what a driver may leave as it is; where that is a refusal, it counts as one.
OF_CINDER = ("migrate_volume", "clone_image")
# That a driver had once, and that a cinder.conf may still have
OLDER = {"flashsystem": ("flashsystem_multipath_enabled",)}
RUN = Steps()
report = RUN.report


def functions(interface: Any) -> dict[str, Any]:
    return {name: one for name, one in vars(interface).items() if inspect.isfunction(one) and name[0] != "_"}


def parameters(function: Any) -> list[tuple[str, Any]]:
    """Names and defaults, since Cinder passes some by position and some by name."""
    return [(one.name, one.default) for one in inspect.signature(function).parameters.values()]


def fits(wanted: Any, found: Any) -> str:
    """Why a call that the interface permits would fail; empty when none would."""
    there = inspect.signature(found).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in there.values()):
        names = [name for name, _default in parameters(found)]
        missing = [name for name, _default in parameters(wanted) if name not in names]
        return f"{missing} are missing" if missing else ""
    if parameters(wanted) != parameters(found):
        return f"{parameters(found)} instead of {parameters(wanted)}"
    return ""


def refuses(function: Any) -> bool:
    return "raise NotImplementedError" in inspect.getsource(function)


def check(kind: str) -> None:
    module, name = lib.OURS[kind].rsplit(".", 1)
    cls = getattr(importlib.import_module(module), name)
    interfaces = INTERFACES + ((volume_group_driver.VolumeGroupDriver,) if kind.startswith("xtremio") else ())
    for interface in interfaces:
        for function, wanted in functions(interface).items():
            found = getattr(cls, function, None)
            step = f"{kind} {function}"
            if found is None:
                report(step, False, "is missing")
                continue
            if isinstance(found, property):
                report(step, function in ("initialized", "supported"), "is a property")
                continue
            problem = fits(wanted, found)
            inherited = found is getattr(base.BaseVD, function, None)
            if not problem and inherited and refuses(found) and function not in OF_CINDER:
                problem = "only raises NotImplementedError"
            report(step, not problem, problem)
    options(kind, cls)


def options(kind: str, cls: Any) -> None:
    """A cinder.conf for the driver of Cinder means the same to ours."""
    module, name = lib.shipped.UPSTREAM[kind].rsplit(".", 1)
    theirs = importlib.import_module(module)
    given = getattr(getattr(theirs, name), "get_driver_options", lambda: theirs.d_opts)
    ours = {one.name: one for one in cls.get_driver_options()}
    for older in OLDER.get(kind.split("-")[0], ()):
        report(f"{kind} option {older} of older releases", older in ours, "is missing")
    for option in given():
        found = ours.get(option.name)
        if found is None:
            shared = option.name in {one.name for one in [*base.volume_opts, *lib_san()]}
            report(f"{kind} option {option.name}", shared, "is missing")
            continue
        same = (type(option.type), option.default) == (type(found.type), found.default)
        if kind == "datera" and option.default in ("120", "5"):
            same = int(option.default) == found.default  # numbers that are written as text there
        report(f"{kind} option {option.name}", same, f"{found.default!r} instead of {option.default!r}")


def lib_san() -> list[Any]:
    from cinder.volume.drivers.san import san

    found: list[Any] = san.san_opts
    return found


def published() -> None:
    every = importlib.metadata.entry_points(group="oslo.config.opts")
    entry = [one for one in every if one.name == "openflash_openstack.cinder"]
    report("entry point", len(entry) == 1, f"{entry}")
    found = {one.name: one for _group, listed in entry[0].load()() for one in listed}
    for kind, path in lib.OURS.items():
        module, name = path.rsplit(".", 1)
        for option in getattr(importlib.import_module(module), name).get_driver_options():
            report(f"{kind} publishes {option.name}", found.get(option.name) is option)
    secret = [name for name, one in found.items() if "password" in name and not one.secret]
    report("passwords are secret", not secret, f"{secret}")
    report("all are options", all(isinstance(one, cfg.Opt) for one in found.values()))


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
