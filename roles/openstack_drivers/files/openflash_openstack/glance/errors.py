# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The library's errors, and the host's, as those that Glance acts upon."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from glance_store import exceptions

from openflash import errors

from ..sessions import PASSING

READ, WRITE, DELETE = "read", "write", "delete"


def translated(error: errors.FlashError, image: str, act: str) -> Exception:
    """The exception that Glance knows. Its text is the library's, which has no secrets in it."""
    text = str(error)
    found: Exception
    if isinstance(error, errors.NotFound):
        found = exceptions.NotFound(image=image)
    elif isinstance(error, errors.NoSpace):
        found = exceptions.StorageFull(text)
    elif isinstance(error, errors.Conflict) and act == WRITE:
        found = exceptions.Duplicate(text)
    elif isinstance(error, errors.InUse):
        found = exceptions.InUseByStore(text)
    elif isinstance(error, errors.Unauthorized):
        found = exceptions.StorageWriteDenied(text) if act == WRITE else exceptions.Forbidden(text)
    elif isinstance(error, PASSING):
        # Of the two only the former is "try again later" to whoever uploads, and the latter to whoever downloads.
        found = exceptions.TimeoutError(text) if act == WRITE else exceptions.RemoteServiceUnavailable(text)
    else:
        found = exceptions.BackendException(text)
    return found


@contextmanager
def glance_errors(image: str, act: str) -> Iterator[None]:
    """Translate what leaves this block. The cause is not chained: a traceback shows what was sent."""
    try:
        yield
    except errors.FlashError as error:
        raise translated(error, image, act) from None


@contextmanager
def disk_errors(image: str, act: str) -> Iterator[None]:
    """Translate the host's errors. Only around the use of a disk: that a client disconnects is an OSError too."""
    try:
        yield
    except OSError as error:
        text = "image %s: %s" % (image, error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise exceptions.StorageFull(text) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and act == WRITE:
            raise exceptions.StorageWriteDenied(text) from None
        raise exceptions.BackendException(text) from None
