# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of an installed service, as its distributions list them.

The list of Cinder imports all its drivers, and some of them import libraries that are not installed. Such a library is
replaced by an empty one, since names and types of options do not depend on it. So this is for a process that ends
soon, and not for a service.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Optional

from oslo_config import cfg

from .sections import DEFAULT

ENTRY_POINTS = "oslo.config.opts"
SERVICES = ("cinder", "glance", "nova")
STORES = "glance_store.drivers"

MOST_MISSING = 50
# Before the name of the service in the entry points of this distribution: its list for Cinder imports Cinder
OURS = "openflash_openstack."
# Options that oslo.config itself registers in DEFAULT. Elsewhere they are the service's own, as in [paste_deploy].
OWN = ("config_file", "config_dir", "config_source")


class _Nothing(type):
    """Makes empty classes, whose attributes are empty classes too."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing(name, (_Base,), {})


class _Base(Exception, metaclass=_Nothing):
    """Can be raised, derived from, and used as a decorator, which changes nothing."""

    def __call__(self, *args: Any, **_kwargs: Any) -> Any:
        return args[0] if args else self


class _Missing(ModuleType):
    """Stands for a library that is not installed. Every attribute is an empty class."""

    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing(name, (_Base,), {})


def import_anyway(name: str) -> ModuleType:
    """Import a module, with empty classes in place of third-party libraries that are missing."""
    for _attempt in range(MOST_MISSING):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if not missing or missing.partition(".")[0] in (name.partition(".")[0], "openflash", "openflash_openstack"):
                raise
            sys.modules[missing] = _Missing(missing)
    raise ImportError("%s lacks more than %d libraries" % (name, MOST_MISSING))


def entry_points(group: str) -> list[Any]:
    found: Any = importlib.metadata.entry_points()
    # A dictionary before Python 3.10
    return list(found.get(group, ())) if isinstance(found, dict) else list(found.select(group=group))


class Registry:
    """Options by group. ``problems`` lists what could not be loaded."""

    def __init__(self, service: str) -> None:
        self.options: dict[str, list[Any]] = {}
        self.problems: list[str] = []
        for entry in sorted(entry_points(ENTRY_POINTS), key=lambda point: str(point.name)):
            owner = entry.name.removeprefix(OURS).split(".")[0]
            if owner in SERVICES and owner != service:
                continue
            if ".tests." in entry.value:
                continue
            self._load(entry)

    def _load(self, entry: Any) -> None:
        module, _colon, function = entry.value.partition(":")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for group, options in getattr(import_anyway(module), function)():
                    name = DEFAULT if group is None else str(getattr(group, "name", group))
                    self.options.setdefault(name, []).extend(options)
        except Exception as error:  # noqa: BLE001  any error of any library
            self.problems.append(
                "the options of %s cannot be listed: %s: %s" % (entry.name, type(error).__name__, error)
            )

    def register(self, conf: Any, group: str, options: Optional[list[Any]] = None) -> None:
        """Register the options with the configuration. If two of a name differ, the first one counts."""
        for option in self.options.get(group, ()) if options is None else options:
            if option.dest in OWN and group == DEFAULT:
                continue
            # Libraries that are installed but not used may have required options.
            option.required = False
            try:
                conf.register_opt(option, group=None if group == DEFAULT else group)
            except (cfg.DuplicateOptError, ValueError):
                continue


def announced(kind: str) -> list[str]:
    """The entry points that announce stores of this type, as clauses. Of several, glance_store uses none."""
    found = []
    for entry in entry_points(STORES):
        if entry.name == kind:
            origin = getattr(entry, "dist", None)
            found.append(
                "%s of %s" % (entry.value, origin.metadata["Name"] if origin is not None else "an unknown source")
            )
    return found


def store_options() -> Iterator[tuple[str, list[Any]]]:
    """The options of every type of image store that is installed."""
    for entry in entry_points(STORES):
        if entry.name.startswith("glance.store.") or ".tests." in entry.value:
            continue
        module, _colon, name = entry.value.partition(":")
        try:
            yield entry.name, list(getattr(import_anyway(module), name).OPTIONS or ())
        except Exception:  # noqa: BLE001, S112  the options of a store that cannot be loaded are not used
            continue
