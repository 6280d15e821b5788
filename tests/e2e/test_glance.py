# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Glance with images on a simulated Datera array, whose bytes go over real iSCSI in user space."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.image_service import Glance, section
from tests.support.iscsi import need_tools, portal_address
from tests.support.simulator import Simulator

MIB = 1 << 20
# Of the second the length is not a multiple of anything
SIZES = {"known": 64 * MIB, "unknown": 24 * MIB + 321}
WRONG = "Not-The-Right-One-77"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    need_tools()
    array = {"vendor": "datera", "datapath": True, "slowness": 0, "address": portal_address()}
    with Simulator([array]) as running:
        yield running


@pytest.fixture(scope="module")
def glance(simulator: Simulator, distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Glance]:
    entry = simulator.array("datera")
    stores = {
        "flash": section(entry),
        "tenant": section(entry, datera_tenant_id="/root/images"),
        "locked": section(entry, datera_san_password=WRONG),
        "nothing": section(entry, datera_san_ip=""),
    }
    running = Glance(distribution, tmp_path_factory.mktemp("glance"), stores)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def empty(simulator: Simulator) -> bool:
    state = simulator.state("datera")
    return not (state["volumes"] or state["hosts"] or state["mappings"])


@pytest.mark.parametrize("length", SIZES)
def test_life_of_an_image(glance: Glance, simulator: Simulator, length: str) -> None:
    data = os.urandom(SIZES[length])
    one = glance.image()
    pieces = (data[at : at + MIB] for at in range(0, len(data), MIB))
    done = glance.upload(one, data if length == "known" else pieces)
    assert (done.status_code, done.content) == (204, b"")
    about = glance.about(one)
    told = (about["status"], about["size"], about["checksum"], about["os_hash_value"], about["stores"])
    digests = hashlib.md5(data).hexdigest(), hashlib.sha512(data).hexdigest()
    assert told == ("active", len(data), *digests, "flash")
    assert [volume["name"] for volume in simulator.state("datera")["volumes"]] == [f"OS-IMAGE-{one}"]
    assert simulator.state("datera")["mappings"] == []
    assert hashlib.sha512(glance.download(one).content).hexdigest() == digests[1]
    for first, last in ((0, 0), (1_000_001, 2_000_000), (len(data) - 9, len(data) - 1)):
        part = glance.download(one, Range=f"bytes={first}-{last}")
        assert (part.status_code, part.content) == (206, data[first : last + 1])
    with glance.ask("GET", f"/v2/images/{one}/file", stream=True) as reading:
        assert next(reading.iter_content(MIB)) == data[:MIB]
        if length == "known":  # the shorter one may be in the buffers on the way by now
            assert glance.delete(one) == 409
    glance.wait_for("the end of the reading", lambda: not simulator.state("datera")["mappings"])
    assert glance.delete(one) == 204
    assert empty(simulator)
    assert glance.download(one).status_code == 404


def test_a_tenant_by_its_path(glance: Glance, simulator: Simulator) -> None:
    one = glance.image()
    assert glance.upload(one, b"x" * MIB, store="tenant").status_code == 204
    assert glance.about(one)["stores"] == "tenant"
    assert glance.download(one).content == b"x" * MIB
    assert glance.delete(one) == 204
    assert empty(simulator)


def test_no_room_and_another_try(glance: Glance, simulator: Simulator) -> None:
    one = glance.image()
    simulator.fault("datera", kind="pool_full")
    try:
        assert glance.upload(one, b"x" * MIB).status_code == 413
    finally:
        simulator.clear_faults("datera")
    assert glance.about(one)["status"] == "queued"
    assert empty(simulator)
    assert glance.upload(one, b"x" * MIB).status_code == 204
    assert glance.delete(one) == 204


def test_the_array_goes_away_and_comes_back(glance: Glance, simulator: Simulator) -> None:
    one = glance.image()
    assert glance.upload(one, b"x" * MIB).status_code == 204
    simulator.fault("datera", kind="reset_before", count=None)
    try:
        assert glance.download(one).status_code == 503
    finally:
        simulator.clear_faults("datera")
    assert glance.download(one).content == b"x" * MIB
    assert glance.delete(one) == 204


def test_a_session_that_expired(glance: Glance, simulator: Simulator) -> None:
    """In the middle of an upload, and again in the middle of what the deletion asks."""
    one = glance.image()
    simulator.fault("datera", kind="expired", skip=1)
    assert glance.upload(one, b"x" * MIB).status_code == 204
    simulator.fault("datera", kind="expired", skip=1)
    assert glance.delete(one) == 204
    assert empty(simulator)


@pytest.mark.parametrize(
    ("store", "reason"),
    [("locked", "did not accept the user name and password"), ("nothing", "datera_san_ip")],
)
def test_a_store_that_cannot_be_right(glance: Glance, simulator: Simulator, store: str, reason: str) -> None:
    """It takes no images, and the others do."""
    one = glance.image()
    assert glance.upload(one, b"x", store=store).status_code == 410
    assert reason in glance.said()
    assert glance.upload(one, b"x", store="flash").status_code == 204
    assert glance.delete(one) == 204


def test_an_array_that_is_away_at_the_start(distribution: Path, tmp_path: Path) -> None:
    """The service starts, and the store works when its array is there."""
    array = {
        "vendor": "datera",
        "datapath": True,
        "slowness": 0,
        "address": portal_address(),
        "password": "fixed_and_long_1",
    }
    with Simulator([array]) as first:
        entry = first.array("datera")
    running = Glance(distribution, tmp_path, {"flash": section(entry, datera_validate_certs=False, datera_timeout=5)})
    try:
        running.start()
        one = running.image()
        assert running.upload(one, b"x" * MIB).status_code == 503
        with Simulator([{**array, "port": entry["port"], "http_port": entry["http_port"]}]):
            assert running.upload(one, b"x" * MIB).status_code == 204
            assert running.download(one).content == b"x" * MIB
            assert running.delete(one) == 204
    finally:
        running.stop()


def test_no_secret_in_the_log(glance: Glance, simulator: Simulator) -> None:
    assert simulator.array("datera")["password"] not in glance.said()
    assert WRONG not in glance.said()
