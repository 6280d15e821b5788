# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A strict check of a configuration before a service reads it.

Cinder ignores an option that it does not know, and one value out of range in one section keeps all its backends from
starting. Here both are reported before, by what the installed service itself knows.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from oslo_config import cfg

from .registry import Registry, announced, store_options
from .sections import DEFAULT, Sections, normal, parse

# Stores of Glance's own, which are no members of enabled_backends
RESERVED_STORES = ("os_glance_staging_store", "os_glance_tasks_store")

# The group whose options every backend has in its own section, and the one that it has besides (cinder.cmd.volume)
SHARED = "backend_defaults"
UNLISTED = cfg.StrOpt("backend_host")


@dataclass
class Report:
    """``errors`` keep the file from being used; ``warnings`` do not."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check(service: str, path: str, folder: Optional[str], own: Sequence[str], enabled: Sequence[str]) -> Report:
    """Judge a file together with the files that are read after it.

    :param folder: where the service looks for more files, if there is one.
    :param own: sections in which an unknown option is an error. Elsewhere it is a warning.
    :param enabled: backends (of Glance: stores) that the service must have in the end.
    """
    files = [path, *(str(one) for one in sorted(Path(folder).glob("*.conf")))] if folder else [path]
    parsed: dict[str, Sections] = {}
    for one in files:
        try:
            parsed[one] = parse(one)
        except cfg.ParseError as error:
            return Report(["line %s of %s cannot be read: %s" % (error.lineno, one, error.msg)])
    return _Check(service, parsed, own, enabled).report()


class _Check:
    def __init__(
        self, service: str, parsed: Mapping[str, Sections], own: Sequence[str], enabled: Sequence[str]
    ) -> None:
        self._service = service
        self._parsed = parsed
        self._own = {normal(one) for one in own}
        self._wanted = list(enabled)
        self._found = Report()
        self._registry = Registry(service)
        self._conf = cfg.ConfigOpts()
        # The names of groups as they were registered, by the names as they are looked up
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
        for name in dict.fromkeys([*enabled, *self._wanted]):
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
                kind = self._found.errors if name in self._wanted else self._found.warnings
                kind.append("the store %s is of type %s, which glance_store does not have" % (name, kind))
            self._register(name, types.get(kind, []) + self._registry.options.get("glance_store", []))
        for kind in sorted({*enabled.values(), *self._single()}):
            several = announced(kind)
            if len(several) > 1:
                self._found.errors.append(
                    "stores of type %s are announced by %s, and glance_store takes none of several"
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
                kind = self._found.errors if name in self._wanted else self._found.warnings
                kind.append("enabled_backends has %s, and there is no section [%s]" % (name, name))
        missing = [name for name in self._wanted if name not in enabled]
        if missing:
            last = [path for path, found in self._parsed.items() if "enabled_backends" in found.get(DEFAULT, {})][-1:]
            self._found.errors.append(
                "%s would not be enabled: the enabled_backends that counts is that of %s"
                % (", ".join(missing), last[0] if last else "no file")
            )

    def _has(self, name: str) -> bool:
        return any(normal(name) in sections for sections in self._parsed.values())

    def _driver(self, name: str) -> None:
        """Report it when the class cannot be loaded, or is one that Cinder does not run."""
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
            # Of a library that announces no options, or of a backend that is not enabled
            (self._found.errors if own else self._found.warnings).append("[%s] is no section that is read" % section)
            return
        known = self._known(group)
        for name, values in options.items():
            where = "[%s] %s" % (section, name)
            option = known.get(name)
            if option is None:
                kind = self._found.errors if own else self._found.warnings
                kind.append("%s is no option of %s%s" % (where, self._service, _like(name, known)))
                continue
            if len(values) > 1 and not option.multi:
                kind = self._found.errors if own else self._found.warnings
                kind.append("%s stands there %d times, and only the last one counts" % (where, len(values)))
            problem = self._problem(group, option)
            if problem:
                self._found.errors.append("%s: %s" % (where, problem))

    def _known(self, group: str) -> dict[str, Any]:
        options = self._conf._opts if group == DEFAULT else self._conf._get_group(group)._opts
        known: dict[str, Any] = {}
        for entry in options.values():
            option = entry["opt"]
            old = [one.name for one in option.deprecated_opts if one.name and (one.group or group) == group]
            for name in [option.dest, option.name, *old]:
                known.setdefault(name, option)
                known.setdefault(name.replace("-", "_"), option)
        return known

    def _problem(self, group: str, option: Any) -> Optional[str]:
        """What is wrong with the value that counts; of a secret value nothing is repeated."""
        try:
            self._conf._get(option.dest, None if group == DEFAULT else self._conf._get_group(group))
        except (cfg.Error, ValueError) as error:
            if option.secret:
                return "the value is none that this option takes"
            return str(error).split("is not valid: ", 1)[-1]
        return None


def _like(name: str, known: Mapping[str, Any]) -> str:
    import difflib

    found = difflib.get_close_matches(name, list(known), 1)
    return "; did you mean %s?" % found[0] if found else ""


def driver(path: str) -> dict[str, Any]:
    """Whether Cinder could load this class: ``problem`` says why not."""
    module, _dot, name = path.rpartition(".")
    found: dict[str, Any] = {"problem": None, "supported": True}
    try:
        # What Cinder does before it imports a driver
        importlib.import_module("cinder.objects").register_all()
        loaded = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            found["problem"] = "the installed Cinder has no %s" % path
        else:
            found["problem"] = "%s needs %s, which is not installed" % (path, error.name)
    except Exception as error:  # noqa: BLE001  whatever a driver does when it is imported
        found["problem"] = "%s cannot be imported: %s: %s" % (path, type(error).__name__, error)
    else:
        if loaded is None:
            found["problem"] = "%s has no class %s" % (module, name)
        found["supported"] = bool(getattr(loaded, "SUPPORTED", True))
    return found
