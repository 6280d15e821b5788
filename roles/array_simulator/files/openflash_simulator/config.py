# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration file: which arrays to simulate. It is checked completely before anything listens."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from .assumptions import Ledger, chosen
from .checks import PORT, checked, flag, known_keys, parse_size, whole_number
from .document import Document, load as load_document
from .errors import ConfigError
from .faults import Fault, parse as parse_fault
from .settings import ArrayConfig, PoolConfig
from .vendors import VENDORS, wire_class

T = TypeVar("T")

COMMON_KEYS = (
    "name",
    "vendor",
    "address",
    "port",
    "username",
    "password",
    "version",
    "pools",
    "state_dir",
    "datapath",
    "assume",
    "faults",
    "limits",
    "from",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z")


def load(path: Path) -> list[ArrayConfig]:
    """The arrays of a configuration file."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"configuration {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # The parser's message quotes the line it stumbled over, which may be the one with the password.
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ConfigError(f"configuration {path} is not YAML{where}") from None
    if not isinstance(raw, Mapping):
        raise ConfigError(f"configuration {path} is not a mapping with a list of arrays")
    known_keys(f"configuration {path}", raw, ("arrays",))
    return parse(raw.get("arrays"), path.absolute().parent)


def from_arguments(arguments: Sequence[str], documents: Sequence[Path] = ()) -> list[ArrayConfig]:
    """The short form: ``VENDOR`` or ``VENDOR:PORT``, one for each array, and files that arrays begin with."""
    raw: list[dict[str, Any]] = []
    for argument in arguments:
        vendor, colon, port = argument.partition(":")
        if colon and not port.isdigit():
            raise ConfigError(f"--array {argument}: the port is not a number")
        raw.append({"vendor": vendor, **({"port": int(port)} if colon else {})})
    raw += [{"from": str(path)} for path in documents]
    return parse(raw)


def parse(raw: object, folder: Path = Path()) -> list[ArrayConfig]:
    """The list under ``arrays``.

    :param folder: where the files are that it names by relative paths.
    """
    if not isinstance(raw, list) or not raw:
        raise ConfigError("arrays is not a list of at least one array")
    arrays: list[ArrayConfig] = []
    for position, item in enumerate(raw, 1):
        if not isinstance(item, Mapping):
            raise ConfigError(f"array {position} is not a mapping")
        arrays.append(_array(item, position, {array.name for array in arrays}, folder))
    taken: dict[tuple[str, int], str] = {}
    for array in arrays:
        if array.port and taken.setdefault((array.address, array.port), array.name) != array.name:
            raise ConfigError(
                f"array {array.name}: port {array.port} is also that of {taken[array.address, array.port]}"
            )
    return arrays


def _array(raw: Mapping[Any, Any], position: int, taken: set[str], folder: Path) -> ArrayConfig:
    document = _document(raw, position, folder)
    vendor = raw.get("vendor", document.vendor if document else None)
    if not isinstance(vendor, str) or vendor not in VENDORS:
        where = f"document {document.path}" if document and "vendor" not in raw else f"array {position}"
        raise ConfigError(f"{where}: vendor {vendor!r} is not one of {', '.join(VENDORS)}")
    if document is not None and vendor != document.vendor:
        raise ConfigError(f"array {position}: vendor {vendor!r} is not that of {document.path}, {document.vendor!r}")
    wire = wire_class(vendor)
    name = raw.get("name")
    if name is None:
        # By its file, as its owner knows it
        base = document.path.stem if document and _NAME.match(document.path.stem) else vendor
        name = next(one for one in [base, *(f"{base}-{n}" for n in range(2, 1000))] if one not in taken)
    if not isinstance(name, str) or not _NAME.match(name):
        raise ConfigError(f"array {position}: name {name!r} is not 1 to 63 letters, digits, dots, dashes, underscores")
    if name in taken:
        raise ConfigError(f"array {name}: there are two of that name")
    what = f"array {name}"
    known_keys(what, raw, (*COMMON_KEYS, *wire.options))
    if document is not None:
        raw = {**_beginning(document, wire.options_of(document)), **raw}
        _check_hosts(document, raw.get("agents") or ())
    read = _Reader(what, raw)
    if read.flag("datapath") and not wire.has_datapath:
        raise ConfigError(f"{what}: datapath is not available for {vendor}")
    options = {}
    for key, check in wire.options.items():
        if raw.get(key) is not None:
            options[key] = read.checked(key, check)
    config = ArrayConfig(
        name=name,
        vendor=vendor,
        address=read.address(),
        port=read.checked("port", PORT) if "port" in raw else 0,
        username=read.text("username", wire.default_username),
        password=read.text("password", "") or secrets.token_hex(24),
        version=read.text("version", wire.default_version),
        pools=read.pools(),
        state_dir=Path(read.text("state_dir", "")).expanduser().absolute() if raw.get("state_dir") else None,
        datapath=read.flag("datapath"),
        assume=read.assume(wire.assumptions),
        faults=read.faults(),
        limits=read.limits(wire.limits),
        document=document,
        options=options,
    )
    try:
        wire.check(config)
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from None
    return config


def _document(raw: Mapping[Any, Any], position: int, folder: Path) -> Document | None:
    path = raw.get("from")
    if path is None:
        return None
    if not isinstance(path, str) or not path:
        raise ConfigError(f"array {position}: from {path!r} is not the path of a file")
    return load_document(folder / Path(path).expanduser())


def _beginning(document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of the configuration that follow from the document."""
    found = {**options, "version": document.version}
    if document.pools:
        found["pools"] = [{"name": pool.name, "size": pool.size} for pool in document.pools]
    return {key: value for key, value in found.items() if value is not None}


def _check_hosts(document: Document, agents: Sequence[str]) -> None:
    for host in document.unknown_hosts():
        if host not in agents:
            raise ConfigError(f"document {document.path}: a mapping names host {host}, which is not in hosts")


class _Reader:
    """The values of one array's mapping, each checked; every error begins with ``what``."""

    def __init__(self, what: str, raw: Mapping[Any, Any]) -> None:
        self.what = what
        self.raw = raw

    def checked(self, key: str, check: Callable[[Any], T]) -> T:
        return checked(f"{self.what}: {key}", check, self.raw[key])

    def text(self, key: str, default: str) -> str:
        value = self.raw.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or not value:
            shown = "" if key == "password" else f" {value!r}"
            raise ConfigError(f"{self.what}: {key}{shown} is not text (quote it if it looks like a number)")
        return value

    def flag(self, key: str) -> bool:
        return self.checked(key, flag) if key in self.raw else False

    def address(self) -> str:
        value = self.text("address", "127.0.0.1")
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            raise ConfigError(f"{self.what}: address {value!r} is not an IP address") from None

    def pools(self) -> tuple[PoolConfig, ...]:
        raw = self.raw.get("pools")
        if raw is None:
            return ()
        if not isinstance(raw, list) or not raw:
            raise ConfigError(f"{self.what}: pools is not a list of at least one pool")
        pools: list[PoolConfig] = []
        for item in raw:
            if not isinstance(item, Mapping):
                raise ConfigError(f"{self.what}: a pool is a mapping with name and size")
            known_keys(f"{self.what}: pool", item, ("name", "size"))
            name = item.get("name")
            if not isinstance(name, str) or not name or name in {pool.name for pool in pools}:
                raise ConfigError(f"{self.what}: pool name {name!r} is not a name of its own")
            pools.append(PoolConfig(name, parse_size(f"{self.what}: pool {name}: size", item.get("size"))))
        return tuple(pools)

    def faults(self) -> tuple[Fault, ...]:
        raw = self.raw.get("faults") or []
        if not isinstance(raw, list):
            raise ConfigError(f"{self.what}: faults is not a list")
        try:
            return tuple(parse_fault(item) for item in raw)
        except ConfigError as error:
            raise ConfigError(f"{self.what}: {error}") from None

    def assume(self, ledger: Ledger) -> dict[str, Any]:
        try:
            return chosen(ledger, self.raw.get("assume"))
        except ConfigError as error:
            raise ConfigError(f"{self.what}: {error}") from None

    def limits(self, known: Sequence[str]) -> dict[str, int]:
        raw = self.raw.get("limits") or {}
        if not isinstance(raw, Mapping):
            raise ConfigError(f"{self.what}: limits is not a mapping")
        known_keys(f"{self.what}: limits", raw, known)
        for key, value in raw.items():
            checked(f"{self.what}: limit {key}", whole_number(0), value)
        return dict(raw)
