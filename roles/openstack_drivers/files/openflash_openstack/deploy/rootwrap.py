# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service may run as root, as oslo.rootwrap itself judges it."""

from __future__ import annotations

import configparser
from collections.abc import Sequence

from oslo_rootwrap import wrapper

OURS = "openflash"
"""The names of the filters that the roles of this collection write begin with this."""


def permitted(path: str, argv: Sequence[str]) -> bool:
    """Whether the command is permitted by filters of others.

    :param path: rootwrap.conf of the service; where there is none, the service does not use rootwrap, and needs no
        filter.
    """
    parser = configparser.RawConfigParser()
    if not parser.read(path):
        return True
    config = wrapper.RootwrapConfig(parser)
    filters = [one for one in wrapper.load_filters(config.filters_path) if not str(one.name).startswith(OURS)]
    try:
        wrapper.match_filter(filters, list(argv), exec_dirs=config.exec_dirs)
    except wrapper.FilterMatchNotExecutable:
        return True
    except wrapper.NoFilterMatched:
        return False
    return True
