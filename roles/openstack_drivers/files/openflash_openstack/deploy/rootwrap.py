# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks with oslo.rootwrap which commands a service may run as root."""

from __future__ import annotations

import configparser
from collections.abc import Sequence

from oslo_rootwrap import wrapper

PREFIX = "openflash"
"""The prefix of the names of the filters that the roles of this collection write."""


def permitted(path: str, argv: Sequence[str]) -> bool:
    """Whether a filter that this collection did not write permits the command.

    :param path: rootwrap.conf of the service. Where it does not exist, the service does not use rootwrap, and needs no
        filter.
    """
    parser = configparser.RawConfigParser()
    if not parser.read(path):
        return True
    config = wrapper.RootwrapConfig(parser)
    loaded = wrapper.load_filters(config.filters_path)
    filters = [rule for rule in loaded if not str(rule.name).startswith(PREFIX)]
    try:
        wrapper.match_filter(filters, list(argv), exec_dirs=config.exec_dirs)
    except wrapper.FilterMatchNotExecutable:
        return True
    except wrapper.NoFilterMatched:
        return False
    return True
