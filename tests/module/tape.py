# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers of an array, recorded, and replayed to the same client with changes; and every read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Listing
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.ssh import SshTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.tcp import TcpTransport
from tests.module.arrays import ArrayUnderTest

Read = Callable[[Any, ArrayUnderTest], Any]
READS: dict[str, Read] = {
    "info": lambda client, array: client.info(),
    "capacity": lambda client, array: client.capacity(),
    "pools": lambda client, array: client.pools(),
    "ports": lambda client, array: client.ports(),
    "volumes": lambda client, array: client.volumes(),
    "one volume": lambda client, array: client.volumes(["data1"]),
    "snapshots": lambda client, array: client.snapshots(),
    "snapshots of a volume": lambda client, array: client.snapshots(volumes=["data1"]),
    "hosts": lambda client, array: client.hosts(),
    "one host": lambda client, array: client.hosts(["web1"]),
    "host of an initiator": lambda client, array: client.find_hosts([port.address for port in array.subject.parsed(2)]),
    "mappings": lambda client, array: client.mappings(),
    "mappings of a volume": lambda client, array: client.mappings(volumes=["used1"]),
    "mappings of a host": lambda client, array: client.mappings(hosts=["web1"]),
    "groups": lambda client, array: client.groups() if hasattr(client, "groups") else Listing(),
}
MONITORED: dict[str, Read] = {
    "logins": lambda client, array: client.logins() if reports(client, "connections") else Listing(),
    "health": lambda client, array: client.health() if reports(client, "health") else Listing(),
    "performance": lambda client, array: client.performance(["data1"]) if reports(client, "performance") else Listing(),
}
"""What is read of the operation of an array."""


def reports(client: Any, aspect: str) -> bool:
    """Whether the array reports it. An array that does not may have no such method."""
    return client.capabilities.refusal(aspect) is None


WITHOUT_COMPLETENESS = ("info", "capacity", "ports")
"""Reads whose result may lack entries: a port that does not report that it is up is left out."""


class Mangled(NamedTuple):
    """A changed answer."""

    change: str
    """The change, in words for messages."""
    text: str
    strict: bool
    """Whether no object may be absent because of the change."""
    content_type: str | None = None
    """Over HTTP, the content type that replaces the recorded one."""
    data: bytes | None = None
    """The bytes in place of the text."""
    status: int | None = None
    """Over HTTP, the status that replaces the recorded one."""

    @property
    def body(self) -> bytes:
        return self.text.encode() if self.data is None else self.data


class Tape:
    """Records the answers of an array, and replays them with one of them changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[Any, Any] = {}
        self.used: list[tuple[str, str]] = []
        """The wire and the request of each answer."""
        self.replaced: dict[str, Mangled] = {}
        """By request, the answer that replaces the recorded one."""
        for transport, method, wire in (
            (HttpTransport, "_once", "http"),
            (SshTransport, "_run", "ssh"),
            (TcpTransport, "_once", "tcp"),
        ):
            monkeypatch.setattr(transport, method, self._recording(getattr(transport, method), wire))

    def _recording(self, send: Callable[..., Any], wire: str) -> Callable[..., Any]:
        def call(transport: Any, *args: Any) -> Any:
            if wire == "http":
                request = f"{args[0].method} {args[0].target} {(args[0].body or b'').decode()}".rstrip()
            else:
                request = args[0] if wire == "ssh" else args[1].decode()
            if request not in self.answers:
                self.answers[request] = send(transport, *args)
            self.used.append((wire, request))
            answer = self.answers[request]
            return self._changed(answer, self.replaced[request]) if request in self.replaced else answer

        return call

    @staticmethod
    def text_of(answer: Any) -> str:
        if isinstance(answer, bytes):
            return answer.decode()
        return str(answer.stdout if hasattr(answer, "stdout") else answer.text)

    @staticmethod
    def _changed(answer: Any, mangled: Mangled) -> Any:
        if isinstance(answer, bytes):
            return mangled.body
        if hasattr(answer, "stdout"):
            return replace(answer, stdout=mangled.body.decode("utf-8", "replace"))
        headers = dict(answer.headers)
        if mangled.content_type is not None:
            headers["content-type"] = mangled.content_type
        status = answer.status if mangled.status is None else mangled.status
        return replace(answer, status=status, body=mangled.body, headers=headers)


def outcome(work: Callable[[], Any], where: str) -> Any:
    """What the work returns, or its FlashError; any other exception is a defect."""
    try:
        return work()
    except FlashError as error:
        if not str(error):
            raise AssertionError(f"{where}: an error without a message") from error
        return error
    except Exception as error:
        raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
