# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the drivers: those of the drivers of Cinder that they replace, by the same names, and a few more.

Importing this registers nothing, since a driver of Cinder itself may have an option of the same name. Each driver
registers its own options in its section.
"""

from __future__ import annotations

from typing import Any

from cinder.volume.drivers.san import san
from oslo_config import cfg

from openflash.connect import VENDORS
from openflash.vendor import CinderOption

COMMON = [
    cfg.IntOpt(
        "openflash_timeout", default=30, min=1, help="Seconds that the array may take to answer a single request."
    ),
    cfg.IntOpt(
        "openflash_wait_timeout",
        default=600,
        min=1,
        help="Seconds that work of the array, such as a copy, may take, and to retry while the array is busy. An "
        "option of the array's driver for the same purpose applies where it is longer.",
    ),
    cfg.IntOpt(
        "openflash_sessions",
        default=4,
        min=1,
        help="The most operations of a backend that ask its array at once, each on a session of its own. Further ones "
        "wait in a queue. An operation that waits for the array, as for a copy, does not count meanwhile.",
    ),
    cfg.StrOpt(
        "openflash_tls_server_name",
        help="The name in the certificate of the array, where that is not san_ip.",
    ),
]

_TYPES: dict[str, Any] = {
    "str": cfg.StrOpt,
    "int": cfg.IntOpt,
    "bool": cfg.BoolOpt,
    "list": cfg.ListOpt,
    "dict": cfg.DictOpt,
}
_EMPTY: dict[str, Any] = {"list": [], "dict": {}}


def _option(described: CinderOption) -> Any:
    choices = {"choices": list(described.choices)} if described.choices else {}
    default = _EMPTY.get(described.type, described.default)
    return _TYPES[described.type](described.name, default=default, help=described.help, **choices)


OF_VENDOR = {name: [_option(described) for described in vendor.cinder.options] for name, vendor in VENDORS.items()}
"""The options that only the drivers of one array have, as its description lists them."""

# The options that Cinder has for every SAN and that these drivers read.
SAN = [
    option
    for option in san.san_opts
    if option.name
    in ("san_ip", "san_login", "san_password", "san_private_key", "san_ssh_port", "san_api_port", "san_thin_provision")
]


def list_opts() -> list[tuple[str, list[Any]]]:
    """For oslo-config-generator and validators: every option that the section of a backend may have."""
    return [("backend_defaults", COMMON + sum(OF_VENDOR.values(), []))]
