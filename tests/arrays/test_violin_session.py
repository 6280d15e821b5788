# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery, login, session, version and TLS of a Violin (wire sheet, section 1)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Timeout,
    Unauthorized,
    Unreachable,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import VolumeSpec
from tests.arrays.violin import GIB, ViolinArray, empty_array, every_operation, shape_of, volume
from tests.support.simulator import Simulator

VERSIONS = ("7.5.2", "7.4.9", "7.50.0", "7.9.0", "8.0.0")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": "violin", "vendor": "violin"},
        {"name": "plain", "vendor": "violin", "tls": False},
        {"name": "both", "vendor": "violin", "protocol": "both", "limits": {"copy_speed": 1 << 30}},
    ]
    arrays += [{"name": f"v{version}", "vendor": "violin", "version": version} for version in VERSIONS]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> ViolinArray:
    return empty_array(simulator, "violin")


def test_a_connection_costs_five_requests_and_one_session(array: ViolinArray) -> None:
    mark = array.mark()
    with array.client() as client:
        assert client.calls.counts == {"requests": 0, "writes": 0, "session_requests": 5}
        assert client.label == "violin-mg-a"
    paths = [request["path"] for request in array.simulator.requests("violin", mark)]
    assert paths == [
        "/",
        "/concerto/auth/login",
        "/concerto/server/properties/version",
        "/concerto/server/properties/info",
        "/concerto/monitor/status/dedup",
        "/concerto/auth/logout",
    ]


def test_a_wrong_password_is_distinguished_from_a_wrong_address(array: ViolinArray) -> None:
    with pytest.raises(Unauthorized) as caught, array.client(password="not-the-password"):
        pass
    assert "did not accept the user name and password" in str(caught.value)
    assert "not-the-password" not in str(caught.value)


def test_the_password_is_in_no_record(array: ViolinArray) -> None:
    password = array.endpoint["password"]
    mark = array.mark()
    with array.client() as client:
        volume(client, "db1")
        assert password not in repr(client.__dict__)
    assert password not in json.dumps([call.as_dict() for call in client.calls])
    assert password not in repr(client.calls) + repr(array.connection())
    logout = [request for request in array.simulator.requests("violin", mark) if "logout" in request["path"]]
    assert [request["body"] for request in logout] == [{}]


def test_a_session_that_expires_between_any_two_requests_is_renewed(simulator: Simulator) -> None:
    """Any request is answered after one more login, and nothing is done twice.

    Where doing it twice would do harm, the state is read before the request is sent again.
    """
    array = empty_array(simulator, "both")
    mark = array.mark()
    with array.client() as client:
        every_operation(client)
    expected, baseline = shape_of(array), _asked(array, mark)
    assert len(baseline) > 90
    strides = 4
    for offset in range(strides):
        array.reset()
        # A request that one fault strikes is not counted by later faults, so each strikes the request of its number
        numbers = range(offset, len(baseline), strides)
        for number in numbers:
            array.fault(kind="expired", match={"path": "/concerto/(?!auth/)"}, skip=number)
        mark = array.mark()
        with array.client() as client:
            every_operation(client)
        answered = _asked(array, mark)
        struck = [number - before for before, number in enumerate(n for n, one in enumerate(answered) if one[2])]
        assert struck == list(numbers)
        assert _changes(answered) == _changes(baseline)
        assert array.logins(mark) == 1 + len(struck)
        assert shape_of(array) == expected


def _asked(array: ViolinArray, mark: int) -> list[tuple[str, str, bool]]:
    """Method, path without ids, and whether the session had expired, of each request after discovery and login."""
    return [
        (request["method"], _without_ids(request["path"]), bool(request.get("fault")))
        for request in array.requests(mark)
        if request["path"].startswith("/concerto/")
    ]


def _changes(asked: list[tuple[str, str, bool]]) -> list[tuple[str, str]]:
    return [(method, path) for method, path, struck in asked if method != "GET" and not struck]


def _without_ids(path: str) -> str:
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", path)


def test_a_session_that_stays_lost_is_an_error(array: ViolinArray) -> None:
    with array.client() as client:
        array.fault(kind="expired", match={"path": "sanresource"}, count=None)
        mark = array.mark()
        with pytest.raises(Unauthorized, match="logging in again did not help"):
            client.volumes()
        assert len(array.requests(mark)) == 2
        array.clear_faults()


@pytest.mark.parametrize("version", ["7.50.0", "8.0.0", "7.4.9", "7.5.2"])
def test_an_unknown_version_is_refused(simulator: Simulator, version: str) -> None:
    """7.50 comes after 7.9: numbers are compared, not text."""
    other = ViolinArray(simulator, f"v{version}")
    with pytest.raises(Unsupported) as caught, other.client():
        pass
    assert version in str(caught.value)
    allowed = {"allow_untested_version": True}
    if version == "7.4.9":
        with pytest.raises(Unsupported, match="Upgrade the array"), other.client(options=allowed):
            pass
    else:
        assert "allow_untested_version" in str(caught.value)
        with other.client(options=allowed) as client:
            assert client.info().version.startswith(version)


def test_a_later_version_of_the_same_line_is_accepted(simulator: Simulator) -> None:
    with ViolinArray(simulator, "v7.9.0").client() as client:
        assert client.info().version == "7.9.0"


def test_plain_http_is_never_used_instead_of_tls(simulator: Simulator) -> None:
    plain = ViolinArray(simulator, "plain")
    mark = plain.mark()
    with pytest.raises(Unreachable, match="does not speak TLS"), plain.client():
        pass
    assert simulator.requests("plain", mark) == []


def test_the_name_in_the_certificate_may_be_another_than_the_address(array: ViolinArray) -> None:
    with array.client(tls_server_name="localhost") as client:
        assert client.volumes().items == ()
    with pytest.raises(Unreachable, match="its certificate is for another name than violin-memory.com"):
        with array.client(tls_server_name="violin-memory.com"):
            pass
    with pytest.raises(Unreachable, match="not trusted"), array.client(ca_path=None):
        pass


def test_every_wait_ends(array: ViolinArray) -> None:
    with array.client(timeout=0.3) as client:
        array.fault(kind="latency", seconds=2.0, match={"path": "sanresource", "method": "POST"})
        array.fault(kind="latency", seconds=2.0, match={"path": "sanresource", "method": "GET"}, count=None)
        with pytest.raises(Timeout):
            client.create_volume(VolumeSpec("db1", GIB))
        array.clear_faults()
