# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the volumes that a task chooses by their identity, and gives the desired state their names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping as Map

from .array import Array
from .errors import BadReply, Conflict, Invalid, NotFound, Unsupported, context
from .model import Listing, Volume
from .plan.desired import ABSENT, DesiredState
from .plan.identity import Identity


def identified(array: Array, state: DesiredState) -> DesiredState:
    """The desired state with the names that the volumes have on the array. It lists all volumes if it has to.

    :raises NotFound: there is no such volume, and the task does not only delete it.
    :raises Conflict: it has another name than the task says, or several volumes have this identity.
    :raises BadReply: a volume could not be read, which may be the one.
    """
    if not state.identities:
        return state
    with context(array=array.label):
        volumes = array.volumes()
        names: Dict[str, str] = {}
        for name, identity in state.identities.items():
            with context(doing="find the volume with %s" % identity.text, target=name):
                names[name] = _name_of(name, identity, volumes, _is_only_absent(state, name))
        chosen = list(names.values()) + [volume.name for volume in state.volumes if volume.name not in names]
        for name in names.values():
            if chosen.count(name) > 1:
                raise Invalid("the task chooses volume %s twice" % name, target=name)
    return _renamed(state, names)


def _name_of(name: str, identity: Identity, volumes: Listing[Volume], is_absent: bool) -> str:
    found = [volume for volume in volumes if identity.is_of(volume)]
    if len(found) > 1:
        raise Conflict("volumes %s have it" % " and ".join(sorted(volume.name for volume in found)))
    if found:
        if identity.name is not None and found[0].name == identity.earlier_name:
            return identity.name
        if identity.name is not None and identity.name != found[0].name:
            raise Conflict(
                "volume %s has it, and not %s" % (found[0].name, identity.name),
                hint="Leave the name out, or set rename_from: %s to rename the volume." % found[0].name,
            )
        return found[0].name
    if volumes.unreadable:
        raise BadReply("no volume has it, but %d could not be read" % len(volumes.unreadable))
    for option, wanted in (("id", identity.id), ("serial", identity.serial)):
        if wanted is not None and len(volumes) and not any(getattr(volume, option) for volume in volumes):
            raise Unsupported("this array does not report the %s of its volumes" % option)
    if any(volume.name == name for volume in volumes):
        raise Conflict("volume %s has another identity" % name)
    if not is_absent:
        raise NotFound("no volume of this array has it")
    return name


def _is_only_absent(state: DesiredState, name: str) -> bool:
    """Whether the task needs no volume of this name: it deletes it, or ends a mapping of it."""
    objects: List[Any] = [volume for volume in state.volumes if volume.name == name]
    objects += [mapping for mapping in state.mappings if mapping.volume == name]
    objects += [snapshot for snapshot in state.snapshots if snapshot.volume == name]
    return all(one.state == ABSENT for one in objects)


def _renamed(state: DesiredState, names: Map[str, str]) -> DesiredState:
    return replace(
        state,
        volumes=tuple(replace(one, name=names.get(one.name, one.name)) for one in state.volumes),
        snapshots=tuple(
            replace(one, volume=names.get(str(one.volume), one.volume), target=names.get(str(one.target), one.target))
            for one in state.snapshots
        ),
        retentions=tuple(replace(one, volume=names.get(one.volume, one.volume)) for one in state.retentions),
        mappings=tuple(replace(one, volume=names.get(one.volume, one.volume)) for one in state.mappings),
        identities={names[name]: identity for name, identity in state.identities.items()},
    )


def check_identities(state: DesiredState, volumes: Listing[Volume]) -> None:
    """Check that the names, by which the task goes on, still belong to the volumes that it chose.

    :param volumes: those that were read for the plan, after ``identified`` had listed them.
    :raises Conflict: another run has given the name to another volume meanwhile.
    """
    for name, identity in state.identities.items():
        volume = volumes.named(name)
        if volume is not None and not identity.is_of(volume):
            raise Conflict(
                "another volume has the name %s since the volume with %s was found" % (name, identity.text),
                target=name,
                hint="Run the task again.",
            )
