# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of temporary objects: what a run has not finished yet, and snapshots that only serve a thin clone."""

from __future__ import annotations

import re
from typing import Optional

from ... import unfinished

# Beginning of the names that this collection gives to temporary objects.
MARKER = "of-"
# Section 4: 36 characters are known to be accepted for a volume, and 32 are the limit for a snapshot.
_DIGEST = 7
_TEMPORARY = re.compile(r"%s(?:[0-9a-z]{%d}-)?(%s)\Z" % (MARKER, _DIGEST, unfinished.PATTERN))


def temporary_prefix(*request: str) -> str:
    """The beginning of the temporary names of copies for this request, the same in every run."""
    return "%s%s-" % (MARKER, unfinished.digest(_DIGEST, *request))


def temporary_name(stamp: unfinished.Stamp, *request: str) -> str:
    """The temporary name of a full copy, 36 characters: marker, digest of the request, and the stamp of the run."""
    return temporary_prefix(*request) + stamp.text


def carrier_name(stamp: unfinished.Stamp) -> str:
    """The name of a snapshot that only serves a thin clone, 28 characters: marker, and the stamp of the run."""
    return MARKER + stamp.text


def stamp_of(name: str) -> Optional[unfinished.Stamp]:
    """The stamp of a temporary name; None for any other name."""
    found = _TEMPORARY.match(name)
    return None if found is None else unfinished.parse(found.group(1))
