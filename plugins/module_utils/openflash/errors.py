# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong with an array, as errors that an operator can act on.

Every error carries what was being done, to which object, on which array, what the array answered, and a hint.
The code that raises an error gives what it knows; ``context`` adds what only a caller knows, and replaces nothing.
"""

from __future__ import annotations

import re
import signal
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional

from .printable import in_line

CONNECT = "connect"
"""What is being done until there is a session with the array: "cannot connect to" it, and not "on" it."""

_WORD = re.compile(r"[a-z]+(?=[\s,;:]|$)")


def _sentence(clause: str) -> str:
    """The clause with a capital letter, unless it begins with a name that has a case of its own, such as ca_path."""
    return clause[:1].upper() + clause[1:] if _WORD.match(clause) else clause


class FlashError(Exception):
    """The base of every error the library raises on purpose.

    :param reason: one clause, lower case, no full stop: "the pool has no room for 2 TiB".
    :param doing: an infinitive with its object: "create volume db1".
    :param target: the name of the object concerned.
    :param array: the array's name or address.
    :param code: the vendor's error code, as sent.
    :param said: the vendor's error text, as sent (secrets already masked by the transport).
    :param hint: a sentence that says what to do about it.
    :param assumption: the id of an entry of the array's ledger (see assumption.py) that is wrong if this error is not
        explained otherwise.
    """

    kind = "error"

    def __init__(
        self,
        reason: str,
        doing: Optional[str] = None,
        target: Optional[str] = None,
        array: Optional[str] = None,
        code: Optional[str] = None,
        said: Optional[str] = None,
        hint: Optional[str] = None,
        assumption: Optional[str] = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.doing = doing
        self.target = target
        self.array = array
        self.code = code
        self.said = said
        self.hint = hint
        self.assumption = assumption

    def fill(self, **known: Optional[str]) -> FlashError:
        """Add what is known here and was not known where the error was raised."""
        for name, value in known.items():
            if getattr(self, name) is None:
                setattr(self, name, value)
        return self

    def __str__(self) -> str:
        text = self.reason
        if self.doing:
            where = " %s %s" % ("to" if self.doing == CONNECT else "on", self.array) if self.array else ""
            text = "Cannot %s%s: %s" % (self.doing, where, text)
        elif self.array:
            text = "%s: %s" % (self.array, text)
        else:
            text = _sentence(text)
        answer = " ".join(part for part in (self.code, self.said if self.said != self.code else None) if part)
        if answer:
            text += " (the array answered: %s)" % answer
        text += "."
        if self.hint:
            text += " " + self.hint
        if self.assumption:
            text += (
                " No source proves what is assumed here of the array, %s: if nothing else explains the error, please "
                "report it with what the array answers." % self.assumption
            )
        return in_line(text)

    def as_dict(self) -> Dict[str, Any]:
        """For a module's result: the same facts, each under its own key."""
        return {
            "kind": self.kind,
            "msg": str(self),
            "reason": self.reason,
            "doing": self.doing,
            "target": self.target,
            "array": self.array,
            "code": self.code,
            "said": self.said,
            "hint": self.hint,
            "assumption": self.assumption,
        }


class Invalid(FlashError):
    """The request can never be right: an illegal name, an impossible size, options that exclude each other."""

    kind = "invalid"


class NotFound(FlashError):
    """An object that the request names is not there."""

    kind = "not_found"


class Conflict(FlashError):
    """Something of that name, LUN or address is there already, and it is not what was requested."""

    kind = "conflict"


class InUse(FlashError):
    """The object is mapped, has dependents or is held by the array itself."""

    kind = "in_use"


class Busy(FlashError):
    """The array, or another run, is at work on it; the same request may succeed later."""

    kind = "busy"


class NoSpace(FlashError):
    """The pool, or a limit on the number of objects, is exhausted."""

    kind = "no_space"


class TooManyCopies(NoSpace):
    """The volume has as many snapshots and clones as the array allows."""


class Unsupported(FlashError):
    """This array, model, version or wire cannot do it."""

    kind = "unsupported"


class Unauthorized(FlashError):
    """The array did not accept the credentials, or the account may not do this."""

    kind = "unauthorized"


class Unreachable(FlashError):
    """No conversation with the address: refused, unresolvable, or its certificate or host key is not trusted."""

    kind = "unreachable"


class Timeout(FlashError):
    """The array did not answer, or did not finish, within the time allowed."""

    kind = "timeout"


class BadReply(FlashError):
    """An answer that the protocol does not permit: incomplete, not JSON, a field missing."""

    kind = "bad_reply"


class Refused(FlashError):
    """This collection refuses, although the array might permit it; an option permits it, or nothing does."""

    kind = "refused"


class Stopped(FlashError):
    """A signal ended the task before it was done."""

    kind = "interrupted"


class Interrupted(BaseException):
    """A signal asks the process to end.

    Not an Exception: code that repeats a request, or that does something else after a failure, must not take it for a
    failure of the array. It only passes through clean-up; whoever is outermost reports ``error``.

    :param number: of the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.error = Stopped(
            "it was interrupted by signal %d (%s)" % (number, signal.Signals(number).name),
            hint="Run the task again: it finishes, or removes, what this run began.",
        )
        super().__init__(self.error.reason)

    def fill(self, **known: Optional[str]) -> Interrupted:
        """Add what is known here; see FlashError."""
        self.error.fill(**known)
        return self


class NotDone(FlashError):
    """Nothing is wrong with this object; it was not begun, or not finished, because another one failed."""

    kind = "not_done"

    HINT = "Nothing is known to be wrong with this one; run the task again when the other is mended."


_PACKAGES = {
    "iscsiadm": ("open-iscsi", "iscsi-initiator-utils"),
    "multipath": ("multipath-tools", "device-mapper-multipath"),
    "qemu-img": ("qemu-utils and qemu-block-extra", "qemu-img and qemu-img-block-iscsi or qemu-block-iscsi"),
}


def packages_of(program: str) -> Optional[str]:
    """The packages that bring a program, by distribution, as a clause; None where that is not known."""
    found = _PACKAGES.get(program.rpartition("/")[2])
    return "Debian and Ubuntu: %s; Fedora and RHEL: %s" % found if found else None


class MissingProgram(Invalid):
    """A program that the task needs is not installed on the host that it runs on.

    :param why: completes "and it is needed": "to attach a volume to this host".
    """

    kind = "missing_program"

    def __init__(self, program: str, why: str, hint: Optional[str] = None) -> None:
        packages = packages_of(program)
        how = "Install it (%s)" % packages if packages else "Install it"
        super().__init__(
            "there is no program %s on this host, and it is needed %s" % (program, why),
            hint=hint or how + ", or run the task on a host that has it.",
        )


class MissingLibrary(FlashError):
    """A Python library that this array's protocol needs is not installed for this interpreter."""

    kind = "missing_library"

    def __init__(self, library: str, why: str, details: Optional[str] = None) -> None:
        super().__init__(
            "the Python library %s is not installed for this interpreter, and it is needed %s" % (library, why),
            hint="Install it there (pip install %s), or set ansible_python_interpreter to a Python that has it."
            % library,
        )
        self.library = library
        self.details = details


@contextmanager
def context(doing: Optional[str] = None, target: Optional[str] = None, array: Optional[str] = None) -> Iterator[None]:
    """Give every FlashError and Interrupted that passes through what it does not know yet."""
    try:
        yield
    except (FlashError, Interrupted) as error:
        error.fill(doing=doing, target=target, array=array)
        raise
