# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that are too large for memory, and a Glance with requests that stream them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.e2e import image_service

CHUNK, PIECE = 1 << 20, 8 << 20


@dataclass(frozen=True)
class Digest:
    """The size and hashes of an image's bytes, as Glance reports them."""

    size: int
    md5: str
    sha512: str


class Content:
    """``length`` bytes of a repeated random block, which need little memory.

    :param blocks: the size of the repeated block, in units of 8 MiB.
    """

    def __init__(self, length: int, blocks: int = 1) -> None:
        self._block = os.urandom(blocks * PIECE)
        self.length = length

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, self.length, PIECE):
            first = start % len(self._block)
            yield self._block[first : first + min(PIECE, self.length - start)]

    def part(self, start: int, length: int) -> bytes:
        first = start % len(self._block)
        many = (first + length) // len(self._block) + 1
        return (self._block * many)[first : first + min(length, self.length - start)]

    def digest(self) -> Digest:
        return digest_of(self.pieces())


def digest_of(pieces: Iterable[bytes]) -> Digest:
    md5, sha512, size = hashlib.md5(), hashlib.sha512(), 0
    for piece in pieces:
        md5.update(piece)
        sha512.update(piece)
        size += len(piece)
    return Digest(size, md5.hexdigest(), sha512.hexdigest())


class _Known:
    """The body of a request with a known length."""

    def __init__(self, content: Content) -> None:
        self.len = content.length
        self._pieces, self._held = content.pieces(), memoryview(b"")

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(CHUNK), b"")

    def read(self, size: int = -1) -> bytes:
        if not self._held:
            self._held = memoryview(next(self._pieces, b""))
        if size < 0:
            return b"".join([self._held, *self._pieces])
        piece, self._held = bytes(self._held[:size]), self._held[size:]
        return piece


class Glance(image_service.Glance):
    """A Glance with one store and long timeouts."""

    deadline = 120.0
    patience = 1200

    def put(self, image: str, content: Content, known: bool = True) -> None:
        """:param known: whether the length is sent first; otherwise the body is sent in chunks."""
        body = _Known(content) if known else content.pieces()
        headers = {"Content-Type": "application/octet-stream"}
        answer = self.ask("PUT", f"/v2/images/{image}/file", data=body, headers=headers)
        assert answer.status_code == 204, f"{answer.text}\n{self.errors()}"

    def reported(self, image: str) -> Digest:
        """The size and hashes of the image that Glance has stored."""
        image_record = self.about(image)
        assert image_record["status"] == "active", image_record
        return Digest(image_record["size"], image_record["checksum"], image_record["os_hash_value"])

    def pieces(self, image: str) -> Iterator[bytes]:
        with self.ask("GET", f"/v2/images/{image}/file", stream=True) as answer:
            assert answer.status_code == 200, f"{answer.text}\n{self.errors()}"
            yield from answer.iter_content(CHUNK)

    def range(self, image: str, start: int, length: int) -> bytes:
        answer = self.download(image, Range=f"bytes={start}-{start + length - 1}")
        assert answer.status_code == 206, f"{answer.text}\n{self.errors()}"
        return answer.content

    def remove(self, image: str) -> None:
        assert self.delete(image) == 204, self.errors()
