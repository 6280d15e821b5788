# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The library's errors as those that Cinder acts upon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from cinder import exception

from openflash import errors


def translated(error: errors.FlashError, volume: Optional[str] = None, snapshot: Optional[str] = None) -> Exception:
    """The exception that Cinder knows. Its text is the library's, which has no secrets in it."""
    text = str(error)
    found: Exception
    if isinstance(error, errors.InUse) and snapshot is not None:
        found = exception.SnapshotIsBusy(text, snapshot_name=snapshot)
    elif isinstance(error, errors.InUse) and volume is not None:
        found = exception.VolumeIsBusy(text, volume_name=volume)
    elif isinstance(error, errors.NotFound) and snapshot is not None:
        found = exception.SnapshotNotFound(text, snapshot_id=snapshot)
    elif isinstance(error, errors.NotFound) and volume is not None:
        found = exception.VolumeNotFound(text, volume_id=volume)
    elif isinstance(error, errors.TooManyCopies):
        # By which Cinder copies a cached image anew.
        found = exception.SnapshotLimitReached(text, set_limit="array's")
    elif isinstance(error, errors.Invalid):
        found = exception.InvalidInput(reason=text)
    else:
        found = exception.VolumeBackendAPIException(data=text)
    return found


@contextmanager
def cinder_errors(volume: Optional[str] = None, snapshot: Optional[str] = None) -> Iterator[None]:
    """Translate what leaves this block. The cause is not chained: a traceback shows what was sent."""
    try:
        yield
    except errors.FlashError as error:
        raise translated(error, volume, snapshot) from None
