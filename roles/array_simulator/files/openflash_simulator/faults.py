# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand: this file decides which request meets which fault; the wire decides how it looks there.

A fault waits for requests that match, lets the first ``skip`` of them pass and then strikes ``count`` times, so a test
can cut a client off between any two of its requests, on any wire:

======================= ===================================================== ==================
kind                    what the client sees                                  change carried out
======================= ===================================================== ==================
``latency``             the answer ``seconds`` late                           yes
``reset_before``        the connection is reset                               no
``reset_after``         the connection is reset                               yes
``reset_late``          the connection is reset                               ``seconds`` later
``seen_late``           a read shows the array of ``seconds`` ago             (reads only)
``truncated``           half an answer, then the end of the connection        yes
``no_status``           the complete answer of a command, no exit status      yes
``non_json``            an answer of the wrong kind (a proxy's HTML page)     yes
``http_status``         ``status`` (503) with an HTML body                    no
``refused_before``      the vendor's own refusal with ``code`` (HTTP)         no
``refused_after``       the vendor's own refusal with ``code`` (HTTP)         yes
``busy``                the vendor's own "busy, try again"                    no
``expired``             the credentials or the session refused                no
``pool_full``           the vendor's own "no space", once space is asked for  no
``copy_fails``          nothing yet: the copy that it begins stops half-way   yes
``failed``              objects whose id ``path`` matches are in error        (no request)
======================= ===================================================== ==================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from .checks import checked, flag, known_keys, number, whole_number
from .errors import ConfigError

FaultKind = Literal[
    "latency",
    "reset_before",
    "reset_after",
    "reset_late",
    "seen_late",
    "truncated",
    "no_status",
    "non_json",
    "http_status",
    "refused_before",
    "refused_after",
    "busy",
    "expired",
    "pool_full",
    "copy_fails",
    "failed",
]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
# These last for some seconds, which must be given.
_TIMED = ("latency", "reset_late", "seen_late")
# These answer with a code of the vendor, which must be given.
_REFUSED = ("refused_before", "refused_after")
# These go with another fault of the same request.
_WITH_OTHERS = ("latency", "seen_late")
# These do not touch the request: the array asks for them while it serves one.
_ASKED_BY_ARRAY = ("pool_full", "copy_fails", "failed")


@dataclass(frozen=True)
class Match:
    """Which requests: everything that is given must agree. ``path`` is a regular expression, searched for.

    On a wire without methods and paths the method is the command's verb and the path is the command line.
    """

    method: str | None = None
    path: re.Pattern[str] | None = None
    write: bool | None = None

    def fits(self, method: str, path: str, write: bool) -> bool:
        if self.method is not None and self.method.lower() != method.lower():
            return False
        if self.path is not None and not self.path.search(path):
            return False
        return self.write is None or self.write == write


@dataclass
class Fault:
    """One fault. ``count`` None strikes for ever; ``skip`` and ``count`` run down as requests come."""

    kind: FaultKind
    match: Match = field(default_factory=Match)
    count: int | None = 1
    skip: int = 0
    seconds: float = 0.0
    status: int = 503
    code: str = ""
    struck: int = 0

    @property
    def spent(self) -> bool:
        return self.count is not None and self.count <= 0

    def strikes(self, method: str, path: str, write: bool) -> bool:
        """Whether this request is hit; counts the request."""
        if self.spent or not self.match.fits(method, path, write):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.count is not None:
            self.count -= 1
        self.struck += 1
        return True

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "match": {
                "method": self.match.method,
                "path": self.match.path.pattern if self.match.path else None,
                "write": self.match.write,
            },
            "count": self.count,
            "skip": self.skip,
            "seconds": self.seconds,
            "status": self.status,
            "code": self.code,
            "struck": self.struck,
        }


@dataclass(frozen=True)
class Verdict:
    """What one request meets: a delay, an old state to read, and at most one other fault."""

    delay: float = 0.0
    fault: Fault | None = None
    age: float = 0.0
    """Seconds: the answer to a read shows the array as it was then."""

    @property
    def kind(self) -> FaultKind | None:
        return self.fault.kind if self.fault else None

    @property
    def name(self) -> FaultKind | None:
        """What the journal calls it."""
        return self.kind or ("latency" if self.delay else "seen_late" if self.age else None)


class Faults:
    """The faults of one array."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._request: tuple[str, str, bool] | None = None

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def describe(self) -> list[dict[str, Any]]:
        return [fault.describe() for fault in self._faults]

    @property
    def oldest(self) -> float:
        """Seconds: the greatest age of the state that a read may show; 0 while every read shows the present one."""
        late = [fault.seconds for fault in self._faults if fault.kind == "seen_late" and not fault.spent]
        return max(late, default=0.0)

    def judge(self, method: str, path: str, write: bool) -> Verdict:
        """Decide for one request, and remember it as the one being served."""
        self._request = (method, path, write)
        delay, age, hit = 0.0, 0.0, None
        for fault in self._faults:
            if fault.kind in _ASKED_BY_ARRAY or (hit and fault.kind not in _WITH_OTHERS):
                continue
            if fault.kind == "seen_late" and write:
                continue
            if fault.strikes(method, path, write):
                if fault.kind == "latency":
                    delay += fault.seconds
                elif fault.kind == "seen_late":
                    age = max(age, fault.seconds)
                else:
                    hit = fault
        return Verdict(delay, hit, age)

    def pool_full(self) -> bool:
        """Asked by the array when it is about to take space for the request being served."""
        return self._strikes("pool_full")

    def copy_fails(self) -> bool:
        """Asked by the array when the request being served begins a copy."""
        return self._strikes("copy_fails")

    def failed(self, object_id: str) -> bool:
        """Asked by an array that describes one of its objects: does it report that as failed?"""
        faults = [fault for fault in self._faults if fault.kind == "failed" and fault.match.path]
        return any(fault.match.path and fault.match.path.search(object_id) for fault in faults)

    def _strikes(self, kind: FaultKind) -> bool:
        if self._request is None:
            return False
        return any(fault.kind == kind and fault.strikes(*self._request) for fault in self._faults)

    def serving(self, method: str, path: str, write: bool) -> None:
        """Other requests may have been judged while this one was delayed: name it again before it is served."""
        self._request = (method, path, write)


def parse(raw: object) -> Fault:
    """A fault from the configuration or the control API; anything not understood is an error that names it."""
    if isinstance(raw, str):
        raw = {"kind": raw}
    if not isinstance(raw, Mapping):
        raise ConfigError("a fault is a mapping with a kind")
    known_keys("fault", raw, {"kind", "match", "count", "skip", "seconds", "status", "code"})
    kind = raw.get("kind")
    if kind not in KINDS:
        raise ConfigError(f"fault kind {kind!r} is not one of {', '.join(KINDS)}")
    seconds = checked("fault seconds", number("seconds"), raw.get("seconds", 0.0))
    if kind in _TIMED and not seconds:
        raise ConfigError(f"fault {kind} needs seconds above 0")
    code = raw.get("code", "")
    if isinstance(code, bool) or not isinstance(code, (str, int)):
        raise ConfigError(f"fault code {code!r} is not the text or number of a refusal")
    if kind in _REFUSED and code == "":
        raise ConfigError(f"fault {kind} needs the code of the refusal")
    count = raw.get("count", 1)
    return Fault(
        kind=kind,
        match=_match(raw.get("match")),
        count=None if count is None else checked("fault count", whole_number(1), count),
        skip=checked("fault skip", whole_number(0), raw.get("skip", 0)),
        seconds=seconds,
        status=checked("fault status", whole_number(500, 599), raw.get("status", 503)),
        code=str(code),
    )


def _match(raw: object) -> Match:
    if raw is None:
        return Match()
    if not isinstance(raw, Mapping):
        raise ConfigError("fault match is a mapping with method, path or write")
    known_keys("fault match", raw, {"method", "path", "write"})
    method, path, write = raw.get("method"), raw.get("path"), raw.get("write")
    if method is not None and not isinstance(method, str):
        raise ConfigError(f"fault match method {method!r} is not text")
    if path is not None and not isinstance(path, str):
        raise ConfigError(f"fault match path {path!r} is not text")
    if write is not None:
        write = checked("fault match write", flag, write)
    try:
        pattern = None if path is None else re.compile(path)
    except re.error as error:
        raise ConfigError(f"fault match path {path!r} is not a regular expression: {error}") from None
    return Match(method, pattern, write)
