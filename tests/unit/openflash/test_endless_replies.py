# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that send 2 GB, or without end: refused, in bounded memory, on each transport."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import paramiko
import pytest

GIB = 1024**3
MOST = 200 * 1024**2
"""Bytes of memory that one answer may take: the largest that is accepted, and the copies that are made of it."""
MEASURE = """
import json, resource, sys
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.ssh import SshTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.tcp import TcpTransport
import paramiko, requests

job = json.loads(sys.argv[1])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, found = peak(), {}
for kind, port, write in job["answers"]:
    try:
        if kind.startswith("http"):
            reply = HttpTransport(["127.0.0.1"], port, "http", timeout=job["timeout"]).request(
                "POST" if write else "GET", "/volumes")
            found[kind] = ["answered", str(reply.status)]
        elif kind == "ssh":
            transport = SshTransport(["127.0.0.1"], port, username="admin", password="Pa55w0rd",
                host_key=job["host_key"], timeout=job["timeout"])
            transport.run(["lsvdisk"], write=write)
        else:
            TcpTransport(["127.0.0.1"], port, job["timeout"]).request(b"[QUERY]\\n", "QUERY", "", write=write)
    except FlashError as error:
        found[kind] = [error.kind, error.reason]
print(json.dumps([found, peak() - before]))
"""

if TYPE_CHECKING:  # Python 3.8 cannot evaluate it
    Send = Callable[[socket.socket], None]


@contextmanager
def serving(answer: Send) -> Iterator[int]:
    """The port of a server that reads a request and gives this answer to each connection."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)

        def serve() -> None:
            while True:
                try:
                    link, _address = listener.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(link,), daemon=True).start()

        def talk(link: socket.socket) -> None:
            with link:
                try:
                    link.recv(65536)
                    answer(link)
                except OSError:
                    pass  # the client has had enough

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def endless(head: bytes, piece: bytes = b"x" * 65536, most: int = 2 * GIB) -> Send:
    def send(link: socket.socket) -> None:
        link.sendall(head)
        sent = 0
        while sent < most:
            link.sendall(piece)
            sent += len(piece)

    return send


CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"
UNPACKED = gzip.compress(b"\0" * 10 * 1024**2, 9)
ANSWERS: dict[str, Send] = {
    "http announced": endless(b"HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n"),
    "http until the end": endless(b"HTTP/1.1 200 OK\r\n\r\n"),
    "http in chunks": endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNK),
    "http one chunk": endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n80000000\r\n"),
    "http length of a chunk": endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0" * 65536),
    "http trailers": endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 9000),
    "http redirect": endless(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/\r\n\r\n"),
    "http refusal": endless(b"HTTP/1.1 401 Unauthorized\r\n\r\n"),
    "http status line": endless(b"HTTP/1.1 200 "),
    "http header": endless(b"HTTP/1.1 200 OK\r\nX-Name: "),
    "http headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-Name: value\r\n" * 4096),
    "http interim": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2048),
    "http packed": endless(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", UNPACKED, len(UNPACKED) * 100),
    "http packed twice": endless(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\n", gzip.compress(UNPACKED)),
    "tcp": endless(b"retcode=0\n"),
    "tcp one line": endless(b"volume0=["),
}


def measured(answers: list[list[Any]], timeout: float = 20.0, **job: Any) -> tuple[dict[str, list[str]], int]:
    """By answer, the kind and reason of the error; and the bytes by which the memory of the process has grown."""
    environ = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    command = [sys.executable, "-c", MEASURE, json.dumps({"answers": answers, "timeout": timeout, **job})]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    found, grown = json.loads(done.stdout)
    return found, grown


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.slow
def test_each_endless_answer_is_refused_in_bounded_memory(name: str) -> None:
    """Also of a change, whose answer is then lost."""
    for write in (False, True):
        with serving(ANSWERS[name]) as port:
            found, grown = measured([[name, port, write]])
        check(name, found[name])
        assert grown < MOST, f"{name}: {grown / 1024**2:.0f} MiB"


def check(name: str, outcome: list[str]) -> None:
    kind, reason = outcome
    if name == "http refusal":
        assert (kind, reason) in (("bad_reply", "the answer to GET is larger than 64 MiB"),) or kind == "bad_reply"
    else:
        assert kind in ("bad_reply", "timeout", "unreachable"), f"{name}: {kind}: {reason}"


def test_endless_answers_are_refused_in_bounded_memory() -> None:
    """In one process, so that the peak is that of all."""
    chosen = [
        "http announced",
        "http in chunks",
        "http redirect",
        "http header",
        "http length of a chunk",
        "http packed",
        "tcp one line",
    ]
    opened = [(name, serving(ANSWERS[name])) for name in chosen]
    try:
        answers = [[name, server.__enter__(), True] for name, server in opened]
        found, grown = measured(answers)
    finally:
        for _name, server in opened:
            server.__exit__(None, None, None)
    assert list(found) == chosen
    for name, outcome in found.items():
        check(name, outcome)
    assert grown < MOST, f"{grown / 1024**2:.0f} MiB"


class EndlessSshServer(paramiko.ServerInterface):
    """Accepts every login, and answers each command without end, on one of its outputs."""

    def __init__(self, stream: str) -> None:
        self.stream = stream

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        def send() -> None:
            write = channel.sendall if self.stream == "output" else channel.sendall_stderr
            try:
                while True:
                    write(b"x" * 32768)
            except (OSError, EOFError, paramiko.SSHException):
                pass  # the client has had enough

        threading.Thread(target=send, daemon=True).start()
        return True


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["output", "error output"])
def test_endless_answers_over_ssh_are_refused_in_bounded_memory(stream: str) -> None:
    key = paramiko.RSAKey.generate(2048)

    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)

        def serve() -> None:
            while True:
                try:
                    link, _address = listener.accept()
                except OSError:
                    return
                transport = paramiko.Transport(link)
                transport.add_server_key(key)
                transport.start_server(server=EndlessSshServer(stream))

        threading.Thread(target=serve, daemon=True).start()
        host_key = f"{key.get_name()} {key.get_base64()}"
        # A read is sent three times
        found, grown = measured([["ssh", listener.getsockname()[1], True]], timeout=60.0, host_key=host_key)
    assert found["ssh"][0] in ("bad_reply", "timeout"), found
    assert grown < MOST, f"{grown / 1024**2:.0f} MiB"
