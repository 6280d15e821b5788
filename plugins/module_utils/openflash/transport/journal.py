# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of the requests that were sent to an array, without secrets. Every transport uses it."""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import asdict, dataclass
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Set, Union
from urllib.parse import quote, quote_plus

MASK = "********"

# Shorter secrets are masked as separate words only: masking every "a" would disclose the secret and garble the text.
SHORTEST = 4

_KEY = re.compile(r"passw|passphrase|secret|token|^authorization$|^cookie$|^set-cookie$|private[-_]?key", re.IGNORECASE)
_QUERY = re.compile(r"(?i)([?&][^=&\s]*(?:passw|passphrase|secret|token)[^=&\s]*=)[^&\s]+")
_OPTION = re.compile(
    r"(?i)((?:^|\s)-{1,2}[\w-]*(?:passw|passphrase|secret|token)[\w-]*(?:\s+|=))(\"[^\"]*\"|'[^']*'|\S+)"
)


@dataclass(frozen=True)
class Call:
    """One request, or one command, as it was sent."""

    n: int
    """Its place in the journal, from 1."""
    verb: str
    """The HTTP method, or the first word of a command."""
    target: str
    """Path and query, or the command line."""
    body: Any
    """The content of the request, as decoded JSON or text with secrets masked; None when it had none."""
    outcome: str
    """The status or exit code, or how it failed: ``200``, ``connection reset``."""
    write: bool
    """Whether it could change what the array holds."""
    session: bool
    """Whether it served the session only: login, logout, reading the version, model or cluster."""
    seconds: float
    sent: bool = True
    """False when there was no connection, so nothing was sent."""

    def as_dict(self) -> Dict[str, Any]:
        return asdict(self)


class Journal(Sequence[Call]):
    """Calls in the order in which they ended. Threads may share a journal."""

    def __init__(self, secrets: Iterable[Optional[str]] = ()) -> None:
        self._calls: List[Call] = []
        self._lock = threading.Lock()
        self._secrets: Set[str] = set()
        self._pattern: Optional[re.Pattern[str]] = None
        for secret in secrets:
            self.hide(secret)

    def hide(self, secret: Optional[str]) -> None:
        """Mask this value from now on, also as it is encoded in JSON, in URLs and in Basic authentication."""
        if not secret:
            return
        with self._lock:
            self._secrets.update((secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]))
            if len(secret) >= SHORTEST:
                self._secrets.add(base64.b64encode(secret.encode()).decode())
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._pattern = re.compile(
                "|".join(
                    re.escape(text) if len(text) >= SHORTEST else r"(?<!\w)%s(?!\w)" % re.escape(text)
                    for text in longest_first
                )
            )

    @property
    def secrets(self) -> FrozenSet[str]:
        """The values that are masked, in each of their encodings."""
        with self._lock:
            return frozenset(self._secrets)

    def mask(self, text: str) -> str:
        """The text with asterisks for the hidden values, and for what follows a password option or key."""
        text = _OPTION.sub(r"\1" + MASK, _QUERY.sub(r"\1" + MASK, text))
        pattern = self._pattern
        return pattern.sub(MASK, text) if pattern else text

    def mask_body(self, body: Any) -> Any:
        """Decoded JSON with masked texts. The value of a key that names a secret is masked completely."""
        if isinstance(body, dict):
            return {
                key: MASK if isinstance(value, str) and value and _KEY.search(str(key)) else self.mask_body(value)
                for key, value in body.items()
            }
        if isinstance(body, (list, tuple)):
            return [self.mask_body(item) for item in body]
        if isinstance(body, bytes):
            return self.mask(body.decode("utf-8", "replace"))
        return self.mask(body) if isinstance(body, str) else body

    def append(
        self,
        verb: str,
        target: str,
        body: Any = None,
        outcome: Union[str, int] = "",
        write: bool = False,
        session: bool = False,
        seconds: float = 0.0,
        sent: bool = True,
    ) -> Call:
        """Record a call. Its secrets are masked before it is stored."""
        target, body, outcome = self.mask(target), self.mask_body(body), self.mask(str(outcome))
        with self._lock:
            call = Call(
                len(self._calls) + 1,
                verb,
                target,
                body,
                outcome,
                write and not session,
                session,
                round(seconds, 4),
                sent,
            )
            self._calls.append(call)
        return call

    @property
    def counts(self) -> Dict[str, int]:
        """``requests``, the ``writes`` among them, and ``session_requests``, which are counted separately.

        Calls that were not sent are not counted.
        """
        calls = [call for call in list(self._calls) if call.sent]
        return {
            "requests": sum(not call.session for call in calls),
            "writes": sum(call.write for call in calls),
            "session_requests": sum(call.session for call in calls),
        }

    def __len__(self) -> int:
        return len(self._calls)

    def __getitem__(self, index: Any) -> Any:
        return self._calls[index]

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._calls))

    def __repr__(self) -> str:
        return "<Journal of %d calls>" % len(self._calls)
