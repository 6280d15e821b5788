# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet: a YAML list of arrays, each with its name in the inventory and its connection options.

No message has a value of an entry in it, since each may be a secret.
"""

from __future__ import annotations

from typing import Any, Dict

import yaml

from ansible_collections.openflash.storage.plugins.module_utils.flash_options import CONNECTION

Fleet = Dict[str, Dict[str, Any]]
"""The connection options of each array, by its name."""


class FleetError(ValueError):
    """What is wrong with a fleet."""


def read_fleet(loader: Any, path: str) -> Fleet:
    """The arrays of a file, which may be encrypted with ansible-vault.

    :param loader: Ansible's DataLoader, which decrypts the file.
    :raises FleetError: the file cannot be read, or is not a list of arrays.
    """
    try:
        with open(loader.get_real_file(path), encoding="utf-8") as file:
            data = yaml.safe_load(file)
    except yaml.YAMLError as error:
        # Its text shows the line, in which a password may be
        mark = getattr(error, "problem_mark", None)
        place = " at line %d" % (mark.line + 1) if mark else ""
        raise FleetError("the fleet %s is not YAML%s" % (path, place)) from None
    except UnicodeDecodeError:
        raise FleetError("the fleet %s is not a text in UTF-8" % path) from None
    except OSError as error:
        raise FleetError("cannot read the fleet %s: %s" % (path, error.strerror)) from None
    return fleet_of(data, "the fleet %s" % path)


def fleet_of(data: Any, where: str) -> Fleet:
    """The arrays of a list.

    :param where: what the list is, for messages.
    :raises FleetError: it is not a list of arrays, or is empty, or has a name twice.
    """
    if not isinstance(data, list) or not data:
        raise FleetError("%s is not a list of arrays, or an empty one" % where)
    fleet: Fleet = {}
    for number, entry in enumerate(data, 1):
        if not isinstance(entry, dict):
            raise FleetError("entry %d of %s is not a dictionary of options" % (number, where))
        options = dict(entry)
        name = options.pop("name", None)
        if not isinstance(name, str) or not name.strip():
            raise FleetError("entry %d of %s has no name" % (number, where))
        if name in fleet:
            raise FleetError("%s has the name %s twice" % (where, name))
        unknown = sorted(str(option) for option in options if option not in CONNECTION)
        if unknown:
            raise FleetError("%s of %s is no connection option: %s" % (name, where, ", ".join(unknown)))
        missing = [option for option in ("vendor", "address") if not options.get(option)]
        if missing:
            raise FleetError("%s of %s has no %s" % (name, where, " and no ".join(missing)))
        fleet[name] = options
    return fleet
