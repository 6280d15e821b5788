# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The grammar of the command line (sheet, section 1): commands, and their answers by the names of columns."""

from __future__ import annotations

import re
from typing import Callable, Dict, List, Optional, Sequence, Tuple, TypeVar

from ... import client
from ...client import side_by_side
from ...errors import BadReply, Invalid, NotFound
from ...model import Listing
from ...transport.confirm import AnswerLost, AnswerUnreadable
from ...transport.ssh import Output, SshTransport
from .ledger import DELIMITER
from .refusals import error_of, is_expired

Row = Dict[str, str]
Pairs = List[Tuple[str, str]]
T = TypeVar("T")
R = TypeVar("R")

_MADE = re.compile(r"\bid \[(\d+)\], successfully created")
_WARNING = re.compile(r"^CMMVC\d{4,5}W\b.*\n?", re.MULTILINE)


class Cli:
    """Sends commands to one array and reads what they print."""

    def __init__(self, ssh: SshTransport, threads: int = 1) -> None:
        self.ssh = ssh
        self.ssh.expired = is_expired
        self.threads = threads

    # -- reading -----------------------------------------------------------------------------------------------------

    def table(self, verb: str, *words: str, needs: Sequence[str] = ("id",), session: bool = False) -> List[Row]:
        """The rows of a list, keyed by the names of the columns; empty when nothing or only the header was printed.

        A row that does not fit the header has the key ``""`` with its text.

        :param needs: columns without which it cannot be decided which rows are requested.
        :raises BadReply: the list has no such column.
        """
        lines = self._ask(verb, words, session).stdout.splitlines()
        if not lines:
            return []
        header = lines[0].split(DELIMITER)
        if not all(column in header for column in needs):
            raise _unreadable(verb, lines[0])
        rows = []
        for line in lines[1:]:
            values = line.split(DELIMITER)
            rows.append(dict(zip(header, values)) if len(values) == len(header) else {"": line})
        return rows

    def detail(self, verb: str, name: Optional[str] = None, *words: str, session: bool = False) -> Optional[Pairs]:
        """The attributes of one object in their order, since some come several times; None when it does not exist."""
        try:
            output = self._ask(verb, words + ((value(name),) if name is not None else ()), session)
        except NotFound:
            return None
        pairs = []
        for line in output.stdout.splitlines():
            key, delimiter, text = line.partition(DELIMITER)
            if not delimiter:
                raise _unreadable(verb, line)
            pairs.append((key, text))
        if not any(pair[0] == "id" for pair in pairs):
            raise _unreadable(verb, output.stdout)
        return pairs

    def _ask(self, verb: str, words: Sequence[str], session: bool) -> Output:
        command = ["svcinfo", verb, "-delim", DELIMITER] + list(words)
        output = self.ssh.run(command, session=session)
        if not output.ok:
            raise error_of(output, self.ssh.mask, command)
        return output

    def each(self, call: Callable[[T], R], items: Sequence[T]) -> List[R]:
        """The results of a call for every item, several calls at a time."""
        return side_by_side(call, items, self.threads)

    # -- writing -----------------------------------------------------------------------------------------------------

    def change(self, verb: str, *words: str) -> Output:
        """Send a change. Raises AnswerLost when it may have been made."""
        command = ["svctask", verb] + list(words)
        output = self.ssh.run(command, write=True)
        if not output.ok:
            error = error_of(output, self.ssh.mask, command)
            raise error.with_timeout(self.ssh.timeout) if isinstance(error, AnswerLost) else error
        # A change prints nothing, or what it created, and perhaps a warning (section 1).
        if _WARNING.sub("", output.stdout).strip() and not _MADE.search(output.stdout):
            reason = "the answer to %s is not what this array prints" % verb
            raise AnswerUnreadable(reason, said=output.stdout.strip()[:80]).with_timeout(self.ssh.timeout)
        return output

    def create(self, verb: str, *words: str) -> Optional[str]:
        """Create an object; its id, or None when the array does not report it."""
        match = _MADE.search(self.change(verb, *words).stdout)
        return match.group(1) if match else None


def value(name: str) -> str:
    """A name as a word of a command. Raises Invalid for one that begins with a dash and would be an option."""
    if not name or name.startswith("-"):
        raise Invalid("%r is not a name that this array can have" % name)
    return name


def text(row: Row, column: str) -> str:
    """A value that is never empty. Raises KeyError when the array does not report it."""
    if not row.get(column):
        raise KeyError(column)
    return row[column]


def first(pairs: Pairs) -> Row:
    """Attributes by name; of one that comes several times, the first."""
    found: Row = {}
    for key, text in pairs:
        found.setdefault(key, text)
    return found


def listing(kind: str, rows: Sequence[Row], make: Callable[[Row], Optional[T]]) -> Listing[T]:
    """Objects from rows; what cannot be converted is listed as unreadable, since it is there."""

    def convert(row: Row) -> Optional[T]:
        if "" in row:
            raise Invalid("its row does not fit the header")
        return make(row)

    return client.listing(kind, rows, convert, lambda row: row.get("name") or row.get("", "").split(DELIMITER)[0])


def _unreadable(verb: str, text: str) -> BadReply:
    return BadReply(
        "the answer to %s is not what this array prints" % verb,
        said=" ".join(text.split())[:80] or None,
        hint="Check that address and port are those of the array, and that no other program answers there.",
    )
