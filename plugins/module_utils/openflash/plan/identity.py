# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes that a task chooses by the array's identifier or by their identity as a disk, instead of by their name.

Until the array was asked, such a volume is called by what the task knows of it: ``id 7``. Where the task gives a name
too, the volume must have it, so that nothing happens to another volume that has the name by now.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import Invalid
from ..model import Volume

Options = Mapping[str, Any]

VOLUME_OPTIONS = ("id", "serial")
"""Options of an entry that is a volume. One that has a volume among its options has them with ``volume_`` before."""


class Identity(NamedTuple):
    id: Optional[str] = None
    serial: Optional[str] = None
    """As ``canonical`` gives it."""
    name: Optional[str] = None
    """The name that the volume must have."""
    earlier_name: Optional[str] = None
    """One that it may have instead, because the task renames it."""

    @property
    def text(self) -> str:
        known = (("id", self.id), ("serial", self.serial))
        return " and ".join("%s %s" % (what, value) for what, value in known if value)

    def is_of(self, volume: Volume) -> bool:
        if self.id is not None and self.id != str(volume.id):
            return False
        return self.serial is None or (volume.serial is not None and canonical(volume.serial) == self.serial)


def canonical(serial: str) -> str:
    """The digits of an identity as a disk, in lower case.

    An array, multipath, sysfs and VMware write one in different ways: ``naa.6001...``, ``36001...``, ``0x5001...``, or
    with colons. The digit 3 that udev and multipath put in front of a NAA name is not part of it.
    """
    digits = re.sub(r"[\s:-]", "", serial.lower())
    digits = re.sub(r"^(?:naa\.|wwn0x|0x)", "", digits)
    return digits[1:] if re.match(r"^3[0-9a-f]{16}$|^3[0-9a-f]{32}$", digits) else digits


def with_names(items: Sequence[Options], option: str, prefix: str = "") -> Tuple[List[Options], Dict[str, Identity]]:
    """The entries with a name for each volume that is chosen by its identity, and these identities by their names.

    :param option: the option that has the name of the volume.
    :param prefix: of the options that have its identity.
    :raises Invalid: two entries choose one volume in different ways.
    """
    named: List[Options] = []
    found: Dict[str, Identity] = {}
    for item in items:
        number, serial = (item.get(prefix + one) for one in VOLUME_OPTIONS)
        if number is None and serial is None:
            named.append(item)
            continue
        digits = None if serial is None else canonical(str(serial))
        if digits is not None and not re.match(r"^[0-9a-z]+$", digits):
            raise Invalid("%sserial: %s is not the identity of a disk" % (prefix, serial))
        number = None if number is None else str(number)
        identity = Identity(number, digits, item.get(option), item.get("rename_from"))
        name = identity.name or identity.text
        if found.setdefault(name, identity) != identity:
            raise Invalid("%s is given with two identities: %s and %s" % (name, found[name].text, identity.text))
        named.append(dict(item, **{option: name}))
    return named, found
