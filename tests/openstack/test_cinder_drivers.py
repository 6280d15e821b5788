# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation of every Cinder driver against the simulated arrays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.openstack.budget import excess
from tests.openstack.conftest import CLIENTS, ROOT, Runner
from tests.support.clients import client_python
from tests.support.simulator import Simulator

GUIDE = ROOT / "docs" / "docsite" / "rst" / "guide_cinder.rst"
MOVING = GUIDE.with_name("guide_moving.rst")
TITLES = {
    "xtremio": "XtremIO",
    "flashsystem": "FlashSystem",
    "violin": "Violin",
    "dsware": "Dsware",
    "datera": "Datera",
}
ARRAYS: list[dict[str, Any]] = [
    {"name": "xtremio", "vendor": "xtremio"},
    {"name": "xtremio-old", "vendor": "xtremio", "version": "4.0.2-80"},
    {"name": "xtremio3", "vendor": "xtremio", "version": "3.0.3-11"},
    {"name": "flashsystem", "vendor": "flashsystem", "protocol": "both"},
    {"name": "violin", "vendor": "violin", "version": "7.5.6", "protocol": "both"},
    {"name": "violin-old", "vendor": "violin", "version": "7.5.3"},
    # The newest version on which the upstream driver's library creates correct volumes
    {"name": "violin-755", "vendor": "violin", "version": "7.5.5", "protocol": "both"},
    {"name": "violin-7700", "vendor": "violin", "model": "7700", "version": "7.5.6"},
    {
        "name": "dsware",
        "vendor": "dsware",
        "agents": ["127.0.0.1", "127.0.0.2"],
        "assume": {"dsware.socket.extensions": True},
    },
    {"name": "datera", "vendor": "datera"},
    {"name": "datera-old", "vendor": "datera", "version": "3.1.5"},
]
ROWS = [
    ("xtremio", "xtremio-iscsi"),
    ("xtremio-old", "xtremio-fc"),
    ("xtremio3", "xtremio-iscsi"),
    ("flashsystem", "flashsystem-fc"),
    ("flashsystem", "flashsystem-iscsi"),
    ("violin", "violin-fc"),
    ("violin", "violin-iscsi"),
    ("dsware", "dsware"),
    ("datera", "datera"),
]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(ARRAYS) as running:
        yield running


@pytest.mark.parametrize(("name", "kind"), ROWS)
def test_every_operation_leaves_the_array_as_expected(
    cinder29: Runner, simulator: Simulator, name: str, kind: str
) -> None:
    simulator.reset(name)
    outcome = cinder29.run("operations.py", str(simulator.endpoints_path), name, kind)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) > 60


TAKEN_OVER = [
    ("xtremio", "xtremio-iscsi", "cinder29"),
    ("xtremio-old", "xtremio-fc", "cinder29"),
    ("dsware", "dsware", "cinder29"),
    ("datera", "datera", "datera"),
    ("violin-755", "violin-fc", "violin"),
    ("flashsystem", "flashsystem-fc", "cinder28"),
    # The protocol changes neither names nor volumes, and the test of all operations has both
    pytest.param("violin-755", "violin-iscsi", "violin", marks=pytest.mark.slow),
    pytest.param("flashsystem", "flashsystem-iscsi", "cinder28", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "kind", "environment"), TAKEN_OVER)
def test_volumes_pass_between_the_upstream_driver_and_ours(
    request: pytest.FixtureRequest, simulator: Simulator, name: str, kind: str, environment: str
) -> None:
    """Each driver uses the volumes that the other created, and ours sends no more requests."""
    runner: Runner = request.getfixturevalue(environment)
    simulator.reset(name)
    outcome = runner.run("carry_over.py", str(simulator.endpoints_path), name, kind)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) > 45
    assert excess(kind.split("-")[0], kind, outcome.counts) == {}
    names = json.loads(outcome.details["names"])
    row = [
        TITLES[kind.split("-")[0]],
        f"``{names['volume']}``".replace("somevolume", "NAME"),
        f"``{names['snapshot']}``",
    ]
    assert "   * - {}\n     - {}\n     - {}\n".format(*row) in MOVING.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("environment", "kinds"),
    [
        ("cinder29", ("xtremio-iscsi", "xtremio-fc", "dsware")),
        ("violin", ("violin-fc", "violin-iscsi")),
        ("datera", ("datera",)),
        ("cinder28", ("flashsystem-fc", "flashsystem-iscsi")),
    ],
)
def test_drivers_have_the_interfaces_and_options_of_the_upstream_ones(
    request: pytest.FixtureRequest, environment: str, kinds: tuple[str, ...]
) -> None:
    runner: Runner = request.getfixturevalue(environment)
    outcome = runner.run("interfaces.py", *kinds)
    assert (outcome.wrong, outcome.status) == ([], 0)


def test_the_support_tables_of_the_guide_are_those_of_the_drivers(cinder29: Runner, simulator: Simulator) -> None:
    """The tables are computed from the drivers and from the capabilities of the arrays."""
    outcome = cinder29.run("matrix.py", str(simulator.endpoints_path))
    assert (outcome.wrong, outcome.status) == ([], 0)
    guide = GUIDE.read_text(encoding="utf-8")
    assert list(outcome.details["tables"]) == ["xtremio", "flashsystem", "violin", "dsware", "datera"]
    for vendor, rows in outcome.details["tables"].items():
        lines = []
        for row in rows:
            lines += [f"   {'*' if number == 0 else ' '} - {cell}".rstrip() for number, cell in enumerate(row)]
        table = "\n".join([".. list-table::", "   :header-rows: 1", "", *lines, ""])
        assert table in guide, f"the guide should have, for {vendor}\n{table}"


def test_bad_sections_are_refused_and_unreachable_arrays_are_reported_down(
    cinder29: Runner, simulator: Simulator
) -> None:
    simulator.reset("violin")
    outcome = cinder29.run("bad_sections.py", str(simulator.endpoints_path))
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) > 55


def test_a_busy_array_is_asked_again_for_as_long_as_the_section_says(cinder29: Runner, simulator: Simulator) -> None:
    for name in ("violin", "xtremio", "datera"):
        simulator.reset(name)
    outcome = cinder29.run("patience.py", str(simulator.endpoints_path))
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) == 36


@pytest.mark.slow
def test_on_native_threads_cinder_copies_images_in_one_thread_only(distribution: Path) -> None:
    """So the guide says that images cannot be copied then. No driver is involved."""
    python = client_python(CLIENTS / "requirements-cinder29.txt")
    outcome = Runner(python, distribution, OS_CINDER_DISABLE_EVENTLET_PATCHING="true").run("native_images.py")
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert outcome.details == {
        "first": {"content": "first", "waits in eventlet": False},
        "second": {"content": "", "waits in eventlet": True},
    }
    assert "cannot copy images" in " ".join(GUIDE.read_text(encoding="utf-8").split())
