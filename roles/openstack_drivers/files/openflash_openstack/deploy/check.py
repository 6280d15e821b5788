# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A strict check of a configuration before a service reads it.

Cinder ignores an unknown option, and with one value out of range in any section none of its backends starts. The check
reports both, by the options of the installed service.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from oslo_config import cfg

from .registry import Registry, announced, store_options
from .sections import DEFAULT, Sections, files, normal, parse

# Glance's own stores, which are not in enabled_backends
RESERVED_STORES = ("os_glance_staging_store", "os_glance_tasks_store")

# The group whose options every backend or store has in its own section too, and one more of a backend
# (cinder.cmd.volume)
SHARED = "backend_defaults"
UNLISTED = cfg.StrOpt("backend_host")


@dataclass
class Report:
    """With ``errors`` the file must not be used; with ``warnings`` it can be."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check(service: str, path: str, folder: Optional[str], own: Sequence[str], enabled: Sequence[str]) -> Report:
    """Check a file together with the files that are read after it.

    :param folder: the directory with more configuration files, if there is one.
    :param own: sections in which an unknown option is an error. In other sections it is a warning.
    :param enabled: backends (of Glance: stores) that must be enabled.
    """
    parsed: dict[str, Sections] = {}
    for file in files(path, folder):
        try:
            parsed[file] = parse(file)
        except cfg.ParseError as error:
            return Report(["line %s of %s cannot be read: %s" % (error.lineno, file, error.msg)])
    return _Check(service, parsed, own, enabled).report()


class _Check:
    def __init__(
        self, service: str, parsed: Mapping[str, Sections], own: Sequence[str], enabled: Sequence[str]
    ) -> None:
        self._service = service
        self._parsed = parsed
        self._own = {normal(section) for section in own}
        self._required = list(enabled)
        self._found = Report()
        self._registry = Registry(service)
        self._conf = cfg.ConfigOpts()
        # Registered names of groups, by their normal names
        self._groups: dict[str, str] = {}

    def report(self) -> Report:
        self._found.warnings += self._registry.problems
        for group in self._registry.options:
            self._register(group)
        try:
            self._conf([], default_config_files=list(self._parsed), default_config_dirs=[])
        except (cfg.Error, ValueError) as error:
            self._found.errors.append("the configuration cannot be loaded: %s" % type(error).__name__)
            return self._found
        if self._service == "cinder":
            self._backends()
        else:
            self._stores()
        for path, sections in self._parsed.items():
            for section, options in sections.items():
                self._section(path, section, options)
        return self._found

    def _register(self, group: str, options: Optional[list[Any]] = None) -> None:
        self._registry.register(self._conf, group, options)
        self._groups[normal(group)] = group

    # -- backends and stores -----------------------------------------------------------------------------------------

    def _backends(self) -> None:
        try:
            enabled = list(self._conf.enabled_backends or ())
        except (cfg.Error, AttributeError):
            enabled = []
        self._enabled(enabled)
        shared = self._registry.options.get(SHARED, []) + [UNLISTED]
        for name in dict.fromkeys([*enabled, *self._required]):
            self._register(name, shared)
            if self._has(name) and normal(name) in self._own:
                self._driver(name)

    def _stores(self) -> None:
        types = dict(store_options())
        try:
            enabled = dict(self._conf.enabled_backends or {})
        except (cfg.Error, AttributeError):
            enabled = {}
        self._enabled(list(enabled))
        for name, kind in enabled.items():
            if kind not in types:
                problems = self._found.errors if name in self._required else self._found.warnings
                problems.append("the store %s is of type %s, which glance_store does not have" % (name, kind))
            self._register(name, types.get(kind, []) + self._registry.options.get("glance_store", []))
            # What stores have in common
            self._register(SHARED, types.get(kind, []))
        for kind in sorted({*enabled.values(), *self._single()}):
            several = announced(kind)
            if len(several) > 1:
                self._found.errors.append(
                    "stores of type %s are announced by %s, and then glance_store uses none of them"
                    % (kind, " and by ".join(several))
                )
        for name in RESERVED_STORES:
            self._register(name, types.get("file", []))
        single = [option for kind in types.values() for option in kind]
        self._registry.register(self._conf, "glance_store", single)

    def _single(self) -> list[str]:
        try:
            return list(self._conf.glance_store.stores or ())
        except (cfg.Error, AttributeError, ValueError):
            return []

    def _enabled(self, enabled: Sequence[str]) -> None:
        for name in enabled:
            if not self._has(name):
                problems = self._found.errors if name in self._required else self._found.warnings
                problems.append("enabled_backends has %s, and there is no section [%s]" % (name, name))
        missing = [name for name in self._required if name not in enabled]
        if missing:
            last = [path for path, found in self._parsed.items() if "enabled_backends" in found.get(DEFAULT, {})][-1:]
            self._found.errors.append(
                "%s would not be enabled: the enabled_backends that counts is that of %s"
                % (", ".join(missing), last[0] if last else "no file")
            )

    def _has(self, name: str) -> bool:
        return any(normal(name) in sections for sections in self._parsed.values())

    def _driver(self, name: str) -> None:
        """Report a driver class that cannot be loaded, or that Cinder does not run."""
        path = self._value(name, "volume_driver")
        if not path:
            self._found.errors.append("[%s] has no volume_driver" % name)
            return
        found = driver(str(path))
        if found["problem"]:
            self._found.errors.append("[%s] volume_driver: %s" % (name, found["problem"]))
        elif not found["supported"] and not self._value(name, "enable_unsupported_driver"):
            self._found.errors.append(
                "[%s] volume_driver: Cinder has marked %s as unsupported, and runs it only with "
                "enable_unsupported_driver = true" % (name, path)
            )
        capabilities = self._value(name, "extra_capabilities")
        try:
            if capabilities and not isinstance(json.loads(capabilities), dict):
                raise ValueError
        except ValueError:
            self._found.errors.append("[%s] extra_capabilities is not a JSON object" % name)

    def _value(self, group: str, name: str) -> Any:
        try:
            return self._conf[group][name]
        except (cfg.Error, KeyError, ValueError):
            return None

    # -- one section -------------------------------------------------------------------------------------------------

    def _section(self, path: str, section: str, options: Mapping[str, Sequence[str]]) -> None:
        own = section in self._own
        group = self._groups.get(section)
        if group is None:
            # It belongs to a library that does not list its options, or to a backend that is not enabled.
            (self._found.errors if own else self._found.warnings).append(
                "[%s] is not a section that the service reads" % section
            )
            return
        known = self._known(group)
        for name, values in options.items():
            where = "[%s] %s" % (section, name)
            option = known.get(name)
            if option is None:
                problems = self._found.errors if own else self._found.warnings
                problems.append("%s is not an option of %s%s" % (where, self._service, _like(name, known)))
                continue
            if len(values) > 1 and not option.multi:
                problems = self._found.errors if own else self._found.warnings
                problems.append("%s is set %d times, and only the last value counts" % (where, len(values)))
            problem = self._problem(group, option)
            if problem:
                self._found.errors.append("%s: %s" % (where, problem))

    def _known(self, group: str) -> dict[str, Any]:
        options = self._conf._opts if group == DEFAULT else self._conf._get_group(group)._opts
        known: dict[str, Any] = {}
        for entry in options.values():
            option = entry["opt"]
            old = [former.name for former in option.deprecated_opts if former.name and (former.group or group) == group]
            for name in [option.dest, option.name, *old]:
                known.setdefault(name, option)
                known.setdefault(name.replace("-", "_"), option)
        return known

    def _problem(self, group: str, option: Any) -> Optional[str]:
        """What is wrong with the value that counts, or None. A secret value is not repeated."""
        try:
            self._conf._get(option.dest, None if group == DEFAULT else self._conf._get_group(group))
        except (cfg.Error, ValueError) as error:
            if option.secret:
                return "the value is not valid for this option"
            return str(error).split("is not valid: ", 1)[-1]
        return None


def _like(name: str, known: Mapping[str, Any]) -> str:
    import difflib

    found = difflib.get_close_matches(name, list(known), 1)
    return "; did you mean %s?" % found[0] if found else ""


def driver(path: str) -> dict[str, Any]:
    """Whether Cinder can load this class: ``problem`` is the reason why not, or None."""
    module, _dot, name = path.rpartition(".")
    found: dict[str, Any] = {"problem": None, "supported": True}
    try:
        # Cinder does so before it imports a driver.
        importlib.import_module("cinder.objects").register_all()
        loaded = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            found["problem"] = "the installed Cinder has no %s" % path
        else:
            found["problem"] = "%s needs %s, which is not installed" % (path, error.name)
    except Exception as error:  # noqa: BLE001  importing a driver may raise anything
        found["problem"] = "%s cannot be imported: %s: %s" % (path, type(error).__name__, error)
    else:
        if loaded is None:
            found["problem"] = "%s has no class %s" % (module, name)
        found["supported"] = bool(getattr(loaded, "SUPPORTED", True))
    return found
