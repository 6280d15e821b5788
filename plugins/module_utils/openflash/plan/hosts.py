# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with their initiators."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ..errors import Conflict, InUse, Invalid, NotFound, Refused
from ..model import FC, INITIATORS, ISCSI, Host, Initiator
from ..units import format_initiator
from . import rules
from .desired import ALWAYS, PRESENT, DesiredHost
from .draft import Draft
from .steps import AddInitiators, CreateHost, DeleteHost, Key, RemoveInitiators, SetChap, SetHostOs, Step

_PROTOCOLS = {FC: "Fibre Channel", ISCSI: "iSCSI"}


def key(name: str) -> Key:
    return ("host", name)


def in_order(draft: Draft, desired_items: Sequence[DesiredHost]) -> List[DesiredHost]:
    """The hosts, one that gives up initiators before the one that takes them; noted in ``draft.takers`` and ``levels``.

    No host gives up an initiator before it has got those that it shall have. So hosts that exchange initiators are
    refused: each has what the other one needs first.
    """
    draft.takers = _givers(draft, desired_items)
    found: List[DesiredHost] = []
    left = list(desired_items)
    while left:
        waiting = {desired.name for desired in left}
        ready = [desired for desired in left if not draft.takers.get(desired.name, set()) & waiting]
        for desired in ready:
            draft.levels[desired.name] = max(
                (draft.levels[n] + 1 for n in draft.takers.get(desired.name, ())), default=0
            )
        found += ready or left
        done = {desired.name for desired in ready or left}
        left = [desired for desired in left if desired.name not in done]
    return found


def _givers(draft: Draft, desired_items: Sequence[DesiredHost]) -> Dict[str, Set[str]]:
    """For each host, those hosts of the same task that have an initiator of it now and shall not keep it."""
    present = {
        desired.name: desired
        for desired in desired_items
        if desired.state == PRESENT and desired.initiators is not None
    }
    found: Dict[str, Set[str]] = {}
    for desired in present.values():
        for initiator in desired.initiators or ():
            owner = draft.world.owner_of(initiator.address)
            other = present.get(owner.name) if owner is not None else None
            if other is None or other is desired or not other.exclusive_initiators:
                continue
            if initiator.address not in {one.address for one in other.initiators or ()}:
                found.setdefault(desired.name, set()).add(other.name)
    return found


def _add(draft: Draft, step: Step) -> None:
    """Add a step of a host; where it takes initiators, after the other hosts have given them up."""
    if step.item[-1] in draft.takers:
        draft.add_taker(step, step.item[-1])
    else:
        draft.add(step)


def present(draft: Draft, desired: DesiredHost, mapped: bool = False) -> None:
    """:param mapped: volumes shall be mapped to it, with which some arrays keep its CHAP credentials (see maps)."""
    if mapped and draft.capabilities.chap_per_volume:
        if desired.chap is not None:
            draft.volume_chap[desired.name] = desired
        desired = replace(desired, chap=None)
    with draft.item(key(desired.name), "create or change host %s" % desired.name) as outcome:
        host = draft.world.host(desired.name)
        outcome.before = host
        if host is None:
            wanted = desired.initiators or ()
            rules.check_can(draft.capabilities, "create_host", None, host=desired.name, initiators=wanted)
        if desired.chap is not None:
            rules.check_can(draft.capabilities, "chap", host)
        _check_os(draft, desired, host)
        for initiator in desired.initiators or ():
            _check_protocol(draft, initiator)
            owner = draft.world.owner_of(initiator.address)
            if owner is not None and owner.name != desired.name:
                if owner.name in draft.takers.get(desired.name, ()) and draft.failure(key(owner.name)) is None:
                    draft.check_destructive()
                raise Conflict(
                    "initiator %s belongs to host %s" % (format_initiator(initiator.address), owner.name),
                    hint="Use that host, or remove the initiator from it first.",
                )
        draft.world.put_host(_create(draft, desired) if host is None else _change(draft, desired, host))


def _check_os(draft: Draft, desired: DesiredHost, host: Optional[Host]) -> None:
    """An operating system that the array cannot store is refused, never dropped, like CHAP.

    :raises Unsupported: the array stores none.
    :raises Conflict: the host has another one, and the array cannot change it.
    """
    if desired.os is None:
        return
    rules.check_can(draft.capabilities, "host_os", host)
    refusal = draft.capabilities.refusal("set_host_os", host)
    if refusal and host is not None and host.os is not None and host.os.lower() != desired.os.lower():
        raise Conflict("its os is %s, not %s" % (host.os, desired.os), hint=refusal[:1].upper() + refusal[1:] + ".")


def _check_protocol(draft: Draft, initiator: Initiator) -> None:
    if initiator.protocol not in draft.capabilities.protocols:
        raise Invalid(
            "this array does not speak %s with hosts, so %s is of no use to it"
            % (_PROTOCOLS[initiator.protocol], format_initiator(initiator.address)),
            hint="It speaks %s." % " and ".join(_PROTOCOLS[protocol] for protocol in draft.capabilities.protocols),
        )


def _create(draft: Draft, desired: DesiredHost) -> Host:
    if desired.initiators is None:
        raise NotFound("there is no such host", hint="To create it, give its initiators.")
    if not desired.initiators:
        rules.check_can(draft.capabilities, "host_without_initiators")
    rules.check_name("host", desired.name, draft.capabilities.host_name)
    _add(draft, CreateHost(key(desired.name), desired.name, desired.initiators, desired.os, desired.chap))
    return Host(
        desired.name, initiators=_with_chap(desired.initiators, desired), kind=INITIATORS, os=desired.os, volumes=0
    )


def _with_chap(initiators: Sequence[Initiator], desired: DesiredHost) -> Tuple[Initiator, ...]:
    if desired.chap is None:
        return tuple(initiators)
    user = desired.chap.username
    return tuple(replace(i, chap_user=user) if i.protocol == ISCSI else i for i in initiators)


def _change(draft: Draft, desired: DesiredHost, host: Host) -> Host:
    if desired.initiators is None:
        return _set_os(draft, desired, _set_chap(draft, desired, host))
    missing = tuple(i for i in desired.initiators if i.address not in host.addresses)
    if missing:
        rules.check_can(draft.capabilities, "add_initiators", host, initiators=missing)
        _add(draft, AddInitiators(key(host.name), host.name, missing, desired.chap))
        host = replace(host, initiators=host.initiators + _with_chap(missing, desired))
    host = _set_os(draft, desired, _set_chap(draft, desired, host))
    if desired.exclusive_initiators:
        wanted = {i.address for i in desired.initiators}
        extra = tuple(i for i in host.initiators if i.address not in wanted)
        if extra:
            host = _remove(draft, host, extra, missing)
    return host


def _remove(draft: Draft, host: Host, extra: Sequence[Initiator], new: Sequence[Initiator]) -> Host:
    """:param new: the initiators of ``host`` that this task adds."""
    if not draft.world.actual.hosts.complete:
        draft.warn("not every host could be read, so no initiator was removed from host %s" % host.name)
        return host
    rules.check_owner(host.name, "change", draft.policy)
    rules.check_can(draft.capabilities, "remove_initiators", host)
    if len(extra) == len(host.initiators):
        rules.check_can(draft.capabilities, "remove_last_initiator", host)
    _check_removal(draft, host, extra, new)
    for initiator in extra:
        if initiator.logged_in:
            draft.warn("initiator %s is logged in to the array" % format_initiator(initiator.address))
    gone = tuple(initiator.address for initiator in extra)
    if not draft.add_removal(RemoveInitiators(key(host.name), host.name, gone), host.name, key(host.name)):
        return host
    return replace(host, initiators=tuple(i for i in host.initiators if i.address not in gone))


def _check_removal(draft: Draft, host: Host, extra: Sequence[Initiator], new: Sequence[Initiator]) -> None:
    """Refused when it cuts the host off from its volumes, or when an empty list asks for it; names all that permits."""
    reasons, hints = [], []
    if len(extra) == len(host.initiators) and not draft.policy.allow_empty:
        reasons.append("the list of its initiators is empty, so every initiator would be removed")
        hints.append("Give the initiators that shall stay, or set allow_empty: true when it shall have none.")
    if not draft.policy.force:
        maps = draft.world.maps_of_host(host.name)
        busy = sorted(mapping.volume for mapping in maps if mapping.open)
        if busy:
            reasons.append("it has an open session on %s, so initiators may be in use" % _named(busy))
            hints.append("Detach the volumes on the host first, or set force: true.")
        elif len(extra) + len(new) == len(host.initiators):
            has = _what_it_has(draft, host)
            if has:
                reasons.append("none of the initiators that it has now would stay, and %s" % has)
                hints.append("Keep one of them, unmap the volumes first, or set force: true.")
    if reasons:
        raise Refused("; ".join(reasons), hint=" ".join(hints))


def _what_it_has(draft: Draft, host: Host) -> str:
    """What is mapped to the host, or may be, in words; empty when nothing is."""
    maps = draft.world.maps_of_host(host.name)
    if maps:
        return "it has %s" % _named(sorted(mapping.volume for mapping in maps))
    if draft.world.host_maps_known(host.name) or host.volumes == 0:
        return ""
    return "not every mapping could be read, so it may have volumes"


def _named(volumes: Sequence[str]) -> str:
    return ", ".join("volume %s" % name for name in volumes)


def _set_chap(draft: Draft, desired: DesiredHost, host: Host) -> Host:
    """Secrets cannot be read back, so they are sent when the user name differs, or always when asked to."""
    if desired.chap is None:
        return host
    iscsi = [i for i in host.initiators if i.protocol == ISCSI]
    stale = [i for i in iscsi if i.chap_user != desired.chap.username]
    if iscsi and (stale or desired.update_secret == ALWAYS):
        _add(draft, SetChap(key(host.name), host.name, desired.chap))
        return replace(host, initiators=_with_chap(host.initiators, desired))
    return host


def _set_os(draft: Draft, desired: DesiredHost, host: Host) -> Host:
    """Change the operating system where it differs: a run that created the host may have ended before it was set."""
    if desired.os is None or not host.initiators or draft.capabilities.refusal("set_host_os", host):
        return host
    if host.os is not None and host.os.lower() == desired.os.lower():
        return host
    _add(draft, SetHostOs(key(host.name), host.name, desired.os))
    return replace(host, os=desired.os)


def absent(draft: Draft, desired: DesiredHost) -> None:
    with draft.item(key(desired.name), "delete host %s" % desired.name) as outcome:
        host = draft.world.host(desired.name)
        outcome.before = host
        if host is not None:
            delete(draft, key(desired.name), host)


def delete(draft: Draft, item: Key, host: Host) -> None:
    rules.check_owner(host.name, "delete", draft.policy)
    rules.check_can(draft.capabilities, "delete_host", host)
    maps = draft.world.maps_of_host(host.name)
    if maps:
        raise InUse(
            "volumes are mapped to it: %s" % ", ".join(sorted(mapping.volume for mapping in maps)),
            hint="Unmap them first; nothing else permits it.",
        )
    if not draft.world.host_maps_known(host.name) and host.volumes != 0:
        raise Refused(
            "not every mapping could be read, so it may have volumes mapped to it"
            if draft.world.actual.mappings.unreadable
            else "this array cannot be asked whether it has volumes mapped to it",
            hint="Delete it with the array's own tools, when you know that it has none.",
        )
    draft.add(DeleteHost(item, host.name), item)
    draft.world.drop_host(host)
