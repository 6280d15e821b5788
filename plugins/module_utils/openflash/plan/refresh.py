# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refresh: a volume that exists takes the content of another volume or of a snapshot, once.

What it held before is kept as a snapshot, the backup. Its name has the id of the refresh, so that the backup shows on
the array that the refresh was carried out: whoever runs the task again, on whatever host, changes nothing.
"""

from __future__ import annotations

from typing import Optional, Union

from ..errors import Conflict, Invalid, NotFound
from ..model import Snapshot, Volume
from ..units import format_size
from . import rules, snapshots, volumes
from .desired import DesiredSnapshot, DesiredVolume
from .draft import Draft
from .step import Key
from .steps import CreateSnapshots, RefreshVolume, UnmapVolume


def note(draft: Draft, desired: DesiredVolume) -> None:
    """Plan the backup of a volume that this task makes of its source, so that the next run does not refresh it."""
    item, backup = volumes.key(desired.name), desired.backup
    if not backup or draft.outcomes[item].before is not None or draft.failure(item) is not None:
        return
    with draft.item(item, "take snapshot %s of volume %s" % (backup, desired.name)):
        volume = draft.world.volumes[desired.name]
        draft.add(CreateSnapshots(item, (item,), ((volume.name, backup),)), item)
        draft.world.add_snapshot(snapshots.planned_snapshot(draft, backup, volume.name, volume))


def from_snapshot(draft: Draft, desired: DesiredSnapshot) -> None:
    """flash_snapshot with state: refreshed."""
    item, target, of_volume = snapshots.key(desired), desired.target or "", desired.volume or ""
    with draft.item(item, "refresh volume %s from snapshot %s" % (target, desired.name)) as outcome:
        found = draft.world.snapshots_named(desired.name, of_volume)
        outcome.before = found[0] if found else None
        if not _done(draft, target, desired.backup or ""):
            if target != of_volume:
                rules.check_can(draft.capabilities, "refresh_volume")
            volume = _target(draft, target)
            _refresh(draft, item, volume, _snapshot(draft, desired.name, of_volume), desired.backup or "")


def overwritten(draft: Draft, desired: DesiredVolume) -> None:
    """flash_volume with overwrite."""
    item, backup = volumes.key(desired.name), desired.backup or ""
    if draft.failure(item) is not None:
        return
    with draft.item(item, "refresh volume %s" % desired.name):
        if _done(draft, desired.name, backup):
            return
        if desired.source_volume != desired.name:
            rules.check_can(draft.capabilities, "refresh_volume")
        volume = _target(draft, desired.name)
        source: Union[Volume, Snapshot, None]
        if desired.source_snapshot:
            source = _snapshot(draft, desired.source_snapshot, desired.source_volume)
        else:
            source = _volume(draft, desired.source_volume or "")
        _refresh(draft, item, volume, source, backup)


def _done(draft: Draft, target: str, backup: str) -> bool:
    """Whether the volume was refreshed before, or is made by this very task."""
    existing = draft.world.snapshots_named(backup, target)
    if existing and not draft.world.is_new(existing[0]):
        rules.check_state(existing[0])
        draft.warn("the backup %s is there, so volume %s has been refreshed before" % (backup, target))
    elif existing and draft.world.existed(target):
        raise Invalid("the same task takes a snapshot %s, so it cannot be the backup" % backup)
    return bool(existing)


def _target(draft: Draft, name: str) -> Optional[Volume]:
    """The volume that takes the content; None where it is assumed."""
    return draft.needed_volume(name, NotFound("there is no volume %s" % name, target=name, hint="Create it first."))


def _volume(draft: Draft, name: str) -> Optional[Volume]:
    return draft.needed_volume(name, NotFound("there is no volume %s" % name, target=name))


def _snapshot(draft: Draft, name: str, volume: Optional[str]) -> Optional[Snapshot]:
    """The snapshot whose content is taken; None where it is assumed."""
    found = draft.world.snapshots_named(name, volume)
    if len(found) > 1:
        raise Conflict(
            "several volumes have a snapshot %s: %s" % (name, ", ".join(sorted(str(s.volume) for s in found))),
            hint="Say which, by source_volume.",
        )
    if not found:
        what = "snapshot %s%s" % (name, " of volume %s" % volume if volume else "")
        draft.missing(what, NotFound("there is no %s" % what, target=name, hint="Take it first."))
        return None
    return found[0]


def _refresh(
    draft: Draft, item: Key, volume: Optional[Volume], source: Union[Volume, Snapshot, None], backup: str
) -> None:
    if volume is None or source is None:
        draft.warn("check mode does not plan to refresh a volume from what is not there yet")
        return
    if isinstance(source, Volume) and source.name == volume.name:
        raise Invalid("volume %s cannot take its own content" % volume.name, hint="Name another volume.")
    mapped = bool(draft.world.mappings_of_volume(volume.name)) and draft.policy.while_mapped
    if isinstance(source, Snapshot) and source.volume == volume.name:
        # Its own earlier content, for which an array may have another request than for that of another volume.
        rules.check_can(draft.capabilities, "restore_snapshot", volume, snapshot=source, mapped=mapped)
    else:
        rules.check_can(draft.capabilities, "refresh_volume", volume, source=source, mapped=mapped)
    rules.check_complete(source)
    rules.check_online(source)
    rules.check_state(volume)
    rules.check_online(volume)
    rules.check_owner(volume.name, "refresh", draft.policy)
    if source.size != volume.size and not _size_unknown(draft, source):
        raise Conflict(
            "it has %s, and its source %s has %s" % (format_size(volume.size), source.name, format_size(source.size)),
            target=volume.name,
            hint="Only a volume of the same size takes the content of another. Extend the smaller one first.",
        )
    rules.check_new_backup(draft.world, backup)
    mappings = rules.check_may_be_refreshed(draft.world, volume.name, draft.policy)
    draft.check_destructive()
    for mapping in mappings:
        draft.add(UnmapVolume(item, volume.name, mapping.host), item)
        draft.world.remove_mapping(mapping)
    source_key = volumes.key(source.name) if isinstance(source, Volume) else volumes.snapshot_key(source)
    draft.add(RefreshVolume(item, volume.name, source_key, backup), item)
    draft.world.add_snapshot(snapshots.planned_snapshot(draft, backup, volume.name, volume))


def _size_unknown(draft: Draft, source: Union[Volume, Snapshot]) -> bool:
    source_key = volumes.key(source.name) if isinstance(source, Volume) else volumes.snapshot_key(source)
    return "size" in draft.world.unknown.get(source_key, ())
