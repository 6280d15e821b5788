# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The os-brick connector and Nova's volume driver for Dsware, with the tools of the simulated array."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openstack.brick_support import Place
from tests.support.simulator import Simulator

VOLUME = "volume-b2911673-863c-4380-a5f2-e1729eecfe3f"
WAYS = [("dsware", "vbs_cli"), ("huaweisdshypervisor", "sds_cli")]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator([{"vendor": "dsware"}]) as running:
        yield running


@pytest.mark.parametrize(("protocol", "tool"), WAYS)
def test_the_connector_attaches_and_detaches(
    distribution: Path, simulator: Simulator, protocol: str, tool: str
) -> None:
    simulator.reset("dsware")
    place = Place("glance-store", distribution)
    outcome = place.run("brick_connector.py", str(simulator.endpoints_path), "dsware", protocol, tool, VOLUME)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) >= 50


@pytest.mark.slow
def test_nova_attaches_extends_and_detaches_a_dsware_volume(distribution: Path, simulator: Simulator) -> None:
    """Nova's own libvirt driver finds the class by the volume's type, and the class attaches, extends and detaches."""
    simulator.reset("dsware")
    place = Place("nova", distribution)
    outcome = place.run("brick_nova.py", str(simulator.endpoints_path), "dsware", VOLUME)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) >= 15


def test_the_path_file_imports_nothing_in_a_python_without_openstack(distribution: Path) -> None:
    """The path file imports the registration module only."""
    look = (
        "import site, sys; before = set(sys.modules); site.addsitedir(sys.argv[1]); "
        "print(sorted(one for one in set(sys.modules) - before if 'openflash' in one)); import json, xml.dom"
    )
    process = subprocess.run(
        [sys.executable, "-I", "-c", look, str(distribution)], capture_output=True, text=True, timeout=600
    )
    assert process.stdout.strip() == "['openflash_openstack', 'openflash_openstack.autoload']"
    assert (process.stderr, process.returncode) == ("", 0)


@pytest.mark.parametrize("name", ["os_brick", "nova"])
def test_a_failing_registration_does_not_stop_the_program(distribution: Path, tmp_path: Path, name: str) -> None:
    """A later release may have its table of drivers elsewhere."""
    module = {"os_brick": "os_brick/initiator/connector.py", "nova": "nova/virt/libvirt/driver.py"}[name]
    path = tmp_path / module
    path.parent.mkdir(parents=True)
    path.write_text("THERE = True\n")
    dotted = module.removesuffix(".py").replace("/", ".")
    look = (
        "import site, sys; site.addsitedir(sys.argv[1]); sys.path.insert(0, sys.argv[2]); "
        f"import {dotted} as one; print(one.THERE)"
    )
    process = subprocess.run(
        [sys.executable, "-I", "-c", look, str(distribution), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (process.stdout.strip(), process.returncode) == ("True", 0), process.stderr
    assert process.stderr.startswith(f"openflash: the drivers cannot be registered with {dotted}: AttributeError")
    assert "Traceback" not in process.stderr
