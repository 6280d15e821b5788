# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove what a document does not declare: last, bounded, and only what is nobody's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, List

from ..errors import FlashError, Invalid, Refused
from ..model import Snapshot, Volume
from ..units import is_openstack_name
from . import hosts, snapshots, volumes
from .desired import Desired, PruneWish
from .draft import Draft
from .policy import Policy
from .steps import Key

KEY: Key = ("prune", "")


def check_declared(desired: Desired, wish: PruneWish) -> None:
    """Every declared name must begin with the prefix, or the document and the prefix are about different things."""
    declared = (
        [("volume", wish_.name) for wish_ in desired.volumes]
        + [("snapshot", wish_.name) for wish_ in desired.snapshots]
        + [("host", wish_.name) for wish_ in desired.hosts]
    )
    if declared and not any(name.startswith(wish.prefix) for _kind, name in declared):
        raise Invalid(
            "nothing that is declared begins with the prune prefix %r" % wish.prefix,
            hint="The prefix is that of the objects this document looks after.",
        )


def prune(draft: Draft, desired: Desired, wish: PruneWish) -> None:
    with draft.item(KEY, "remove what is not declared") as outcome:
        check_declared(desired, wish)
        if any(other.error for other in draft.outcomes.values()):
            draft.warn("nothing was removed, because something that is declared cannot be made")
            return
        actual = draft.world.actual
        if actual.unreadable or not (actual.volumes.known and actual.snapshots.known and actual.mappings.known):
            draft.warn("nothing was removed, because not every object could be read")
            return
        strict = Policy()  # what a task permits for named objects is not permitted for what nobody named
        draft.policy, permitted = strict, draft.policy
        try:
            _remove(draft, desired, wish)
        finally:
            draft.policy = permitted
        if len(outcome.steps) > wish.limit:
            doomed = ", ".join(step.line for step in outcome.steps)
            raise Refused(
                "%d objects would be removed, and prune_limit is %d: %s" % (len(outcome.steps), wish.limit, doomed),
                hint="Nothing was changed. Raise prune_limit when all of them shall go.",
            )


def _remove(draft: Draft, desired: Desired, wish: PruneWish) -> None:
    world = draft.world
    kept_volumes = {w.name for w in desired.volumes} | {w.source_volume for w in desired.volumes}
    kept_snapshots = {(w.volume, w.name) for w in desired.snapshots}
    kept_sources = {w.source_snapshot for w in desired.volumes}
    kept_hosts = {w.name for w in desired.hosts} | {w.host for w in desired.maps}

    def ours(name: str) -> bool:
        return name.startswith(wish.prefix) and not is_openstack_name(name)

    old_snapshots: List[Snapshot] = [
        s
        for s in list(world.snapshots)
        if ours(s.name) and (s.volume, s.name) not in kept_snapshots and s.name not in kept_sources
    ]
    for snapshot in old_snapshots:
        problem = _unfit(snapshot)
        if problem:
            draft.warn("snapshot %s is not declared and stays: %s" % (snapshot.name, problem))
            continue
        with _staying(draft, "snapshot", snapshot.name):
            snapshots.delete(draft, KEY, snapshot)
    old_volumes: List[Volume] = [v for v in list(world.volumes.values()) if ours(v.name) and v.name not in kept_volumes]
    for volume in old_volumes:
        with _staying(draft, "volume", volume.name):
            volumes.delete(draft, KEY, volume)
    old_hosts = [h for h in list(world.hosts.values()) if ours(h.name) and h.name not in kept_hosts]
    for host in old_hosts:
        with _staying(draft, "host", host.name):
            hosts.delete(draft, KEY, host)


def _unfit(snapshot: Snapshot) -> str:
    if not snapshot.proven:
        return "the array does not prove that it is a snapshot and not a live volume"
    if snapshot.mappings:
        return "it is mapped to %s" % ", ".join(mapping.host for mapping in snapshot.mappings)
    if snapshot.children:
        return "%s were made of it" % ", ".join(snapshot.children)
    return ""


@contextmanager
def _staying(draft: Draft, kind: str, name: str) -> Iterator[None]:
    """What may not be removed stays, and the result says why."""
    try:
        yield
    except FlashError as error:
        draft.warn("%s %s is not declared and stays: %s" % (kind, name, error.reason))
