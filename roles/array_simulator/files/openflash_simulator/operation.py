# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an array reports of its operation: which initiators are logged in, its health and its load.

Tests set it over the control API. It is no content: it is not in the state file, and a reset ends it. Where nothing is
set, every part is well, there is no alert, and the array has nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .checks import checked, known_keys, number, whole_number
from .errors import ConfigError

STATES = ("ok", "warning", "critical")
SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True)
class Alert:
    """An alert, in neutral terms."""

    severity: str
    text: str
    code: str = "1001"
    about: str = ""
    """The name of the object."""
    age: float = 0.0
    """Seconds since it was raised."""
    acknowledged: bool = False


@dataclass(frozen=True)
class Load:
    """Figures: operations and bytes per second, and microseconds."""

    read_iops: float = 0
    write_iops: float = 0
    read_bandwidth: float = 0
    write_bandwidth: float = 0
    read_latency: float = 0
    write_latency: float = 0


IDLE = Load()


@dataclass
class Operation:
    """What tests have set for one array."""

    parts: dict[str, str] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    load: Load = IDLE
    loads: dict[str, Load] = field(default_factory=dict)
    """By name of the volume."""
    _paths: dict[str, int] = field(default_factory=dict)

    def clear(self) -> None:
        self.parts.clear()
        self.alerts.clear()
        self.loads.clear()
        self._paths.clear()
        self.load = IDLE

    def state(self, part: str) -> str:
        """One of STATES. ``array`` is the array itself."""
        return self.parts.get(part, "ok")

    def load_of(self, volume: str) -> Load:
        return self.loads.get(volume, IDLE)

    def paths(self, address: str, default: int) -> int:
        """To how many target ports the initiator is logged in; ``default`` where no test has said so."""
        return self._paths.get(_plain(address), default)

    def log_in(self, raw: object) -> None:
        """``{"initiator": address, "paths": number}``, 0 for an initiator that is not logged in."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("initiator"), str):
            raise ConfigError("a log-in needs initiator and paths")
        known_keys("log-in", raw, {"initiator", "paths"})
        paths: Any = raw.get("paths")
        self._paths[_plain(raw["initiator"])] = checked("log-in paths", whole_number(0), paths)

    def operate(self, raw: object) -> None:
        """``{"parts": {NAME: STATE}, "alerts": [...], "load": {...}, "volumes": {NAME: {...}}}``, each as it is now.

        A key that is left out stays as it is.
        """
        if not isinstance(raw, Mapping):
            raise ConfigError("the operation of an array is a mapping")
        known_keys("operation", raw, {"parts", "alerts", "load", "volumes"})
        parts = {str(name): _one_of(STATES)(state) for name, state in dict(raw.get("parts", self.parts)).items()}
        alerts = [_alert(alert) for alert in raw["alerts"]] if "alerts" in raw else self.alerts
        load = _load(raw["load"]) if "load" in raw else self.load
        loads = {str(name): _load(one) for name, one in raw["volumes"].items()} if "volumes" in raw else self.loads
        self.parts, self.alerts, self.load, self.loads = parts, alerts, load, loads


def _plain(address: str) -> str:
    """A port address in one spelling."""
    address = address.lower()
    return address if address.startswith(("iqn.", "eui.", "naa.")) else address.replace(":", "").removeprefix("0x")


def _one_of(words: tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in words:
            raise ConfigError(f"{value!r} is not one of {', '.join(words)}")
        return str(value)

    return check


def _alert(raw: Any) -> Alert:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("text"), str):
        raise ConfigError("an alert needs severity and text")
    known_keys("alert", raw, {"severity", "text", "code", "about", "age", "acknowledged"})
    _one_of(SEVERITIES)(raw.get("severity"))
    return Alert(**raw)


def _load(raw: Any) -> Load:
    names = set(Load.__dataclass_fields__)
    if not isinstance(raw, Mapping):
        raise ConfigError(f"a load is a mapping of {', '.join(sorted(names))}")
    known_keys("load", raw, names)
    return Load(**{name: checked(f"load {name}", number(), value) for name, value in raw.items()})
