# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is mapped to hosts.

A mapping is planned in three places: a new one among the constructive steps; what shall go among the destructive ones;
and last, a mapping that needs what another one gives up, such as its LUN.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Set, Tuple

from ..errors import Conflict, FlashError, Invalid, NotFound, Refused
from ..model import AGENT, COPYING, EVERY_HOST, READY, Mapping, Volume
from . import hosts, rules, volumes
from .desired import ABSENT, ALWAYS, PRESENT, DesiredMapping, DesiredState
from .draft import Draft
from .steps import Key, MapVolume, SetVolumeChap, Step, UnmapVolume

_END_ACCESS = "unmap it from host '%s' (state: absent) to end that" % EVERY_HOST

Pair = Tuple[str, str]
"""(host, volume)"""


def key(desired: DesiredMapping) -> Key:
    return ("map", desired.host, desired.volume)


def exclusive_key(host: str) -> Key:
    return ("exclusive", host)


def _doing(desired: DesiredMapping) -> str:
    return "map volume %s to host %s" % (desired.volume, desired.host)


def _pair(desired: DesiredMapping) -> Pair:
    return (desired.host, desired.volume)


def present(draft: Draft, desired_state: DesiredState) -> List[DesiredMapping]:
    """Plan the new mappings; returns the desired objects that must wait until another mapping has gone."""
    waiting: List[DesiredMapping] = []
    leaving = _leaving(draft, desired_state)
    desired_items = [desired for desired in desired_state.maps if desired.state == PRESENT]
    # What may have any LUN must not take the one that another desired object names.
    for desired in sorted(desired_items, key=lambda desired: desired.lun is None):
        with draft.item(key(desired), _doing(desired)) as outcome:
            mapping = _before(draft, desired)
            outcome.before = mapping
            volumes.finish(draft, key(desired), draft.world.volumes[desired.volume])
            if mapping is not None and mapping.device is None and draft.world.hosts[desired.host].kind == AGENT:
                mapping = None  # attached, and its device is not there: doing it again waits for that
            volume = draft.world.volumes[desired.volume]
            if mapping is not None and volume.state not in (READY, COPYING):
                text = "volume %s is mapped to host %s, but its state is %s"
                draft.warn(text % (desired.volume, desired.host, volume.state))
            if mapping is not None and (desired.lun is None or mapping.lun == desired.lun):
                _update_chap(draft, desired, mapping)
                continue
            _check_lun(draft, desired)
            if mapping is not None and mapping.lun is None:
                draft.warn("the array does not say as which LUN volume %s is mapped, so it stays" % desired.volume)
                continue
            rules.check_state(volume)
            rules.check_can(
                draft.capabilities, "map_volume", volume, host=draft.world.hosts[desired.host], lun=desired.lun
            )
            if mapping is not None:
                rules.check_unmap(draft.world, mapping, draft.policy)
                waiting.append(desired)
                continue
            obstacles = _obstacles(draft, desired)
            if any((obstacle.host, obstacle.volume) not in leaving for obstacle in obstacles):
                raise _in_the_way(draft, desired)
            if obstacles or (desired.lun is None and any(other.host == desired.host for other in waiting)):
                waiting.append(desired)
                continue
            _map(draft, desired)
    return waiting


def _update_chap(draft: Draft, desired: DesiredMapping, mapping: Mapping) -> None:
    """Secrets cannot be read back, so they are sent when the user name differs, or always when asked to."""
    host = draft.volume_chap.get(desired.host)
    if host is None or host.chap is None:
        return
    if mapping.chap_user != host.chap.username or host.update_secret == ALWAYS:
        draft.add(SetVolumeChap(key(desired), desired.volume, desired.host, host.chap), hosts.key(desired.host))
        draft.world.add_map(replace(mapping, chap_user=host.chap.username))


def _before(draft: Draft, desired: DesiredMapping) -> Optional[Mapping]:
    """The mapping that is there; raises when the host or the volume will not be."""
    world = draft.world
    if world.host(desired.host) is None:
        raise draft.failure(hosts.key(desired.host)) or NotFound(
            "there is no host %s" % desired.host, target=desired.host, hint="Give its initiators to create it."
        )
    if world.volume(desired.volume) is None:
        raise draft.failure(("volume", desired.volume)) or NotFound(
            "there is no volume %s" % desired.volume, target=desired.volume, hint="Create it first."
        )
    return world.maps.get(_pair(desired))


def _check_lun(draft: Draft, desired: DesiredMapping) -> None:
    if desired.lun is None:
        return
    rules.check_can(draft.capabilities, "explicit_lun", draft.world.volumes[desired.volume], lun=desired.lun)
    first, last = draft.capabilities.luns
    if not first <= desired.lun <= last:
        raise Invalid("LUN %d is impossible: this array has LUNs from %d to %d" % (desired.lun, first, last))


def _leaving(draft: Draft, desired_state: DesiredState) -> Set[Pair]:
    """The mappings that this task takes away or gives another LUN, if it may."""
    maps = draft.world.maps
    wanted = {_pair(desired) for desired in desired_state.maps if desired.state == PRESENT}
    leaving = {_pair(desired) for desired in desired_state.maps if desired.state == ABSENT}
    leaving |= {
        _pair(desired)
        for desired in desired_state.maps
        if desired.lun is not None and _pair(desired) in maps and maps[_pair(desired)].lun not in (None, desired.lun)
    }
    for host in desired_state.exclusive_maps:
        leaving |= {(host, mapping.volume) for mapping in draft.world.maps_of_host(host)} - wanted
    return leaving


def _others(draft: Draft, desired: DesiredMapping) -> List[Mapping]:
    """The volume's mappings to other hosts, where these are not permitted."""
    if draft.policy.shared:
        return []
    return [mapping for mapping in draft.world.maps_of_volume(desired.volume) if mapping.host != desired.host]


def _holders(draft: Draft, desired: DesiredMapping) -> List[Mapping]:
    """The mapping of another volume that has the LUN."""
    if desired.lun is None:
        return []
    return [m for m in draft.world.maps_of_host(desired.host) if m.lun == desired.lun and m.volume != desired.volume]


def _obstacles(draft: Draft, desired: DesiredMapping) -> List[Mapping]:
    return _others(draft, desired) + _holders(draft, desired)


def _in_the_way(draft: Draft, desired: DesiredMapping) -> FlashError:
    others = _others(draft, desired)
    if others:
        return _shared(rules.mapped_to(others), desired)
    return _lun_taken(", ".join(mapping.volume for mapping in _holders(draft, desired)), desired)


def _shared(who_has_it: str, desired: DesiredMapping) -> FlashError:
    return Refused(
        who_has_it,
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
    """Add a step that needs the host, which is new after those steps when it gets an initiator of another host."""
    new = draft.world.actual.hosts.named(host) is None
    if new and host in draft.takers and not draft.ending:
        draft.add_late(step, hosts.key(host))
    else:
        draft.add(step, hosts.key(host))


def _map(draft: Draft, desired: DesiredMapping) -> None:
    world = draft.world
    volume: Volume = world.volumes[desired.volume]
    if volume.siblings:
        draft.warn("host %s will also see %s, which share one access list" % (desired.host, ", ".join(volume.siblings)))
    if not world.maps_known(volume.name) and not draft.policy.shared:
        draft.warn("this array cannot be asked who else has volume %s" % volume.name)
    if (EVERY_HOST, desired.volume) in world.maps:
        draft.warn(
            "every initiator may use volume %s, not host %s only: %s" % (desired.volume, desired.host, _END_ACCESS)
        )
    described = draft.volume_chap.get(desired.host)
    chap = described.chap if described else None
    if chap is not None:
        _add(draft, SetVolumeChap(key(desired), volume.name, desired.host, chap), desired.host)
    _add(draft, MapVolume(key(desired), volume.name, desired.host, desired.lun, draft.policy.shared), desired.host)
    host = world.hosts[desired.host]
    world.add_map(
        Mapping(
            volume.name,
            desired.host,
            desired.lun,
            volume_id=volume.id or None,
            host_id=host.id or None,
            chap_user=chap.username if chap else None,
        )
    )


# -- taking away, and what waits for that ------------------------------------------------------------------------------


def end(draft: Draft, desired_state: DesiredState, waiting: List[DesiredMapping]) -> None:
    """Plan what shall not be mapped any more, then the desired objects that waited for it."""
    draft.batch(destructive=True)
    for desired in desired_state.maps:
        if desired.state == ABSENT:
            _absent(draft, desired)
    for host in sorted(desired_state.exclusive_maps):
        _exclusive(
            draft,
            host,
            {_pair(desired) for desired in desired_state.maps if desired.state == PRESENT and desired.host == host},
        )
    draft.batch(destructive=True)
    _after_others(draft, waiting)


def _absent(draft: Draft, desired: DesiredMapping) -> None:
    with draft.item(key(desired), "unmap volume %s from host %s" % (desired.volume, desired.host)) as outcome:
        world = draft.world
        mapping = world.maps.get(_pair(desired))
        outcome.before = mapping
        if mapping is None:
            volume = world.volume(desired.volume)
            if volume is None or world.maps_known(volume.name):
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
        _unmap(draft, key(desired), mapping)


def _unmap(draft: Draft, item: Key, mapping: Mapping) -> None:
    rules.check_unmap(draft.world, mapping, draft.policy)
    draft.add(UnmapVolume(item, mapping.volume, mapping.host), hosts.key(mapping.host))
    draft.world.drop_map(mapping)


def _exclusive(draft: Draft, host: str, wanted: Set[Pair]) -> None:
    """Unmap from the host what the task does not map to it."""
    with draft.item(exclusive_key(host), "leave host %s only the volumes of this task" % host):
        if not wanted and not draft.policy.allow_empty:
            raise Refused(
                "the task maps no volume to it, so every volume would be unmapped from it",
                target=host,
                hint="Name the volumes that shall stay, or set allow_empty: true when it shall have none.",
            )
        if draft.world.actual.hosts.named(host) is None:
            return  # new, so nothing else can be mapped to it
        if not draft.world.host_maps_known(host):
            draft.warn("not every mapping could be read, so nothing was unmapped from host %s" % host)
            return
        for mapping in draft.world.maps_of_host(host):
            if (mapping.host, mapping.volume) not in wanted:
                _unmap(draft, exclusive_key(host), mapping)
        free = sorted(one.volume for one in draft.world.maps_of_host(EVERY_HOST) if (host, one.volume) not in wanted)
        if free:
            draft.warn("every initiator may use %s, so host %s may too: %s" % (", ".join(free), host, _END_ACCESS))


def _after_others(draft: Draft, waiting: List[DesiredMapping]) -> None:
    """Plan new LUNs of mappings and what waited for them: on each host first what goes, then what comes.

    So two volumes can swap their LUNs. A mapping that cannot be made keeps its present LUN, which may block another;
    so this repeats until all that remain can be made.
    """
    for desired in waiting if draft.withhold else ():
        with draft.item(key(desired), _doing(desired)):
            draft.check_destructive()
    possible = [] if draft.withhold else list(waiting)
    while True:
        stuck = _stuck(draft, possible)
        if stuck is None:
            break
        desired, error = stuck
        possible.remove(desired)
        with draft.item(key(desired), _doing(desired)):
            raise error
    for desired in possible:
        with draft.item(key(desired), _doing(desired)):
            mapping = draft.world.maps.get(_pair(desired))
            if mapping is not None:
                draft.add(UnmapVolume(key(desired), desired.volume, desired.host), hosts.key(desired.host))
                draft.world.drop_map(mapping)
    for desired in possible:
        with draft.item(key(desired), _doing(desired)):
            _map(draft, desired)


def _stuck(draft: Draft, desired_items: List[DesiredMapping]) -> Optional[Tuple[DesiredMapping, FlashError]]:
    """A desired object whose LUN, or whose volume, another mapping or desired object keeps; and the error."""
    moving = {_pair(desired) for desired in desired_items}
    luns: Dict[Tuple[str, int], str] = {}
    new: Dict[str, str] = {}
    for desired in desired_items:
        there = _pair(desired) in draft.world.maps
        kept = [m for m in _holders(draft, desired) if (m.host, m.volume) not in moving]
        if kept or (not there and _others(draft, desired)):
            return desired, _in_the_way(draft, desired)
        if not there and not draft.policy.shared and new.setdefault(desired.volume, desired.host) != desired.host:
            return desired, _shared("it is mapped to host " + new[desired.volume], desired)
        if desired.lun is not None and luns.setdefault((desired.host, desired.lun), desired.volume) != desired.volume:
            return desired, _lun_taken(luns[(desired.host, desired.lun)], desired)
    return None
