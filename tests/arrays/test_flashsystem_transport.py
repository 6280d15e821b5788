# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH to a FlashSystem: host keys, logins, timeouts, and answers that are lost."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Busy,
    FlashError,
    Invalid,
    Timeout,
    Unauthorized,
    Unreachable,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.confirm import (
    AnswerTimeout,
    AnswerUnreadable,
    ConnectionLost,
)
from tests.support.flashsystem import FlashSystemUnderTest, empty_array
from tests.support.simulator import Simulator

SYSTEM = ["svcinfo", "lssystem", "-delim", "!"]
CREATE = ["svctask", "mkvdisk", "-name", "db1", "-mdiskgrp", "mdiskgrp0", "-iogrp", "0", "-size", "1", "-unit", "gb"]

KEYS: dict[str, Any] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ecdsa": ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}


def public(name: str) -> str:
    return str(KEYS[name].public_key().public_bytes(ser.Encoding.OpenSSH, ser.PublicFormat.OpenSSH), "ascii")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": "plain", "vendor": "flashsystem", "authorized_keys": [public(name) for name in KEYS]},
        {"name": "one-session", "vendor": "flashsystem", "limits": {"sessions": 1}},
        {"name": "one-connection", "vendor": "flashsystem", "limits": {"connections": 1}},
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> Iterator[FlashSystemUnderTest]:
    array = empty_array(simulator, "plain")
    yield array
    array.hang_up()


@pytest.fixture
def one_session(simulator: Simulator) -> Iterator[FlashSystemUnderTest]:
    array = empty_array(simulator, "one-session")
    yield array
    array.hang_up()


# ---- the host key ----------------------------------------------------------------------------------------------------


def known_name(array: FlashSystemUnderTest) -> str:
    return f"[127.0.0.1]:{array.endpoint['port']}"


def test_an_unknown_host_key_is_refused_and_the_message_says_which(array: FlashSystemUnderTest, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("")
    with pytest.raises(Unreachable) as caught:
        array.transport(host_key=None, known_hosts=str(known)).connect()
    assert "host key is not known" in str(caught.value)
    assert array.endpoint["host_key"] in str(caught.value)
    assert known.read_text() == ""


def test_a_known_host_key_is_taken_from_the_file(array: FlashSystemUnderTest, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"{known_name(array)} {array.endpoint['host_key']}\n")
    assert array.transport(host_key=None, known_hosts=str(known)).run(SYSTEM).ok


def test_accept_new_keeps_the_key_and_leaves_the_other_lines(array: FlashSystemUnderTest, tmp_path: Path) -> None:
    known = tmp_path / "sub" / "known_hosts"
    known.parent.mkdir()
    before = "# mine\nelsewhere ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHb4b6sAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    known.write_text(before)
    array.transport(host_key=None, known_hosts=str(known), policy="accept_new").connect()
    assert known.read_text() == f"{before}\n{known_name(array)} {array.endpoint['host_key']}\n"
    array.transport(host_key=None, known_hosts=str(known)).connect()


def test_a_changed_host_key_is_refused_even_by_accept_new(array: FlashSystemUnderTest, tmp_path: Path) -> None:
    another_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHb4b6sAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    known = tmp_path / "known_hosts"
    known.write_text(f"{known_name(array)} {another_key}\n")
    for changes in ({"host_key": None, "known_hosts": str(known), "policy": "accept_new"}, {"host_key": another_key}):
        with pytest.raises(Unreachable, match="differs from the known one"):
            array.transport(**changes).connect()


def test_an_invalid_host_key_is_reported(array: FlashSystemUnderTest) -> None:
    with pytest.raises(Invalid, match="not a host key"):
        array.transport(host_key="ssh-ed25519 nonsense").connect()


# ---- logging in ------------------------------------------------------------------------------------------------------


def key_file(folder: Path, name: str, passphrase: str | None) -> str:
    protection = ser.BestAvailableEncryption(passphrase.encode()) if passphrase else ser.NoEncryption()
    path = folder / name
    path.write_bytes(KEYS[name].private_bytes(ser.Encoding.PEM, ser.PrivateFormat.OpenSSH, protection))
    return str(path)


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
@pytest.mark.parametrize("kind", KEYS)
def test_a_private_key_of_every_kind_logs_in(
    array: FlashSystemUnderTest, tmp_path: Path, kind: str, passphrase: str | None
) -> None:
    path = key_file(tmp_path, kind, passphrase)
    transport = array.transport(password=None, private_key_file=path, private_key_passphrase=passphrase)
    assert transport.run(SYSTEM).ok


def test_a_private_key_that_cannot_be_decrypted_or_read_is_reported(
    array: FlashSystemUnderTest, tmp_path: Path
) -> None:
    path = key_file(tmp_path, "ed25519", "correct horse")
    with pytest.raises(Invalid, match="passphrase"):
        array.transport(password=None, private_key_file=path).connect()
    with pytest.raises(Invalid, match="passphrase"):
        array.transport(password=None, private_key_file=path, private_key_passphrase="wrong").connect()
    with pytest.raises(Invalid, match="cannot be read"):
        array.transport(password=None, private_key_file=str(tmp_path / "none")).connect()


def test_a_wrong_password_is_distinguished_from_other_failures(array: FlashSystemUnderTest) -> None:
    with pytest.raises(Unauthorized, match="did not accept the user name and password") as caught:
        array.transport(password="a-wrong-one").connect()
    assert "a-wrong-one" not in str(caught.value)


def test_the_ssh_agent_is_not_used(
    array: FlashSystemUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        agent.setblocking(False)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        array.transport().connect()
        with pytest.raises(BlockingIOError):
            agent.accept()


def test_nothing_secret_is_recorded(array: FlashSystemUnderTest) -> None:
    transport = array.transport()
    password = array.endpoint["password"]
    transport.run(["svcinfo", "lsvdisk", password])
    assert all(password not in str(call.as_dict()) for call in transport.journal)
    assert password not in repr(transport)


# ---- other servers ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def server(answer: bytes | None) -> Iterator[int]:
    """A TCP server that sends this text on every connection, or nothing. Yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    kept.append(connection)
                    if answer is not None:
                        connection.sendall(answer)
                        connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for connection in kept:
            connection.close()


def test_a_server_that_does_not_speak_ssh_is_reported(array: FlashSystemUnderTest) -> None:
    with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port, pytest.raises(Unreachable, match="does not speak SSH"):
        array.transport(port=port, timeout=2.0).connect()


def test_a_silent_server_is_a_timeout(array: FlashSystemUnderTest) -> None:
    with server(None) as port, pytest.raises(Timeout, match="no login within 0.5 s"):
        array.transport(port=port, timeout=0.5).connect()


def test_a_refused_connection_and_an_unknown_name_are_two_messages(array: FlashSystemUnderTest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unreachable, match="connection refused"):
        array.transport(port=port).connect()
    with pytest.raises(Unreachable, match="does not resolve"):
        array.transport(addresses=["array.invalid"]).connect()


def test_the_next_address_is_tried(array: FlashSystemUnderTest) -> None:
    transport = array.transport(addresses=["array.invalid", "127.0.0.1"])
    assert transport.run(SYSTEM).ok
    assert transport.address.startswith("127.0.0.1:")


# ---- commands --------------------------------------------------------------------------------------------------------


def test_commands_share_one_connection(array: FlashSystemUnderTest) -> None:
    mark = array.mark()
    transport = array.transport(max_concurrency=4)
    with ThreadPoolExecutor(8) as pool:
        assert all(output.ok for output in pool.map(lambda _: transport.run(SYSTEM), range(16)))
    requests = array.simulator.requests("plain", mark)
    assert len(requests) == 16
    assert len({request["connection"] for request in requests}) == 1


def test_commands_wait_for_the_only_session_of_an_array(one_session: FlashSystemUnderTest) -> None:
    transport = one_session.transport(max_concurrency=4)
    with ThreadPoolExecutor(4) as pool:
        assert all(output.ok for output in pool.map(lambda _: transport.run(SYSTEM), range(8)))


def test_an_array_without_a_free_session_is_busy(one_session: FlashSystemUnderTest) -> None:
    transport = one_session.transport(max_concurrency=2, timeout=3)
    transport.connect()
    holding = transport._client.get_transport().open_session()
    with pytest.raises(Busy, match="no free session"):
        transport.run(SYSTEM)
    holding.close()
    assert transport.run(SYSTEM).ok


def test_a_slow_command_ends_at_the_deadline(array: FlashSystemUnderTest) -> None:
    array.fault(kind="latency", seconds=5)
    with pytest.raises(AnswerTimeout, match="not answered within 0.5 s"):
        array.transport(timeout=0.5).run(SYSTEM)


def test_a_write_without_an_exit_status_is_an_unreadable_answer(array: FlashSystemUnderTest) -> None:
    array.fault(kind="no_status", match={"method": "mkvdisk"})
    with pytest.raises(AnswerUnreadable, match="without an exit status"):
        array.transport().run(CREATE, write=True)
    assert array.names() == ["db1"]


@pytest.mark.parametrize("kind", ["no_status", "truncated", "reset_before", "reset_after"])
def test_a_read_whose_answer_is_lost_is_repeated(array: FlashSystemUnderTest, kind: str) -> None:
    transport = array.transport()
    transport.connect()
    array.fault(kind=kind, match={"method": "lssystem"})
    assert "open_access_enabled!off" in transport.run(SYSTEM).stdout


@pytest.mark.parametrize(("kind", "carried_out"), [("reset_before", False), ("reset_after", True), ("truncated", True)])
def test_a_write_whose_answer_is_lost_is_never_sent_twice(
    array: FlashSystemUnderTest, kind: str, carried_out: bool
) -> None:
    transport = array.transport()
    transport.connect()
    mark = array.mark()
    array.fault(kind=kind, match={"method": "mkvdisk"})
    with pytest.raises((ConnectionLost, AnswerUnreadable)):
        transport.run(CREATE, write=True)
    assert len(array.lines(mark)) == 1
    assert array.names() == (["db1"] if carried_out else [])


def test_a_connection_that_died_between_commands_is_made_anew(array: FlashSystemUnderTest) -> None:
    transport = array.transport()
    assert transport.run(SYSTEM).ok
    transport._client.get_transport().sock.shutdown(socket.SHUT_RDWR)
    assert transport.run(CREATE, write=True).ok
    assert array.names() == ["db1"]


def test_an_expired_login_is_renewed_once(array: FlashSystemUnderTest) -> None:
    transport = array.transport()
    transport.expired = lambda output: "CMMVC7017E" in output.stdout
    mark = array.mark()
    array.fault(kind="expired")
    assert transport.run(CREATE, write=True).ok
    assert len({request["connection"] for request in array.simulator.requests("plain", mark)}) == 2
    array.fault(kind="expired", count=2)
    assert "CMMVC7017E" in transport.run(SYSTEM).stdout


def test_an_array_without_a_connection_to_spare_is_waited_for(simulator: Simulator) -> None:
    array = FlashSystemUnderTest(simulator, "one-connection")
    first = array.transport()
    first.connect()
    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(seconds)

    with pytest.raises(Unreachable, match="or it has no free connection"):
        array.transport(timeout=1.0, sleep=wait).connect()
    assert len(pauses) > 1

    def hang_up(seconds: float) -> None:
        first.close()
        wait(seconds)

    pauses.clear()
    assert array.transport(sleep=hang_up).run(SYSTEM).ok
    assert pauses
    array.hang_up()


HOSTILE = [
    "x; svctask chsystem -openaccess on",
    "x| svctask chsystem -openaccess on",
    "x & svctask chsystem -openaccess on",
    "x\nsvctask chsystem -openaccess on",
    "$(svctask chsystem -openaccess on)",
    "`svctask chsystem -openaccess on`",
    'x"; svctask chsystem -openaccess on; "',
    "x'; svctask chsystem -openaccess on; '",
    "x\\",
    "x\0y",
    "n\u00f6de",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_however_hostile_becomes_a_second_command(array: FlashSystemUnderTest, name: str) -> None:
    mark = array.mark()
    transport = array.transport()
    with contextlib.suppress(FlashError):
        transport.run(["svcinfo", "lsvdisk", "-delim", "!", name])
    with contextlib.suppress(FlashError):
        transport.run(["svctask", "rmvdisk", name], write=True)
    assert "open_access_enabled!off" in transport.run(SYSTEM).stdout
    assert array.changes(mark) == []


def test_the_simulated_shell_does_run_a_second_command(array: FlashSystemUnderTest) -> None:
    """Otherwise the test above would prove nothing."""
    array.cli("svcinfo lsvdisk x; svctask chsystem -openaccess on")
    assert "open_access_enabled on" in array.cli("svcinfo lssystem")[1]
