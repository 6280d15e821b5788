# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parses the option ``proxy``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import quote, unquote

from ..errors import Invalid
from ..units import format_endpoint, parse_endpoint

PORTS = {"http": 80, "https": 443}
_EXAMPLE = "Set it to a URL such as http://proxy.example.org:3128."


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy."""

    url: str = field(repr=False)
    """With the user name and password, percent-encoded."""
    shown: str
    """Host and port, for messages."""
    password: Optional[str] = field(default=None, repr=False)


def parse_proxy(text: str) -> Proxy:
    """The proxy of ``http://user:password@host:port``. Scheme, user name, password and port may be left out.

    The host begins after the last ``@``, since a password may contain ``@`` without encoding.

    :raises Invalid: for anything else, including SOCKS proxies. The message contains nothing that may be a password.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        scheme, rest = "http", text.strip()
    if scheme.lower().startswith("socks"):
        raise Invalid(
            "proxy is a SOCKS proxy, and only HTTP proxies are supported",
            hint="%s Through an SSH host, forward a port and set address and port to it." % _EXAMPLE,
        )
    if scheme.lower() not in PORTS:
        raise Invalid("proxy is not a URL that begins with http:// or https://", hint=_EXAMPLE)
    userinfo, at, place = rest.rpartition("@")
    if re.search(r"[/?#\\\s]", userinfo):
        raise Invalid(
            "the user name or password in proxy has a character that is not allowed there in a URL (/ ? # \\ or space)",
            hint="Encode it: %2F for /, %3F for ?, %23 for #, %5C for \\, %20 for a space, and %25 for %.",
        )
    place = place[:-1] if place.endswith("/") else place
    if re.search(r"[/?#]", place):
        raise Invalid("proxy has a path after its host and port", hint="Leave the path out. " + _EXAMPLE)
    host, port = parse_endpoint(place, PORTS[scheme.lower()], "the host of proxy")
    user, _colon, password = (unquote(part) for part in userinfo.partition(":"))
    shown = format_endpoint(host, port)
    # requests sends a user name only when there is a password, even an empty one.
    credentials = "%s:%s@" % (quote(user, safe=""), quote(password, safe="")) if at else ""
    return Proxy("%s://%s%s" % (scheme.lower(), credentials, shown), shown, password or None)
