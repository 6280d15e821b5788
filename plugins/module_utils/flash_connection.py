# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection that a task describes, and its options without secrets, for output."""

from __future__ import annotations

import math
import os
import re
from typing import Any, Callable, Dict, Iterable, List, Optional, Set

from .flash_options import CONNECTION, VENDOR_OPTIONS, Params
from .openflash.connect import VENDORS
from .openflash.errors import Invalid
from .openflash.model import Connection
from .openflash.transport import environment
from .openflash.transport.journal import SHORTEST
from .openflash.transport.proxy import parse_proxy
from .openflash.units import parse_endpoint, redact_url, url_secrets

Hide = Callable[[Iterable[str]], None]
"""Makes Ansible mask these texts in all output."""

_SECRETS_FROM_ENV = ("password", "private_key_passphrase")

_SELECTING = sorted({name for vendor in VENDORS.values() for name, option in vendor.options.items() if option.selects})
"""Lists that select some of what the array has. Left out they select everything, which an empty list must not mean."""


def connection_of(params: Params, hide: Hide) -> Connection:
    """The connection that the task describes.

    :param hide: called with the secrets that come from the environment.
    :raises Invalid: an option has an impossible value, or is not one of the vendor of the task.
    """
    vendor = params["vendor"]
    for name in VENDOR_OPTIONS:
        if params.get(name) is not None and name not in VENDORS[vendor].options:
            users = [key for key in sorted(VENDORS) if name in VENDORS[key].options]
            raise Invalid(
                "the option %s is not one of vendor %s" % (name, vendor),
                hint="It is used with %s." % (", ".join("vendor: " + user for user in users) or "no vendor"),
            )
    for name in _SELECTING:
        if params[name] is not None and not [text for text in params[name] if text.strip()]:
            raise Invalid("the option %s is empty, and would choose nothing" % name, hint="Leave it out to choose all.")
    for name in ("timeout", "wait_timeout", "max_concurrency"):
        check_positive(name, params[name])
    address = tuple(text.strip() for text in params["address"] if text.strip())
    if not address:
        raise Invalid("address is empty", hint="Set it to the host name or the IP address of the array.")
    joined = ",".join(address)
    # A comma in a password has split the option into texts of which only the last one has the "@".
    for text in [joined] if "@" in joined else address:
        parse_endpoint(text, 443)
    if params["port"] is not None and not 0 < params["port"] < 65536:
        raise Invalid("port %d is impossible" % params["port"], hint="A port is a number from 1 to 65535.")
    if params["proxy"]:
        parse_proxy(params["proxy"])
    given: Dict[str, Any] = {name: params[name] for name in CONNECTION if name not in VENDOR_OPTIONS}
    given.update(address=address, withheld=_withheld(params, "password"))
    given.update({name: _secret(params, name, hide) for name in _SECRETS_FROM_ENV})
    options = {name: params[name] for name in VENDOR_OPTIONS if params.get(name) is not None}
    return Connection(options=options, **given)


_LONGEST = 2000000
"""Seconds. The timers of operating systems accept little more."""


def check_positive(option: str, value: float) -> None:
    """:raises Invalid: a number of seconds, or of objects, is not more than 0, or too large for a timer."""
    if not (math.isfinite(value) and 0 < value <= _LONGEST):
        raise Invalid("%s must be more than 0 and at most %d" % (option, _LONGEST))


def _secret(params: Params, name: str, hide: Hide) -> Optional[str]:
    """The secret of the task, or that of the environment if the environment names this very array."""
    given = params[name]
    value = os.environ.get(environment.OPTIONS + name.upper())
    if given or not value:
        return str(given) if given else None
    if _withheld(params, name):
        return None
    hide([value])
    return value


def _withheld(params: Params, name: str) -> Optional[str]:
    """A sentence that says why the secret of the environment is not used; None when it is used, or there is none."""
    if params[name] or not os.environ.get(environment.OPTIONS + name.upper()):
        return None
    for option, is_set in (("vendor", [params["vendor"]]), ("address", list(params["address"]))):
        meant = os.environ.get(environment.OPTIONS + option.upper())
        if meant and [text.strip() for text in meant.split(",")] != is_set:
            why = "%s is %s and not the %s of this task" % (
                environment.OPTIONS + option.upper(),
                redact_url(meant),
                option,
            )
            return "%s is set, but it is not used, since %s." % (environment.OPTIONS + name.upper(), why)
    return None


# -- options without secrets -------------------------------------------------------------------------------------------

_URLS = ("path", "proxy", "address")
"""Options in which a task may give a URL with secrets, whether that is right or not."""


def shown(params: Params) -> Dict[str, Any]:
    """The options that may be URLs, without the secrets in them. The params need not have been checked."""
    given = {name: params.get(name) for name in _URLS}
    return {name: _redacted(name, value) for name, value in given.items() if value is not None}


def secrets_in_urls(params: Params) -> Set[str]:
    """The secrets in the URLs of the connection that are masked wherever they occur.

    A short one is not masked: it may occur in every word.
    """
    found: Set[str] = set()
    for name in ("proxy", "address"):
        for text in _strings(params.get(name)):
            # The user name is no secret by itself, and may well be a word such as admin.
            user = text.split("://")[-1].split(":")[0]
            found.update(secret for secret in url_secrets(text) if secret != user and len(secret) >= SHORTEST)
    return found


def _strings(value: Any) -> List[str]:
    """The texts of a value that need not have been checked, a list also as the text with commas that it was."""
    if isinstance(value, (list, tuple)):
        texts = [str(item) for item in value]
        return texts + [",".join(texts)]
    return [value] if isinstance(value, str) else []


def _redacted(option: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        # A password may have a comma in it, at which the option was split into a list.
        joined = ",".join(str(item) for item in value)
        return [redact_url(joined)] if "@" in joined else [redact_url(str(item)) for item in value]
    return redact_url(value) if isinstance(value, str) and _is_like_url(option, value) else value


def shown_address(params: Params) -> str:
    return ", ".join(_redacted("address", params["address"]))


def _is_like_url(option: str, text: str) -> bool:
    """Whether the text is a URL and not a path. A proxy and an address may have no scheme."""
    return option != "path" or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", text) is not None
