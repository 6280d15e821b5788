# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Translates the errors of the library and of the host into exceptions that Glance handles."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from glance_store import exceptions

from openflash import errors

from ..sessions import PASSING

READ, WRITE, DELETE = "read", "write", "delete"


def translated(error: errors.FlashError, image: str, act: str) -> Exception:
    """The exception for Glance. Its text is the message of the library, which contains no secrets."""
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
        # Glance reports "try again later" for the first one to uploads only, and for the second one to downloads only.
        found = exceptions.TimeoutError(text) if act == WRITE else exceptions.RemoteServiceUnavailable(text)
    else:
        found = exceptions.BackendException(text)
    return found


@contextmanager
def glance_errors(image: str, act: str) -> Iterator[None]:
    """Translate the errors of the library in this block. The cause is not chained: its traceback may show secrets."""
    try:
        yield
    except errors.FlashError as error:
        raise translated(error, image, act) from None


@contextmanager
def disk_errors(image: str, act: str) -> Iterator[None]:
    """Translate the errors of the host. For the use of a disk only, since a disconnected client is an OSError too."""
    try:
        yield
    except OSError as error:
        text = "image %s: %s" % (image, error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise exceptions.StorageFull(text) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and act == WRITE:
            raise exceptions.StorageWriteDenied(text) from None
        raise exceptions.BackendException(text) from None
