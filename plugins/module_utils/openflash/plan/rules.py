# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused although the array might do it, and what can never be right.

Every refusal says which option permits it. The rules look only at state that was read already.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping as Map, Optional, Union

from ..errors import Busy, Conflict, Invalid, Refused, Unsupported
from ..model import (
    COPYING,
    DELETING,
    ERROR,
    EVERY_HOST,
    OFFLINE,
    Capabilities,
    Mapping,
    NameRule,
    OptionRule,
    Snapshot,
    Volume,
)
from ..units import format_size, is_openstack_name, round_up
from .policy import Policy
from .world import World


def check_name(kind: str, name: str, rule: Optional[NameRule]) -> None:
    """Invalid unless the array takes this name for a new object of this kind."""
    if rule is None or (len(name) <= rule.longest and re.match(r"(?:%s)\Z" % rule.pattern, name)):
        return
    raise Invalid(
        "%r is not a name that this array takes for a %s" % (name, kind),
        target=name,
        hint="Names have %s." % rule.words,
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


def check_state(obj: Union[Volume, Snapshot]) -> None:
    """Raises when the array does not have the object any more, or reports that it has failed.

    :raises Busy: the array is deleting it.
    :raises Conflict: its state is error.
    """
    what = "%s %s" % (_kind(obj), obj.name)
    if obj.state == DELETING:
        raise Busy(
            "the array is still deleting %s" % what,
            target=obj.name,
            hint="Run the task again when it is gone.",
        )
    if obj.state == ERROR:
        raise Conflict(
            "the array reports %s in state error" % what,
            target=obj.name,
            hint="Repair it with the array's own tools%s."
            % ("" if isinstance(obj, Volume) else ", or delete it (state: absent) and take it again"),
        )


def check_complete(obj: Union[Volume, Snapshot]) -> None:
    """The same for an object that is to be copied or restored, which must have all its content.

    :raises Busy: the array is still copying into it, too.
    """
    check_state(obj)
    if obj.state == COPYING:
        progress = obj.progress if isinstance(obj, Volume) else None
        raise Busy(
            "%s %s is not complete: the array is still copying into it%s"
            % (_kind(obj), obj.name, "" if progress is None else " (%d %%)" % progress),
            target=obj.name,
            hint="Run the task again when the copy is complete.",
        )


def check_online(obj: Union[Volume, Snapshot]) -> None:
    """Conflict when the array has the object, but hosts cannot use it."""
    if obj.state == OFFLINE:
        raise Conflict(
            "%s %s is there, but offline" % (_kind(obj), obj.name),
            target=obj.name,
            hint="Find out why with the array's own tools, and bring it online there.",
        )


def _kind(obj: Union[Volume, Snapshot]) -> str:
    return "volume" if isinstance(obj, Volume) else "snapshot"


def check_options(desired_state: Map[str, Any], capabilities: Capabilities) -> Dict[str, Any]:
    """The array_options with values of the right type; Invalid when the array has no such option or value."""
    known = capabilities.volume_options
    found = {}
    for name, value in desired_state.items():
        rule = known.get(name)
        if rule is None:
            raise Invalid(
                "volumes of this array have no option %s" % name,
                hint="array_options takes %s here." % (", ".join(sorted(known)) or "nothing"),
            )
        found[name] = _typed(rule, value)
        valid = _is(rule.type, found[name]) and not _is_senseless(found[name])
        if not valid or (rule.choices and found[name] not in rule.choices):
            kind = "a value of type %s" % rule.type.__name__
            choices = "one of %s" % ", ".join(str(choice) for choice in rule.choices)
            hint = "It takes %s." % (rule.words or (choices if rule.choices else kind))
            raise Invalid("%r is not a value for %s" % (value, name), hint=hint)
    return found


def _typed(rule: OptionRule, value: Any) -> Any:
    """A template gives text where a number or a truth value is meant."""
    if isinstance(value, str):
        text = value.strip().lower()
        if rule.type is int and re.match(r"-?[0-9]+\Z", text):
            return int(text)
        if rule.type is bool and text in ("true", "false", "yes", "no"):
            return text in ("true", "yes")
    if rule.type is float and _is(int, value):
        return float(value)
    return value


def _is_senseless(value: Any) -> bool:
    """A text without a character names nothing, and none of these numbers counts less than nothing."""
    return not value.strip() if isinstance(value, str) else value < 0


def _is(kind: type, value: Any) -> bool:
    """A truth value is no number, although Python takes it for one."""
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def check_owner(name: str, action: str, policy: Policy) -> None:
    """Refused when OpenStack owns the object, unless the task says that it may be changed."""
    if is_openstack_name(name) and not policy.openstack_owned:
        raise Refused(
            "%s belongs to OpenStack, by its name" % name,
            target=name,
            hint="Let OpenStack %s it, or set openstack_owned: true when OpenStack has forgotten it." % action,
        )


def check_unmap(world: World, mapping: Mapping, policy: Policy) -> None:
    """Refused when somebody else is concerned, or when the array reports that the host has this very volume open."""
    check_owner(mapping.volume, "unmap", policy)
    check_owner(mapping.host, "unmap", policy)
    volume = world.volumes.get(mapping.volume)
    if volume is not None and volume.siblings:
        raise Refused(
            "volume %s shares one access list with %s, which host %s would lose too"
            % (mapping.volume, ", ".join(volume.siblings), mapping.host),
            target=mapping.volume,
            hint="Unmap them with the array's own tools.",
        )
    if mapping.open and not policy.force:
        who = "a host" if mapping.host == EVERY_HOST else "host %s" % mapping.host
        raise Refused(
            "%s has an open session on volume %s" % (who, mapping.volume),
            target=mapping.volume,
            hint="Detach it on the host first, or set force: true.",
        )


def check_unmapped(world: World, name: str, action: str, policy: Policy) -> List[Mapping]:
    """The volume's mappings, to take away before the action; Refused when the task does not permit it."""
    maps = world.maps_of_volume(name)
    if not world.maps_known(name) and not policy.assume_unmapped:
        raise _unknown(world, name)
    return _may_unmap(world, maps, action, policy)


def check_snapshot_unmapped(world: World, snapshot: Snapshot, policy: Policy) -> List[Mapping]:
    """The same for a snapshot that is to be deleted."""
    if snapshot.mappings is None and not policy.assume_unmapped:
        raise _unknown(world, snapshot.name)
    maps = [world.maps.get((mapping.host, mapping.volume), mapping) for mapping in snapshot.mappings or ()]
    return _may_unmap(world, maps, "deleted", policy)


def _may_unmap(world: World, maps: List[Mapping], action: str, policy: Policy) -> List[Mapping]:
    if maps and not policy.unmap:
        raise Refused(
            mapped_to(maps),
            target=maps[0].volume,
            hint="Unmap it first, or set unmap: true to have it unmapped and then %s." % action,
        )
    for mapping in maps:
        check_unmap(world, mapping, policy)
    return maps


def mapped_to(maps: List[Mapping]) -> str:
    """A clause that says who has the volume of these mappings."""
    named = sorted("host %s" % mapping.host for mapping in maps if mapping.host != EVERY_HOST)
    clauses = ["it is mapped to %s" % ", ".join(named)] if named else []
    if len(named) < len(maps):
        clauses.append("every initiator may use it (host: '%s')" % EVERY_HOST)
    return " and ".join(clauses)


def _unknown(world: World, name: str) -> Refused:
    if world.actual.mappings.unreadable:
        why = "not every mapping could be read, so %s may be mapped" % name
    else:
        why = "this array cannot be asked whether %s is mapped" % name
    return Refused(why, target=name, hint="When you know that no host uses it, set assume_unmapped: true.")
