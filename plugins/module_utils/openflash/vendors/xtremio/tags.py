# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notes on volumes, kept as tags: v2 only (sheet, section 7)."""

from __future__ import annotations

from contextlib import suppress
from typing import Dict, Mapping as Map, Optional

from ...array import Notes
from ...errors import BadReply, NotFound, Timeout
from ...model import Volume
from ...transport.confirm import repeat
from ...transport.deadline import Deadline
from . import objects
from .ledger import TAG_LAG, TAG_SEEN_AFTER
from .reading import Reading
from .refusals import NameTaken
from .session import Object
from .wire import reference


class Tags(Reading, Notes):
    """Notes."""

    def metadata(self, volume: Volume) -> Dict[str, str]:
        """One request."""
        with self._doing("read the notes on volume %s" % volume.name, volume.name):
            return objects.notes(self._tagged(volume))

    def set_metadata(self, volume: Volume, metadata: Map[str, str]) -> None:
        """Make the notes exactly these. Tags that are not ``key=value`` stay.

        One read; one request for each new note, three when no volume has it yet; one for each removed note.
        """
        with self._doing("write the notes on volume %s" % volume.name, volume.name):
            present = objects.note_tags(self._tagged(volume))
            for key, value in metadata.items():
                if (key, value) not in present:
                    self._tag(objects.tag_of(key, value), volume)
            # This also removes the old value of a key where an earlier run was killed after it had set the new one.
            for (key, value), tag in present.items():
                if metadata.get(key) != value:
                    self._untag(tag, volume)

    def _tagged(self, volume: Volume) -> Object:
        if not self._xms.is_v2:
            raise self.unsupported("metadata", "", volume)
        item = self._xms.volume(volume.name, ("name", "index", "tag-list"))
        if item is None:
            raise NotFound("volume %s is not there" % volume.name)
        if item.get("tag-list") is None:
            raise BadReply("the array does not report the tags of volume %s" % volume.name)
        return item

    def _tag(self, tag: str, volume: Volume) -> None:
        def assign() -> Optional[bool]:
            try:
                self._xms.assign_tag(tag, reference(volume.name, volume.id))
            except NotFound:
                return None
            return True

        if assign():
            return
        with suppress(NameTaken):
            repeat(lambda: self._xms.create_tag(tag))
        try:
            Deadline(TAG_LAG).poll(assign, "the tag %s" % tag)
        except Timeout as error:
            raise error.fill(assumption=TAG_SEEN_AFTER.id) from None

    def _untag(self, tag: str, volume: Volume) -> None:
        """Take the tag off the volume. The tag itself stays: another client may be about to use it."""
        self._xms.remove_tag(tag, reference(volume.name, volume.id))
