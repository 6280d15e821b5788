# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refresh of a volume from another volume or its snapshot, over REST (sheet, section 2.3).

The array copies a snapshot into the volume by the request that fills a full clone. Everything around it is that of a
restore: the backup, its marker, and the records of the runs (see restore.py). Where the source is a volume, a temporary
snapshot of it is copied, which is taken again after an interruption, so that its content is never an old one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import List, Union

from ... import unfinished
from ...errors import FlashError, Invalid, Timeout
from ...model import COPYING, Snapshot, Volume
from ...transport.confirm import AnswerLost, poll_after
from .codes import Mapped
from .ledger import REFRESH_MAPPED, REFRESH_USED
from .names import marker, record_name, refreshed, request_digest
from .restore import Restores


class Refreshes(Restores):
    """Refresh."""

    def refresh_volume(self, volume: Volume, source: Union[Volume, Snapshot], backup: str) -> Snapshot:
        """As many requests as a restore, two more where the source is a volume, and polls while the array copies.

        After a lost answer the request is sent again only by the next run, which keeps the present content first.

        :raises Busy: another run refreshes or restores the volume.
        """
        with self._doing("refresh volume %s from %s" % (volume.name, source.name), volume.name):
            if isinstance(source, Snapshot) and source.volume == volume.name:
                return self.restore_snapshot(volume, source, backup)
            self._require("refresh_volume", volume, source=source)
            of_volume = source.volume if isinstance(source, Snapshot) else source.name
            if of_volume is None:
                raise Invalid(
                    "the array does not report which volume snapshot %s was taken of, which the copy needs"
                    % source.name
                )
            if volume.state == COPYING:
                # A copy that an earlier run began. A snapshot of the volume would hold a part of it.
                self._wait_until_filled(volume.name, "copy")
            copy = _Copy(volume.name, source, of_volume, backup)
            return self._put_content(volume, backup, lambda _token, is_first: self._copy_content(copy, is_first))

    def _copy_content(self, copy: _Copy, is_first: bool) -> None:
        """Copy into the volume, and wait until it is filled.

        :param is_first: no earlier run has begun this refresh.
        """
        with unfinished.begin() as stamp:
            begun = [] if is_first else self._begun(copy)
            if not begun:
                if copy.temporary:
                    if not is_first:
                        self._delete_snapshot(copy.temporary)
                    self._note(copy.temporary, copy.of_volume)
                self._begin_copy(copy)
            try:
                self._wait_until_filled(
                    copy.volume,
                    "copy",
                    "The array goes on copying. Run the task again to wait for it, or raise wait_timeout. "
                    + _kept(copy.backup),
                )
            except Timeout:
                with suppress(FlashError):
                    # So that the next run waits for this copy, and does not begin it again.
                    name = record_name(refreshed(copy.volume), copy.request, stamp, begun=True)
                    self._note(name, copy.of_volume)
                raise
            for name in begun + ([copy.temporary] if copy.temporary else []):
                self._delete_snapshot(name)

    def _begun(self, copy: _Copy) -> List[str]:
        """The snapshots that record that the array copies, for this request, and not too long ago."""
        return [
            name
            for name, record in self._records(copy.of_volume, refreshed(copy.volume))
            if record.request == copy.request and record.stamp.age() < unfinished.RESUME_WITHIN
        ]

    def _begin_copy(self, copy: _Copy) -> None:
        try:
            self._wire.copy(copy.volume, copy.temporary or copy.source)
        except AnswerLost as error:
            if poll_after(error, lambda: self._need_volume(copy.volume).state == COPYING):
                return
            error.hint = (
                "The array does not report whether it has filled the volume. Run the task again: it keeps the present "
                "content once more, and fills the volume again. %s" % _kept(copy.backup)
            )
            raise
        except FlashError as error:
            error.fill(assumption=(REFRESH_MAPPED if isinstance(error, Mapped) else REFRESH_USED).id)
            error.hint = "%s %s" % (error.hint, _kept(copy.backup)) if error.hint else _kept(copy.backup)
            raise


def _kept(backup: str) -> str:
    return "What the volume held before is kept as snapshot %s, which stays." % backup


class _Copy:
    """What is copied into which volume.

    :param of_volume: the source, or the volume that it was taken of.
    """

    def __init__(self, volume: str, source: Union[Volume, Snapshot], of_volume: str, backup: str) -> None:
        self.volume, self.source, self.of_volume, self.backup = volume, source.name, of_volume, backup
        self.temporary = marker("refresh", backup) if isinstance(source, Volume) else ""
        """The snapshot that is taken of a volume, to be copied."""
        self.request = request_digest(backup, of_volume, source.name)
