# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images go in and come out, byte for byte, on every array."""

from __future__ import annotations

from tests.images.lab import MIB, Lab, sha256


def test_64_mib_go_in_and_come_out(lab: Lab) -> None:
    """Through snapshot, clone and extend."""
    source = lab.raw(size=64 * MIB)
    made = lab.imported(source)
    size = made["volume"]["size"]
    assert made.changed and size == lab.smallest(64 * MIB)
    assert made["image"]["checksums"] == {"sha256": sha256(source)}
    lab.done("flash_snapshot", name="monday", volume="golden")
    lab.done("flash_volume", name="clone", source_volume="golden", source_snapshot="monday")
    lab.done("flash_volume", name="clone", size=f"{2 * size}B")
    out = lab.folder / "out.raw"
    lab.exported(out, name="clone", format="raw", verify=False)
    assert out.stat().st_size == 2 * size
    with out.open("rb") as stream:
        assert stream.read(64 * MIB) == source.read_bytes()
        assert not stream.read().strip(b"\0")
    assert lab.content("golden") == lab.content("clone")
