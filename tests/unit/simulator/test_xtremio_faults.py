# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The effect of each fault on an answer of the XtremIO API and on the array."""

from __future__ import annotations

import time
import urllib.error
from typing import Any

import pytest
import requests

from tests.support.simulator import Simulator
from tests.unit.simulator.xms import XmsClient

VOLUME = {"vol-name": "v", "vol-size": "1g"}


def exists(simulator: Simulator) -> bool:
    return any(volume["name"] == "v" for volume in simulator.state("v42")["volumes"])


def last_request(simulator: Simulator) -> dict[str, Any]:
    return simulator.requests("v42")[-1]


@pytest.mark.parametrize(("kind", "carried_out"), [("reset_before", False), ("reset_after", True), ("truncated", True)])
def test_the_answer_is_missing_or_truncated(xms: XmsClient, simulator: Simulator, kind: str, carried_out: bool) -> None:
    simulator.fault("v42", kind=kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        xms.call("POST", "volumes", VOLUME)
    assert exists(simulator) == carried_out
    assert (last_request(simulator)["fault"], last_request(simulator)["status"]) == (kind, None)
    assert xms.call("GET", "volumes")[0] == 200


def test_truncated_also_ends_an_answer_without_a_body(xms: XmsClient, simulator: Simulator) -> None:
    xms.volume("v")
    simulator.fault("v42", kind="truncated")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        xms.call("DELETE", "volumes", name="v")
    assert not exists(simulator)


def test_non_json_answers_with_a_page_after_the_change(xms: XmsClient, simulator: Simulator) -> None:
    simulator.fault("v42", kind="non_json")
    answer = xms.session.post(f"{xms.root}/volumes", json=VOLUME, timeout=10)
    assert answer.status_code == 201
    assert answer.headers["Content-Type"].startswith("text/html")
    assert exists(simulator)


def test_http_status_answers_with_the_status_before_the_change(xms: XmsClient, simulator: Simulator) -> None:
    simulator.fault("v42", kind="http_status", status=502)
    answer = xms.session.post(f"{xms.root}/volumes", json=VOLUME, timeout=10)
    assert (answer.status_code, "<html>" in answer.text) == (502, True)
    assert not exists(simulator)


def test_busy_refuses_count_requests(xms: XmsClient, simulator: Simulator) -> None:
    simulator.fault("v42", kind="busy", count=2)
    assert [xms.refused("POST", "volumes", VOLUME) for _ in range(2)] == ["system_is_busy"] * 2
    assert not exists(simulator)
    xms.post("volumes", VOLUME)


def test_expired_refuses_one_request(xms: XmsClient, simulator: Simulator) -> None:
    simulator.fault("v42", kind="expired")
    assert xms.call("GET", "volumes")[0] == 401
    assert xms.call("GET", "volumes")[0] == 200


def test_pool_full_refuses_the_next_request_that_needs_space(xms: XmsClient, simulator: Simulator) -> None:
    simulator.fault("v42", kind="pool_full")
    xms.group("h")
    xms.get("volumes")
    assert "space" in xms.refused("POST", "volumes", VOLUME)
    xms.post("volumes", VOLUME)


def test_latency_delays_one_answer(xms: XmsClient, simulator: Simulator) -> None:
    xms.get("volumes")
    simulator.fault("v42", kind="latency", seconds=0.3)
    start = time.monotonic()
    xms.get("volumes")
    assert time.monotonic() - start >= 0.3
    xms.get("volumes")
    assert simulator.struck("v42") == [1]


def test_a_slow_request_does_not_delay_others(xms: XmsClient, simulator: Simulator) -> None:
    simulator.fault("v42", kind="latency", seconds=10, match={"path": "initiators"})
    mark = simulator.mark("v42")
    with pytest.raises(requests.exceptions.ReadTimeout):
        xms.session.get(f"{xms.root}/initiators", timeout=0.2)
    xms.get("volumes")
    answered = [request["path"] for request in simulator.requests("v42", mark)]
    assert len(answered) == 1, "the slow request has not ended yet"
    assert "volumes" in answered[0], "the slow request has not ended yet"


def test_match_and_skip_select_one_request(xms: XmsClient, simulator: Simulator) -> None:
    simulator.fault("v42", kind="reset_before", skip=1, match={"method": "POST", "path": "/volumes$"})
    xms.volume("first")
    xms.get("volumes")
    with pytest.raises(requests.ConnectionError):
        xms.call("POST", "volumes", VOLUME)
    assert xms.names("volumes") == ["first"]


def test_a_reset_and_a_clear_remove_faults(xms: XmsClient, simulator: Simulator) -> None:
    for remove in (simulator.reset, simulator.clear_faults):
        simulator.fault("v42", kind="busy", count=None)
        remove("v42")
        assert xms.call("GET", "volumes")[0] == 200


def test_an_unknown_fault_or_array_is_refused(simulator: Simulator) -> None:
    for name, fault in (("v42", {"kind": "fire"}), ("nobody", {"kind": "busy"})):
        with pytest.raises(urllib.error.HTTPError):
            simulator.fault(name, **fault)


class TestJournal:
    def test_the_journal_has_requests_and_changes_in_order(self, xms: XmsClient, simulator: Simulator) -> None:
        mark = simulator.mark("v42")
        xms.volume("v")
        xms.refused("POST", "volumes", VOLUME)
        entries = simulator.journal("v42", mark)
        assert [entry["kind"] for entry in entries] == ["change", "request", "request"]
        assert entries[0]["change"] == "volume.create"
        assert entries[1]["body"] == VOLUME
        assert (entries[2]["status"], entries[2]["message"]) == (400, "vol_obj_name_not_unique")
        assert [entry["method"] for entry in simulator.writes("v42", mark)] == ["POST", "POST"]

    def test_connections_can_be_counted(self, xms: XmsClient, simulator: Simulator) -> None:
        mark = simulator.mark("v42")
        for _ in range(3):
            xms.get("volumes")
        assert len({entry["connection"] for entry in simulator.requests("v42", mark)}) == 1
        XmsClient(xms.entry).get("volumes")
        assert len({entry["connection"] for entry in simulator.requests("v42", mark)}) == 2

    def test_neither_the_password_nor_a_chap_secret_is_shown(self, xms: XmsClient, simulator: Simulator) -> None:
        xms.group("h")
        secret = "CHAPSECRET12"
        body = {"ig-id": "h", "port-address": "iqn.1994-05.com.example:h", "initiator-discovery-password": secret}
        xms.post("initiators", body)
        xms.call("GET", "volumes", name=xms.entry["password"])
        shown = str(simulator.journal("v42")) + str(simulator.state("v42"))
        assert secret not in shown
        assert xms.entry["password"] not in shown
        assert simulator.state("v42")["hosts"][0]["initiators"][0]["chap"] is True
        assert xms.entry["password"] not in (simulator.run_dir / "test.log").read_text(encoding="utf-8")
