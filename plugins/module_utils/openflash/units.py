# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes, port addresses and names, each in one canonical form.

Strings such as ``10GiB`` exist only here and at the edge; inside, a size is an int of bytes.
"""

from __future__ import annotations

import re
from typing import Tuple, Union

from .errors import Invalid

KIB = 1024
MIB = KIB**2
GIB = KIB**3
TIB = KIB**4
PIB = KIB**5

_FACTORS = {"": 1, "k": KIB, "m": MIB, "g": GIB, "t": TIB, "p": PIB}
_SIZE = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgtp])(?:i?b)?|b)?\s*$", re.IGNORECASE)


def parse_size(text: Union[str, int]) -> int:
    """Bytes from ``10GiB``, ``10GB``, ``10G`` (all the same) or a bare number of bytes.

    Anything else is Invalid, never 0: a misread size is a volume of the wrong size.
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
    """The next multiple of the granularity, which every array can make."""
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
    raise Invalid(
        "%r is neither a Fibre Channel WWN nor an iSCSI name" % address,
        hint="A WWN has 16 hex digits (10:00:00:00:c9:00:00:07); an iSCSI name is like iqn.2026-01.org.example:host1.",
    )


def format_initiator(address: str) -> str:
    """As people read it: a WWN with colons, anything else as it is."""
    if _WWN.match(address):
        return ":".join(address[i : i + 2] for i in range(0, 16, 2))
    return address


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_OPENSTACK = re.compile(
    r"^(%(u)s|[0-9a-f]{32}|(volume|snapshot|cgsnapshot|group_snapshot)-%(u)s|OS-.*|UNMANAGED-.*|"
    r"Managed by OpenStack.*)$" % {"u": _UUID},
    re.IGNORECASE,
)


def is_openstack_name(name: str) -> bool:
    """Whether OpenStack gave the object this name, so that only OpenStack should change it."""
    return _OPENSTACK.match(name) is not None
