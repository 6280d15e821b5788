# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module flash_simulator: it sets faults once, empties arrays, and checks their journals."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils import flash_options
from tests.module.arrays import ArrayUnderTest, Result

pytestmark = pytest.mark.wire

LOST = {"kind": "reset_after", "match": {"write": True}, "skip": 1, "count": 2}


def run(array: ArrayUnderTest, state: str, *, check: bool = False, diff: bool = False, **options: Any) -> Result:
    args = {"control": array.simulator.endpoints["control"], "name": array.name, "state": state} | options
    return array.modules.run("flash_simulator", args, check=check, diff=diff)


def test_the_connections_of_a_simulator_are_options_that_connect(array: ArrayUnderTest) -> None:
    connection = array.simulator.endpoints["connections"][array.name]
    assert set(connection) <= set(flash_options.CONNECTION)
    # Everything else that a module could take of the endpoint is a list, or not set
    more = (set(array.endpoint) & set(flash_options.CONNECTION)) - set(connection)
    assert not {name for name in more if isinstance(array.endpoint[name], str)}
    if array.row.port == "port":
        result = array.modules.run("flash_info", {**connection, "gather_subset": ["array"]})
        assert not result.failed, result.msg
        assert result["array"]["vendor"] == array.endpoint["vendor"]


def test_faults_are_set_once_and_again_after_they_have_struck(array: ArrayUnderTest) -> None:
    predicted = run(array, "fault", check=True, diff=True, faults=[LOST])
    assert predicted.changed
    assert array.struck() == []
    first = run(array, "fault", diff=True, faults=[LOST])
    assert (first.changed, first["faults"]) == (True, predicted["faults"])
    assert first["diff"] == predicted["diff"]
    assert first["diff"]["before"] == {"faults": []}
    assert not run(array, "fault", faults=[LOST]).changed
    always = {"kind": "busy", "always": True}
    assert run(array, "fault", faults=[always]).changed, "others go"
    assert [(fault["kind"], fault["count"]) for fault in run(array, "journal")["faults"]] == [("busy", None)]
    array.task("flash_volume", connection={"wait_timeout": 1.0}, name="db1", size="10GiB")
    assert run(array, "journal")["faults"][0]["struck"] > 0
    assert run(array, "fault", faults=[always]).changed, "it has struck"
    assert run(array, "fault", faults=[]).changed
    assert not run(array, "fault", faults=[]).changed


def test_a_reset_empties_the_array_and_removes_faults(array: ArrayUnderTest) -> None:
    assert not run(array, "reset").changed
    assert not array.task("flash_volume", name="db1", size="10GiB").failed
    array.fault("busy")
    assert run(array, "reset", check=True).changed
    assert (array.names(), array.struck()) == (["db1"], [0])
    assert run(array, "reset").changed
    assert (array.names(), array.struck()) == ([], [])
    assert not run(array, "reset").changed


def test_the_journal_says_what_was_requested_and_what_changed(array: ArrayUnderTest) -> None:
    since = run(array, "journal")["last"]
    made = array.task("flash_volume", name="db1", size="10GiB")
    created = {"kind": "change", "change": "volume.create", "count": 1}
    # A Datera makes a volume with its app instance, and names it with that one
    (name,) = array.names()
    journal = run(array, "journal", since=since, expect=[created, {"about": {"name": name}}, {"write": True}])
    assert not journal.failed, journal.msg
    assert journal["writes"] == made["api"]["writes"]
    assert journal["requests"] == made["api"]["requests"] + made["api"]["session_requests"]
    assert journal["changes"] == len(array.changes(since))
    assert (journal["unmet"], journal.changed) == ([], False)
    mark = journal["last"]
    assert not array.task("flash_volume", name="db1", size="10GiB").changed
    assert not run(array, "journal", since=mark, expect=[{"write": True, "count": 0}]).failed
    wrong = run(array, "journal", since=since, expect=[{**created, "count": 2}, {"fault": "busy"}])
    assert wrong.failed
    assert f"The journal of {array.name} is not as expected:\nexpectation 1 (change: " in wrong.msg
    assert "1 found, 2 expected\n" in wrong.msg
    assert "change volume.create" in wrong.msg
    assert 'expectation 2 (fault: "busy"): 0 found, at least 1 expected' in wrong.msg
    if array.connection.get("password"):
        assert array.connection["password"] not in wrong.stdout + journal.stdout


def test_nothing_that_is_no_simulator_is_asked_for_a_change(array: ArrayUnderTest) -> None:
    """The address of an array among them: it must not lose anything."""
    array.task("flash_volume", name="db1", size="10GiB")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    mark = array.mark()
    for control, complaint in (
        (f"http://{array.endpoint['address']}:{array.endpoint['port']}", "simulator"),
        (array.simulator.endpoints["control"] + "/arrays/nowhere", "is no simulator of this collection"),
        (closed, "No simulator answers at "),
        ("xms.example.com", "and not a URL such as http://127.0.0.1:40000"),
        ("https://xms.example.com", "and not a URL such as http://127.0.0.1:40000"),
        ("", "and not a URL such as"),
    ):
        for options in ({"state": "reset"}, {"state": "fault", "faults": []}):
            result = array.modules.run("flash_simulator", {"control": control, "name": array.name, **options})
            assert result.failed, control
            assert complaint in result.msg
            assert "Traceback" not in result.stdout + result.stderr
    assert array.writes(mark) == []
    assert array.names() == ["db1"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"state": "fault"}, "state is fault but all of the following are missing: faults"),
        ({"state": "fault", "faults": [{"kind": "meltdown"}]}, "fault kind 'meltdown' is not one of latency, "),
        ({"state": "fault", "faults": [{"kind": "latency"}]}, "fault latency needs seconds above 0"),
        ({"state": "fault", "faults": [{"kind": "busy", "count": 0}]}, "fault count"),
        ({"state": "fault", "faults": [{"kind": "busy", "count": 1, "always": True}]}, "mutually exclusive"),
        ({"state": "fault", "faults": [{"kind": "busy"}, {"kind": "busy", "match": {"path": "("}}]}, "not a regular"),
        ({"state": "reset", "faults": []}, "The option faults is for state: fault"),
        ({"state": "reset", "expect": []}, "The option expect is for state: journal"),
        ({"state": "journal", "expect": [{"path": "("}]}, "path '(' of expectation 1 is no regular expression"),
        ({"state": "journal", "expect": [{"count": 1, "min": 1}]}, "has count, which excludes min and max"),
        ({"state": "journal", "name": "nowhere"}, "has no array nowhere; it has "),
    ],
)
def test_a_mistake_is_named_and_changes_no_fault(
    xtremio: ArrayUnderTest, options: dict[str, Any], complaint: str
) -> None:
    xtremio.fault("busy")
    result = run(xtremio, **options)
    assert result.failed
    assert complaint in result.msg
    assert xtremio.struck() == [0]
