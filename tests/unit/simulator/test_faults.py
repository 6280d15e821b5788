# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which request meets which fault."""

from __future__ import annotations

from typing import Any

import pytest

from openflash_simulator.errors import ConfigError
from openflash_simulator.faults import Faults, parse


def faults(*raw: Any) -> Faults:
    made = Faults()
    for one in raw:
        made.add(parse(one))
    return made


def kinds(made: Faults, *requests: tuple[str, str]) -> list[str | None]:
    return [made.judge(method, path, method != "GET").kind for method, path in requests]


def test_skip_then_count_then_over() -> None:
    made = faults({"kind": "busy", "skip": 2, "count": 2})
    assert kinds(made, *[("GET", "/")] * 6) == [None, None, "busy", "busy", None, None]


def test_without_count_it_never_ends() -> None:
    made = faults({"kind": "expired", "count": None})
    assert kinds(made, *[("GET", "/")] * 5) == ["expired"] * 5


def test_only_matching_requests_count() -> None:
    made = faults({"kind": "reset_after", "skip": 1, "match": {"method": "post", "path": "/volumes"}})
    asked = [("GET", "/volumes"), ("POST", "/hosts"), ("POST", "/volumes"), ("GET", "/volumes"), ("POST", "/volumes/1")]
    assert kinds(made, *asked) == [None, None, None, None, "reset_after"]


def test_writes_only() -> None:
    made = faults({"kind": "busy", "match": {"write": True}})
    assert kinds(made, ("GET", "/"), ("DELETE", "/")) == [None, "busy"]


def test_delays_add_up_and_go_with_another_fault() -> None:
    made = faults({"kind": "latency", "seconds": 1}, {"kind": "busy"}, {"kind": "latency", "seconds": 0.5})
    verdict = made.judge("GET", "/", False)
    assert (verdict.delay, verdict.kind) == (1.5, "busy")


def test_only_reads_are_told_of_the_past_and_each_of_the_oldest_that_it_meets() -> None:
    made = faults({"kind": "seen_late", "seconds": 2, "count": None}, {"kind": "seen_late", "seconds": 5, "count": 1})
    assert made.oldest == 5
    assert made.judge("POST", "/", True).age == 0
    assert made.judge("GET", "/", False).age == 5
    verdict = made.judge("GET", "/", False)
    assert (verdict.age, verdict.kind, verdict.name) == (2, None, "seen_late")
    assert made.oldest == 2


@pytest.mark.parametrize("kind", ["latency", "reset_late", "seen_late"])
def test_what_lasts_some_seconds_must_say_how_many(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"fault {kind} needs seconds above 0"):
        parse({"kind": kind})


def test_two_faults_of_one_request_come_one_after_the_other() -> None:
    made = faults({"kind": "busy"}, {"kind": "reset_before"})
    assert kinds(made, ("GET", "/"), ("GET", "/"), ("GET", "/")) == ["busy", "reset_before", None]


def test_pool_full_waits_until_space_is_asked_for() -> None:
    made = faults({"kind": "pool_full", "match": {"path": "volumes"}})
    assert made.judge("POST", "/volumes", True).kind is None
    made.judge("POST", "/hosts", True)
    assert not made.pool_full()
    made.judge("POST", "/volumes", True)
    assert made.pool_full()
    assert not made.pool_full()


def test_clear() -> None:
    made = faults({"kind": "busy", "count": None})
    made.clear()
    assert kinds(made, ("GET", "/")) == [None]


def test_description_counts_the_strikes() -> None:
    made = faults({"kind": "busy", "count": 3, "match": {"path": "^/x"}})
    made.judge("GET", "/x", False)
    assert made.describe() == [
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
def test_complaints(raw: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint.replace("(", r"\(")):
        parse(raw)
