# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs a store within glance_store, as older stores were: a file among its drivers, and a line in its entry points.

An existing driver from another source is kept in a second file, and restored with its line when the store is removed.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import re
import sys
import types
from pathlib import Path
from typing import Any, Optional

from .glance import KIND
from .installed import Edit, Installed, copy, read
from .registry import STORES

MARK = b"# Placed by openflash.storage.glance_datera, which takes it away again\n"
BUNDLED = b"""\
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
\"\"\"The image store of the distribution openflash, which must be installed.\"\"\"

from openflash_openstack.glance.datera import Store, StoreLocation

__all__ = ["Store", "StoreLocation"]
"""
MODULE = "glance_store._drivers.%s" % KIND
LINE = ("%s = %s:Store" % (KIND, MODULE)).encode()
NEEDED = ("Store", "StoreLocation")


class Place:
    """The files of glance_store that the store is added to."""

    def __init__(self) -> None:
        self._installed = Installed("glance_store")
        drivers = self._installed.package / "_drivers"
        if not drivers.is_dir():
            raise ValueError("this glance_store has no folder %s for drivers" % drivers)
        self.driver = drivers / ("%s.py" % KIND)
        self.aside = drivers / ("%s.py.before-openflash" % KIND)
        self.announcement = self._installed.metadata / "entry_points.txt"

    def bring(self, present: bool, source: bytes, write: bool) -> list[str]:
        """Install or remove the driver. Returns the paths of the files that change.

        :param source: the source code of the driver.
        :param write: False to return the paths only.
        :raises ValueError: another store is announced.
        """
        now = read(self.driver)
        foreign = now is not None and not now.endswith(MARK)
        former = now if foreign else read(self.aside)
        edits = [Edit(self.driver, former, _marked(source)), self._announced()]
        if not present and foreign:
            # The driver is not that of this collection, and was not replaced
            edits = edits[1:]
        if present and foreign and write:
            copy(self.driver, self.aside)
        changed = self._installed.bring(edits, present, write)
        if not present:
            changed += self._files_to_remove(former is None, foreign, write)
        return changed

    def _announced(self) -> Edit:
        text = read(self.announcement)
        if text is None:
            raise ValueError("%s is missing" % self.announcement)
        lines = text.splitlines(keepends=True)
        without = _without(lines)
        heads = [n for n, line in enumerate(without) if line.strip() == b"[%s]" % STORES.encode()]
        if not heads or without[heads[0]].rstrip() == without[heads[0]]:
            raise ValueError("%s has no section [%s] to add a store to" % (self.announcement, STORES))
        head = without[heads[0]]
        end = head[len(head.rstrip()) :]
        by_hand = [line for line in _section(without, heads[0]) if re.match(rb"%s\s*=" % KIND.encode(), line.strip())]
        if any(b"".join(line.split()) != b"".join(LINE.split()) for line in by_hand):
            raise ValueError(
                "%s announces another store: %s" % (self.announcement, by_hand[0].decode("utf-8", "replace").strip())
            )
        announced = list(without)
        if not by_hand:
            announced[heads[0] + 1 : heads[0] + 1] = [MARK.rstrip() + end, LINE + end]
        return Edit(self.announcement, b"".join(without), b"".join(announced))

    def _files_to_remove(self, removed: bool, foreign: bool, write: bool) -> list[str]:
        """The compiled driver, and the copy of the other driver once that is restored."""
        found = list((self.driver.parent / "__pycache__").glob("%s.*.pyc" % KIND)) if removed else []
        if self.aside.exists() and not foreign:
            found.append(self.aside)
        if write:
            for path in found:
                path.unlink()
        return [str(path) for path in found]


def _marked(source: bytes) -> bytes:
    """The source with the mark at its end, since an encoding must be declared within the first two lines."""
    return source + (b"" if source.endswith(b"\n") else b"\n") + MARK


def _without(lines: list[bytes]) -> list[bytes]:
    """The lines without the one of this collection and the comment above it."""
    kept: list[bytes] = []
    for line in lines:
        if line.strip() == LINE and kept and kept[-1].strip() == MARK.strip():
            kept.pop()
        else:
            kept.append(line)
    return kept


def _section(lines: list[bytes], head: int) -> list[bytes]:
    found = []
    for line in lines[head + 1 :]:
        if line.strip().startswith(b"["):
            break
        found.append(line)
    return found


def judge(source: bytes) -> dict[str, Any]:
    """Whether glance_store can load this driver.

    :return: ``problem`` is the reason why not, or None; ``options`` are the names of the options that it registers;
        ``several`` is whether it can be one of several stores.
    """
    found: dict[str, Any] = {"problem": None, "options": [], "several": b"backend_group" in source}
    found["problem"] = _unlike_a_driver(source)
    if found["problem"]:
        return found
    module = types.ModuleType(MODULE)
    module.__file__ = "%s.py" % KIND
    former = sys.modules.get(MODULE)
    sys.modules[MODULE] = module
    try:
        exec(compile(source, module.__file__, "exec"), module.__dict__)  # noqa: S102  the driver that is placed, judged by use
        if not issubclass(module.Store, importlib.import_module("glance_store.driver").Store):
            raise TypeError("its class Store is not a store of glance_store")
        found["options"] = sorted(option.dest for option in module.Store.OPTIONS or ())
    except ModuleNotFoundError as error:
        found["problem"] = "it needs %s, which is not installed" % error.name
    except Exception as error:  # noqa: BLE001  importing a driver may raise anything
        found["problem"] = "it cannot be imported: %s: %s%s" % (type(error).__name__, error, _where(error))
    finally:
        if former is None:
            del sys.modules[MODULE]
        else:
            sys.modules[MODULE] = former
    return found


def _unlike_a_driver(source: bytes) -> Optional[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return "it is not valid source code of Python %d.%d: %s" % (*sys.version_info[:2], error)
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    missing = [name for name in NEEDED if name not in names]
    return "it has no class %s" % " and no class ".join(missing) if missing else None


def _where(error: Exception) -> str:
    """The distribution that raised the error, where it is not the driver itself."""
    trace, path = error.__traceback__, ""
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
    parts = Path(path).parts
    if "site-packages" not in parts and "dist-packages" not in parts:
        return ""
    home = max(n for n, part in enumerate(parts) if part in ("site-packages", "dist-packages"))
    package = parts[home + 1] if len(parts) > home + 1 else ""
    if sys.version_info >= (3, 10):
        for name in importlib.metadata.packages_distributions().get(package, []):
            return " (within %s %s)" % (name, importlib.metadata.version(name))
    return " (within %s)" % package if package else ""
