# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares what an array already has with what is requested: an equal object is accepted, another one is refused."""

from __future__ import annotations

from typing import Collection, Iterable, Optional, Sequence

from .errors import Conflict, FlashError, InUse, Invalid, NotFound, Refused
from .model import Host, Initiator, Mapping, Volume
from .units import format_initiator, format_size, round_up


def unlike(what: str, name: str, differs: str) -> Conflict:
    """The error for an existing object that has the requested name and differs.

    :param differs: how, such as "it has 2 GiB instead of 1 GiB".
    """
    return Conflict("%s %s is there already, and %s" % (what, name, differs), target=name, hint="Choose another name.")


def new_size(size: Optional[int], granularity: int) -> int:
    """The size in bytes that a new volume gets.

    :raises Invalid: no size is given.
    """
    if size is None:
        raise Invalid("a new volume needs a size", hint="Set size.")
    return round_up(size, granularity)


def copy_size(size: Optional[int], source: int, granularity: int) -> int:
    """The bytes that a copy is made with: those of its source where no size is given.

    :param source: the bytes of the source.
    :raises Invalid: it would be smaller than its source.
    """
    if size is None:
        return source
    rounded = round_up(size, granularity)
    if rounded < source:
        raise Invalid(
            "%s is smaller than its source, which has %s" % (format_size(rounded), format_size(source)),
            hint="Leave size out, or make it at least that.",
        )
    return rounded


def check_size(name: str, present: int, size: int) -> None:
    """A volume that was to be made, and is there already.

    :raises Conflict: it has another size.
    """
    if present != size:
        raise unlike("volume", name, "it has %s instead of %s" % (format_size(present), format_size(size)))


def check_size_and_pool(existing: Volume, size: int, pools: Collection[Optional[str]]) -> Volume:
    """The existing volume that has the name of a volume to be made. It may be in a pool that the array does not report.

    :param pools: names of the requested pool, or its name and id; None where no pool is requested.
    :raises Conflict: it has another size, or is in another pool.
    """
    differs = []
    if existing.size != size:
        differs.append("has %s instead of %s" % (format_size(existing.size), format_size(size)))
    requested = [pool for pool in pools if pool is not None]
    if requested and existing.pool is not None and existing.pool not in requested:
        differs.append("is in pool %s instead of %s" % (existing.pool, requested[0]))
    if differs:
        raise unlike("volume", existing.name, "it " + " and ".join(differs))
    return existing


def name_taken(kind: str = "volume") -> Conflict:
    """The error for an object whose name another one has by now."""
    return Conflict("another %s has taken its name since it was read" % kind, hint="Read it again.")


def mapped_to(hosts: Iterable[str]) -> InUse:
    """The error for an object that would be deleted, and that hosts have.

    :param hosts: their names; none when it is only known that there are some.
    """
    return InUse("it is mapped to %s" % (", ".join(sorted(set(hosts))) or "a host"), hint="Unmap it first.")


def has_mappings(volumes: Iterable[str], error: Optional[FlashError] = None) -> InUse:
    """The error for a host that would be deleted, and that has volumes.

    :param error: the array's refusal, where it refused.
    """
    return InUse(
        "volumes are mapped to it: %s" % ", ".join(sorted(volumes)),
        code=error.code if error is not None else None,
        hint="Unmap them first.",
    )


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


def same_mapping(existing: Optional[Mapping], lun: Optional[int]) -> Mapping:
    """The existing mapping of the volume and the host. Where no LUN is requested it may have any.

    :raises Conflict: it has another LUN.
    :raises NotFound: it was there, and is not any more.
    """
    if existing is None:
        raise NotFound("the mapping existed, and was removed meanwhile")
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


def whose_initiator(
    initiators: Sequence[Initiator], host: str, owners: Iterable[Host], error: FlashError
) -> FlashError:
    """A refusal that may mean that another host has an initiator, with that host; as it was, when none has.

    :param host: the name of the host that was to get the initiators.
    :param owners: every host that has any of them.
    """
    addresses = {one.address for one in initiators}
    for owner in owners:
        for address in owner.addresses:
            if owner.name != host and address in addresses:
                return Conflict(
                    "initiator %s belongs to host %s" % (format_initiator(address), owner.name),
                    code=error.code,
                    hint="Remove it there first, or use that host.",
                )
    return error
