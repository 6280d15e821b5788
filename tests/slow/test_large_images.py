# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of 1.5 GiB in Glance on a Datera array, with gunicorn and the initiator in user space."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.image_service import section
from tests.slow.glance import Content, Glance, digest_of
from tests.support.simulator import Simulator

pytestmark = pytest.mark.slow

MIB, GIB = 1 << 20, 1 << 30
# More than 1 GiB, the first size for an image of unknown length, and not a multiple of any block size
LENGTH = 3 * GIB // 2 + 4321


@pytest.fixture(scope="module")
def glance(
    arrays: Simulator, python: Path, distribution: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Glance]:
    folder = tmp_path_factory.mktemp("large") / "glance"
    with Glance(distribution, folder, {"one": section(arrays.array("datera"))}, python=python) as running:
        yield running


@pytest.mark.parametrize(("known", "gibibytes"), [(True, 2), (False, 2)], ids=["known length", "unknown length"])
def test_a_large_image_is_stored_and_read(glance: Glance, arrays: Simulator, known: bool, gibibytes: int) -> None:
    arrays.reset("datera")
    content = Content(LENGTH)
    expected = content.digest()
    image = glance.image()
    glance.put(image, content, known)
    assert glance.reported(image) == expected
    (volume,) = arrays.state("datera")["volumes"]
    assert (volume["name"], volume["size"]) == (f"OS-IMAGE-{image}", gibibytes * GIB)
    assert digest_of(glance.pieces(image)) == expected
    for start, length in ((GIB - MIB, 2 * MIB), (LENGTH - 7, 7)):
        assert glance.range(image, start, length) == content.part(start, length)
    assert arrays.state("datera")["mappings"] == []
    glance.remove(image)
    state = arrays.state("datera")
    assert (state["volumes"], state["mappings"], state["hosts"]) == ([], [], [])
    assert arrays.array("datera")["password"] not in glance.log.read_text(encoding="utf-8")
