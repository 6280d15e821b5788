# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TCP transport with one request for each connection, and the transport of commands of this host."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    BadReply,
    FlashError,
    Invalid,
    Timeout,
    Unauthorized,
    Unreachable,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import tcp
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.command import CommandTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.confirm import (
    AnswerLost,
    AnswerTimeout,
    AnswerUnreadable,
    ConnectionLost,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.journal import Journal
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.tcp import TcpTransport
from tests.support.threads import side_by_side

Answer = Callable[[socket.socket], None]
Serve = Callable[[Answer], Any]
"""Starts a server; its port and the list of its requests."""


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Servers that read a request of each connection and call ``answer`` with the connection."""
    open_sockets: list[socket.socket] = []

    def start(answer: Answer) -> tuple[int, list[bytes]]:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        open_sockets.append(listener)
        requests: list[bytes] = []

        def loop() -> None:
            while True:
                try:
                    link = listener.accept()[0]
                except OSError:
                    return
                open_sockets.append(link)
                requests.append(link.recv(65536))
                answer(link)

        threading.Thread(target=loop, daemon=True).start()
        return listener.getsockname()[1], requests

    yield start
    for open_socket in open_sockets:
        open_socket.close()


def reply_with(*pieces: bytes) -> Answer:
    def answer(link: socket.socket) -> None:
        for piece in pieces:
            link.sendall(piece)
        link.close()

    return answer


def reset(link: socket.socket) -> None:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    link.close()


@pytest.fixture
def unreachable() -> Iterator[str]:
    """An address on which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{unused.getsockname()[1]}"


def send(transport: TcpTransport, write: bool = False) -> bytes:
    return transport.request(b"[X]\n", "X", "[X]", None, write=write)


def test_threads_with_one_controller_that_is_down_all_get_an_error() -> None:
    """Each thread moves it to the end of the list of controllers, where it must be at all times."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        transport = TcpTransport(["127.0.0.1"], port)

        def fail_or_read(number: int) -> set[str]:
            if number % 2:
                return {transport.address for _turn in range(20000)}
            for _turn in range(20000):
                transport._put_last(("127.0.0.1", port))
            return set()

        assert side_by_side(fail_or_read, range(8)) == [set(), {f"127.0.0.1:{port}"}] * 4
        results = side_by_side(lambda _number: transport.request(b"x", "x", "x", write=False), range(40))
        assert {type(result) for result in results} == {Unreachable}


def test_a_reply_ends_with_its_connection(serve: Serve) -> None:
    port, requests = serve(reply_with(b"a" * 600, b"b" * 600))
    transport = TcpTransport(["127.0.0.1"], port)
    assert send(transport) == b"a" * 600 + b"b" * 600
    assert requests == [b"[X]\n"]
    assert [(call.verb, call.outcome, call.sent) for call in transport.journal] == [("X", "answered", True)]


def test_a_controller_that_does_not_answer_is_tried_last_from_then_on(serve: Serve, unreachable: str) -> None:
    port, _ = serve(reply_with(b"ok"))
    transport = TcpTransport([unreachable, f"127.0.0.1:{port}"], 1)
    for _turn in range(3):
        assert send(transport, write=True) == b"ok"
    assert [call.sent for call in transport.journal] == [False, True, True, True]
    assert transport.journal.counts == {"requests": 3, "writes": 3, "session_requests": 0}


def test_the_error_names_the_controllers_that_do_not_answer(unreachable: str) -> None:
    with pytest.raises(Unreachable, match="connection refused") as caught:
        send(TcpTransport([unreachable], 1))
    assert caught.value.array == unreachable
    assert caught.value.hint
    with pytest.raises(Unreachable, match="(?i)no controller answers"):
        send(TcpTransport([unreachable, "array.invalid"], 1))


@pytest.mark.parametrize(
    ("answer", "read", "write"),
    [
        (reply_with(), BadReply, AnswerUnreadable),
        (reset, Unreachable, ConnectionLost),
        (None, Timeout, AnswerTimeout),
    ],
)
def test_without_an_answer_a_write_is_not_repeated_and_a_read_is_an_error(
    serve: Serve, answer: Answer | None, read: type, write: type
) -> None:
    port, requests = serve(answer or (lambda link: None))
    transport = TcpTransport(["127.0.0.1"], port, timeout=0.3)
    with pytest.raises(write) as lost:
        send(transport, write=True)
    assert isinstance(lost.value, AnswerLost), "a write is never sent twice"
    assert len(requests) == 1, "a write is never sent twice"
    with pytest.raises(read) as failed:
        send(transport)
    assert not isinstance(failed.value, AnswerLost)


def test_a_slow_reply_ends_at_the_deadline(serve: Serve) -> None:
    def trickle(link: socket.socket) -> None:
        def drip() -> None:
            done = threading.Event()
            try:
                while not done.wait(0.05):
                    link.sendall(b"x")
            except OSError:
                pass

        threading.Thread(target=drip, daemon=True).start()

    port, _ = serve(trickle)
    with pytest.raises(Timeout, match="within 0.3 s"):
        send(TcpTransport(["127.0.0.1"], port, timeout=0.3))


def test_a_reply_that_is_too_large_is_an_error(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "LARGEST_REPLY", 100)
    port, _ = serve(reply_with(b"x" * 200))
    with pytest.raises(BadReply, match="larger than"):
        send(TcpTransport(["127.0.0.1"], port))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("array", "array:7"),
        ("array:8", "array:8"),
        ("10.0.0.1:8", "10.0.0.1:8"),
        ("::1", "[::1]:7"),
        ("[::1]", "[::1]:7"),
        ("[::1]:8", "[::1]:8"),
    ],
)
def test_an_address_may_have_a_port(text: str, shown: str) -> None:
    assert TcpTransport([text], 7).address == shown


@pytest.mark.parametrize("text", ["", " ", "a b", "a,b", "http://a", "a/b"])
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        TcpTransport([text], 7)


# -- commands ----------------------------------------------------------------------------------------------------------


def test_a_command_gets_its_arguments_unchanged() -> None:
    transport = CommandTransport()
    out = transport.run(["/bin/echo", "a b", "$HOME", ";", "`id`"], write=False)
    assert out.stdout == "a b $HOME ; `id`\n"
    call = transport.journal[0]
    assert (call.verb, call.outcome, call.write) == ("echo", "0", False)


def test_no_secret_is_in_the_journal_or_in_errors() -> None:
    transport = CommandTransport(journal=Journal(["hunter2-and-more"]))
    with pytest.raises(FlashError) as caught:
        transport.run(["/bin/sh", "-c", "echo hunter2-and-more >&2; exit 3"], write=False)
    assert "hunter2" not in str(caught.value) + repr(transport.journal[0])
    assert "status 3" in caught.value.reason


def test_a_command_is_killed_with_its_children_at_the_timeout(tmp_path: Path) -> None:
    late = tmp_path / "late"
    script = f"(sleep 2; touch {late}) & sleep 60"
    for write, kind in ((False, Timeout), (True, AnswerTimeout)):
        with pytest.raises(kind, match="did not end within 0.2 s"):
            CommandTransport(timeout=0.2).run(["/bin/sh", "-c", script], write=write)
    assert not late.exists()


def test_a_failed_write_may_have_been_carried_out() -> None:
    with pytest.raises(AnswerUnreadable):
        CommandTransport().run(["/bin/false"], write=True)


def test_a_missing_or_forbidden_program_is_reported(tmp_path: Path) -> None:
    transport = CommandTransport()
    with pytest.raises(Invalid, match="no program"):
        transport.run([str(tmp_path / "none")])
    path = tmp_path / "secret"
    path.write_text("")
    with pytest.raises(Unauthorized, match="may not run"):
        transport.run([str(path)])
    assert [call.sent for call in transport.journal] == [False, False]
    assert transport.journal.counts["requests"] == 0
