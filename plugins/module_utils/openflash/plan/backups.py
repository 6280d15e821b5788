# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of the snapshots that keep what volumes held before they were refreshed."""

from __future__ import annotations

import re
from typing import Any, Mapping, Optional

from ..errors import Invalid


def backup_of(volume: str, refresh_id: str, backup: Optional[str]) -> str:
    """The name of the snapshot that keeps what a volume held before it was refreshed.

    It has the id of the refresh at its end, since it is what shows on the array that this refresh was carried out.

    :raises Invalid: the given name does not end with the id.
    """
    if backup is None:
        if " " in volume:
            raise Invalid("the volume with %s is refreshed without a name for its backup" % volume, hint="Give backup.")
        return "%s-before-%s" % (volume, refresh_id)
    if not re.search(r"[-._]%s\Z" % re.escape(refresh_id), backup):
        raise Invalid(
            "the backup %s does not end with -%s" % (backup, refresh_id),
            target=volume,
            hint="The backup shows on the array that the volume was refreshed, so its name ends with the refresh_id, "
            "by default the name of the snapshot. With a name that stays the same, it would be refreshed only once.",
        )
    return backup


def backup_of_volume(name: str, options: Mapping[str, Any]) -> str:
    """The backup of a volume that takes the content of its source.

    :raises Invalid: the source, or what tells its states apart, is not given.
    """
    refresh_id = options.get("refresh_id") or options.get("source_snapshot")
    if not options.get("source_volume") and not options.get("source_snapshot"):
        raise Invalid("overwriting volume %s needs source_volume or source_snapshot" % name, target=name)
    if refresh_id is None:
        raise Invalid(
            "overwriting volume %s with what volume %s holds needs refresh_id" % (name, options["source_volume"]),
            target=name,
            hint="It names the state of the source, such as a date. The task refreshes the volume once for each.",
        )
    if options.get("rename_from"):
        raise Invalid(
            "volume %s has both overwrite and rename_from" % name, target=name, hint="Rename it in a task of its own."
        )
    return backup_of(name, refresh_id, options.get("backup"))
