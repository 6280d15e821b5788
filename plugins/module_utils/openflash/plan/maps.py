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
from .desired import ABSENT, ALWAYS, PRESENT, Desired, MapWish
from .draft import Draft
from .steps import Key, MapVolume, SetVolumeChap, Step, UnmapVolume

_END_ACCESS = "unmap it from host '%s' (state: absent) to end that" % EVERY_HOST

Pair = Tuple[str, str]
"""(host, volume)"""


def key(wish: MapWish) -> Key:
    return ("map", wish.host, wish.volume)


def exclusive_key(host: str) -> Key:
    return ("exclusive", host)


def _doing(wish: MapWish) -> str:
    return "map volume %s to host %s" % (wish.volume, wish.host)


def _pair(wish: MapWish) -> Pair:
    return (wish.host, wish.volume)


def present(draft: Draft, desired: Desired) -> List[MapWish]:
    """Plan the new mappings; returns the wishes that must wait until another mapping has gone."""
    waiting: List[MapWish] = []
    leaving = _leaving(draft, desired)
    wishes = [wish for wish in desired.maps if wish.state == PRESENT]
    # What may have any LUN must not take the one that another wish names.
    for wish in sorted(wishes, key=lambda wish: wish.lun is None):
        with draft.item(key(wish), _doing(wish)) as outcome:
            mapping = _before(draft, wish)
            outcome.before = mapping
            volumes.finish(draft, key(wish), draft.world.volumes[wish.volume])
            if mapping is not None and mapping.device is None and draft.world.hosts[wish.host].kind == AGENT:
                mapping = None  # attached, and its device is not there: doing it again waits for that
            volume = draft.world.volumes[wish.volume]
            if mapping is not None and volume.state not in (READY, COPYING):
                text = "volume %s is mapped to host %s, but its state is %s"
                draft.warn(text % (wish.volume, wish.host, volume.state))
            if mapping is not None and (wish.lun is None or mapping.lun == wish.lun):
                _update_chap(draft, wish, mapping)
                continue
            _check_lun(draft, wish)
            if mapping is not None and mapping.lun is None:
                draft.warn("the array does not say as which LUN volume %s is mapped, so it stays" % wish.volume)
                continue
            rules.check_state(volume)
            rules.check_can(draft.capabilities, "map_volume", volume, host=draft.world.hosts[wish.host], lun=wish.lun)
            if mapping is not None:
                rules.check_unmap(draft.world, mapping, draft.policy)
                waiting.append(wish)
                continue
            obstacles = _obstacles(draft, wish)
            if any((obstacle.host, obstacle.volume) not in leaving for obstacle in obstacles):
                raise _in_the_way(draft, wish)
            if obstacles or (wish.lun is None and any(other.host == wish.host for other in waiting)):
                waiting.append(wish)
                continue
            _map(draft, wish)
    return waiting


def _update_chap(draft: Draft, wish: MapWish, mapping: Mapping) -> None:
    """Secrets cannot be read back, so they are sent when the user name differs, or always when asked to."""
    host = draft.volume_chap.get(wish.host)
    if host is None or host.chap is None:
        return
    if mapping.chap_user != host.chap.username or host.update_secret == ALWAYS:
        draft.add(SetVolumeChap(key(wish), wish.volume, wish.host, host.chap), hosts.key(wish.host))
        draft.world.add_map(replace(mapping, chap_user=host.chap.username))


def _before(draft: Draft, wish: MapWish) -> Optional[Mapping]:
    """The mapping that is there; raises when the host or the volume will not be."""
    world = draft.world
    if world.host(wish.host) is None:
        raise draft.failure(hosts.key(wish.host)) or NotFound(
            "there is no host %s" % wish.host, target=wish.host, hint="Give its initiators to create it."
        )
    if world.volume(wish.volume) is None:
        raise draft.failure(("volume", wish.volume)) or NotFound(
            "there is no volume %s" % wish.volume, target=wish.volume, hint="Create it first."
        )
    return world.maps.get(_pair(wish))


def _check_lun(draft: Draft, wish: MapWish) -> None:
    if wish.lun is None:
        return
    rules.check_can(draft.capabilities, "explicit_lun", draft.world.volumes[wish.volume], lun=wish.lun)
    first, last = draft.capabilities.luns
    if not first <= wish.lun <= last:
        raise Invalid("LUN %d is impossible: this array has LUNs from %d to %d" % (wish.lun, first, last))


def _leaving(draft: Draft, desired: Desired) -> Set[Pair]:
    """The mappings that this task takes away or gives another LUN, if it may."""
    maps = draft.world.maps
    wanted = {_pair(wish) for wish in desired.maps if wish.state == PRESENT}
    leaving = {_pair(wish) for wish in desired.maps if wish.state == ABSENT}
    leaving |= {
        _pair(wish)
        for wish in desired.maps
        if wish.lun is not None and _pair(wish) in maps and maps[_pair(wish)].lun not in (None, wish.lun)
    }
    for host in desired.exclusive_maps:
        leaving |= {(host, mapping.volume) for mapping in draft.world.maps_of_host(host)} - wanted
    return leaving


def _others(draft: Draft, wish: MapWish) -> List[Mapping]:
    """The volume's mappings to other hosts, where these are not permitted."""
    if draft.policy.shared:
        return []
    return [mapping for mapping in draft.world.maps_of_volume(wish.volume) if mapping.host != wish.host]


def _holders(draft: Draft, wish: MapWish) -> List[Mapping]:
    """The mapping of another volume that has the LUN."""
    if wish.lun is None:
        return []
    return [m for m in draft.world.maps_of_host(wish.host) if m.lun == wish.lun and m.volume != wish.volume]


def _obstacles(draft: Draft, wish: MapWish) -> List[Mapping]:
    return _others(draft, wish) + _holders(draft, wish)


def _in_the_way(draft: Draft, wish: MapWish) -> FlashError:
    others = _others(draft, wish)
    if others:
        return _shared(rules.mapped_to(others), wish)
    return _lun_taken(", ".join(mapping.volume for mapping in _holders(draft, wish)), wish)


def _shared(who_has_it: str, wish: MapWish) -> FlashError:
    return Refused(
        who_has_it,
        target=wish.volume,
        hint="Two hosts that write to one volume destroy its content unless they are a cluster: "
        "set shared: true when they are.",
    )


def _lun_taken(volume: str, wish: MapWish) -> FlashError:
    return Conflict(
        "volume %s has LUN %s on this host" % (volume, wish.lun),
        hint="Choose another LUN, or leave lun out to get a free one.",
    )


def _add(draft: Draft, step: Step, host: str) -> None:
    """Add a step that needs the host, which is new after those steps when it gets an initiator of another host."""
    new = draft.world.actual.hosts.named(host) is None
    if new and host in draft.takers and not draft.ending:
        draft.add_late(step, hosts.key(host))
    else:
        draft.add(step, hosts.key(host))


def _map(draft: Draft, wish: MapWish) -> None:
    world = draft.world
    volume: Volume = world.volumes[wish.volume]
    if volume.siblings:
        draft.warn("host %s will also see %s, which share one access list" % (wish.host, ", ".join(volume.siblings)))
    if not world.maps_known(volume.name) and not draft.policy.shared:
        draft.warn("this array cannot be asked who else has volume %s" % volume.name)
    if (EVERY_HOST, wish.volume) in world.maps:
        draft.warn("every initiator may use volume %s, not host %s only: %s" % (wish.volume, wish.host, _END_ACCESS))
    described = draft.volume_chap.get(wish.host)
    chap = described.chap if described else None
    if chap is not None:
        _add(draft, SetVolumeChap(key(wish), volume.name, wish.host, chap), wish.host)
    _add(draft, MapVolume(key(wish), volume.name, wish.host, wish.lun, draft.policy.shared), wish.host)
    host = world.hosts[wish.host]
    world.add_map(
        Mapping(
            volume.name,
            wish.host,
            wish.lun,
            volume_id=volume.id or None,
            host_id=host.id or None,
            chap_user=chap.username if chap else None,
        )
    )


# -- taking away, and what waits for that ------------------------------------------------------------------------------


def end(draft: Draft, desired: Desired, waiting: List[MapWish]) -> None:
    """Plan what shall not be mapped any more, then the wishes that waited for it."""
    draft.batch(destructive=True)
    for wish in desired.maps:
        if wish.state == ABSENT:
            _absent(draft, wish)
    for host in sorted(desired.exclusive_maps):
        _exclusive(draft, host, {_pair(wish) for wish in desired.maps if wish.state == PRESENT and wish.host == host})
    draft.batch(destructive=True)
    _after_others(draft, waiting)


def _absent(draft: Draft, wish: MapWish) -> None:
    with draft.item(key(wish), "unmap volume %s from host %s" % (wish.volume, wish.host)) as outcome:
        world = draft.world
        mapping = world.maps.get(_pair(wish))
        outcome.before = mapping
        if mapping is None:
            volume = world.volume(wish.volume)
            if volume is None or world.maps_known(volume.name):
                return
            if world.actual.mappings.unreadable:
                raise Refused(
                    "not every mapping could be read, so it is not known whether it is mapped",
                    hint="Look at the host with the array's own tools.",
                )
            if draft.capabilities.sees_mappings_of(wish.host):
                return
            rules.check_can(draft.capabilities, "unmap_volume", volume, host=wish.host)
            draft.warn("this array cannot be asked whether volume %s is mapped, so it is unmapped anyway" % wish.volume)
            mapping = Mapping(wish.volume, wish.host, volume_id=volume.id or None)
        _unmap(draft, key(wish), mapping)


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


def _after_others(draft: Draft, waiting: List[MapWish]) -> None:
    """Plan new LUNs of mappings and what waited for them: on each host first what goes, then what comes.

    So two volumes can swap their LUNs. A wish that cannot be fulfilled keeps its mapping, which may be in the way of
    another wish; so this looks again until all that are left can be fulfilled.
    """
    for wish in waiting if draft.withhold else ():
        with draft.item(key(wish), _doing(wish)):
            draft.check_destructive()
    possible = [] if draft.withhold else list(waiting)
    while True:
        stuck = _stuck(draft, possible)
        if stuck is None:
            break
        wish, error = stuck
        possible.remove(wish)
        with draft.item(key(wish), _doing(wish)):
            raise error
    for wish in possible:
        with draft.item(key(wish), _doing(wish)):
            mapping = draft.world.maps.get(_pair(wish))
            if mapping is not None:
                draft.add(UnmapVolume(key(wish), wish.volume, wish.host), hosts.key(wish.host))
                draft.world.drop_map(mapping)
    for wish in possible:
        with draft.item(key(wish), _doing(wish)):
            _map(draft, wish)


def _stuck(draft: Draft, wishes: List[MapWish]) -> Optional[Tuple[MapWish, FlashError]]:
    """A wish whose LUN, or whose volume, another mapping or wish keeps; and the error."""
    moving = {_pair(wish) for wish in wishes}
    luns: Dict[Tuple[str, int], str] = {}
    new: Dict[str, str] = {}
    for wish in wishes:
        there = _pair(wish) in draft.world.maps
        kept = [m for m in _holders(draft, wish) if (m.host, m.volume) not in moving]
        if kept or (not there and _others(draft, wish)):
            return wish, _in_the_way(draft, wish)
        if not there and not draft.policy.shared and new.setdefault(wish.volume, wish.host) != wish.host:
            return wish, _shared("it is mapped to host " + new[wish.volume], wish)
        if wish.lun is not None and luns.setdefault((wish.host, wish.lun), wish.volume) != wish.volume:
            return wish, _lun_taken(luns[(wish.host, wish.lun)], wish)
    return None
