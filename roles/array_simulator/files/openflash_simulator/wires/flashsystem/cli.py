# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of a command line and of what it prints (section 1, "Output grammar")."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from . import guesses
from .errors import CliError

Row = dict[str, str]
Pairs = list[tuple[str, str]]

VIEW = {"delim": True, "bytes": False, "nohdr": False, "filtervalue": True, "unit": True}
"""Options of every ls command; True for those that take a value."""

_UNITS = {"b": 0, "kb": 1, "mb": 2, "gb": 3, "tb": 4, "pb": 5}
_NAME = re.compile(r"[A-Za-z_](?:[A-Za-z0-9 ._-]*[A-Za-z0-9._-])?\Z")


@dataclass(frozen=True)
class Command:
    """One command: its verb, its options, and the object that it names last."""

    verb: str
    options: Mapping[str, str] = field(default_factory=dict)
    object: str | None = None

    def flag(self, name: str) -> bool:
        return name in self.options

    def needed(self, name: str) -> str:
        try:
            return self.options[name]
        except KeyError:
            raise CliError("CMMVC5707E") from None

    def number(self, name: str) -> int:
        """An option that is a number from 0."""
        text = self.needed(name)
        if not text.isdigit():
            raise CliError("CMMVC5711E", text)
        return int(text)

    def bytes_of(self, name: str) -> int:
        """``-size`` with ``-unit``: binary, megabytes by default, whole sectors (section 2.2)."""
        unit = self.options.get("unit", "mb")
        if unit not in _UNITS:
            raise CliError("CMMVC5711E", unit)
        size = self.number(name) << 10 * _UNITS[unit]
        if size <= 0 or size % guesses.SECTOR:
            raise CliError("CMMVC5711E", self.options[name])
        return size


def split(line: str) -> list[list[str]]:
    """The words of each command of a line, as the array's shell sees them: ``;`` ends a command, quotes hide it."""
    if not line.isascii():
        raise CliError("CMMVC6017E")
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";\n|" + guesses.SHELL_CHARACTERS)
    lexer.whitespace, lexer.whitespace_split = " \t\r", True
    lexer.commenters = ""
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word and not word.strip(";\n"):
                commands.append([])
            elif word and not word.strip("|" + guesses.SHELL_CHARACTERS):
                raise CliError("", status=1, text=f"rbash: {word}: restricted")
            else:
                commands[-1].append(word)
    except ValueError as error:
        raise CliError("", status=2, text=f"rbash: {error}") from None
    return [words for words in commands if words]


def parse(words: Sequence[str], options: Mapping[str, bool]) -> Command:
    """A command from the words behind its verb. ``options`` says of each whether a value follows."""
    given: dict[str, str] = {}
    objects: list[str] = []
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or len(word) == 1:
            objects.append(word)
            continue
        name = word[1:]
        if name not in options:
            raise CliError("CMMVC5709E", word)
        if name in given:
            raise CliError("CMMVC6070E", word)
        if options[name] and not rest:
            raise CliError("CMMVC5707E")
        given[name] = rest.pop(0) if options[name] else ""
    if len(objects) > 1:
        raise CliError("CMMVC6070E", objects[1])
    return Command(words[0], given, objects[0] if objects else None)


def check_name(name: str) -> str:
    """A new name, or the refusal that it meets (section 4)."""
    if len(name) > guesses.NAME_LENGTH:
        raise CliError("CMMVC5738E", name)
    if not _NAME.match(name):
        raise CliError("CMMVC6527E")
    return name


def concise(command: Command, columns: Sequence[str], rows: Sequence[Row], empty_header: bool) -> str:
    """A list: a row of headings, then a row for each object. Nothing at all when there is none (section 9e)."""
    rows = _filtered(command, columns, rows)
    if not rows and not empty_header:
        return ""
    lines = [] if command.flag("nohdr") else [list(columns)]
    lines += [[row[column] for column in columns] for row in rows]
    delimiter = command.options.get("delim")
    if delimiter is not None:
        return "".join(f"{_checked(delimiter).join(line)}\n" for line in lines)
    widths = [max((len(line[at]) for line in lines), default=0) for at in range(len(columns))]
    return "".join(
        " ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)) + "\n" for line in lines
    )


def detailed(command: Command, pairs: Pairs) -> str:
    """One object: a line for each attribute; filters are ignored."""
    delimiter = _checked(command.options.get("delim", " "))
    if command.flag("nohdr"):
        return "".join(f"{pair[1]}\n" for pair in pairs)
    return "".join(f"{name}{delimiter}{value}\n" for name, value in pairs)


def capacity(command: Command, size: int) -> str:
    """Bytes with ``-bytes``, else rounded with a unit."""
    if command.flag("bytes"):
        return str(size)
    unit, power = next(((u, p) for u, p in reversed(_UNITS.items()) if size >= 1 << 10 * p), ("b", 0))
    return f"{size / (1 << 10 * power):.2f}{unit.upper()}"


def _checked(delimiter: str) -> str:
    if len(delimiter) != 1:
        raise CliError("CMMVC5711E", delimiter)
    return delimiter


def _filtered(command: Command, columns: Sequence[str], rows: Sequence[Row]) -> Sequence[Row]:
    """``attribute=value``, several joined by colons, ``*`` for any characters."""
    wanted = command.options.get("filtervalue")
    if wanted is None:
        return rows
    for term in wanted.split(":"):
        name, equals, value = term.partition("=")
        if not equals or name not in columns:
            raise CliError("CMMVC5741E", term)
        pattern = re.compile(".*".join(re.escape(part) for part in value.split("*")) + r"\Z")
        rows = [row for row in rows if pattern.match(row[name])]
    return rows
