# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with their initiators, and what is mapped to them."""

from __future__ import annotations

from dataclasses import replace
from typing import FrozenSet, List, Optional, Sequence, Set, Tuple

from ..errors import Conflict, InUse, Invalid, NotFound, Refused
from ..model import INITIATORS, Host, Initiator, Mapping
from ..units import format_initiator
from . import rules
from .desired import ABSENT, ALWAYS, HostWish, MapWish
from .draft import Draft
from .steps import AddInitiators, CreateHost, DeleteHost, Key, MapVolume, RemoveInitiators, SetChap, UnmapVolume


def key(name: str) -> Key:
    return ("host", name)


def map_key(wish: MapWish) -> Key:
    return ("map", wish.host, wish.volume)


def present(draft: Draft, wish: HostWish) -> None:
    with draft.item(key(wish.name), "create or change host %s" % wish.name) as outcome:
        host = draft.world.host(wish.name)
        outcome.before = host
        if wish.chap is not None:
            rules.check_can(draft.capabilities, "chap", host)
        for initiator in wish.initiators or ():
            _check_protocol(draft, initiator)
            owner = draft.world.owner_of(initiator.address)
            if owner is not None and owner.name != wish.name:
                raise Conflict(
                    "initiator %s belongs to host %s" % (format_initiator(initiator.address), owner.name),
                    hint="Use that host, or remove the initiator from it first.",
                )
        if host is None:
            host = _create(draft, wish)
        else:
            host = _change(draft, wish, host)
        draft.world.hosts[host.name] = host
        outcome.after = host


def _check_protocol(draft: Draft, initiator: Initiator) -> None:
    if initiator.protocol not in draft.capabilities.protocols:
        raise Invalid(
            "this array does not speak %s with hosts, so %s is of no use to it"
            % ({"fc": "Fibre Channel", "iscsi": "iSCSI"}[initiator.protocol], format_initiator(initiator.address))
        )


def _create(draft: Draft, wish: HostWish) -> Host:
    if not wish.initiators and draft.capabilities.refusal("host_without_initiators") is not None:
        raise NotFound("there is no host %s" % wish.name, hint="To create it, give its initiators.")
    rules.check_name("host", wish.name, draft.capabilities.host_name)
    rules.check_can(draft.capabilities, "create_host", None)
    initiators = wish.initiators or ()
    draft.add(CreateHost(key(wish.name), wish.name, initiators, wish.os, wish.chap))
    return Host(wish.name, initiators=_with_chap(initiators, wish), kind=INITIATORS, os=wish.os, volumes=0)


def _with_chap(initiators: Sequence[Initiator], wish: HostWish) -> Tuple[Initiator, ...]:
    user = wish.chap.username if wish.chap else None
    return tuple(replace(i, chap_user=user) if i.protocol == "iscsi" else i for i in initiators)


def _change(draft: Draft, wish: HostWish, host: Host) -> Host:
    if wish.initiators is None:
        return _set_chap(draft, wish, host)
    missing = tuple(i for i in wish.initiators if i.address not in host.addresses)
    if missing:
        rules.check_can(draft.capabilities, "add_initiators", host)
        draft.add(AddInitiators(key(host.name), host.name, missing, wish.chap))
        host = replace(host, initiators=host.initiators + _with_chap(missing, wish))
    host = _set_chap(draft, wish, host)
    if wish.exclusive_initiators:
        wanted = {i.address for i in wish.initiators}
        extra = tuple(i for i in host.initiators if i.address not in wanted)
        if extra:
            host = _remove(draft, host, extra)
    return host


def _remove(draft: Draft, host: Host, extra: Sequence[Initiator]) -> Host:
    if not draft.world.actual.hosts.complete:
        draft.warn("not every host could be read, so no initiator was removed from host %s" % host.name)
        return host
    rules.check_owner(host.name, "change", draft.policy)
    rules.check_can(draft.capabilities, "remove_initiators", host)
    for initiator in extra:
        if initiator.logged_in:
            draft.warn("initiator %s is logged in to the array" % format_initiator(initiator.address))
    gone = tuple(initiator.address for initiator in extra)
    draft.add(RemoveInitiators(key(host.name), host.name, gone))
    return replace(host, initiators=tuple(i for i in host.initiators if i.address not in gone))


def _set_chap(draft: Draft, wish: HostWish, host: Host) -> Host:
    """Secrets cannot be read back, so they are sent when the user name differs, or always when asked to."""
    if wish.chap is None:
        return host
    iscsi = [i for i in host.initiators if i.protocol == "iscsi"]
    stale = [i for i in iscsi if i.chap_user != wish.chap.username]
    if iscsi and (stale or wish.update_secret == ALWAYS):
        draft.add(SetChap(key(host.name), host.name, wish.chap))
        return replace(host, initiators=_with_chap(host.initiators, wish))
    return host


def absent(draft: Draft, wish: HostWish) -> None:
    with draft.item(key(wish.name), "delete host %s" % wish.name) as outcome:
        host = draft.world.host(wish.name)
        outcome.before = host
        if host is None:
            return
        delete(draft, key(wish.name), host)
        outcome.after = None


def delete(draft: Draft, item: Key, host: Host) -> None:
    rules.check_owner(host.name, "delete", draft.policy)
    rules.check_can(draft.capabilities, "delete_host", host)
    maps = draft.world.maps_of_host(host.name)
    if maps:
        raise InUse(
            "volumes are mapped to it: %s" % ", ".join(sorted(mapping.volume for mapping in maps)),
            hint="Unmap them first; nothing else permits it.",
        )
    if not draft.world.actual.mappings.complete:
        raise Refused("not every mapping could be read, so it may have volumes mapped to it")
    draft.add(DeleteHost(item, host.name), item)
    del draft.world.hosts[host.name]


# -- mappings --------------------------------------------------------------------------------------------------------


def map_present(draft: Draft, wish: MapWish) -> None:
    with draft.item(map_key(wish), "map volume %s to host %s" % (wish.volume, wish.host)) as outcome:
        world = draft.world
        host = world.host(wish.host)
        if host is None:
            failed = draft.outcomes.get(key(wish.host))
            if failed is not None and failed.error is not None:
                raise failed.error
            raise NotFound("there is no host %s" % wish.host, target=wish.host, hint="Give its initiators to create it.")
        volume = world.volume(wish.volume)
        if volume is None:
            raise NotFound("there is no volume %s" % wish.volume, target=wish.volume)
        lane: Key = key(wish.host)
        mapping = world.maps.get((host.name, volume.name))
        outcome.before = outcome.after = mapping
        if wish.lun is not None:
            _check_lun(draft, wish, mapping)
        if mapping is not None and wish.lun in (None, mapping.lun):
            return
        if mapping is None:
            others = [m for m in world.maps.values() if m.volume == volume.name and m.host != host.name]
            if others and not draft.policy.shared:
                raise Refused(
                    "it is mapped to %s" % ", ".join(sorted("host %s" % m.host for m in others)),
                    target=volume.name,
                    hint="Two hosts that write to one volume destroy its content unless they are a cluster: "
                    "set shared: true when they are.",
                )
        else:
            rules.check_owner(volume.name, "unmap", draft.policy)
            rules.check_owner(host.name, "unmap", draft.policy)
            rules.check_unmap(mapping, draft.policy)
            draft.add(UnmapVolume(map_key(wish), volume.name, host.name), lane)
        rules.check_can(draft.capabilities, "map_volume", volume, host=host, lun=wish.lun)
        draft.add(MapVolume(map_key(wish), volume.name, host.name, wish.lun), lane)
        after = Mapping(volume.name, host.name, wish.lun, volume_id=volume.id or None, host_id=host.id or None)
        world.add_map(after)
        outcome.after = after


def _check_lun(draft: Draft, wish: MapWish, mapping: Optional[Mapping]) -> None:
    lun = wish.lun if wish.lun is not None else 0
    rules.check_can(draft.capabilities, "explicit_lun", None)
    first, last = draft.capabilities.luns
    if not first <= lun <= last:
        raise Invalid("LUN %d is impossible: this array has LUNs from %d to %d" % (lun, first, last))
    for other in draft.world.maps_of_host(wish.host):
        if other.lun == lun and other.volume != wish.volume:
            raise Conflict(
                "volume %s has LUN %d on this host" % (other.volume, lun),
                hint="Choose another LUN, or leave lun out to get a free one.",
            )


def map_absent(draft: Draft, wish: MapWish) -> None:
    with draft.item(map_key(wish), "unmap volume %s from host %s" % (wish.volume, wish.host)) as outcome:
        mapping = draft.world.maps.get((wish.host, wish.volume))
        outcome.before = mapping
        if mapping is None:
            if not draft.world.actual.mappings.known:
                # Not seen is not absent, unless this mapping is one that could be seen.
                rules.check_can(draft.capabilities, "unmap_volume", None, host=wish.host)
            return
        unmap(draft, map_key(wish), mapping)
        outcome.after = None


def unmap(draft: Draft, item: Key, mapping: Mapping) -> None:
    rules.check_owner(mapping.volume, "unmap", draft.policy)
    rules.check_owner(mapping.host, "unmap", draft.policy)
    rules.check_unmap(mapping, draft.policy)
    draft.add(UnmapVolume(item, mapping.volume, mapping.host), key(mapping.host))
    del draft.world.maps[(mapping.host, mapping.volume)]


def exclusive(draft: Draft, hosts: FrozenSet[str], wishes: Sequence[MapWish]) -> None:
    """Unmap from these hosts what the task does not map to them."""
    wanted: Set[Tuple[str, str]] = {(wish.host, wish.volume) for wish in wishes if wish.state != ABSENT}
    for name in sorted(hosts):
        with draft.item(("exclusive", name), "leave host %s only the volumes of this task" % name):
            if not draft.world.actual.mappings.complete:
                draft.warn("not every mapping could be read, so nothing was unmapped from host %s" % name)
                continue
            extra: List[Mapping] = [m for m in draft.world.maps_of_host(name) if (name, m.volume) not in wanted]
            for mapping in extra:
                unmap(draft, ("exclusive", name), mapping)
