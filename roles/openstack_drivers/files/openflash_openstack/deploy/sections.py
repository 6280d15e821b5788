# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One configuration file as oslo.config reads it, without knowing its options."""

from __future__ import annotations

from oslo_config import cfg

DEFAULT = "DEFAULT"

Sections = dict[str, dict[str, list[str]]]
"""Values as written, by section and option: several where an option is repeated, and the last one counts."""


def normal(section: str) -> str:
    """The name by which a section is looked up: in lower case, but for DEFAULT."""
    return section if section == DEFAULT else section.lower()


def parse(path: str) -> Sections:
    """:raises cfg.ParseError: its message contains the line, which may hold a secret."""
    sections: Sections = {}
    parser = cfg.ConfigParser(path, {})
    parser._normalized = sections
    parser.parse()
    return sections
