# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The grammar of Dsware's text socket, and the envelope of its REST interface."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import BadReply, Invalid
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.names import marker
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.rest import code_of
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.text import decode, encode
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.wire import state_of, time_of


def test_a_request_is_encoded_as_in_the_wire_sheet() -> None:
    """Section 1.1."""
    values = [("pool_num", 2), ("pool_id", 1), ("pool_id", 2)]
    assert encode("QUERY_POOLS_CAPABILITY_REQ", values) == (
        b"[QUERY_POOLS_CAPABILITY_REQ]\npool_num=2\npool_id=1\npool_id=2\n"
    )


@pytest.mark.parametrize("value", ["a,b", "[a", "a]", "a\nb", "a\rb", "a\0", "", " a", "a "])
def test_a_value_that_the_grammar_cannot_carry_is_refused(value: str) -> None:
    with pytest.raises(Invalid):
        encode("X_REQ", [("vol_name", value)])


def test_a_reply_is_decoded_into_fields_and_rows() -> None:
    data = b"retcode=0\r\ntotal_num=2\nvolume1=[vol_name=b,status=10]\nvolume0=[vol_name=a,father_name=]\n\0"
    answer = decode(data, "X_REQ")
    assert (answer.code, answer.fields) == ("0", {"total_num": "2"})
    assert answer.rows == {"volume": [{"vol_name": "a", "father_name": ""}, {"vol_name": "b", "status": "10"}]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"retcode",
        b"retcode=",
        b"retcode=zero",
        b"retcode=0\nvolume0=[vol_name=a",
        b"retcode=0\nvolume0=[vol_name]",
        b"retcode=0\nvolume0=[a=[b]]",
        b"retcode=0\nretcode=0",
        b"\xff\xfe\xfd",
        b"<html></html>",
    ],
)
def test_a_malformed_reply_is_an_error(data: bytes) -> None:
    with pytest.raises(BadReply):
        decode(data, "X_REQ")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"result": 0}, "0"),
        ({"result": "0"}, "0"),
        ({"result": {"code": 0, "description": ""}, "data": {}}, "0"),
        ({"result": {"code": 50150005}}, "50150005"),
        ({"result": 1, "errorCode": 50150005}, "50150005"),
        ({"result": 1, "errorCode": "1077949069"}, "1077949069"),
        ({"result": 1, "detail": [{"errorCode": 0}, {"errorCode": 32150005}]}, "32150005"),
        ({"result": 10000003}, "10000003"),
        ({"result": 2}, "2"),
        ({"error": {"code": 403, "description": "x"}}, "403"),
        ({}, None),
        ([], None),
        (None, None),
        ("0", None),
    ],
)
def test_the_code_of_an_answer_is_found_in_every_form(body: Any, code: str | None) -> None:
    assert code_of(body) == code


def test_a_marker_depends_on_its_purpose_and_name() -> None:
    assert marker("volume", "a") == marker("volume", "a") != marker("volume", "b")
    assert marker("volume", "a") != marker("restore", "a")
    assert len(marker("volume", "x" * 95)) <= 95


@pytest.mark.parametrize(
    ("status", "state"),
    [(0, "ready"), ("1", "ready"), (2, "ready"), (6, "copying"), (15, "copying"), (10, "deleting"), (99, "error")],
)
def test_every_status_has_a_state(status: Any, state: str) -> None:
    assert state_of(status) == state


@pytest.mark.parametrize("data", [b"retcode=501500", b"retcode=-9", b"volume0=[status=1]\nretcode=5015000"])
def test_a_truncated_number_is_an_error(data: bytes) -> None:
    with pytest.raises(BadReply, match="cut off"):
        decode(data, "QUERY_VOLUME_REQ")
    # A number that ends with its line is complete, even an unknown one; a known number needs no end of the line.
    assert decode(b"retcode=501500\n", "QUERY_VOLUME_REQ").code == "501500"
    assert decode(b"retcode=50150007", "QUERY_VOLUME_REQ").code == "50150007"


def test_time_stamps_sort_by_age() -> None:
    assert str(time_of(999)) < str(time_of("1000")) < str(time_of(1795233194612))
    assert time_of(0) is None
    assert time_of(None) is None
    assert time_of("2026-01-01") == "2026-01-01"
