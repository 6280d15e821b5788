# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a disk answers to an INQUIRY of a host. References are to SPC-4."""

from __future__ import annotations

from dataclasses import dataclass

INQUIRY, DEVICE_IDENTIFICATION = 0x12, 0x83


@dataclass(frozen=True)
class Identity:
    """One logical unit, the same through every port, and as long as the volume lives.

    :ivar vendor, product: of at most 8 and 16 characters.
    :ivar wwn: the NAA designator, 16 or 32 lower-case hex digits.
    """

    vendor: str
    product: str
    wwn: str

    def page_83(self) -> bytes:
        return page_83(self.wwn)


def page_83(wwn: str) -> bytes:
    """Device identification with one NAA descriptor of the logical unit (7.8.6)."""
    naa = bytes.fromhex(wwn)
    descriptor = bytes([0x01, 0x03, 0x00, len(naa)]) + naa
    return bytes([0x00, DEVICE_IDENTIFICATION]) + len(descriptor).to_bytes(2, "big") + descriptor


def asks_for_identity(cdb: bytes | bytearray) -> bool:
    """Whether this command requests page 83h (6.6)."""
    return cdb[0] == INQUIRY and bool(cdb[1] & 0x01) and cdb[2] == DEVICE_IDENTIFICATION


def naa_of(prefix: str, number: str, digits: int) -> str:
    """An NAA of so many digits: the prefix, then as much of a unique hex number as there is room for."""
    return (prefix + number.replace("-", "").lower())[:digits]
