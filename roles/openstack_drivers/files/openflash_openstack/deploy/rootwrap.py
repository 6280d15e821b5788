# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks with oslo.rootwrap which commands a service may run as root."""

from __future__ import annotations

import configparser
import os
import shutil
from collections.abc import Sequence
from typing import Any

from oslo_rootwrap import wrapper

PREFIX = "openflash"
"""The prefix of the names of the filters that the roles of this collection write."""


def permitted(path: str, argv: Sequence[str]) -> dict[str, Any]:
    """Whether rootwrap runs the command.

    :param path: rootwrap.conf of the service. Where it does not exist, the service does not use rootwrap, and needs no
        filter.
    :return: ``permitted``: a filter that this collection did not write permits the command. ``found``: the program is
        in one of the folders ``exec_dirs``, without which rootwrap does not run it, whatever the filters permit.
    """
    parser = configparser.RawConfigParser()
    if not parser.read(path):
        return {"permitted": True, "found": True, "exec_dirs": []}
    config = wrapper.RootwrapConfig(parser)
    loaded = wrapper.load_filters(config.filters_path)
    filters = [rule for rule in loaded if not str(rule.name).startswith(PREFIX)]
    found = {"permitted": True, "found": True, "exec_dirs": config.exec_dirs}
    try:
        wrapper.match_filter(filters, list(argv), exec_dirs=config.exec_dirs)
    except wrapper.FilterMatchNotExecutable:
        found["found"] = False
    except wrapper.NoFilterMatched:
        found["permitted"] = False
        found["found"] = shutil.which(argv[0], path=os.pathsep.join(config.exec_dirs)) is not None
    return found
