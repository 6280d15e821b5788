# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fault applies to which request."""

from __future__ import annotations

from typing import Any

import pytest

from openflash_simulator.errors import ConfigError
from openflash_simulator.faults import Faults, parse


def faults(*raw: Any) -> Faults:
    result = Faults()
    for fault in raw:
        result.add(parse(fault))
    return result


def kinds(active: Faults, *requests: tuple[str, str]) -> list[str | None]:
    return [active.judge(method, path, method != "GET").kind for method, path in requests]


def test_a_fault_skips_requests_and_then_applies_count_times() -> None:
    active = faults({"kind": "busy", "skip": 2, "count": 2})
    assert kinds(active, *[("GET", "/")] * 6) == [None, None, "busy", "busy", None, None]


def test_a_fault_without_count_applies_to_every_request() -> None:
    active = faults({"kind": "expired", "count": None})
    assert kinds(active, *[("GET", "/")] * 5) == ["expired"] * 5


def test_only_matching_requests_are_counted() -> None:
    active = faults({"kind": "reset_after", "skip": 1, "match": {"method": "post", "path": "/volumes"}})
    requests = [
        ("GET", "/volumes"),
        ("POST", "/hosts"),
        ("POST", "/volumes"),
        ("GET", "/volumes"),
        ("POST", "/volumes/1"),
    ]
    assert kinds(active, *requests) == [None, None, None, None, "reset_after"]


def test_a_fault_can_be_limited_to_writes() -> None:
    active = faults({"kind": "busy", "match": {"write": True}})
    assert kinds(active, ("GET", "/"), ("DELETE", "/")) == [None, "busy"]


def test_delays_add_up_and_combine_with_another_fault() -> None:
    active = faults({"kind": "latency", "seconds": 1}, {"kind": "busy"}, {"kind": "latency", "seconds": 0.5})
    verdict = active.judge("GET", "/", False)
    assert (verdict.delay, verdict.kind) == (1.5, "busy")


def test_seen_late_applies_to_reads_with_the_longest_delay() -> None:
    active = faults({"kind": "seen_late", "seconds": 2, "count": None}, {"kind": "seen_late", "seconds": 5, "count": 1})
    assert active.oldest == 5
    assert active.judge("POST", "/", True).age == 0
    assert active.judge("GET", "/", False).age == 5
    verdict = active.judge("GET", "/", False)
    assert (verdict.age, verdict.kind, verdict.name) == (2, None, "seen_late")
    assert active.oldest == 2


@pytest.mark.parametrize("kind", ["latency", "reset_late", "seen_late"])
def test_a_fault_with_a_duration_needs_seconds(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"fault {kind} needs seconds above 0"):
        parse({"kind": kind})


def test_of_two_matching_faults_the_second_applies_to_the_next_request() -> None:
    active = faults({"kind": "busy"}, {"kind": "reset_before"})
    assert kinds(active, ("GET", "/"), ("GET", "/"), ("GET", "/")) == ["busy", "reset_before", None]


def test_pool_full_applies_when_a_request_needs_space() -> None:
    active = faults({"kind": "pool_full", "match": {"path": "volumes"}})
    assert active.judge("POST", "/volumes", True).kind is None
    active.judge("POST", "/hosts", True)
    assert not active.pool_full()
    active.judge("POST", "/volumes", True)
    assert active.pool_full()
    assert not active.pool_full()


def test_cleared_faults_do_not_apply() -> None:
    active = faults({"kind": "busy", "count": None})
    active.clear()
    assert kinds(active, ("GET", "/")) == [None]


def test_the_description_of_a_fault_has_the_number_of_struck_requests() -> None:
    active = faults({"kind": "busy", "count": 3, "match": {"path": "^/x"}})
    active.judge("GET", "/x", False)
    assert active.describe() == [
        {
            "kind": "busy",
            "match": {"method": None, "path": "^/x", "write": None},
            "count": 2,
            "skip": 0,
            "seconds": 0.0,
            "status": 503,
            "code": "",
            "struck": 1,
        }
    ]


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ({}, "kind None"),
        ({"kind": "fire"}, "kind 'fire'"),
        (7, "mapping with a kind"),
        ({"kind": "busy", "when": 1}, "no key 'when'"),
        ({"kind": "busy", "count": 0}, "count 0"),
        ({"kind": "busy", "skip": -1}, "skip -1"),
        ({"kind": "busy", "skip": True}, "skip True"),
        ({"kind": "latency"}, "needs seconds"),
        ({"kind": "latency", "seconds": "1"}, "seconds '1'"),
        ({"kind": "http_status", "status": 404}, "status 404"),
        ({"kind": "busy", "match": {"path": "("}}, "not a regular expression"),
        ({"kind": "busy", "match": {"body": "x"}}, "no key 'body'"),
        ({"kind": "busy", "match": {"write": 1}}, "write 1"),
    ],
)
def test_a_bad_fault_is_refused(raw: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint.replace("(", r"\(")):
        parse(raw)
