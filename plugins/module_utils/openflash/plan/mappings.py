# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mappings of volumes to hosts.

They are planned in three places: new mappings among the constructive steps; those to be removed among the destructive
ones; and last, a mapping that needs what another one gives up, such as its LUN.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Set, Tuple

from ..errors import Conflict, FlashError, Invalid, NotFound, Refused
from ..model import AGENT, COPYING, EVERY_HOST, READY, Host, Mapping, Volume
from . import hosts, rules, volumes
from .desired import ABSENT, ALWAYS, PRESENT, DesiredMapping, DesiredState
from .draft import Draft
from .step import Key, Step
from .steps import MapVolume, SetVolumeChap, UnmapVolume

_END_ACCESS = "unmap it from host '%s' (state: absent) to end that" % EVERY_HOST

Pair = Tuple[str, str]
"""(host, volume)"""


def key(desired: DesiredMapping) -> Key:
    return ("mapping", desired.host, desired.volume)


def exclusive_key(host: str) -> Key:
    return ("exclusive", host)


def _doing(desired: DesiredMapping) -> str:
    return "map volume %s to host %s" % (desired.volume, desired.host)


def _pair(desired: DesiredMapping) -> Pair:
    return (desired.host, desired.volume)


def _present(desired_state: DesiredState) -> List[DesiredMapping]:
    return [desired for desired in desired_state.mappings if desired.state == PRESENT]


def present(draft: Draft, desired_state: DesiredState) -> List[DesiredMapping]:
    """Plan the new mappings. Returns those that must wait until another mapping has been removed."""
    waiting: List[DesiredMapping] = []
    to_be_removed = _to_be_removed(draft, desired_state)
    # A mapping that may have any LUN must not take one that another mapping of the task names.
    for desired in sorted(_present(desired_state), key=lambda desired: desired.lun is None):
        with draft.item(key(desired), _doing(desired)) as outcome:
            mapping, volume, host = _before(draft, desired)
            outcome.before = mapping
            if volume is not None:
                volume = volumes.online(draft, key(desired), volume)
            if _must_wait(draft, desired, mapping, volume, host, to_be_removed, waiting):
                waiting.append(desired)
            if volume is not None:
                draft.world.volumes[volume.name] = volume
    return waiting


def _must_wait(
    draft: Draft,
    desired: DesiredMapping,
    mapping: Optional[Mapping],
    volume: Optional[Volume],
    host: Optional[Host],
    to_be_removed: Set[Pair],
    waiting: List[DesiredMapping],
) -> bool:
    """Plan one mapping, unless it must wait until another mapping has been removed."""
    if mapping is not None and mapping.device is None and host is not None and host.kind == AGENT:
        mapping = None  # attached, and its device is missing: to attach it again waits for the device
    if mapping is not None and volume is not None and volume.state not in (READY, COPYING):
        text = "volume %s is mapped to host %s, but its state is %s"
        draft.warn(text % (desired.volume, desired.host, volume.state))
    if mapping is not None and (desired.lun is None or mapping.lun == desired.lun):
        _update_chap(draft, desired, mapping)
        return False
    _check_lun(draft, desired, volume)
    if mapping is not None and mapping.lun is None:
        draft.warn("the array does not report at which LUN volume %s is mapped, so it stays" % desired.volume)
        return False
    if volume is not None:
        rules.check_state(volume)
    rules.check_can(draft.capabilities, "map_volume", volume, host=host, lun=desired.lun)
    if mapping is not None:
        rules.check_unmap(draft.world, mapping, draft.policy)
        return True
    obstacles = _obstacles(draft, desired)
    if any((obstacle.host, obstacle.volume) not in to_be_removed for obstacle in obstacles):
        raise _blocked(draft, desired)
    if obstacles or (desired.lun is None and any(other.host == desired.host for other in waiting)):
        return True
    _map(draft, desired)
    return False


def _update_chap(draft: Draft, desired: DesiredMapping, mapping: Mapping) -> None:
    """Secrets cannot be read back, so they are sent when the user name differs, or always when asked to."""
    host = draft.hosts_with_volume_chap.get(desired.host)
    if host is None or host.chap is None:
        return
    if mapping.chap_user != host.chap.username or host.update_secret == ALWAYS:
        draft.add(SetVolumeChap(key(desired), desired.volume, desired.host, host.chap), hosts.key(desired.host))
        draft.world.add_mapping(replace(mapping, chap_user=host.chap.username))


def _before(draft: Draft, desired: DesiredMapping) -> Tuple[Optional[Mapping], Optional[Volume], Optional[Host]]:
    """The mapping, where it exists, the volume and the host; None for what is assumed.

    :raises NotFound: the host or the volume does not exist and will not be made.
    """
    hint = "Give its initiators to create it."
    host = draft.needed_host(
        desired.host, NotFound("there is no host %s" % desired.host, target=desired.host, hint=hint)
    )
    hint = "Create it first."
    volume = draft.needed_volume(
        desired.volume, NotFound("there is no volume %s" % desired.volume, target=desired.volume, hint=hint)
    )
    return draft.world.mappings.get(_pair(desired)), volume, host


def _check_lun(draft: Draft, desired: DesiredMapping, volume: Optional[Volume]) -> None:
    if desired.lun is None:
        return
    rules.check_can(draft.capabilities, "explicit_lun", volume, lun=desired.lun)
    first, last = draft.capabilities.luns
    if not first <= desired.lun <= last:
        raise Invalid("LUN %d is impossible: this array has LUNs from %d to %d" % (desired.lun, first, last))


def _to_be_removed(draft: Draft, desired_state: DesiredState) -> Set[Pair]:
    """The mappings that this task removes or gives another LUN, if it may."""
    existing = draft.world.mappings
    removed = {_pair(desired) for desired in desired_state.mappings if desired.state == ABSENT}
    for desired in desired_state.mappings:
        mapping = existing.get(_pair(desired))
        if desired.lun is not None and mapping is not None and mapping.lun not in (None, desired.lun):
            removed.add(_pair(desired))
    kept = {_pair(desired) for desired in _present(desired_state)}
    for host in desired_state.exclusive_hosts:
        removed |= {(host, mapping.volume) for mapping in draft.world.mappings_of_host(host)} - kept
    return removed


def _to_other_hosts(draft: Draft, desired: DesiredMapping) -> List[Mapping]:
    """The volume's mappings to other hosts, where the task does not permit these."""
    if draft.policy.shared:
        return []
    return [mapping for mapping in draft.world.mappings_of_volume(desired.volume) if mapping.host != desired.host]


def _at_its_lun(draft: Draft, desired: DesiredMapping) -> List[Mapping]:
    """The mapping of another volume that has the LUN."""
    if desired.lun is None:
        return []
    mappings = draft.world.mappings_of_host(desired.host)
    return [mapping for mapping in mappings if mapping.lun == desired.lun and mapping.volume != desired.volume]


def _obstacles(draft: Draft, desired: DesiredMapping) -> List[Mapping]:
    return _to_other_hosts(draft, desired) + _at_its_lun(draft, desired)


def _blocked(draft: Draft, desired: DesiredMapping) -> FlashError:
    """The error for a mapping that has obstacles which stay."""
    others = _to_other_hosts(draft, desired)
    if others:
        return _shared(rules.mapped_to(others), desired)
    return _lun_taken(", ".join(mapping.volume for mapping in _at_its_lun(draft, desired)), desired)


def _shared(reason: str, desired: DesiredMapping) -> FlashError:
    return Refused(
        reason,
        target=desired.volume,
        hint="Two hosts that write to one volume destroy its content unless they are a cluster: "
        "set shared: true when they are.",
    )


def _lun_taken(volume: str, desired: DesiredMapping) -> FlashError:
    return Conflict(
        "volume %s has LUN %s on this host" % (volume, desired.lun),
        hint="Choose another LUN, or leave lun out to get a free one.",
    )


def _add(draft: Draft, step: Step, host: str) -> None:
    """Add a step that needs the host. A new host is made late when it gets an initiator of another host."""
    is_new = not draft.world.host_existed(host)
    if is_new and host in draft.initiator_givers and not draft.is_destructive:
        draft.add_after_initiators(step, hosts.key(host))
    else:
        draft.add(step, hosts.key(host))


def _map(draft: Draft, desired: DesiredMapping) -> None:
    world = draft.world
    volume, host = world.volumes.get(desired.volume), world.hosts.get(desired.host)
    if volume is not None and volume.siblings:
        draft.warn("host %s will also see %s, which share one access list" % (desired.host, ", ".join(volume.siblings)))
    if volume is not None and not world.mappings_known(volume.name) and not draft.policy.shared:
        draft.warn("this array cannot be asked which other hosts have volume %s" % volume.name)
    if (EVERY_HOST, desired.volume) in world.mappings:
        draft.warn(
            "every initiator may use volume %s, not host %s only: %s" % (desired.volume, desired.host, _END_ACCESS)
        )
    desired_host = draft.hosts_with_volume_chap.get(desired.host)
    chap = desired_host.chap if desired_host else None
    if chap is not None:
        _add(draft, SetVolumeChap(key(desired), desired.volume, desired.host, chap), desired.host)
    _add(draft, MapVolume(key(desired), desired.volume, desired.host, desired.lun, draft.policy.shared), desired.host)
    world.add_mapping(
        Mapping(
            desired.volume,
            desired.host,
            desired.lun,
            volume_id=(volume.id or None) if volume is not None else None,
            host_id=(host.id or None) if host is not None else None,
            chap_user=chap.username if chap else None,
        )
    )


# -- removing them, and those that wait for that -----------------------------------------------------------------------


def end(draft: Draft, desired_state: DesiredState, waiting: List[DesiredMapping]) -> None:
    """Plan to remove the mappings that shall not exist, then to make those that waited for it."""
    draft.batch(destructive=True)
    for desired in desired_state.mappings:
        if desired.state == ABSENT:
            _absent(draft, desired)
    for host in sorted(desired_state.exclusive_hosts):
        _exclusive(draft, host, {_pair(desired) for desired in _present(desired_state) if desired.host == host})
    draft.batch(destructive=True)
    _after_others(draft, waiting)


def _absent(draft: Draft, desired: DesiredMapping) -> None:
    with draft.item(key(desired), "unmap volume %s from host %s" % (desired.volume, desired.host)) as outcome:
        world = draft.world
        mapping = world.mappings.get(_pair(desired))
        outcome.before = mapping
        if mapping is None:
            volume = world.volume(desired.volume)
            if volume is None or world.mappings_known(volume.name):
                return
            if world.actual.mappings.unreadable:
                raise Refused(
                    "not every mapping could be read, so it is not known whether it is mapped",
                    hint="Look at the host with the array's own tools.",
                )
            if draft.capabilities.sees_mappings_of(desired.host):
                return
            rules.check_can(draft.capabilities, "unmap_volume", volume, host=desired.host)
            draft.warn(
                "this array cannot be asked whether volume %s is mapped, so it is unmapped anyway" % desired.volume
            )
            mapping = Mapping(desired.volume, desired.host, volume_id=volume.id or None)
        rules.check_unmap(world, mapping, draft.policy)
        _unmap(draft, key(desired), mapping)


def _unmap(draft: Draft, item: Key, mapping: Mapping) -> None:
    draft.add(UnmapVolume(item, mapping.volume, mapping.host), hosts.key(mapping.host))
    draft.world.remove_mapping(mapping)


def _exclusive(draft: Draft, host: str, kept: Set[Pair]) -> None:
    """Plan to remove the mappings of the host that the task does not ask for."""
    with draft.item(exclusive_key(host), "leave host %s only the volumes of this task" % host):
        if not kept and not draft.policy.allow_empty:
            raise Refused(
                "the task maps no volume to it, so every volume would be unmapped from it",
                target=host,
                hint="Name the volumes that shall stay, or set allow_empty: true when it shall have none.",
            )
        if not draft.world.host_existed(host):
            return  # new, so it has no other mappings
        if not draft.world.host_mappings_known(host):
            draft.warn("not every mapping could be read, so nothing was unmapped from host %s" % host)
            return
        extra = [m for m in draft.world.mappings_of_host(host) if (m.host, m.volume) not in kept]
        for mapping in extra:
            rules.check_unmap(draft.world, mapping, draft.policy)
        for mapping in extra:
            _unmap(draft, exclusive_key(host), mapping)
        open_to_all = [m.volume for m in draft.world.mappings_of_host(EVERY_HOST) if (host, m.volume) not in kept]
        if open_to_all:
            names = ", ".join(sorted(open_to_all))
            draft.warn("every initiator may use %s, so host %s may too: %s" % (names, host, _END_ACCESS))


def _after_others(draft: Draft, waiting: List[DesiredMapping]) -> None:
    """Plan new LUNs of mappings, and the mappings that waited for them: first all removals, then all new mappings.

    So two volumes can swap their LUNs. A mapping that cannot be made keeps its present LUN, which may block another
    one; so this is repeated until all that remain can be made.
    """
    for desired in waiting if draft.withhold else ():
        with draft.item(key(desired), _doing(desired)):
            draft.check_destructive()
    possible = [] if draft.withhold else list(waiting)
    while True:
        blocked = _first_blocked(draft, possible)
        if blocked is None:
            break
        desired, error = blocked
        possible.remove(desired)
        with draft.item(key(desired), _doing(desired)):
            raise error
    for desired in possible:
        with draft.item(key(desired), _doing(desired)):
            mapping = draft.world.mappings.get(_pair(desired))
            if mapping is not None:
                _unmap(draft, key(desired), mapping)
    for desired in possible:
        with draft.item(key(desired), _doing(desired)):
            _map(draft, desired)


def _first_blocked(draft: Draft, possible: List[DesiredMapping]) -> Optional[Tuple[DesiredMapping, FlashError]]:
    """A mapping whose LUN, or whose volume, another mapping of the array or the task keeps; and the error."""
    moving = {_pair(desired) for desired in possible}
    volume_at_lun: Dict[Tuple[str, int], str] = {}
    new_host: Dict[str, str] = {}
    for desired in possible:
        exists = _pair(desired) in draft.world.mappings
        staying = [m for m in _at_its_lun(draft, desired) if (m.host, m.volume) not in moving]
        if staying or (not exists and _to_other_hosts(draft, desired)):
            return desired, _blocked(draft, desired)
        if not exists and not draft.policy.shared:
            host = new_host.setdefault(desired.volume, desired.host)
            if host != desired.host:
                return desired, _shared("it is mapped to host " + host, desired)
        if desired.lun is not None:
            volume = volume_at_lun.setdefault((desired.host, desired.lun), desired.volume)
            if volume != desired.volume:
                return desired, _lun_taken(volume, desired)
    return None
