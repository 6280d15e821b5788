# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An answer over HTTP, read into bounded memory."""

from __future__ import annotations

import json as jsonlib
import re
from dataclasses import dataclass, field
from typing import Any, List, Mapping, Optional

from ..errors import BadReply

LARGEST_REPLY = 64 * 1024**2
LONGEST_LINE = 64 * 1024
# Of a character that JSON writes as two escapes; one of them alone is no text, and can be sent to nobody.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_LENGTH = re.compile(r"[0-9]{1,18}\Z")


@dataclass(frozen=True)
class Reply:
    """A complete answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    request: str = ""
    """Method and path, for messages."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The decoded body; BadReply when it is not JSON. An empty body is None."""
        if not self.body.strip():
            return None
        try:
            text = self.body.decode("utf-8")
            value = jsonlib.loads(text)
            if _HALF.search(text):
                jsonlib.dumps(value, ensure_ascii=False).encode("utf-8")
            return value
        except UnicodeEncodeError:
            raise BadReply(
                "the answer to %s has half a character (\\ud800 to \\udfff)" % self.request,
                hint="If it belongs to the name of an object, rename the object on the array.",
            ) from None
        except UnicodeDecodeError as error:
            raise BadReply(
                "the answer to %s is not UTF-8: byte %d is 0x%02x"
                % (self.request, error.start + 1, self.body[error.start]),
                hint="If it belongs to the name of an object, rename the object on the array.",
            ) from None
        except (ValueError, RecursionError):
            raise BadReply(
                "the answer to %s is not JSON but %s (HTTP status %d)"
                % (self.request, self.headers.get("content-type", "something else"), self.status),
                hint="Check that the address and port are those of the array's management service.",
            ) from None

    def json_or_none(self) -> Any:
        """The decoded body, or None when it is not JSON: for answers that report an error anyway."""
        try:
            return self.json()
        except BadReply:
            return None


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the header Retry-After asks for, as a number or a date; 0 where it is absent or neither."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util.retry import Retry

    try:
        return float(Retry().parse_retry_after(headers["retry-after"]))
    except (KeyError, InvalidHeader):
        return 0.0


class _ShortLines:
    """The file of a connection, whose lines have an end.

    urllib3 reads the length of a chunk as a line, and its releases for Python 3.8 take one of any length.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def readline(self, size: Optional[int] = -1) -> bytes:
        """:raises BadReply: the line is too long."""
        line: bytes = self._file.readline(LONGEST_LINE if size is None or size < 0 else min(size, LONGEST_LINE))
        if len(line) >= LONGEST_LINE:
            raise BadReply("the answer has a line of more than %d bytes" % LONGEST_LINE)
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _limit_lines(response: Any) -> None:
    answer: Any = getattr(response.raw, "_fp", None)
    if answer is not None and getattr(answer, "fp", None) is not None:
        answer.fp = _ShortLines(answer.fp)


def read_body(response: Any, method: str) -> bytes:
    """The complete body of an answer of requests.

    :raises BadReply: it is larger than LARGEST_REPLY, shorter than announced, has a line of more than LONGEST_LINE
        bytes between its chunks, or is compressed although the request forbids it: it could then have any size.
    """
    announced = response.headers.get("Content-Length", "")
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise BadReply("the answer to %s is compressed (%s), which the request forbids" % (method, encoding[:40]))
    too_large = "the answer to %s is larger than %d MiB" % (method, LARGEST_REPLY // 1024**2)
    expected = int(announced) if _LENGTH.match(announced) and method != "HEAD" and response.status_code != 204 else 0
    if expected > LARGEST_REPLY:
        raise BadReply(too_large)
    pieces: List[bytes] = []
    size = 0
    _limit_lines(response)
    for piece in response.iter_content(65536):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_REPLY:
            raise BadReply(too_large)
    if size < expected:
        raise BadReply("the answer was cut off after %d of %d bytes" % (size, expected))
    return b"".join(pieces)
