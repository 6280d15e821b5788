# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies for OPA in extensions/policy, run by an evaluator of Rego."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.module.arrays import ROOT, ArrayUnderTest
from tests.support.clients import client_python

POLICIES = ROOT / "extensions/policy"
EVALUATE = """
import json, sys
from opa_eval import OpaEval

job = json.load(sys.stdin)
evaluator = OpaEval(job["policy"], json.dumps(job["data"]), "data.openflash.%s.decision" % job["name"])
print(json.dumps([json.loads(evaluator.evaluate(json.dumps(given))) for given in job["inputs"]]))
"""


def decided(policy: str, *inputs: Any, **data: Any) -> list[tuple[bool, list[str]]]:
    """For each input whether the policy allows it, and its violations."""
    python = client_python(Path(__file__).with_name("requirements-rego.txt"))
    job = {"policy": str(POLICIES / f"{policy}.rego"), "name": policy, "inputs": inputs, "data": data}
    completed = subprocess.run(
        [str(python), "-c", EVALUATE], input=json.dumps(job), capture_output=True, text=True, timeout=120, check=False
    )
    assert completed.returncode == 0, completed.stderr
    return [(decision["allowed"], decision["violations"]) for decision in json.loads(completed.stdout)]


def job(created: str = "2026-12-01T11:00:00Z", job_type: str = "run", **extra_vars: Any) -> dict[str, Any]:
    return {"id": 7, "created": created, "job_type": job_type, "extra_vars": extra_vars}


TUESDAY, NIGHT, SUNDAY = "2026-12-01T11:00:00.123456Z", "2026-12-01T23:00:00Z", "2026-12-06T11:00:00Z"


JOBS: list[tuple[dict[str, Any], bool]] = [
    (job(TUESDAY), True),
    (job(TUESDAY, declare_prune="true"), False),
    (job(TUESDAY, declare_prune=True), False),
    (job(TUESDAY, declare_prune="Yes"), False),
    (job(TUESDAY, prune=1), False),
    (job(TUESDAY, declare_prune="false"), True),
    (job(TUESDAY, "check", declare_prune="true"), True),
    (job(NIGHT, declare_prune="true"), True),
    (job(SUNDAY, declare_prune="true"), True),
    (job("2026-12-01T18:00:00Z", declare_prune="true"), True),
    (job("2026-12-01T07:59:59Z", declare_prune="true"), True),
    (job("2026-12-01T08:00:00Z", declare_prune="true"), False),
    (job("yesterday", declare_prune="true"), False),
    (job(NIGHT, declare_unmap="true"), False),
    (job(NIGHT, "check", declare_unmap="true"), True),
    (job(NIGHT, declare_unmap="false"), True),
    ({"created": NIGHT, "job_type": "run"}, False),
    ({"created": NIGHT, "job_type": "run", "extra_vars": "declare_prune: true"}, False),
    ({}, False),
]


def test_nothing_is_pruned_in_working_hours_and_no_mapped_volume_is_deleted() -> None:
    decisions = decided("job", *(given for given, _allowed in JOBS))
    for (given, allowed), (decision, violations) in zip(JOBS, decisions, strict=True):
        assert decision == allowed, given
        assert (violations == []) == allowed


def test_working_hours_can_be_set() -> None:
    hours = {"days": ["Sunday"], "from": 10, "to": 12, "zone": "UTC"}
    jobs = (job(SUNDAY, declare_prune="true"), job(TUESDAY, declare_prune="true"))
    assert [allowed for allowed, _ in decided("job", *jobs, openflash={"working_hours": hours})] == [False, True]


def test_the_plan_of_a_task(xtremio: ArrayUnderTest) -> None:
    xtremio.done("flash_volume", volumes=[{"name": "web-a"}, {"name": "web-b"}], size="1GiB")
    xtremio.done("flash_host_map", host="web", initiators=[xtremio.initiator(0)], volume="web-a")
    plan: dict[str, Any] = {"check": True, "diff": True, "state": "absent", "unmap": True}
    deleted, unmapped, absent = (
        xtremio.task("flash_volume", name=name, **plan) for name in ("web-a", "web-b", "web-c")
    )
    without = xtremio.task("flash_volume", name="web-a", state="absent", unmap=True, check=True)
    every = {"plan": ["end the access of every initiator to volume web-a", "delete volume web-a"]}
    failed = {"plan": [], "failed": True}
    found = decided("plan", deleted, unmapped, absent, without, every, failed, {})
    assert found[:3] == [(False, ["volume web-a is deleted, and hosts have it: web"]), (True, []), (True, [])]
    assert found[3] == found[0], "the plan is in a result with and without a diff"
    assert found[4] == (False, ["volume web-a is deleted, and hosts have it: every initiator"])
    assert [allowed for allowed, _ in found[5:]] == [False, False]
