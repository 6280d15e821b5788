# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused although the array might do it, and what can never be right.

Every refusal says which option permits it. The rules look only at state that was read already.
"""

from __future__ import annotations

import re
from typing import Any, List, Optional

from ..errors import Invalid, Refused, Unsupported
from ..model import Capabilities, Mapping, NameRule
from ..units import format_size, is_openstack_name, round_up
from .policy import Policy
from .world import World


def check_name(kind: str, name: str, rule: Optional[NameRule]) -> None:
    """Invalid unless the array takes this name for a new object of this kind."""
    if rule is None or (len(name) <= rule.longest and re.match(r"(?:%s)\Z" % rule.pattern, name)):
        return
    raise Invalid(
        "%r is not a name that this array takes for a %s" % (name, kind), target=name, hint="Names have %s." % rule.words
    )


def check_size(size: int, capabilities: Capabilities) -> int:
    """The size that the array will make of it; Invalid when it can make none."""
    rounded = round_up(size, capabilities.granularity)
    if rounded < capabilities.smallest or rounded > capabilities.largest:
        raise Invalid(
            "a size of %s is impossible: this array makes volumes from %s to %s"
            % (format_size(size), format_size(capabilities.smallest), format_size(capabilities.largest))
        )
    return rounded


def check_can(capabilities: Capabilities, operation: str, obj: Any = None, **details: Any) -> None:
    """Unsupported, in the words of the capabilities, unless the array can do it."""
    refusal = capabilities.refusal(operation, obj, **details)
    if refusal is not None:
        raise Unsupported(refusal, target=getattr(obj, "name", None))


def check_owner(name: str, action: str, policy: Policy) -> None:
    """Refused when OpenStack owns the object, unless the task says that it may be changed."""
    if is_openstack_name(name) and not policy.openstack_owned:
        raise Refused(
            "%s belongs to OpenStack, by its name" % name,
            target=name,
            hint="Let OpenStack %s it, or set openstack_owned: true when OpenStack has forgotten it." % action,
        )


def check_unmap(mapping: Mapping, policy: Policy) -> None:
    """Refused when the array reports that the host has this very volume open."""
    if mapping.open and not policy.force:
        raise Refused(
            "host %s has an open session on volume %s" % (mapping.host, mapping.volume),
            target=mapping.volume,
            hint="Detach it on the host first, or set force: true.",
        )


def check_unmapped(world: World, name: str, action: str, policy: Policy) -> List[Mapping]:
    """The mappings to take away before the action; Refused when there are some and the task does not permit it."""
    maps = world.maps_of_volume(name)
    if maps is None:
        if policy.assume_unmapped:
            return []
        raise Refused(
            "this array cannot be asked whether %s is mapped" % name,
            target=name,
            hint="When you know that no host uses it, set assume_unmapped: true.",
        )
    if maps and not policy.unmap:
        raise Refused(
            "it is mapped to %s" % ", ".join(sorted("host %s" % mapping.host for mapping in maps)),
            target=name,
            hint="Unmap it first, or set unmap: true to have it unmapped and then %s." % action,
        )
    for mapping in maps:
        check_owner(mapping.host, "unmap", policy)
        check_unmap(mapping, policy)
    return maps
