# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes, port addresses, network addresses, names and URLs, each in one canonical form.

Strings such as ``10GiB`` exist only here and at the edge; inside, a size is an int of bytes.
"""

from __future__ import annotations

import ipaddress
import re
import time
from typing import Optional, Tuple, Union
from urllib.parse import unquote, unquote_plus

from .errors import Invalid

KIB = 1024
MIB = KIB**2
GIB = KIB**3
TIB = KIB**4
PIB = KIB**5

_FACTORS = {"": 1, "k": KIB, "m": MIB, "g": GIB, "t": TIB, "p": PIB}
_WHOLE = re.compile(r"[0-9]{1,18}\Z")
_SIZE = re.compile(r"^\s*([0-9]{1,30}(?:\.[0-9]{1,30})?)\s*(?:([kmgtp])(?:i?b)?|b)?\s*$", re.IGNORECASE)


def whole_number(value: object) -> Optional[int]:
    """The number that a text of decimal digits is; None for anything else, and for more digits than anybody counts in.

    Not so ``str.isdigit``, which is true of digits that ``int`` does not take, and of as many as take ``int`` forever.
    """
    text = str(value)
    return int(text) if _WHOLE.match(text) else None


def parse_size(text: Union[str, int]) -> int:
    """The size in bytes of ``10GiB``, ``10GB``, ``10G`` (all the same) or a bare number of bytes.

    :raises Invalid: for anything else. The result is never 0.
    """
    if isinstance(text, bool) or not isinstance(text, (str, int)):
        raise Invalid("%r is not a size" % (text,), hint="Write a number and a unit, such as 10GiB.")
    match = _SIZE.match(str(text))
    if match is None:
        raise Invalid(
            "%r is not a size" % (text,),
            hint="Write a number and one of the units KiB, MiB, GiB, TiB, PiB (powers of 1024), such as 10GiB.",
        )
    number, unit = match.group(1), (match.group(2) or "").lower()
    if "." in number:
        whole, fraction = number.split(".")
        scale = int(10 ** len(fraction))
        numerator = (int(whole) * scale + int(fraction)) * _FACTORS[unit]
        if numerator % scale:
            raise Invalid("%r is not a whole number of bytes" % (text,), hint="Use a smaller unit.")
        size = numerator // scale
    else:
        size = int(number) * _FACTORS[unit]
    if size == 0:
        raise Invalid("a size of 0 is not possible")
    if unit == "" and size < MIB:
        raise Invalid(
            "%r is a bare number, which means bytes, and less than 1 MiB" % (text,),
            hint="If you meant gibibytes, write %sGiB." % number,
        )
    return size


def format_size(size: int) -> str:
    """The largest unit in which the size is a whole number: 10737418240 -> 10GiB, 1610612736 -> 1536MiB."""
    for suffix, factor in (("PiB", PIB), ("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if size and size % factor == 0:
            return "%d%s" % (size // factor, suffix)
    return "%dB" % size


def round_up(size: int, granularity: int) -> int:
    """The next multiple of the granularity, both in bytes."""
    return -(-size // granularity) * granularity


_WWN = re.compile(r"^[0-9a-f]{16}$")
_IQN = re.compile(r"^iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[a-z0-9][a-z0-9.-]*(:.+)?$")
_EUI = re.compile(r"^eui\.[0-9a-f]{16}$")
_IQN_LONGEST = 223  # RFC 3720 section 3.2.6.1


def parse_initiator(address: str) -> Tuple[str, str]:
    """(``fc`` or ``iscsi``, canonical address): a WWN as 16 lower-case hex digits, an IQN or EUI in lower case."""
    text = address.strip().lower()
    bare = re.sub(r"[:.-]", "", text[2:] if text.startswith("0x") else text)
    if _WWN.match(bare) and not text.startswith(("iqn.", "eui.")):
        if bare == "0" * 16:
            raise Invalid("%r is not the port name of an initiator" % address)
        return "fc", bare
    if (_IQN.match(text) and len(text) <= _IQN_LONGEST and not re.search(r"\s", text)) or _EUI.match(text):
        return "iscsi", text
    raise Invalid("%r is neither a Fibre Channel WWN nor an iSCSI name" % address, hint=_initiator_hint(text, bare))


_NUMBER = re.compile(r"^[-+]?[0-9.]+(e[-+]?[0-9]+)?$")
_PAIR = re.compile(r"^[0-9a-f]{32}$")


def _initiator_hint(text: str, bare: str) -> str:
    if _PAIR.match(bare):
        return (
            "It is two WWNs, as a node name with a port name. Write each port name as a separate entry: the last one "
            "is %s." % format_initiator(bare[16:])
        )
    if _NUMBER.match(text):
        hint = 'YAML reads a WWN without quotes as a number. Write it in quotes, such as "10:00:00:00:10:00:00:07"'
        pairs = _base_60(int(text)) if _WHOLE.match(text) else None
        return hint + ("; this one may have been %s." % pairs if pairs else ".")
    return "A WWN has 16 hex digits (10:00:00:00:c9:00:00:07); an iSCSI name is like iqn.2026-01.org.example:host1."


def _base_60(number: int) -> Optional[str]:
    """The eight pairs of digits that YAML 1.1 has read as this number to the base 60, or None."""
    if not 60**7 <= number < 60**8 * 2:
        return None
    pairs = []
    for _pair in range(7):
        number, pair = divmod(number, 60)
        pairs.append("%02d" % pair)
    return ":".join(["%02d" % number] + pairs[::-1]) if number < 100 else None


_NAA = re.compile(r"^naa\.[0-9a-f]{16}(?:[0-9a-f]{16})?$")


def parse_target(name: str) -> str:
    """The canonical name of an iSCSI target: an IQN, EUI or NAA name in lower case.

    :raises Invalid: it is none of these. An array may give its targets NAA names (RFC 3980), which hosts do not have.
    """
    text = name.strip().lower()
    if _NAA.match(text):
        return text
    protocol, address = parse_initiator(text)
    if protocol != "iscsi":
        raise Invalid("%r is not the name of an iSCSI target" % name)
    return address


def format_initiator(address: str) -> str:
    """The address for messages: a WWN with colons, anything else unchanged."""
    if _WWN.match(address):
        return ":".join(address[i : i + 2] for i in range(0, 16, 2))
    return address


_HOST_AND_PORT = re.compile(r"^(?P<host>\[[^\[\]]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,9}))?$")
_NOT_IN_ADDRESS = re.compile(r"[\s/\\@?#,<>\"'`]")
_ZONE = re.compile(r"^[A-Za-z0-9._-]+$")


def parse_endpoint(text: str, port: int, what: str = "address") -> Tuple[str, int]:
    """(host, port) of ``host``, ``host:port``, an IPv6 address, ``[IPv6]`` or ``[IPv6]:port``.

    The host is a name or an IP address without brackets; an IPv6 address is in its shortest form.

    :param port: the port where the text has none.
    :param what: the option that the text comes from, for the message.
    :raises Invalid: for anything else. The message repeats the text only where it cannot contain a password.
    """
    address = text.strip()
    if "@" in address:
        raise Invalid(
            "%s has a user name or password in it" % what,
            hint="Set %s to a host name or an IP address, and set username and password." % what,
        )
    if "://" in address:
        raise Invalid(
            "%s is a URL" % what,
            hint="Set %s to the host name or the IP address alone." % what,
        )
    host, number = _split_endpoint(address, port)
    if not host or not 0 < number < 65536:
        shown = re.split(r"[?#]", address)[0]
        raise Invalid(
            "%s %r is not a host name or an IP address, with or without a port" % (what, shown),
            hint="Write it as array.example.org, 192.0.2.7:443, 2001:db8::7 or [2001:db8::7]:443.",
        )
    return host, number


def _split_endpoint(address: str, port: int) -> Tuple[Optional[str], int]:
    """(host, port); the host is None when the text is not an address."""
    if _NOT_IN_ADDRESS.search(address):
        return None, port
    if address.count(":") > 1 and not address.startswith("["):
        return _ipv6(address), port
    match = _HOST_AND_PORT.match(address)
    if match is None:
        return None, port
    host = match.group("host")
    found = _ipv6(host[1:-1]) if address.startswith("[") else host if _may_be_name(host) else None
    return found, int(match.group("port") or port)


def _may_be_name(host: str) -> bool:
    """Whether the resolver takes it as a name: without control characters, and with parts of 1 to 63 characters."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return "%" not in host and host.isprintable()


def _ipv6(text: str) -> Optional[str]:
    """The address in its shortest form, with the zone of a link-local one."""
    address, percent, zone = text.partition("%")
    if percent and not _ZONE.match(zone):
        return None
    try:
        return str(ipaddress.IPv6Address(address)) + percent + zone
    except ValueError:
        return None


def format_endpoint(host: str, port: int) -> str:
    """``host:port``, with an IPv6 address in brackets; what ``parse_endpoint`` reads as the same host and port."""
    return "%s:%d" % ("[%s]" % host if ":" in host else host, port)


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_VOLUME = r"(?:volume-)?%s" % _UUID
_OPENSTACK = re.compile(
    "|".join(
        (
            # Cinder's own templates; XtremIO and Violin have the bare id, Violin's snapshots its 32 digits
            r"(?:(?:volume|snapshot|cgsnapshot|group_snapshot)-)?%s" % _UUID,
            r"[0-9a-f]{32}",
            # Datera: volumes of Cinder, with what is left of their title (nothing of one in Cyrillic) or without, and
            # images of Glance (OS-IMAGE-<uuid>)
            r"OS-(?:[A-Za-z0-9._-]*-)?%s" % _UUID,
            r"UNMANAGED-%s" % _UUID,
            # The registration of a driver among the clients of Violin
            r"Managed by OpenStack .*",
            # Temporary names of drivers: of openflash_openstack, of Cinder's for FusionStorage and for XtremIO, where
            # the members of a group snapshot keep the time that the array puts behind their names
            r"%s-source" % _VOLUME,
            r"revert-%s" % _UUID,
            r"temp%sclone%s" % (_VOLUME, _VOLUME),
            r"%s\.(?:%s|[0-9]{10,13}|of-[0-9a-f]{16})" % (_UUID, _UUID),
        )
    )
)


def is_openstack_name(name: str) -> bool:
    """Whether OpenStack gave the object this name, so that only OpenStack should change it.

    Only the exact forms that its drivers use count, including their case. A name that only begins like one of them
    (``OS-images``, ``unmanaged-lab``) belongs to the operator.
    """
    return _OPENSTACK.fullmatch(name) is not None


REDACTED = "***"
_SCHEME = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//|\s*[A-Za-z][A-Za-z0-9+.-]*://")
_IPV6 = re.compile(r"\A\[[^\]@]*\]")
_AUTHORITY = re.compile(r"(?:\[[^\]@]*\]|[^:\[\]@]*)(?::[0-9]*)?\Z")


def _url_parts(url: str) -> Tuple[str, str, str, str]:
    """(scheme with its slashes, user and password, host to end of path, query); a missing part is empty.

    Accepts malformed URLs: without a scheme, and with ``@``, ``/``, ``?`` or ``#`` in the password. Text that may be
    password or path counts as password; where the end of the password cannot be found, all text does.
    """
    found = _SCHEME.match(url)
    scheme = found.group() if found else ""
    rest = url[len(scheme) :]
    head = re.split(r"[?#]", rest, maxsplit=1)[0]
    query = rest[len(head) :].split("#", 1)[0][1:]
    authority = head.split("/", 1)[0]
    proper = _AUTHORITY.match(authority) is not None
    if "@" in rest[len(head) :] and not proper:
        return scheme, rest, "", ""
    at = head.rfind("@")
    if at >= 0 and (not proper or ":" in _IPV6.sub("", head[:at])):
        return scheme, head[:at], head[at + 1 :], query
    return scheme, "", head, query


def redact_url(url: str) -> str:
    """The URL as it may be shown: without user, password, the values of its query, and its fragment.

    ``https://bob:pw@images.example/x.raw?sig=1`` gives ``https://***@images.example/x.raw?***``. A URL in which the end
    of the password cannot be found gives ``https://***@``. Never raises.
    """
    scheme, userinfo, path, query = _url_parts(url)
    return "%s%s%s%s" % (scheme, REDACTED + "@" if userinfo else "", path, "?" + REDACTED if query else "")


def url_secrets(url: str) -> Tuple[str, ...]:
    """What ``redact_url`` removes, as written and decoded, the longest first, to be masked in texts of other programs.

    A caller must mask a short one as a separate word only, as the journal does.
    """
    _scheme, userinfo, _path, query = _url_parts(url)
    user, colon, password = userinfo.partition(":")
    found = {userinfo, user, password, query} if colon else {userinfo, query}
    found |= {pair.partition("=")[2] for pair in re.split("[&;]", query)}
    found |= {decode(text) for text in set(found) for decode in (unquote, unquote_plus)}
    return tuple(sorted(filter(None, found), key=lambda text: (-len(text), text)))


TIME_LETTERS = "YmdHMSjGVu"
"""Parts of a time: year, month, day, hour, minute, second, day of the year; ISO year, week and weekday."""

_TIME = re.compile("%%([%s])" % TIME_LETTERS)


def with_time(text: str, moment: float) -> str:
    """The text with the parts of a time in UTC for ``%Y``, ``%m`` and so on; any other ``%`` stays.

    :param moment: seconds since the epoch.
    """
    parts = time.gmtime(moment)
    return _TIME.sub(lambda found: time.strftime(found.group(), parts), text)
