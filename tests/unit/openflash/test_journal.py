# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of calls counts requests and masks secrets."""

from __future__ import annotations

import base64
import threading

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.journal import MASK, Journal

SECRET = 'p@ss "w0rd" %&+ü'


def test_the_journal_counts_requests_writes_and_session_requests() -> None:
    journal = Journal()
    journal.append("POST", "/login", write=True, session=True)
    journal.append("GET", "/volumes")
    journal.append("POST", "/volumes", write=True)
    journal.append("GET", "/volumes", sent=False)
    assert journal.counts == {"requests": 2, "writes": 1, "session_requests": 1}
    assert [call.n for call in journal] == [1, 2, 3, 4]
    assert len(journal) == 4
    assert journal[0].session
    assert not journal[0].write


@pytest.mark.parametrize(
    "text",
    [
        f"login {SECRET} failed",
        "/login?user=a&x=p%40ss%20%22w0rd%22%20%25%26%2B%C3%BC",
        "/login?user=a&x=p%40ss+%22w0rd%22+%25%26%2B%C3%BC",
        r'{"x": "p@ss \"w0rd\" %&+\u00fc"}',
        "Basic " + base64.b64encode(("admin:" + SECRET).encode()).decode(),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_every_encoding(text: str) -> None:
    journal = Journal([SECRET, "admin:" + SECRET])
    call = journal.append("POST", text, {"note": [text]}, outcome=text)
    shown = repr(call)
    assert MASK in call.target
    for trace in ("w0rd", "p%40ss", text):
        assert trace not in shown


def test_an_unregistered_secret_is_masked_by_its_key() -> None:
    body = {
        "initiator-authentication-password": "geheim",
        "chap": {"targetPassword": "geheim", "Auth-Token": "geheim", "user": "me"},
        "empty-password": "",
        "list": [{"secret": "geheim"}],
    }
    shown = Journal().append("PUT", "/x?password=geheim&user=me", body)
    assert "geheim" not in repr(shown)
    assert shown.body["chap"]["user"] == "me"
    assert shown.body["empty-password"] == ""
    assert "user=me" in shown.target


@pytest.mark.parametrize(
    "line", ["mkhost -chapsecret geheim -name h1", "mkhost -chapsecret 'geheim' -name h1", "tool --password=geheim h1"]
)
def test_a_secret_is_masked_in_a_command_line(line: str) -> None:
    call = Journal().append(line.split()[0], line)
    assert "geheim" not in call.target
    assert "h1" in call.target


def test_a_short_secret_is_masked_only_as_a_word() -> None:
    journal = Journal(["ab"])
    assert journal.mask("about ab") == "about " + MASK
    assert Journal([None, ""]).mask("about ab") == "about ab"


def test_the_body_of_the_caller_is_not_changed() -> None:
    body = {"password": "geheim"}
    Journal(["geheim"]).append("POST", "/x", body)
    assert body == {"password": "geheim"}


def test_threads_can_share_a_journal() -> None:
    journal = Journal()

    def work() -> None:
        for _ in range(200):
            journal.append("GET", "/x")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert [call.n for call in journal] == list(range(1, 1601))
