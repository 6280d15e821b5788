# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Glance with images on a simulated Datera array; the bytes are transferred by real iSCSI in user space."""

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
# The second length is not a multiple of any block size
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
        "shared": {"datera_tenant_id": "/root/shared"},
        "locked": section(entry, datera_san_password=WRONG),
        "nothing": section(entry, datera_san_ip=""),
    }
    # What a store does not have in its own section, it has from this one
    more = {"backend_defaults": section(entry), "image_import_opts": {"max_parallel_stores": 3}}
    with Glance(distribution, tmp_path_factory.mktemp("glance"), stores, more=more) as running:
        yield running


def empty(simulator: Simulator) -> bool:
    state = simulator.state("datera")
    return not (state["volumes"] or state["hosts"] or state["mappings"])


@pytest.mark.parametrize("length", SIZES)
def test_an_image_is_uploaded_read_and_deleted(glance: Glance, simulator: Simulator, length: str) -> None:
    data = os.urandom(SIZES[length])
    image = glance.image()
    pieces = (data[start : start + MIB] for start in range(0, len(data), MIB))
    answer = glance.upload(image, data if length == "known" else pieces)
    assert (answer.status_code, answer.content) == (204, b"")
    about = glance.about(image)
    reported = (about["status"], about["size"], about["checksum"], about["os_hash_value"], about["stores"])
    digests = hashlib.md5(data).hexdigest(), hashlib.sha512(data).hexdigest()
    assert reported == ("active", len(data), *digests, "flash")
    assert [volume["name"] for volume in simulator.state("datera")["volumes"]] == [f"OS-IMAGE-{image}"]
    assert simulator.state("datera")["mappings"] == []
    assert hashlib.sha512(glance.download(image).content).hexdigest() == digests[1]
    for first, last in ((0, 0), (1_000_001, 2_000_000), (len(data) - 9, len(data) - 1)):
        part = glance.download(image, Range=f"bytes={first}-{last}")
        assert (part.status_code, part.content) == (206, data[first : last + 1])
    with glance.ask("GET", f"/v2/images/{image}/file", stream=True) as reading:
        assert next(reading.iter_content(MIB)) == data[:MIB]
        if length == "known":  # the shorter image may be in buffers completely by now
            assert glance.delete(image) == 409
    glance.wait_for("the end of the reading", lambda: not simulator.state("datera")["mappings"])
    assert glance.delete(image) == 204
    assert empty(simulator)
    assert glance.download(image).status_code == 404


def test_a_store_can_be_in_a_tenant(glance: Glance, simulator: Simulator) -> None:
    image = glance.image()
    assert glance.upload(image, b"x" * MIB, store="tenant").status_code == 204
    assert glance.about(image)["stores"] == "tenant"
    assert glance.download(image).content == b"x" * MIB
    assert glance.delete(image) == 204
    assert empty(simulator)


def test_an_image_goes_into_several_stores_at_once(glance: Glance, simulator: Simulator) -> None:
    """Each has a location of its own and all of the bytes; a reader may prefer each. One has its address and account
    from the section that stores share."""
    data = os.urandom(8 * MIB + 5)
    image = glance.image()
    staged = glance.ask("PUT", f"/v2/images/{image}/stage", data=data, headers=AS_BYTES)
    assert staged.status_code == 204, staged.text
    stores = ["flash", "tenant", "shared"]
    body = {"method": {"name": "glance-direct"}, "stores": stores, "all_stores_must_succeed": True}
    started = glance.ask("POST", f"/v2/images/{image}/import", json=body)
    assert started.status_code == 202, started.text
    expected = ("active", set(stores))
    glance.wait_for("three stores", lambda: (glance.about(image)["status"], in_stores(glance, image)) == expected)
    assert [volume["name"] for volume in simulator.state("datera")["volumes"]] == [f"OS-IMAGE-{image}"] * 3
    locations = glance.ask("GET", f"/v2/images/{image}/locations").json()
    assert {location["metadata"]["store"] for location in locations} == set(stores)
    assert {location["url"].partition("/app_instances/")[2] for location in locations} == {image}
    for store in stores:
        answer = glance.ask("GET", f"/v2/images/{image}/file?prefer={store}")
        assert hashlib.sha512(answer.content).digest() == hashlib.sha512(data).digest()
    assert glance.ask("DELETE", f"/v2/stores/tenant/{image}").status_code == 204
    assert in_stores(glance, image) == {"flash", "shared"}
    assert glance.delete(image) == 204
    assert empty(simulator)


AS_BYTES = {"Content-Type": "application/octet-stream"}


def in_stores(glance: Glance, image: str) -> set[str]:
    return {name for name in glance.about(image).get("stores", "").split(",") if name}


@pytest.mark.parametrize("announced", [MIB - 1, MIB + 1])
def test_an_upload_that_is_not_as_long_as_announced_is_discarded(
    glance: Glance, simulator: Simulator, announced: int
) -> None:
    image = glance.image()
    headers = {**AS_BYTES, "x-openstack-image-size": str(announced)}
    answer = glance.ask("PUT", f"/v2/images/{image}/file", data=b"x" * MIB, headers=headers)
    assert answer.status_code in (400, 409), answer.text
    assert glance.about(image)["status"] == "queued"
    assert empty(simulator)
    assert glance.upload(image, b"x" * MIB).status_code == 204
    assert glance.delete(image) == 204


def test_a_service_adds_an_image_by_its_location(glance: Glance, simulator: Simulator) -> None:
    """Another image then reads the same volume. Glance deletes the volume with the first of the two."""
    data = os.urandom(MIB)
    image, other = glance.image(), glance.image()
    assert glance.upload(image, data).status_code == 204
    (location,) = glance.ask("GET", f"/v2/images/{image}/locations").json()
    hashes = {"os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(data).hexdigest()}
    body = {"url": location["url"], "validation_data": hashes}
    assert glance.ask("POST", f"/v2/images/{other}/locations", json=body).status_code == 202
    glance.wait_for("the second image", lambda: glance.about(other)["status"] == "active")
    assert glance.download(other).content == data
    assert glance.delete(other) == 204
    assert glance.delete(image) == 204
    assert empty(simulator)


def test_an_upload_to_a_full_array_can_be_repeated(glance: Glance, simulator: Simulator) -> None:
    image = glance.image()
    simulator.fault("datera", kind="pool_full")
    try:
        assert glance.upload(image, b"x" * MIB).status_code == 413
    finally:
        simulator.clear_faults("datera")
    assert glance.about(image)["status"] == "queued"
    assert empty(simulator)
    assert glance.upload(image, b"x" * MIB).status_code == 204
    assert glance.delete(image) == 204


def test_images_are_available_again_when_the_array_is(glance: Glance, simulator: Simulator) -> None:
    image = glance.image()
    assert glance.upload(image, b"x" * MIB).status_code == 204
    simulator.fault("datera", kind="reset_before", count=None)
    try:
        assert glance.download(image).status_code == 503
    finally:
        simulator.clear_faults("datera")
    assert glance.download(image).content == b"x" * MIB
    assert glance.delete(image) == 204


def test_an_expired_session_does_not_fail_an_upload_or_a_deletion(glance: Glance, simulator: Simulator) -> None:
    """It expires during the requests of the upload, and again during those of the deletion."""
    image = glance.image()
    simulator.fault("datera", kind="expired", skip=1)
    assert glance.upload(image, b"x" * MIB).status_code == 204
    simulator.fault("datera", kind="expired", skip=1)
    assert glance.delete(image) == 204
    assert empty(simulator)


@pytest.mark.parametrize(
    ("store", "reason"),
    [("locked", "did not accept the user name and password"), ("nothing", "datera_san_ip")],
)
def test_a_misconfigured_store_takes_no_images_and_the_others_do(
    glance: Glance, simulator: Simulator, store: str, reason: str
) -> None:
    """The reason is in the log."""
    image = glance.image()
    assert glance.upload(image, b"x", store=store).status_code == 410
    assert reason in glance.said()
    assert glance.upload(image, b"x", store="flash").status_code == 204
    assert glance.delete(image) == 204


def test_the_service_starts_without_its_array_and_the_store_works_later(distribution: Path, tmp_path: Path) -> None:
    """The store works as soon as its array is reachable."""
    array = {
        "vendor": "datera",
        "datapath": True,
        "slowness": 0,
        "address": portal_address(),
        "password": "fixed_and_long_1",
    }
    with Simulator([array]) as first:
        entry = first.array("datera")
    with Glance(
        distribution, tmp_path, {"flash": section(entry, datera_validate_certs=False, datera_timeout=5)}
    ) as running:
        image = running.image()
        assert running.upload(image, b"x" * MIB).status_code == 503
        with Simulator([{**array, "port": entry["port"], "http_port": entry["http_port"]}]):
            assert running.upload(image, b"x" * MIB).status_code == 204
            assert running.download(image).content == b"x" * MIB
            assert running.delete(image) == 204


def test_the_log_has_no_secret(glance: Glance, simulator: Simulator) -> None:
    assert simulator.array("datera")["password"] not in glance.said()
    assert WRONG not in glance.said()
