# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One configuration file as oslo.config reads it, without knowing its options."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

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


def files(path: str, folder: Optional[str]) -> list[str]:
    """The file and those of a folder that are read after it."""
    return [path, *(str(more) for more in sorted(Path(folder).glob("*.conf")))] if folder else [path]


def scheme(path: str, folder: Optional[str], name: str) -> Optional[str]:
    """The scheme of the URL that SECTION:OPTION has; None where it is not set. The URL itself may have a password.

    :raises ValueError: a file cannot be read. The message does not contain the line.
    """
    section, _colon, option = name.partition(":")
    found: Optional[str] = None
    for file in files(path, folder):
        try:
            given = parse(file).get(normal(section), {}).get(option)
        except cfg.ParseError as error:
            raise ValueError("line %s of %s cannot be read: %s" % (error.lineno, file, error.msg)) from None
        if given:
            found = given[-1].partition(":")[0] or None
    return found
