# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of values of the configuration.

A check returns the value to use, or raises a ConfigError whose text goes on after the name of the value.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeVar

from .errors import ConfigError

T = TypeVar("T")

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGTP])(?:I?B)?|B)\Z", re.IGNORECASE)

PROTOCOLS = {"iscsi": ("iscsi",), "fc": ("fc",), "both": ("fc", "iscsi")}


def checked(name: str, check: Callable[[Any], T], value: object) -> T:
    """The value, checked; an error begins with the name."""
    try:
        return check(value)
    except ConfigError as error:
        raise ConfigError(f"{name} {error}") from None


def known_keys(name: str, raw: Mapping[Any, Any], keys: Collection[str]) -> None:
    """Refuse a mapping of this name that has a key which is not one of these."""
    unknown = sorted(str(key) for key in raw if key not in keys)
    if unknown:
        raise ConfigError(f"{name} has no key {unknown[0]!r}; it has {', '.join(sorted(keys))}")


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{value!r} is not true or false")
    return value


def whole_number(low: int, high: int | None = None) -> Callable[[Any], int]:
    """A whole number of at least ``low``, and of at most ``high`` if that is given."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
            bounds = f"from {low} on" if high is None else f"from {low} to {high}"
            raise ConfigError(f"{value!r} is not a whole number {bounds}")
        return value

    return check


def number(unit: str = "") -> Callable[[Any], float]:
    """A number from 0 on, which may have a fraction."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise ConfigError(f"{value!r} is not a number{unit and ' of ' + unit} from 0 on")
        return float(value)

    return check


def choice(*known: T) -> Callable[[Any], T]:
    """One of these values. Neither ``true`` nor ``1.0`` is the number 1."""

    def check(value: object) -> T:
        for one in known:
            if type(value) is type(one) and value == one:
                return one
        texts = [str(one) for one in known]
        raise ConfigError(f"{value!r} is not {', '.join(texts[:-1])} or {texts[-1]}")

    return check


def iscsi_fc_or_both(value: Any) -> tuple[str, ...]:
    """The protocols that an array has ports for."""
    return PROTOCOLS[choice(*PROTOCOLS)(value)]


def protocol_name(protocols: Sequence[str]) -> str:
    """The value of the option ``protocol`` that stands for these protocols."""
    return next(name for name, known in PROTOCOLS.items() if set(known) == set(protocols))


def some_of(*known: str) -> Callable[[Any], frozenset[str]]:
    """A list of any of these texts; it may be empty."""

    def check(value: object) -> frozenset[str]:
        if not isinstance(value, list) or any(item not in known for item in value):
            raise ConfigError(f"{value!r} is not a list of some of {', '.join(known)}")
        return frozenset(value)

    return check


def texts(kind: str, kinds: str) -> Callable[[Any], tuple[str, ...]]:
    """A list of at least one text, each once.

    :param kind, kinds: what one of them is, and several, such as "a name" and "names".
    """

    def check(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(text, str) and text for text in value):
            raise ConfigError(f"{value!r} is not a list of {kinds}")
        if len(set(value)) != len(value):
            raise ConfigError(f"has {kind} twice")
        return tuple(value)

    return check


def ip_addresses(value: Any) -> tuple[str, ...]:
    """A list of IP addresses; it may be empty."""
    try:
        return tuple(str(ipaddress.ip_address(address)) for address in value)
    except (TypeError, ValueError):
        raise ConfigError(f"{value!r} is not a list of IP addresses") from None


PORT = whole_number(0, 65535)


def parse_size(what: str, value: object) -> int:
    """Bytes from ``10TiB`` or ``1.5T`` (suffixes are powers of 1024) or from a number of bytes, at least 1 MiB."""
    size = Fraction(0)
    if isinstance(value, str) and (found := _SIZE.match(value.strip())):
        size = Fraction(found[1]) * (1 << 10 * ("KMGTP".index(found[2].upper()) + 1 if found[2] else 0))
    elif isinstance(value, int) and not isinstance(value, bool):
        size = Fraction(value)
    if size < 1 << 20 or size.denominator != 1:
        raise ConfigError(f"{what} {value!r} is not a size of at least 1 MiB, such as 10TiB")
    return int(size)
