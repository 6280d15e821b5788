# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an array has already, against what was asked for: the same is taken as it is, anything else is refused."""

from __future__ import annotations

from typing import Iterable, Optional, Sequence

from .errors import Conflict, FlashError, Invalid, Refused
from .model import Host, Initiator, Mapping
from .units import format_initiator, format_size, round_up


def unlike(what: str, name: str, differs: str) -> Conflict:
    """The error for an object that has the name, and is another one.

    :param differs: "it has 2 GiB instead of 1 GiB".
    """
    return Conflict("%s %s is there already, and %s" % (what, name, differs), target=name)


def new_size(size: Optional[int], granularity: int) -> int:
    """The bytes that a volume is made with.

    :raises Invalid: no size is given.
    """
    if size is None:
        raise Invalid("a new volume needs a size", hint="Set size.")
    return round_up(size, granularity)


def grown_size(now: int, size: int, granularity: int) -> int:
    """The bytes that a volume of ``now`` bytes is extended to.

    :raises Refused: it would shrink.
    """
    wanted = round_up(size, granularity)
    if wanted < now:
        raise Refused("it has %s already, and a volume never shrinks" % format_size(now))
    return wanted


def same_host(there: Host, initiators: Sequence[Initiator]) -> Host:
    """A host that was to be made.

    :raises Conflict: it has other initiators.
    """
    if set(there.addresses) == {one.address for one in initiators}:
        return there
    # A host may have an address by several entries.
    known = sorted({format_initiator(one) for one in there.addresses})
    raise Conflict(
        "host %s is there already, with the initiators %s" % (there.name, ", ".join(known) or "none"), target=there.name
    )


def same_mapping(there: Mapping, lun: Optional[int]) -> Mapping:
    """A mapping that was to be made; any LUN will do where none was asked for.

    :raises Conflict: it has another LUN.
    """
    if lun is None or there.lun == lun:
        return there
    raise Conflict(
        "it is mapped there already, at LUN %s instead of %d" % (there.lun, lun),
        hint="Leave lun out to accept that, or unmap it first.",
    )


def who_has(lun: int, mappings: Iterable[Mapping], error: FlashError) -> FlashError:
    """A refusal that may mean that a LUN is taken, with the volume that has it; as it was, when none has.

    :param mappings: of the host.
    """
    for one in mappings:
        if one.lun == lun:
            return Conflict(
                "LUN %d of host %s is taken by volume %s" % (lun, one.host, one.volume),
                code=error.code,
                hint="Choose another LUN, or leave lun out to take a free one.",
            )
    return error
