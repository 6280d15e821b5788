# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edits a configuration file of oslo.config, line by line: lines that need no change are kept as they are.

The grammar is that of oslo.config's own parser: ``[section]``, ``key = value`` or ``key : value``; a line that begins
with white space continues the value above it; ``#`` and ``;`` begin comments; a blank line ends a value; a repeated key
is a list. The case of section names is ignored, except for DEFAULT, as oslo.config does; a section may occur several
times. Imports nothing of Ansible.
"""

from __future__ import annotations

import re
from typing import Callable, Dict, List, Match, NamedTuple, Optional, Sequence, Tuple

SECTION, OPTION, OTHER = "section", "option", "other"

MASK = "********"
CHANGED = " (changed)"

_DOLLAR = re.compile(r"(\\?)\$")
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEAD = re.compile(r"([^=:]*[=:][^\S\r\n]*)(.*)", re.DOTALL)
_COMMENTED = re.compile(r"([#;]+\s*)([\w.-]+)(\s*[=:]\s*)(\S.*)")
_SECRET_NAME = re.compile(
    r"pass|pwd|secret|token|credential|cookie|private|hmac|api_?key|(^|[_-])keys?$", re.IGNORECASE
)
_ACCOUNT = r"[^:/@,\s]*:[^:/@,\s]*@[^:/@,\s]*(?::[0-9]+)?"
# One host, or several with commas and an account each, as in URLs of RabbitMQ
_HOSTS = re.compile(r"(?:(?:%s|[^:/@,\s]+(?::[0-9]+)?),\s*)*%s(?:[/?#][^@\s]*)?" % (_ACCOUNT, _ACCOUNT))
_ACCOUNT_PASSWORD = re.compile(r"([^:/@,\s]*:)[^:/@,\s]+(?=@)")
_QUERY_SECRET = re.compile(r"([?&;][^=&\s]*(?:pass|pwd|secret|token|key)[^=&\s]*=)[^&\s]+", re.IGNORECASE)


class ConfError(Exception):
    """An error in a file or in a request. The message quotes nothing from the file, which contains secrets."""


class Item(NamedTuple):
    """The header of a section, an assignment with its continuation lines, a comment or a blank line."""

    kind: str
    section: str
    key: str
    lines: Tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.lines)

    @property
    def blank(self) -> bool:
        return self.kind == OTHER and not self.text.strip()

    @property
    def value(self) -> str:
        """The value as oslo.config reads it, as text."""
        first = _separate(self.lines[0].rstrip())[1].strip()
        if first and first[0] == first[-1] and first[0] in "\"'":
            first = first[1:-1]
        return "\n".join([first] + [line.rstrip().lstrip() for line in self.lines[1:]])


def normal(section: str) -> str:
    """The name by which oslo.config finds a section."""
    return section if section == "DEFAULT" else section.lower()


class Document:
    """One file. ``str()`` returns its text with the changes."""

    def __init__(self, text: str) -> None:
        self._items = _parse(text)
        ends = re.search(r"\r\n|\r|\n", text)
        self._end = ends.group(0) if ends else "\n"

    def __str__(self) -> str:
        return "".join(item.text for item in self._items)

    # -- questions -----------------------------------------------------------------------------------------------------

    def has(self, section: str) -> bool:
        return any(item.kind == SECTION for item in self._of(section))

    def keys(self, section: str) -> List[str]:
        """The names in the section, each once, in the order of the file."""
        return list(dict.fromkeys(item.key for item in self._of(section) if item.kind == OPTION))

    def values(self, section: str, key: str) -> List[str]:
        """All values of the key, in the order of the file. For an option that is not a list, the last one counts."""
        return [item.value for item in self._of(section) if item.kind == OPTION and item.key == key]

    def _of(self, section: str) -> List[Item]:
        wanted = normal(section)
        return [item for item in self._items if normal(item.section) == wanted]

    # -- changes -------------------------------------------------------------------------------------------------------

    def add_section(self, section: str) -> None:
        """Add the section at the end of the file, after a blank line, unless it exists."""
        _check_name("section", section, "[]\r\n")
        if self.has(section):
            return
        self._finish_last_line(len(self._items) - 1)
        if self._items:
            self._items.append(Item(OTHER, self._items[-1].section, "", (self._end,)))
        self._items.append(Item(SECTION, section, "", ("[%s]%s" % (section, self._end),)))

    def remove_section(self, section: str) -> None:
        """Remove the section: each header to the last assignment below it, and the blank line before the header."""
        wanted = normal(section)
        kept: List[Item] = []
        position = 0
        while position < len(self._items):
            item = self._items[position]
            if item.kind != SECTION or normal(item.section) != wanted:
                kept.append(item)
                position += 1
                continue
            if kept and kept[-1].blank:
                kept.pop()
            position = self._last_of_block(position) + 1
        # Comments after it now belong to the section before it.
        self._items = _parse("".join(item.text for item in kept))

    def set(self, section: str, key: str, values: Sequence[str]) -> None:
        """Set the values of the key; no values remove it. Assignments that have the value already are not changed."""
        _check_name("option", key, "=:\r\n")
        if key[:1] in "[#; \t" or key != key.strip():
            raise ConfError("%r cannot be the name of an option" % key)
        for value in values:
            _check_value(key, value)
        if self.values(section, key) == list(values):
            return
        if not values:
            self._items = [item for item in self._items if not _is(item, section, key)]
            return
        self.add_section(section)
        left = list(values)
        changed: List[Item] = []
        last = -1
        for item in self._items:
            if _is(item, section, key):
                if not left:
                    continue
                wanted = left.pop(0)
                if item.value != wanted:
                    item = self._rewritten(item, wanted)
                last = len(changed)
            changed.append(item)
        self._items = changed
        if last < 0:
            last = self._last_of_section(section)
        for value in left:
            self._finish_last_line(last)
            line = ("%s = %s" % (key, _quoted(value))).rstrip() + self._end
            last += 1
            self._items.insert(last, Item(OPTION, self._items[last - 1].section, key, (line,)))

    def add_member(self, section: str, key: str, member: str) -> None:
        """Add the member to the value, a list with commas. If the key is repeated, to the value that counts."""
        _check_value(key, member)
        if "," in member or not member.strip() or member != member.strip():
            raise ConfError("%r cannot be a member of a list with commas" % member)
        found = self.values(section, key)
        if not found:
            self.set(section, key, [member])
        elif not found[-1].strip():
            position = self._last(section, key)
            self._items[position] = self._rewritten(self._items[position], member)
        elif member not in _members(found[-1]):
            self._edit_last(section, key, lambda text: _with_member(text, member))

    def remove_member(self, section: str, key: str, member: str) -> None:
        """Remove the member from all values. A value that had no other member is removed."""
        for position, item in reversed(list(enumerate(self._items))):
            if _is(item, section, key) and member in _members(item.value):
                if any(other != member for other in _members(item.value)):
                    self._items[position] = self._with_value_text(item, lambda text: _without_member(text, member))
                else:
                    del self._items[position]

    # -- lines ---------------------------------------------------------------------------------------------------------

    def _rewritten(self, item: Item, value: str) -> Item:
        """The assignment with another value. What precedes the value is kept, continuation lines are removed."""
        match = _HEAD.match(item.lines[0].rstrip("\r\n"))
        head = match.group(1) if match else "%s = " % item.key
        if match and not match.group(2) and head[-1:] in "=:":
            head += " "
        ending = _ending(item.lines[-1])
        return item._replace(lines=((head + _quoted(value)).rstrip() + ending,))

    def _last(self, section: str, key: str) -> int:
        """The position of the assignment that counts."""
        return max(n for n, item in enumerate(self._items) if _is(item, section, key))

    def _edit_last(self, section: str, key: str, edit: Callable[[str], str]) -> None:
        position = self._last(section, key)
        self._items[position] = self._with_value_text(self._items[position], edit)

    def _with_value_text(self, item: Item, edit: Callable[[str], str]) -> Item:
        """Edit the written text of the value, from the separator to the end of the assignment."""
        ending = _ending(item.lines[-1])
        match = _HEAD.match(item.text[: len(item.text) - len(ending)])
        head, text = (match.group(1), match.group(2)) if match else ("%s = " % item.key, item.value)
        body = text.rstrip()
        first = body.splitlines()[0].rstrip() if body else ""
        if first[:1] in ("'", '"') and first[:1] == first[-1:] and len(first) > 1:
            # Without its quotes, the value is a list like any other.
            body = first[1:-1] + body[len(first) :]
        written = head + edit(body) + text[len(text.rstrip()) :] + ending
        return item._replace(lines=tuple(_LINES.findall(written)))

    def _last_of_block(self, header: int) -> int:
        """The position of the last assignment under this header, or of the header."""
        last = header
        for position in range(header + 1, len(self._items)):
            if self._items[position].kind == SECTION:
                break
            if self._items[position].kind == OPTION:
                last = position
        return last

    def _last_of_section(self, section: str) -> int:
        wanted = normal(section)
        header = max(n for n, one in enumerate(self._items) if one.kind == SECTION and normal(one.section) == wanted)
        return self._last_of_block(header)

    def _finish_last_line(self, position: int) -> None:
        """Add a line end to the last line of the file, if it has none."""
        if position >= 0 and not _ending(self._items[position].lines[-1]):
            lines = self._items[position].lines
            self._items[position] = self._items[position]._replace(lines=lines[:-1] + (lines[-1] + self._end,))

    # -- what may be shown ---------------------------------------------------------------------------------------------

    def shown(self, sections: Sequence[str], secrets: Sequence[str], before: Optional[Document] = None) -> str:
        """The text of these sections, with asterisks for what may be a secret.

        :param secrets: names of options that are secrets, besides those whose names show it.
        :param before: the document before the changes; a changed secret is marked.
        """
        wanted = {normal(section) for section in sections}
        shown: List[str] = []
        for item in self._items:
            if normal(item.section) not in wanted:
                continue
            if item.kind == OPTION and is_secret(item.key, secrets):
                changed = before is not None and before.values(item.section, item.key) not in (
                    [],
                    self.values(item.section, item.key),
                )
                shown.append("%s = %s%s\n" % (item.key, MASK, CHANGED if changed else ""))
            elif item.kind == OPTION:
                text = item.text
                if len(item.lines) > 1 and "://" in text:
                    # A URL may continue in the next line, where its parts could not be recognised.
                    text = "%s = %s\n" % (item.key, " ".join(item.value.split("\n")))
                shown.append(_without_passwords(text).replace("\r\n", "\n"))
            else:
                text = _COMMENTED.sub(lambda found: _masked_comment(found, secrets), item.text)
                text = _without_passwords(text)
                if item.text.lstrip()[:1] in ("#", ";"):
                    # It may continue a URL of the comment above it.
                    text = _ACCOUNT_PASSWORD.sub(r"\g<1>" + MASK, text)
                shown.append(text.replace("\r\n", "\n"))
        return "".join(shown)

    def secret_values(self, secrets: Sequence[str]) -> List[str]:
        """The values of the secret options, the longest first."""
        found = {item.value for item in self._items if item.kind == OPTION and is_secret(item.key, secrets)}
        return sorted(found, key=len, reverse=True)


def is_secret(key: str, secrets: Sequence[str] = ()) -> bool:
    """Whether an option of this name is a secret."""
    return key in secrets or bool(_SECRET_NAME.search(key))


def escaped(value: str) -> str:
    """The text that oslo.config reads as this value, although it replaces ``$name`` by the value of another option.

    It reads ``$$`` as a dollar sign, and ``\\$`` too, so a backslash before a dollar sign is doubled.
    """
    return _DOLLAR.sub(lambda found: "\\\\$" if found.group(1) else "$$", value)


def _without_passwords(text: str) -> str:
    """The text with asterisks for the passwords of its URLs. Of a malformed URL, only the last host is shown."""
    before, separator, url = text.partition("://")
    if not separator:
        return text
    words = url.split(None, 1)
    first = _HOSTS.match(url)
    if first is not None and "@" not in url[first.end() :].split("://")[0]:
        masked, rest = _ACCOUNT_PASSWORD.sub(r"\g<1>" + MASK, first.group()), url[first.end() :]
    elif words and "@" in url.split("://")[0]:
        at = url.split("://")[0].rfind("@")
        masked, rest = MASK, url[at:]
    else:
        masked, rest = "", url
    return _QUERY_SECRET.sub(r"\g<1>" + MASK, before + separator + masked) + _without_passwords_in_rest(rest)


def _without_passwords_in_rest(text: str) -> str:
    return _QUERY_SECRET.sub(r"\g<1>" + MASK, _without_passwords(text))


def differing(before: Document, after: Document, sections: Sequence[str]) -> Dict[str, List[str]]:
    """The names of the options that differ, by section; none for an added or removed section without options."""
    found: Dict[str, List[str]] = {}
    for section in sections:
        keys = list(dict.fromkeys(before.keys(section) + after.keys(section)))
        names = [key for key in keys if before.values(section, key) != after.values(section, key)]
        if names or before.has(section) != after.has(section):
            found[section] = names
    return found


def _parse(text: str) -> List[Item]:
    items: List[Item] = []
    section = ""
    # Whether a line that begins with white space continues a value
    open_value = False
    for number, raw in enumerate(_LINES.findall(text), 1):
        line = raw.rstrip()
        if not line:
            open_value = False
            items.append(Item(OTHER, section, "", (raw,)))
        elif line[0] in " \t":
            if not open_value:
                raise ConfError("line %d begins with white space, but there is no value above it to continue" % number)
            items[-1] = items[-1]._replace(lines=items[-1].lines + (raw,))
        elif line[0] == "[":
            if line[-1] != "]" or len(line) <= 2:
                raise ConfError("line %d begins with [ and does not end with ], or has no name between them" % number)
            open_value = False
            section = line[1:-1]
            items.append(Item(SECTION, section, "", (raw,)))
        elif line[0] in "#;":
            open_value = False
            items.append(Item(OTHER, section, "", (raw,)))
        else:
            key = _separate(line)[0].strip()
            if "=" not in line and ":" not in line:
                raise ConfError("line %d is not a section or a comment, and has neither = nor :" % number)
            if not key:
                raise ConfError("line %d has no name before its = or :" % number)
            if not section:
                raise ConfError("line %d has an option, but there is no section above it" % number)
            open_value = True
            items.append(Item(OPTION, section, key, (raw,)))
    return items


def _separate(line: str) -> Tuple[str, str]:
    """(key, value), separated at the first ``=`` or ``:``."""
    places = [place for place in (line.find("="), line.find(":")) if place >= 0]
    return (line[: min(places)], line[min(places) + 1 :]) if places else (line, "")


def _is(item: Item, section: str, key: str) -> bool:
    return item.kind == OPTION and item.key == key and normal(item.section) == normal(section)


def _ending(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _quoted(value: str) -> str:
    """The value, in quotes where the parser would otherwise strip something."""
    bare = value == value.strip() and not (value and value[0] == value[-1] and value[0] in "\"'")
    return value if bare else "'%s'" % value


def _members(value: str) -> List[str]:
    return [member.strip() for member in value.split(",") if member.strip()]


def _with_member(text: str, member: str) -> str:
    bare = text.rstrip().rstrip(",")
    spaced = re.search(r",\s", bare) or "," not in bare
    return "%s,%s%s" % (bare, " " if spaced else "", member)


def _without_member(text: str, member: str) -> str:
    parts = text.split(",")
    kept = [part for part in parts if part.strip() != member]
    if parts[0].strip() == member and kept:
        kept[0] = kept[0].lstrip()
    return ",".join(kept).rstrip()


def _masked_comment(found: Match[str], secrets: Sequence[str]) -> str:
    before, key, separator, value = found.groups()
    return "%s%s%s%s" % (before, key, separator, MASK if is_secret(key, secrets) else value)


def _check_name(what: str, name: str, illegal: str) -> None:
    if not name or any(sign in name for sign in illegal):
        raise ConfError("%r cannot be the name of %s %s" % (name, "an" if what[0] in "aeiou" else "a", what))


def _check_value(key: str, value: str) -> None:
    """:raises ConfError: it has a line break: the parser takes more characters than a new line for one."""
    if len(value.splitlines()) > 1 or value != value.rstrip("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"):
        raise ConfError("the value of %s has a line break, which the file cannot hold" % key)
