# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The speed of flash_image, compared with ``qemu-img convert`` alone of the same image to a volume of the same array.

Both copy into a volume that was never written to, and both flush the bytes at the end (``-t writeback``). The median of
several runs counts, since a copy without a network takes only a second.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Chap, Initiator, VolumeSpec
from tests.images.conftest import make_lab
from tests.images.lab import MIB, ROWS, Lab, random_file
from tests.module.arrays import Modules
from tests.support.simulator import Simulator

SIZE = 2048 * MIB
TURNS, IN_MEMORY = 3, 7
"""The number of runs of each program, and where the volume's file is in memory."""
LOWEST_RATIO = 0.9
"""The lowest speed that is accepted, relative to qemu-img alone."""
BARE = "bare"
IQN = "iqn.2026-01.org.example:bench"
CHAP = Chap("of-bench", "bench-secret-14")


def throughput() -> tuple[list[list[object]], list[str]]:
    """A row of the table for each array, and the arrays that are too slow."""
    rows: list[list[object]] = []
    slow = []
    modules = Modules()
    try:
        with (
            tempfile.TemporaryDirectory(dir=_memory()) as folder,
            Simulator([row.config for row in ROWS], run_dir=Path(folder) / "arrays") as simulator,
        ):
            image = random_file(Path(folder) / "image.raw", SIZE)
            for row in ROWS:
                lab = make_lab(row, simulator, modules, Path(folder))
                with lab.array.library() as array:
                    command = _bare_command(lab, array, image, Path(folder))
                    bare, ours = [], []
                    for _turn in range(TURNS if row.by_qemu else IN_MEMORY):
                        bare.append(_bare(lab, command))
                        ours.append(_copy(lab, image, Path(folder), verify=False)[0])
                    verified = _copy(lab, image, Path(folder), verify=True)[1]
                ratio = statistics.median(bare) / statistics.median(ours)
                if ratio < LOWEST_RATIO:
                    slow.append(f"{row.name}: image")
                speeds = [f"{SIZE / MIB / statistics.median(times):.0f}" for times in (bare, ours)]
                kept = "yes" if ratio >= LOWEST_RATIO else "NO"
                rows.append([row.name, *speeds, f"{100 * ratio:.0f} %", kept, f"{verified:.1f}"])
                lab.array.reset()
    finally:
        modules.stop()
    return rows, slow


HEADER = ("array", "qemu-img MiB/s", "flash_image MiB/s", "ratio", "90 % kept", "complete task, verified, s")


def _memory() -> str | None:
    """A folder in memory if it has enough room; otherwise the speed of the disk would be measured."""
    folder = Path("/dev/shm")
    there = folder.is_dir() and shutil.disk_usage(folder).free > 5 * SIZE
    return str(folder) if there else None


class Memory:
    """Reserves as much memory as a copy needs until the copy begins.

    A virtual machine returns idle memory to its host, and getting it back takes as long as the copy. A task, which
    reads its image first, would have less memory left than qemu-img alone.
    """

    def __init__(self) -> None:
        self._held = mmap.mmap(-1, 2 * SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)

    def give_back(self, when: Callable[[], bool]) -> None:
        """Release the memory in a thread when ``when`` is true."""

        def wait() -> None:
            while not when():
                time.sleep(0.01)
            self._held.close()

        threading.Thread(target=wait, daemon=True).start()


def _bare(lab: Lab, command: list[str]) -> float:
    file = lab.file(BARE)
    size = file.stat().st_size
    os.truncate(file, 0)
    os.truncate(file, size)
    Memory().give_back(lambda: True)
    started = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    took = time.monotonic() - started
    # Empty the volume again for the next run
    os.truncate(file, 0)
    os.truncate(file, size)
    return took


def _copy(lab: Lab, image: Path, folder: Path, verify: bool) -> tuple[float, float]:
    """The seconds of the copy itself, and of the complete task."""
    progress = folder / "progress"
    progress.write_text("{}", encoding="utf-8")

    def begun() -> bool:
        return json.loads(progress.read_text(encoding="utf-8")).get("phase") not in (None, "starting", "reading")

    Memory().give_back(begun)
    started = time.monotonic()
    done = lab.run(path=image, force=True, keep_old=0, verify=verify, progress_file=progress)
    assert not done.failed, done.msg
    return done["image"]["seconds"], time.monotonic() - started


def _bare_command(lab: Lab, array: Any, image: Path, folder: Path) -> list[str]:
    """The qemu-img command that copies to a volume that is mapped here, or to the file of its device."""
    array.create_volume(VolumeSpec(BARE, lab.smallest_volume(SIZE)))
    program = ["qemu-img", "convert", "-n", "-t", "writeback", "-f", "raw", "-O", "raw"]
    if not lab.row.by_qemu:
        return [*program, str(image), str(lab.file(BARE))]
    wants_chap = array.wants_chap()[0]
    host = array.create_host("bench", [Initiator(IQN, "iscsi")], chap=CHAP if wants_chap else None)
    mapping = array.map_volume(array.volumes([BARE]).items[0], host)
    port = next(port for port in array.ports_of([BARE]) if port.protocol == "iscsi")
    below = {
        "driver": "iscsi",
        "transport": "tcp",
        "portal": port.portal,
        "target": port.address,
        "lun": mapping.lun,
        "initiator-name": IQN,
    }
    if wants_chap:
        secret = folder / "chap"
        secret.touch(mode=0o600)
        secret.write_text(CHAP.password)
        below.update({"user": CHAP.username, "password-secret": "chap"})
        program[2:2] = ["--object", f"secret,id=chap,file={secret}"]
    return [*program, str(image), "json:" + json.dumps({"driver": "raw", "file": below})]
