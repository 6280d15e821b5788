# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arrays that the library knows, and how to get hold of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Tuple

from .array import Array
from .errors import Invalid
from .model import Connection


@dataclass(frozen=True)
class Vendor:
    """One row of the table."""

    words: str
    """The array as its owners call it."""
    options: Tuple[str, ...]
    """Connection options that only this vendor has: the keys of Connection.options."""
    load: Callable[[], Callable[[Connection], Array]]
    """Imports the client, and with it only the libraries that this wire needs, and gives its connect function."""


# In the source, where AnsiballZ finds them, and in functions, so that a task imports one vendor only


def _datera() -> Callable[[Connection], Array]:
    from .vendors.datera import client

    return client.connect


def _dsware() -> Callable[[Connection], Array]:
    from .vendors.dsware import client

    return client.connect


def _flashsystem() -> Callable[[Connection], Array]:
    from .vendors.flashsystem import client

    return client.connect


def _violin() -> Callable[[Connection], Array]:
    from .vendors.violin import client

    return client.connect


def _xtremio() -> Callable[[Connection], Array]:
    from .vendors.xtremio import client

    return client.connect


VENDORS: Dict[str, Vendor] = {
    "datera": Vendor(
        "Datera EDF",
        ("tenant", "create_tenant", "ldap_server", "api_version", "scheme", "offline_changes"),
        _datera,
    ),
    "dsware": Vendor(
        "Huawei Dsware",
        ("transport", "storage_pools", "agents", "attach_tool", "device_root", "wire_extensions"),
        _dsware,
    ),
    "flashsystem": Vendor("IBM FlashSystem 840 / 900", ("ssh_agent", "device_root", "copy_checksum"), _flashsystem),
    "violin": Vendor(
        "Violin 7300 / 7700",
        (
            "target_ports",
            "pool_selection",
            "dedup_only_pools",
            "dedup_capable_pools",
            "remove_empty_hosts",
            "allow_untested_version",
            "device_root",
        ),
        _violin,
    ),
    "xtremio": Vendor("Dell EMC XtremIO", ("cluster", "array_version", "target_ports", "device_root"), _xtremio),
}


def connect(connection: Connection) -> Array:
    """A connected array; use it as a context manager."""
    vendor = VENDORS.get(connection.vendor)
    if vendor is None:
        raise Invalid(
            "there is no vendor %r" % connection.vendor, hint="Set vendor to one of: %s." % ", ".join(sorted(VENDORS))
        )
    foreign = sorted(key for key, value in connection.options.items() if value and key not in vendor.options)
    if foreign:
        raise Invalid("%s has no connection option %s" % (vendor.words, " or ".join(foreign)))
    return vendor.load()(connection)
