# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A request ends at its deadline on every transport, even when its server sends single bytes with pauses."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paramiko
import pytest
import trustme

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError, Timeout
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.confirm import AnswerTimeout
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.ssh import SshTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.tcp import TcpTransport

DEADLINE = 0.6
PAUSE = 0.1
"""Seconds between two bytes, so few that no single read takes until the deadline."""
DRIPS = 200
"""The number of bytes, so many that the answer takes far longer than the deadline."""
COMPLETE = threading.Event()
"""Set when the server has sent a complete answer."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ANSWERS = {
    "status line": (b"", b"HTTP/1.1 200 " + b"x" * DRIPS),
    "headers": (HEAD, b"X-Header: " + b"x" * DRIPS),
    "body": (HEAD + b"Content-Length: %d\r\n\r\n" % DRIPS, b"[" * DRIPS),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n" * DRIPS),
    "body without a length": (HEAD + b"Connection: close\r\n\r\n", b"[" * DRIPS),
}


@contextmanager
def dripping(
    at_once: bytes,
    slowly: bytes,
    wrap: Callable[[socket.socket], socket.socket] | None = None,
    reads_request: bool = True,
) -> Iterator[int]:
    """The port of a server that answers each request with some bytes at once and the others one by one."""
    stopped = threading.Event()
    COMPLETE.clear()

    def serve(link: socket.socket) -> None:
        with suppress(OSError), wrap(link) if wrap else link as stream:
            if reads_request:
                stream.recv(65536)
            stream.sendall(at_once)
            for number in range(len(slowly)):
                stream.sendall(slowly[number : number + 1])
                if stopped.wait(PAUSE):
                    return
            COMPLETE.set()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopped.set()


@contextmanager
def ends_at_the_deadline(kind: type[FlashError]) -> Iterator[None]:
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        yield
    assert time.monotonic() - started >= DEADLINE * 0.9
    assert not COMPLETE.is_set(), "the client waited for more than the deadline"
    assert f"within {DEADLINE:g} s" in caught.value.reason


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA) -> Callable[[socket.socket], socket.socket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return lambda link: context.wrap_socket(link, server_side=True)


@pytest.mark.parametrize("part", ANSWERS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_slow_http_answer_ends_at_the_deadline(part: str, scheme: str, authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    wrap = tls(authority) if scheme == "https" else None
    with dripping(*ANSWERS[part], wrap=wrap) as port:
        transport = HttpTransport(["127.0.0.1"], port, scheme, verify=str(tmp_path / "ca.pem"), timeout=DEADLINE)
        with ends_at_the_deadline(AnswerTimeout):
            transport.request("POST", "/volumes", json={})
        (call,) = transport.journal
        assert call.sent
        assert "within" in call.outcome
        transport.close()


def test_a_slow_answer_of_a_proxy_ends_at_the_deadline() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"x" * DRIPS) as port:
        transport = HttpTransport(["array.example.org"], 443, proxy=f"http://127.0.0.1:{port}", timeout=DEADLINE)
        with ends_at_the_deadline(Timeout):
            transport.request("POST", "/volumes", json={})


def test_a_slow_answer_over_tcp_ends_at_the_deadline() -> None:
    with dripping(b"result=0", b"\n" * DRIPS) as port:
        transport = TcpTransport(["127.0.0.1"], port, timeout=DEADLINE)
        with ends_at_the_deadline(AnswerTimeout):
            transport.request(b"create", "create", "db1")


@pytest.mark.parametrize(
    ("at_once", "slowly"),
    [(b"", b"SSH-2.0-" + b"x" * DRIPS), (b"SSH-2.0-Server\r\n\0\0\1\14", b"\0" * DRIPS)],
    ids=["banner", "key exchange"],
)
def test_a_slow_ssh_login_ends_at_the_deadline(at_once: bytes, slowly: bytes) -> None:
    with dripping(at_once, slowly, reads_request=False) as port:
        transport = SshTransport(["127.0.0.1"], port, username="admin", password="Pa55w0rd", timeout=DEADLINE)
        with ends_at_the_deadline(Timeout):
            transport.connect()
        transport.close()


def test_a_slow_answer_within_the_deadline_is_returned() -> None:
    with dripping(HEAD + b"Content-Length: 2\r\n\r\n", b"[]") as port:
        transport = HttpTransport(["127.0.0.1"], port, "http", timeout=10.0)
        assert transport.request("GET", "/volumes").json() == []
        transport.close()


class SilentSshServer(paramiko.ServerInterface):
    """Accepts every login, and does not answer the request to run a command."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.stopped.wait(10)
        return False


def test_an_ssh_command_without_an_answer_ends_at_the_deadline() -> None:
    server, key = SilentSshServer(), paramiko.RSAKey.generate(2048)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)

        def serve() -> None:
            transport = paramiko.Transport(listener.accept()[0])
            transport.add_server_key(key)
            transport.start_server(server=server)

        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        transport = SshTransport(
            ["127.0.0.1"],
            port,
            username="admin",
            password="Pa55w0rd",
            host_key=f"{key.get_name()} {key.get_base64()}",
            timeout=5.0,
        )
        transport.connect()
        transport.timeout = DEADLINE
        with ends_at_the_deadline(AnswerTimeout):
            transport.run(["svctask", "mkvdisk"], write=True)
        server.stopped.set()
        transport.close()
