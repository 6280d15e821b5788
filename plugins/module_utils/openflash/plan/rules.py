# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task may do: the policy, what is refused without it, and what is never right.

Every refusal says which option permits it. The rules use only state that was read before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping as Map, Optional, Union

from ..errors import Busy, Conflict, Invalid, Refused, Unsupported
from ..model import (
    COPYING,
    DELETING,
    ERROR,
    EVERY_HOST,
    OFFLINE,
    PER_VOLUME,
    WITH_VOLUMES,
    Capabilities,
    Mapping,
    NameRule,
    OptionRule,
    Snapshot,
    Volume,
)
from ..properties import LIMITS, PROPERTIES, UNLIMITED, kind_of
from ..unfinished import is_temporary
from ..units import format_size, is_openstack_name, round_up
from .ranges import has_range
from .world import World


@dataclass(frozen=True)
class Policy:
    """What a task permits beyond the safe defaults. One field per option; False refuses."""

    unmap: bool = False
    """Delete, overwrite or restore a mapped volume, unmapping it first."""
    delete_snapshots: bool = False
    """Delete a volume together with its snapshots."""
    shared: bool = False
    """Map a volume that is mapped to another host."""
    force: bool = False
    """Unmap although the array reports an open session on that very volume; take every initiator that a host with
    mappings has."""
    openstack_owned: bool = False
    """Change what OpenStack owns, judged by its name."""
    assume_unmapped: bool = False
    """Treat a volume as unmapped where the array cannot be asked."""
    while_mapped: bool = False
    """Refresh a volume although hosts have it mapped; the mappings stay."""
    allow_empty: bool = False
    """Accept an empty list where that removes everything: prune, exclusive, exclusive_initiators."""


def check_name(kind: str, name: str, rule: Optional[NameRule]) -> None:
    """:raises Invalid: the array does not take this name for a new object of this kind."""
    if rule is None or (len(name) <= rule.longest and re.match(r"(?:%s)\Z" % rule.pattern, name)):
        return
    raise Invalid(
        "%r is not a name that this array takes for a %s" % (name, kind),
        target=name,
        hint="Names have %s." % rule.description,
    )


def check_snapshot_name_free(world: World, name: str, called: str = "this name") -> None:
    """:raises Conflict: another snapshot or a volume has the name, where the array does not permit that."""
    if world.capabilities.snapshot_names == PER_VOLUME:
        return
    others = world.snapshots_named(name)
    if others:
        volume = "volume %s" % others[0].volume if others[0].volume else "a volume that does not exist any more"
        raise Conflict("a snapshot of %s is there, of %s" % (called, volume), hint="Choose another name.")
    if name in world.volumes and world.capabilities.snapshot_names == WITH_VOLUMES:
        raise Conflict(
            "a volume has %s, and on this array volumes and snapshots share their names" % called,
            hint="Choose another name.",
        )


def check_new_backup(world: World, name: str) -> None:
    """:raises Invalid, Conflict: the array takes no snapshot of this name."""
    check_name("snapshot", name, world.capabilities.snapshot_name)
    check_snapshot_name_free(world, name, "the name %s" % name)


def why_not_declared(kind: str, name: str, rule: Optional[NameRule]) -> Optional[str]:
    """Why no document declares an object of this name, so that prune leaves it too; None when a document can.

    :param kind: for the reason: "volume".
    """
    if is_temporary(name):
        return "it is temporary: an unfinished copy of a task that runs, or was killed"
    if has_range(name):
        return "an entry with this name would be read as a range of names"
    try:
        check_name(kind, name, rule)
    except Invalid as error:
        return "%s, so it could not be made again" % error.reason
    return None


def check_size(size: int, capabilities: Capabilities) -> int:
    """The size in bytes that the volume will have, which is a multiple of the array's granularity.

    :raises Invalid: the array makes no volume of that size.
    """
    rounded = round_up(size, capabilities.granularity)
    if rounded < capabilities.smallest or rounded > capabilities.largest:
        raise Invalid(
            "a size of %s is impossible: this array makes volumes from %s to %s"
            % (format_size(size), format_size(capabilities.smallest), format_size(capabilities.largest))
        )
    return rounded


def rounded_by_array(size: int, capabilities: Capabilities) -> int:
    """The size in bytes that a volume of this size has where the array rounds it up."""
    return round_up(size, capabilities.extent) if capabilities.extent else size


def check_can(capabilities: Capabilities, operation: str, obj: Any = None, **details: Any) -> None:
    """:raises Unsupported: the array cannot do it; with the reason that its capabilities give."""
    refusal = capabilities.refusal(operation, obj, **details)
    if refusal is not None:
        raise Unsupported(refusal, target=getattr(obj, "name", None))


def check_state(obj: Union[Volume, Snapshot]) -> None:
    """Check that the array neither deletes the object nor reports it as failed.

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
    """Check an object that is to be copied or restored, which must have all its content.

    :raises Busy: the array is deleting it, or still copying into it.
    :raises Conflict: its state is error.
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
    """:raises Conflict: the object is offline, so that hosts cannot use it."""
    if obj.state == OFFLINE:
        raise Conflict(
            "%s %s is there, but offline" % (_kind(obj), obj.name),
            target=obj.name,
            hint="Find out why with the array's own tools, and bring it online there.",
        )


def _kind(obj: Union[Volume, Snapshot]) -> str:
    return "volume" if isinstance(obj, Volume) else "snapshot"


def check_options(
    options: Map[str, Any], capabilities: Capabilities, properties: Optional[Map[str, Any]] = None
) -> Dict[str, Any]:
    """The array_options, and the properties as such options, with values of the right type.

    :param properties: by the names of properties.py.
    :raises Invalid: the array has no such option or value, or one is given as an option and as a property.
    :raises Unsupported: the array has no such property.
    """
    known = capabilities.volume_options
    checked = {}
    for name, value in options.items():
        rule = known.get(name)
        if rule is None:
            raise Invalid(
                "volumes of this array have no option %s" % name,
                hint="array_options takes %s here." % (", ".join(sorted(known)) or "nothing"),
            )
        checked[name] = _checked(name, rule, value)
    for name, value in (properties or {}).items():
        for option, of_array in _options_of(name, value, capabilities).items():
            if option in options:
                raise Invalid(
                    "the volume has %s, and %s in array_options, which is the same" % (name, option),
                    hint="Leave %s out." % option,
                )
            checked[option] = _checked(name, known[option], of_array)
    return checked


def _options_of(name: str, value: Any, capabilities: Capabilities) -> Dict[str, Any]:
    """A property as options of this array.

    :raises Unsupported: the array does not have it.
    :raises Invalid: a rate is not a whole number of the array's units.
    """
    known = capabilities.volume_options
    kind = kind_of(name)
    if name == UNLIMITED and any(limit in known for limit in LIMITS):
        return {limit: 0 for limit in LIMITS if limit in known}
    found = PROPERTIES.get(name)
    if found is None or found.option not in known:
        others = [other for other, one in PROPERTIES.items() if kind_of(other) == kind and one.option in known]
        if others:
            raise Unsupported("volumes of this array have no %s" % name, hint="They have %s." % ", ".join(others))
        raise Unsupported(capabilities.refusal(kind) or "volumes of this array have no %s" % kind)
    if not found.is_rate:
        return {found.option: value}
    least = found.unit * known[found.option].granularity
    if value % least:
        raise Invalid(
            "%s is %d bytes per second, and this array counts in units of %s" % (name, value, format_size(least)),
            hint="Give a multiple of %s." % format_size(least),
        )
    return {found.option: value // found.unit}


def _checked(name: str, rule: OptionRule, value: Any) -> Any:
    """The value with the type that the rule demands.

    :param name: by which the task has it.
    :raises Invalid: it is not a value that the rule permits.
    """
    checked = _typed(rule, value)
    valid = _is(rule.type, checked) and not _is_empty_or_negative(checked)
    if valid and isinstance(checked, int) and checked % rule.granularity:
        valid = False
    if valid and rule.pattern and re.match(r"(?:%s)\Z" % rule.pattern, checked) is None:
        valid = False
    if not valid or (rule.choices and checked not in rule.choices):
        kind = "a value of type %s" % rule.type.__name__
        choices = "one of %s" % ", ".join(str(choice) for choice in rule.choices)
        hint = "It takes %s." % (rule.description or (choices if rule.choices else kind))
        raise Invalid("%r is not a value for %s" % (value, name), hint=hint)
    return checked


def _typed(rule: OptionRule, value: Any) -> Any:
    """The value as a number or a boolean where the option has that type: a template gives text."""
    if isinstance(value, str):
        text = value.strip().lower()
        if rule.type is int and re.match(r"-?[0-9]+\Z", text):
            return int(text)
        if rule.type is bool and text in ("true", "false", "yes", "no"):
            return text in ("true", "yes")
    if rule.type is float and _is(int, value):
        return float(value)
    return value


def _is_empty_or_negative(value: Any) -> bool:
    """No option takes an empty text or a number below 0."""
    return not value.strip() if isinstance(value, str) else value < 0


def _is(kind: type, value: Any) -> bool:
    """Whether the value has the type. In Python a bool is also an int; here it is not."""
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def check_owner(name: str, action: str, policy: Policy) -> None:
    """:raises Refused: OpenStack owns the object, judged by its name, and the task does not permit to change it.

    :param action: what the task does to it, such as "delete".
    """
    if is_openstack_name(name) and not policy.openstack_owned:
        raise Refused(
            "%s belongs to OpenStack, by its name" % name,
            target=name,
            hint="Let OpenStack %s it, or set openstack_owned: true when OpenStack has forgotten it." % action,
        )


def check_unmap(world: World, mapping: Mapping, policy: Policy) -> None:
    """Check that the mapping may be removed.

    :raises Refused: OpenStack owns the volume or the host, other volumes share its access list, or the host has an open
        session on this very volume.
    """
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
    """The mappings of the volume, which must be removed before the action.

    :param action: "deleted", "restored".
    :raises Refused: it has mappings and the task does not permit to remove them, or its mappings are not known.
    """
    if not world.mappings_known(name) and not policy.assume_unmapped:
        raise _unknown(world, name)
    return _may_unmap(world, world.mappings_of_volume(name), action, policy)


def check_may_be_refreshed(world: World, name: str, policy: Policy) -> List[Mapping]:
    """The mappings of a volume that must be removed before it takes another content; none where they may stay.

    :raises Refused: it has mappings and the task permits neither to remove nor to keep them, or a host has the volume
        open, or its mappings are not known.
    """
    if not world.mappings_known(name) and not policy.while_mapped:
        return check_unmapped(world, name, "refreshed", policy)
    mappings = world.mappings_of_volume(name)
    if mappings and not policy.while_mapped and not policy.unmap:
        raise Refused(
            mapped_to(mappings),
            target=name,
            hint="When no host has it mounted, set while_mapped: true to refresh it and keep its mappings, or "
            "unmap: true to have it unmapped first.",
        )
    if not policy.while_mapped:
        return _may_unmap(world, mappings, "refreshed", policy)
    for mapping in mappings:
        if mapping.open and not policy.force:
            who = "a host" if mapping.host == EVERY_HOST else "host %s" % mapping.host
            raise Refused(
                "%s has an open session on volume %s" % (who, name),
                target=name,
                hint="Unmount it and end the session there first, or set force: true when nothing there uses it.",
            )
    return []


def check_snapshot_unmapped(world: World, snapshot: Snapshot, policy: Policy) -> List[Mapping]:
    """The mappings of a snapshot, which must be removed before it is deleted.

    :raises Refused: it has mappings and the task does not permit to remove them, or its mappings are not known.
    """
    if snapshot.mappings is None and not policy.assume_unmapped:
        raise _unknown(world, snapshot.name)
    mappings = [world.mappings.get((mapping.host, mapping.volume), mapping) for mapping in snapshot.mappings or ()]
    return _may_unmap(world, mappings, "deleted", policy)


def _may_unmap(world: World, mappings: List[Mapping], action: str, policy: Policy) -> List[Mapping]:
    if mappings and not policy.unmap:
        raise Refused(
            mapped_to(mappings),
            target=mappings[0].volume,
            hint="Unmap it first, or set unmap: true to have it unmapped and then %s." % action,
        )
    for mapping in mappings:
        check_unmap(world, mapping, policy)
    return mappings


def mapped_to(mappings: List[Mapping]) -> str:
    """A clause that names the hosts of these mappings of one volume."""
    hosts = sorted("host %s" % mapping.host for mapping in mappings if mapping.host != EVERY_HOST)
    clauses = ["it is mapped to %s" % ", ".join(hosts)] if hosts else []
    if len(hosts) < len(mappings):
        clauses.append("every initiator may use it (host: '%s')" % EVERY_HOST)
    return " and ".join(clauses)


def _unknown(world: World, name: str) -> Refused:
    if world.actual.mappings.unreadable:
        reason = "not every mapping could be read, so %s may be mapped" % name
    else:
        reason = "this array cannot be asked whether %s is mapped" % name
    return Refused(reason, target=name, hint="When you know that no host uses it, set assume_unmapped: true.")
