# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of a command line and of what it prints (section 1, "Output grammar")."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from . import ledger
from .refusals import Refusal

Row = dict[str, str]
Pairs = list[tuple[str, str]]

VIEW = {"delim": True, "bytes": False, "nohdr": False, "filtervalue": True, "unit": True}
"""Options of every ls command; True for those that take a value."""

_UNITS = {"b": 0, "kb": 1, "mb": 2, "gb": 3, "tb": 4, "pb": 5}


@dataclass(frozen=True)
class Command:
    """One command: its verb, its options, and the object that stands last."""

    verb: str
    options: Mapping[str, str] = field(default_factory=dict)
    object: str | None = None

    def flag(self, name: str) -> bool:
        """Whether an option without a value was given."""
        return name in self.options

    def needed(self, name: str) -> str:
        """The value of an option that the command must have."""
        try:
            return self.options[name]
        except KeyError:
            raise Refusal("CMMVC5707E") from None

    def number(self, name: str) -> int:
        """The value of an option that is a number from 0 on."""
        text = self.needed(name)
        if not text.isdigit():
            raise Refusal("CMMVC5711E", text)
        return int(text)

    def bytes_of(self, name: str) -> int:
        """``-size`` in bytes. ``-unit`` is binary, megabytes by default; only whole sectors are valid (section 2.2)."""
        unit = self.options.get("unit", "mb")
        if unit not in _UNITS:
            raise Refusal("CMMVC5711E", unit)
        size = self.number(name) << 10 * _UNITS[unit]
        if size <= 0 or size % ledger.SECTOR:
            raise Refusal("CMMVC5711E", self.options[name])
        return size


def split(line: str) -> list[list[str]]:
    """The words of each command of a line. For the array's shell an unquoted ``;`` ends a command."""
    if not line.isascii():
        raise Refusal("CMMVC6017E")
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";\n|" + ledger.SHELL_CHARACTERS)
    lexer.whitespace, lexer.whitespace_split = " \t\r", True
    lexer.commenters = ""
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word and not word.strip(";\n"):
                commands.append([])
            elif word and not word.strip("|" + ledger.SHELL_CHARACTERS):
                raise Refusal("", status=1, text=f"rbash: {word}: restricted")
            else:
                commands[-1].append(word)
    except ValueError as error:
        raise Refusal("", status=2, text=f"rbash: {error}") from None
    return [words for words in commands if words]


def parse(words: Sequence[str], options: Mapping[str, bool]) -> Command:
    """A command from its verb and the words after it. ``options``: for each option whether a value follows."""
    given: dict[str, str] = {}
    objects: list[str] = []
    remaining = list(words[1:])
    while remaining:
        word = remaining.pop(0)
        if not word.startswith("-") or len(word) == 1:
            objects.append(word)
            continue
        name = word[1:]
        if name not in options:
            raise Refusal("CMMVC5709E", word)
        if name in given:
            raise Refusal("CMMVC6070E", word)
        if options[name] and not remaining:
            raise Refusal("CMMVC5707E")
        given[name] = remaining.pop(0) if options[name] else ""
    if len(objects) > 1:
        raise Refusal("CMMVC6070E", objects[1])
    return Command(words[0], given, objects[0] if objects else None)


def check_name(name: str, longest: int, pattern: str) -> str:
    """The name. Raises Refusal when the array does not take it for a new object (section 4)."""
    if len(name) > longest:
        raise Refusal("CMMVC5738E", name)
    if not re.fullmatch(pattern, name):
        raise Refusal("CMMVC6527E")
    return name


def concise(command: Command, columns: Sequence[str], rows: Sequence[Row], empty_header: bool) -> str:
    """A list: a row of headings, then a row for each object. Nothing when there is no object (section 9e)."""
    rows = _filtered(command, columns, rows)
    if not rows and not empty_header:
        return ""
    lines = [] if command.flag("nohdr") else [list(columns)]
    lines += [[row[column] for column in columns] for row in rows]
    delimiter = command.options.get("delim")
    if delimiter is not None:
        return "".join(f"{_one_character(delimiter).join(line)}\n" for line in lines)
    widths = [max((len(line[position]) for line in lines), default=0) for position in range(len(columns))]
    return "".join(
        " ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)) + "\n" for line in lines
    )


def detailed(command: Command, pairs: Pairs) -> str:
    """One object: a line for each attribute. A filter is ignored."""
    delimiter = _one_character(command.options.get("delim", " "))
    if command.flag("nohdr"):
        return "".join(f"{pair[1]}\n" for pair in pairs)
    return "".join(f"{name}{delimiter}{value}\n" for name, value in pairs)


def capacity(command: Command, size: int) -> str:
    """A capacity as text: in bytes with ``-bytes``, else rounded, with a unit."""
    if command.flag("bytes"):
        return str(size)
    unit, power = next((item for item in reversed(_UNITS.items()) if size >= 1 << 10 * item[1]), ("b", 0))
    return f"{size / (1 << 10 * power):.2f}{unit.upper()}"


def _one_character(delimiter: str) -> str:
    if len(delimiter) != 1:
        raise Refusal("CMMVC5711E", delimiter)
    return delimiter


def _filtered(command: Command, columns: Sequence[str], rows: Sequence[Row]) -> Sequence[Row]:
    """The rows that match ``-filtervalue``: ``attribute=value``, several joined by colons, ``*`` for any characters."""
    terms = command.options.get("filtervalue")
    if terms is None:
        return rows
    for term in terms.split(":"):
        name, equals, value = term.partition("=")
        if not equals or name not in columns:
            raise Refusal("CMMVC5741E", term)
        pattern = re.compile(".*".join(re.escape(part) for part in value.split("*")) + r"\Z")
        rows = [row for row in rows if pattern.match(row[name])]
    return rows
