# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares what an array already has with what is requested: an equal object is accepted, another one is refused."""

from __future__ import annotations

from typing import Iterable, Optional, Sequence

from .errors import Conflict, FlashError, Invalid, Refused
from .model import Host, Initiator, Mapping
from .units import format_initiator, format_size, round_up


def unlike(what: str, name: str, differs: str) -> Conflict:
    """The error for an existing object that has the requested name and differs.

    :param differs: how, such as "it has 2 GiB instead of 1 GiB".
    """
    return Conflict("%s %s is there already, and %s" % (what, name, differs), target=name)


def new_size(size: Optional[int], granularity: int) -> int:
    """The size in bytes that a new volume gets.

    :raises Invalid: no size is given.
    """
    if size is None:
        raise Invalid("a new volume needs a size", hint="Set size.")
    return round_up(size, granularity)


def grown_size(present_size: int, size: int, granularity: int) -> int:
    """The size in bytes that a volume is extended to.

    :raises Refused: it would shrink.
    """
    new = round_up(size, granularity)
    if new < present_size:
        raise Refused("it has %s already, and a volume never shrinks" % format_size(present_size))
    return new


def same_host(existing: Host, initiators: Sequence[Initiator]) -> Host:
    """The existing host that has the name of a host to be made.

    :raises Conflict: it has other initiators.
    """
    if set(existing.addresses) == {initiator.address for initiator in initiators}:
        return existing
    # A host may have several entries with one address.
    addresses = sorted({format_initiator(address) for address in existing.addresses})
    raise Conflict(
        "host %s is there already, with the initiators %s" % (existing.name, ", ".join(addresses) or "none"),
        target=existing.name,
    )


def same_mapping(existing: Mapping, lun: Optional[int]) -> Mapping:
    """The existing mapping of the volume and the host. Where no LUN is requested it may have any.

    :raises Conflict: it has another LUN.
    """
    if lun is None or existing.lun == lun:
        return existing
    raise Conflict(
        "it is mapped there already, at LUN %s instead of %d" % (existing.lun, lun),
        hint="Leave lun out to accept that, or unmap it first.",
    )


def who_has(lun: int, mappings: Iterable[Mapping], error: FlashError) -> FlashError:
    """The error for a refusal that may mean that the LUN is taken: it names the volume that has the LUN.

    :param mappings: of the host.
    :param error: the refusal, which is returned unchanged when no volume has the LUN.
    """
    for mapping in mappings:
        if mapping.lun == lun:
            return Conflict(
                "LUN %d of host %s is taken by volume %s" % (lun, mapping.host, mapping.volume),
                code=error.code,
                hint="Choose another LUN, or leave lun out to take a free one.",
            )
    return error
