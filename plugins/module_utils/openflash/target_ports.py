# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection option target_ports: the ports of an array that hosts may use."""

from __future__ import annotations

import re
from typing import FrozenSet, Sequence, Tuple

from .errors import Invalid
from .model import Port
from .units import format_initiator, parse_endpoint


def selected(ports: Sequence[Port], target_ports: Sequence[str]) -> Tuple[Port, ...]:
    """The ports that the option names, by WWN, IQN or portal address; all ports when the option is empty.

    :raises Invalid: none of the ports is in the option.
    """
    keys = frozenset(port_key(text) for text in target_ports)
    if not keys:
        return tuple(ports)
    found = tuple(port for port in ports if keys & keys_of(port))
    if not found:
        known = ", ".join(sorted(port.portal or format_initiator(port.address) for port in ports))
        raise Invalid("none of the ports of the option target_ports is a port of the array", hint="It has %s." % known)
    return found


def keys_of(port: Port) -> FrozenSet[str]:
    """The names by which the option may refer to the port, each in the form of ``port_key``."""
    return frozenset(port_key(text) for text in (port.address, port.portal) if text)


def port_key(text: str) -> str:
    """One form for a WWN, an IQN, or an IP address with or without its port, in which two spellings are equal."""
    text = text.strip().lower()
    if text.startswith(("iqn.", "eui.")):
        return text
    bare = text[2:] if text.startswith("0x") else text
    # Before IPv6: eight pairs of hexadecimal digits with colons could also be an IPv6 address.
    if re.match(r"^([0-9a-f]{2}[:.-]?){7}[0-9a-f]{2}$", bare):
        return re.sub(r"[:.-]", "", bare)
    # XtremIO writes the prefix length of the network behind the address.
    return parse_endpoint(text.split("/")[0], 1, "target_ports")[0]
