# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which image a volume was made of: as notes on the volume where the array keeps some, else in a file of this host.

Only the notes are proof. The file knows what this host did and not what happened since, so it decides nothing where the
volume itself can be read.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import Dict

from ..array import Array, Notes
from ..model import Volume
from .work import Folder

Digests = Dict[str, str]
"""Hexadecimal digest by algorithm."""

_PREFIX = "openflash-image-"
_FILE = "records"
_MOST = 4096


class Records:
    """:param array_key: tells arrays apart, see work.array_key."""

    def __init__(self, array: Array, folder: Folder, array_key: str) -> None:
        self._array = array
        self._folder = folder
        self._key = array_key
        self.on_array = array.capabilities.refusal("metadata") is None

    def of(self, volume: Volume) -> Digests:
        """The image's digests; empty when nothing is known."""
        if self.on_array:
            notes = Notes.of(self._array).metadata(volume)
            return {key[len(_PREFIX) :]: value for key, value in notes.items() if key.startswith(_PREFIX)}
        return self.remembered(volume)

    def remembered(self, volume: Volume) -> Digests:
        """What the file says."""
        found = self._load().get(self._name(volume))
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def write(self, volume: Volume, digests: Digests) -> None:
        """Before the volume gets its name, where the array keeps it."""
        if self.on_array:
            keeper = Notes.of(self._array)
            notes = {key: value for key, value in keeper.metadata(volume).items() if not key.startswith(_PREFIX)}
            notes.update({_PREFIX + key: value for key, value in digests.items()})
            keeper.set_metadata(volume, notes)

    def remember(self, volume: Volume, digests: Digests) -> None:
        """In the file, where the array keeps nothing."""
        if self.on_array or not digests:
            return
        self._folder.make()
        with open(self._path + ".lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._load()
            known.pop(self._name(volume), None)
            known[self._name(volume)] = dict(digests)
            for name in list(known)[: max(0, len(known) - _MOST)]:
                del known[name]
            temporary = self._path + ".new"
            with open(temporary, "w", encoding="utf-8") as stream:
                json.dump(known, stream)
            os.replace(temporary, self._path)

    @property
    def _path(self) -> str:
        return os.path.join(self._folder.path, _FILE)

    def _name(self, volume: Volume) -> str:
        return "|".join([self._key, volume.id or volume.name, volume.serial or ""])

    def _load(self) -> Dict[str, Digests]:
        try:
            with open(self._path, encoding="utf-8") as stream:
                found = json.load(stream)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
