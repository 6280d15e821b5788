# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An array, or whoever answers in its place, that deceives: other names than asked for, texts that rewrite a terminal.

tests/unit/openflash/test_http_transport.py has redirects to another host, test_endless_replies.py answers without end.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Listing
from tests.module.arrays import ONE_OF_EACH_WIRE, ArrayUnderTest
from tests.module.tape import READS, Mangled, Tape, outcome

CLEAR, REVERSED, LINE = "\x1bc\x9b2J", "\u202e", "\u2066"
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
SOCKET = "dsware-socket"


@contextmanager
def between(array: ArrayUnderTest, changes: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Connection options of a relay before the array's socket, which replaces texts in each answer."""
    to = (array.connection["address"], array.connection["port"])

    def answer(link: socket.socket) -> None:
        with closing(link), closing(socket.create_connection(to, 30)) as real:
            real.sendall(link.recv(65536))
            found = b""
            while piece := real.recv(65536):
                found += piece
            for old, new in changes.items():
                found = found.replace(old.encode(), new.encode())
            link.sendall(found)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    link, _address = listener.accept()
                except OSError:
                    return
                answer(link)

        threading.Thread(target=serve, daemon=True).start()
        yield {"address": "127.0.0.1", "port": listener.getsockname()[1]}


@pytest.fixture
def socket_array(arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    array = arrays[SOCKET]
    array.reset()
    for name in ("data1", "data2"):
        array.done("flash_volume", name=name, size="1GiB")
    return array


def test_what_rewrites_a_terminal_is_shown_as_escapes(socket_array: ArrayUnderTest) -> None:
    """In results, warnings, errors, the difference and the calls."""
    hostile = f"{CLEAR}ok{REVERSED}db{LINE}1"
    with between(socket_array, {"data1": hostile, "stor_id=": f"stor_id={hostile}"}) as relay:
        shown = [
            socket_array.task("flash_facts", connection=relay, verbosity=3),
            socket_array.task("flash_volume", connection=relay, name="data1", size="2GiB", diff=True, verbosity=3),
            socket_array.task("flash_snapshot", connection=relay, name="s1", volume="data1", diff=True, verbosity=3),
        ]
    texts = [text for result in shown for text in _texts(result)]
    assert [text for text in texts if UNSAFE.search(text)] == []
    facts = shown[0]["ansible_facts"]["flash"]
    assert all(pool["name"].startswith(r"\x1bc\x9b2Jok\u202edb\u20661") for pool in facts["pools"])


def test_what_rewrites_a_terminal_is_shown_as_escapes_where_the_array_refuses(socket_array: ArrayUnderTest) -> None:
    with between(socket_array, {"vol_size=1024": f"vol_size=1024{CLEAR}"}) as relay:
        result = socket_array.task("flash_volume", connection=relay, name="data1", size="2GiB", diff=True)
    assert result.failed
    assert [text for text in _texts(result) if UNSAFE.search(text)] == []


def test_an_answer_about_another_volume_changes_nothing(socket_array: ArrayUnderTest) -> None:
    """Not even where that volume would be as the task requests it, or would have to be deleted."""
    before = socket_array.state()
    with between(socket_array, {"vol_name=data1": "vol_name=data2", "father_name=data1": "father_name=data2"}) as relay:
        for options in (
            {"name": "data1", "size": "1GiB"},
            {"name": "data1", "size": "2GiB"},
            {"name": "data1", "state": "absent", "assume_unmapped": True},
        ):
            result = socket_array.task("flash_volume", connection=relay, **options)
            assert "Traceback" not in result.stdout + result.stderr
            held = {one["name"]: one["content"] for one in socket_array.state()["volumes"]}
            assert held == {one["name"]: one["content"] for one in before["volumes"]}, (options, result.get("msg"))


@pytest.mark.parametrize("row", [row.name for row in ONE_OF_EACH_WIRE])
def test_no_object_is_returned_for_the_name_of_another(
    arrays: dict[str, ArrayUnderTest], monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    array = arrays[row]
    array.reset()
    for name in ("data1", "data2"):
        array.done("flash_volume", name=name, size="1GiB")
    tape = Tape(monkeypatch)
    with connect(array.settings(array.connection, timeout=2.0, wait_timeout=1.0)) as client:
        tape.used.clear()
        assert [volume.name for volume in client.volumes(["data1"])] == ["data1"]
        asked = list(dict.fromkeys(tape.used))
    for _wire, request in asked:
        text = tape.text_of(tape.answers[request]).replace("data1", "data2")
        with connect(array.settings(array.connection, timeout=2.0, wait_timeout=1.0)) as client:
            tape.replaced = {request: Mangled("the name of another", text, strict=False)}
            found = outcome(partial(READS["one volume"], client, array), request)
            tape.replaced = {}
        if not isinstance(found, FlashError):
            assert isinstance(found, Listing)
            assert {volume.name for volume in found} <= {"data1"}, request


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value)
    elif isinstance(data, str):
        yield data
