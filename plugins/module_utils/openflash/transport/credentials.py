# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user name and password for an array, and the error when one of them is missing."""

from __future__ import annotations

from typing import Optional, Tuple

from ..errors import Invalid
from ..model import Connection


def credentials(connection: Connection) -> Tuple[str, str]:
    """(user name, password) of a connection.

    :raises Invalid: one of them is missing.
    """
    if not connection.username or not connection.password:
        raise missing(bool(connection.username), bool(connection.password), connection.withheld)
    return connection.username, connection.password


def missing(username: bool, password: bool, withheld: Optional[str], key: bool = False) -> Invalid:
    """The error that names what is missing.

    :param username: whether a user name is set.
    :param password: whether a password is set.
    :param withheld: see Connection.
    :param key: whether a private key can replace the password.
    """
    what = "a user name and a password" if not (username or password) else "a password" if username else "a user name"
    options = ([] if username else ["username"]) + ([] if password else ["password"])
    hint = "Set %s%s." % (" and ".join(options), " or private_key_file" if key and not password else "")
    if key and not password:
        what += " or a private key"
    if withheld and not password:
        hint += " " + withheld
    return Invalid("the array demands %s, and the task gives none" % what, hint=hint)
