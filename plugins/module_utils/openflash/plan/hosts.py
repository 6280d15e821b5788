# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with their initiators."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ..errors import Conflict, InUse, Invalid, NotFound, Refused
from ..model import FC, INITIATORS, ISCSI, OF_VOLUME, Host, Initiator
from ..units import format_initiator
from . import rules
from .desired import ALWAYS, PRESENT, DesiredHost
from .draft import Draft
from .step import Key, Step
from .steps import AddInitiators, CreateHost, DeleteHost, RemoveInitiators, RenameHost, SetChap, SetHostOs

_PROTOCOLS = {FC: "Fibre Channel", ISCSI: "iSCSI"}


def key(name: str) -> Key:
    return ("host", name)


def in_order(draft: Draft, hosts: Sequence[DesiredHost]) -> List[DesiredHost]:
    """The hosts, one that gives up initiators before the one that gets them.

    No host gives up an initiator before it has got those that it shall have. So hosts that exchange initiators are
    refused: each has what the other one needs first. Notes the givers and the levels of hosts in the draft.
    """
    draft.initiator_givers = _givers(draft, hosts)
    ordered: List[DesiredHost] = []
    remaining = list(hosts)
    while remaining:
        waiting = {host.name for host in remaining}
        ready = [host for host in remaining if not draft.initiator_givers.get(host.name, set()) & waiting]
        for host in ready:
            givers = draft.initiator_givers.get(host.name, ())
            draft.host_levels[host.name] = max((draft.host_levels[giver] + 1 for giver in givers), default=0)
        ordered += ready or remaining
        done = {host.name for host in ready or remaining}
        remaining = [host for host in remaining if host.name not in done]
    return ordered


def _givers(draft: Draft, hosts: Sequence[DesiredHost]) -> Dict[str, Set[str]]:
    """For each host, those hosts of the same task that have an initiator of it now and shall not keep it."""
    described = {host.name: host for host in hosts if host.state == PRESENT and host.initiators is not None}
    found: Dict[str, Set[str]] = {}
    for host in described.values():
        for initiator in host.initiators or ():
            owner = draft.world.host_of_initiator(initiator.address)
            giver = described.get(owner.name) if owner is not None else None
            if giver is None or giver is host or not giver.exclusive_initiators:
                continue
            if initiator.address not in {kept.address for kept in giver.initiators or ()}:
                found.setdefault(host.name, set()).add(giver.name)
    return found


def _add(draft: Draft, step: Step) -> None:
    """Add a step of a host; where the host gets initiators of others, after these have given them up."""
    if step.item[-1] in draft.initiator_givers:
        draft.add_initiators(step, step.item[-1])
    else:
        draft.add(step)


def present(draft: Draft, desired: DesiredHost, mapped: bool = False) -> None:
    """:param mapped: volumes shall be mapped to it. Some arrays keep its CHAP credentials with these (see mappings)."""
    if mapped and draft.capabilities.chap == OF_VOLUME:
        if desired.chap is not None:
            draft.hosts_with_volume_chap[desired.name] = desired
        desired = replace(desired, chap=None)
    with draft.item(key(desired.name), "create or change host %s" % desired.name) as outcome:
        host = outcome.before = draft.world.host(desired.name)
        old = draft.world.host(desired.rename_from) if desired.rename_from else None
        if old is not None and host is not None:
            draft.warn("host %s is there already, so %s keeps its name" % (desired.name, old.name))
            old = None
        elif old is not None:
            outcome.before, host = old, _rename(draft, desired, old)
        if host is None:
            initiators = desired.initiators or ()
            rules.check_can(draft.capabilities, "create_host", None, host=desired.name, initiators=initiators)
        if desired.chap is not None:
            rules.check_can(draft.capabilities, "chap", host)
        if desired.require_paths is not None:
            rules.check_can(draft.capabilities, "connections", host)
        _check_os(draft, desired, host)
        for initiator in desired.initiators or ():
            _check_protocol(draft, initiator)
            if host is not None and initiator.address in host.addresses:
                continue  # it stays, even where another host has it as well
            owner = draft.world.host_of_initiator(initiator.address)
            if owner is not None and owner is not old and owner.name != desired.name:
                givers = draft.initiator_givers.get(desired.name, ())
                if owner.name in givers and draft.failure(key(owner.name)) is None:
                    draft.check_destructive()
                raise Conflict(
                    "initiator %s belongs to host %s" % (format_initiator(initiator.address), owner.name),
                    hint="Use that host, or remove the initiator from it first.",
                )
        known_as = old.name if old is not None else desired.name
        planned = _create(draft, desired) if host is None else _change(draft, desired, host, known_as)
        if old is not None and planned is not None:
            draft.world.rename_host(old.name, planned)
        elif planned is not None:
            draft.world.put_host(planned)


def _rename(draft: Draft, desired: DesiredHost, old: Host) -> Host:
    """Plan to rename the host, and return it as it is after that."""
    if not draft.world.host_existed(old.name):
        raise Invalid(
            "host %s, which it shall be renamed from, is made by this very task" % old.name,
            hint="Leave rename_from out, or make the host in another task.",
        )
    rules.check_can(draft.capabilities, "rename_host", old)
    rules.check_owner(old.name, "rename", draft.policy)
    rules.check_name("host", desired.name, draft.capabilities.host_name)
    _add(draft, RenameHost(key(desired.name), old.name, desired.name))
    return replace(old, name=desired.name)


def _check_os(draft: Draft, desired: DesiredHost, host: Optional[Host]) -> None:
    """:raises Unsupported: the array stores no operating system of a host.

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
            "this array does not use %s with hosts, so %s cannot be one of its initiators"
            % (_PROTOCOLS[initiator.protocol], format_initiator(initiator.address)),
            hint="It uses %s." % " and ".join(_PROTOCOLS[protocol] for protocol in draft.capabilities.protocols),
        )


def _create(draft: Draft, desired: DesiredHost) -> Optional[Host]:
    """Plan the new host; None where it is assumed."""
    if desired.initiators is None:
        reason = "there is no such host"
        if desired.rename_from:
            reason += ", and no host %s that could be renamed" % desired.rename_from
        return draft.needed_host(desired.name, NotFound(reason, hint="To create it, give its initiators."))
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


def _change(draft: Draft, desired: DesiredHost, host: Host, known_as: str) -> Host:
    """:param known_as: the name of the host on the array, before this task renames it."""
    if desired.initiators is None:
        return _set_os(draft, desired, _set_chap(draft, desired, host))
    missing = tuple(i for i in desired.initiators if i.address not in host.addresses)
    if missing:
        rules.check_can(draft.capabilities, "add_initiators", host, initiators=missing)
        _add(draft, AddInitiators(key(host.name), host.name, missing, desired.chap))
        host = replace(host, initiators=host.initiators + _with_chap(missing, desired))
    host = _set_os(draft, desired, _set_chap(draft, desired, host))
    if desired.exclusive_initiators:
        kept = {initiator.address for initiator in desired.initiators}
        extra = tuple(initiator for initiator in host.initiators if initiator.address not in kept)
        if extra:
            host = _remove(draft, host, extra, missing, known_as)
    return host


def _remove(draft: Draft, host: Host, extra: Sequence[Initiator], new: Sequence[Initiator], known_as: str) -> Host:
    """:param new: the initiators of ``host`` that this task adds."""
    if not draft.world.actual.hosts.complete:
        draft.warn("not every host could be read, so no initiator was removed from host %s" % host.name)
        return host
    rules.check_owner(host.name, "change", draft.policy)
    rules.check_can(draft.capabilities, "remove_initiators", host)
    if len(extra) == len(host.initiators):
        rules.check_can(draft.capabilities, "remove_last_initiator", host)
    _check_removal(draft, replace(host, name=known_as), extra, new)
    for initiator in extra:
        if initiator.logged_in:
            draft.warn("initiator %s is logged in to the array" % format_initiator(initiator.address))
    removed = tuple(initiator.address for initiator in extra)
    step = RemoveInitiators(key(host.name), host.name, removed)
    if not draft.add_initiator_removal(step, host.name, key(host.name)):
        return host
    return replace(host, initiators=tuple(i for i in host.initiators if i.address not in removed))


def _check_removal(draft: Draft, host: Host, extra: Sequence[Initiator], new: Sequence[Initiator]) -> None:
    """Check that the initiators may be removed.

    :raises Refused: the host would lose access to its volumes, or an empty list asks for it. Names every option needed.
    """
    reasons, hints = [], []
    if len(extra) == len(host.initiators) and not draft.policy.allow_empty:
        reasons.append("the list of its initiators is empty, so every initiator would be removed")
        hints.append("Give the initiators that shall stay, or set allow_empty: true when it shall have none.")
    if not draft.policy.force:
        in_use = sorted(mapping.volume for mapping in draft.world.mappings_of_host(host.name) if mapping.open)
        if in_use:
            reasons.append("it has an open session on %s, so initiators may be in use" % _list_volumes(in_use))
            hints.append("Detach the volumes on the host first, or set force: true.")
        elif len(extra) + len(new) == len(host.initiators):
            reason = _why_in_use(draft, host)
            if reason:
                reasons.append("none of the initiators that it has now would stay, and %s" % reason)
                hints.append("Keep one of them, unmap the volumes first, or set force: true.")
    if reasons:
        raise Refused("; ".join(reasons), hint=" ".join(hints))


def _why_in_use(draft: Draft, host: Host) -> str:
    """A clause that says what is mapped to the host, or may be; "" when nothing is."""
    mappings = draft.world.mappings_of_host(host.name)
    if mappings:
        return "it has %s" % _list_volumes(sorted(mapping.volume for mapping in mappings))
    if draft.world.host_mappings_known(host.name) or host.volumes == 0:
        return ""
    return "not every mapping could be read, so it may have volumes"


def _list_volumes(volumes: Sequence[str]) -> str:
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
    """Plan to delete a host.

    :raises Refused, InUse, Unsupported: it must not be deleted.
    """
    rules.check_owner(host.name, "delete", draft.policy)
    rules.check_can(draft.capabilities, "delete_host", host)
    mappings = draft.world.mappings_of_host(host.name)
    if mappings:
        raise InUse(
            "volumes are mapped to it: %s" % ", ".join(sorted(mapping.volume for mapping in mappings)),
            hint="Unmap them first; nothing else permits it.",
        )
    if not draft.world.host_mappings_known(host.name) and host.volumes != 0:
        raise Refused(
            "not every mapping could be read, so it may have volumes mapped to it"
            if draft.world.actual.mappings.unreadable
            else "this array cannot be asked whether it has volumes mapped to it",
            hint="Delete it with the array's own tools, when you know that it has none.",
        )
    draft.add(DeleteHost(item, host.name), item)
    draft.world.remove_host(host)
