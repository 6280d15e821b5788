# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An export: a volume, or a snapshot, is copied into an image file under a temporary name, verified, and then renamed.

A volume that hosts may be writing to is not read. The array clones it first, where it can do that instantly, and the
clone is read.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import time
from dataclasses import dataclass
from typing import List, Optional

from ..attach import formats
from ..attach.qemu import Node, file_node
from ..errors import Conflict, FlashError, Invalid, NotFound, Refused
from ..model import Snapshot, Volume, VolumeSpec
from ..plan.draft import conditional
from ..plan.rules import check_complete, check_online
from ..plan.step import MAKE, NEITHER, Line
from .common import Run, ended, quietly
from .work import Work, remove_dead

OPTIONS = {
    formats.RAW: (),
    formats.QCOW2: ("compat=1.1",),
    formats.VMDK: ("subformat=monolithicSparse",),
    formats.VHDX: ("subformat=dynamic",),
}
_COMPRESSED_VMDK = ("subformat=streamOptimized",)
_PART = ".part"
_CHUNK = 4 * 1024**2


@dataclass(frozen=True)
class DesiredExport:
    """What a task requests.

    :ivar path: absolute path of the image file.
    :ivar snapshot: the name of a snapshot of the volume to export instead of the volume.
    """

    name: str
    path: str
    format: str = formats.QCOW2
    snapshot: Optional[str] = None
    compress: bool = False
    checksum_file: bool = False
    verify: bool = True
    force: bool = False

    @property
    def checksum_path(self) -> str:
        return self.path + ".sha256"


def run(run: Run, desired: DesiredExport) -> None:
    """Make the file hold the content of the volume. What was done is in ``run.outcome``."""
    _Export(run, desired).carry_out()


class _Export:
    def __init__(self, run: Run, desired: DesiredExport) -> None:
        self._run = run
        self._array = run.array
        self._desired = desired
        self._what = "volume %s" % desired.name
        if desired.snapshot:
            self._what = "snapshot %s of %s" % (desired.snapshot, self._what)

    def carry_out(self) -> None:
        desired, run = self._desired, self._run
        if desired.compress and desired.format not in (formats.QCOW2, formats.VMDK):
            raise Invalid(
                "images of format %s cannot be compressed" % desired.format, hint="Use qcow2, or leave it out."
            )
        self._check_path()
        run.recover(desired.name)
        volume = run.volume(desired.name)
        if volume is None:
            run.missing(
                "volume %s" % desired.name, NotFound("volume %s is not there" % desired.name, target=desired.name)
            )
            return self._predict(self._steps())
        run.outcome.before = run.outcome.after = volume
        snapshot = self._snapshot(volume) if desired.snapshot else None
        if desired.snapshot and snapshot is None:
            return self._predict(self._steps())
        check_complete(snapshot or volume)
        check_online(snapshot or volume)
        copy = snapshot is not None or self._is_in_use(volume)
        run.outcome.image = {"dest": desired.path, "format": desired.format, "virtual_size": (snapshot or volume).size}
        lines = self._steps()
        if run.check_mode:
            self._predict(lines)
            return
        self._remove_parts()
        work, data_path = run.begin(desired.name)
        with ended(work, data_path):
            try:
                source = self._copy(volume, snapshot, work) if copy else volume
                run.progress.phase("comparing", source.size)
                with data_path.open(source, writable=False) as node:
                    if not desired.force and self._is_done(node):
                        lines = []
                    else:
                        self._write(node)
                        run.outcome.changed = True
            finally:
                if work.noted.get("made") and not data_path.blocked:
                    quietly(lambda: run.drop_made(work))
        run.outcome.lines += lines
        self._checksum()

    def _steps(self) -> List[Line]:
        desired = self._desired
        text = "write %s to %s (%s)" % (self._what, desired.path, desired.format)
        lines = [Line(conditional(text, self._run.outcome.assumes), MAKE)]
        if desired.verify:
            lines.append(Line("read the image back and compare it with the volume", NEITHER))
        return lines

    def _check_path(self) -> None:
        folder = os.path.dirname(self._desired.path)
        if not os.path.lexists(folder):
            missing = NotFound("there is no folder %s on this host" % folder, hint="Create it first.")
            return self._run.missing("folder %s" % folder, missing)
        if not os.path.isdir(folder):
            raise Refused("%s is not a folder" % folder)
        if os.path.lexists(self._desired.path) and not os.path.isfile(self._desired.path):
            raise Refused("%s is not a file" % self._desired.path, hint="Only files are written, no devices.")
        if not os.access(folder, os.W_OK):
            raise Refused("this user may not write to %s" % folder)

    # -- the volume to read --------------------------------------------------------------------------------------------

    def _snapshot(self, volume: Volume) -> Optional[Snapshot]:
        """The snapshot; None where check mode assumes it."""
        for found in self._array.snapshots([str(self._desired.snapshot)], [volume.name]):
            if found.name == self._desired.snapshot and found.volume in (volume.name, None):
                return found
        self._run.missing(self._what, NotFound("%s is not there" % self._what, target=self._desired.snapshot))
        return None

    def _is_in_use(self, volume: Volume) -> bool:
        """Whether a clone must be read in its place; Refused where the array makes none instantly."""
        hosts = self._run.hosts_of(volume)
        if hosts == ():
            return False
        clones = self._array.capabilities.method("clone_volume", volume).kind != "host_copy"
        if clones and self._array.capabilities.refusal("clone_volume", volume) is None:
            return True
        if hosts is None:
            raise Refused(
                "this array cannot be asked whether %s is mapped" % volume.name,
                target=volume.name,
                hint="When you know that no host uses it, set assume_unmapped: true.",
            )
        raise Refused(
            "volume %s is mapped to %s, and an image of it would not be of one point in time"
            % (volume.name, ", ".join("host %s" % host for host in hosts)),
            target=volume.name,
            hint="Take a snapshot while nothing writes (flash_snapshot, quiesced: true) and export that.",
        )

    def _copy(self, volume: Volume, snapshot: Optional[Snapshot], work: Work) -> Volume:
        """A temporary volume with the content to export."""
        work.note(made=True)
        spec = VolumeSpec(work.temporary)
        if snapshot is not None:
            self._array.volume_from_snapshot(snapshot, spec)
        else:
            self._array.clone_volume(volume, spec)
        made = self._run.volume(work.temporary)
        if made is None:
            raise NotFound("the copy %s is not on the array any more" % work.temporary)
        return made

    # -- the file ------------------------------------------------------------------------------------------------------

    def _predict(self, lines: List[Line]) -> None:
        if os.path.exists(self._desired.path) and not self._desired.force:
            self._run.outcome.warnings.append(
                "Check mode does not map the volume, so it cannot be compared with %s by reading it."
                % self._desired.path
            )
        self._run.outcome.changed = True
        self._run.outcome.lines += lines

    def _is_done(self, node: Node) -> bool:
        """Whether the file exists and is an image of the requested format with this content."""
        try:
            descriptor = os.open(self._desired.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            formats.check(descriptor, self._desired.format)
            found = file_node(descriptor, self._desired.format, node.size)
            if int(self._run.qemu.info(found)["virtual-size"]) != node.size:
                return False
            return self._run.qemu.same(node, found)
        except FlashError:
            return False  # it is another file, which will be replaced
        finally:
            os.close(descriptor)

    def _write(self, node: Node) -> None:
        desired, run = self._desired, self._run
        part = os.path.join(
            os.path.dirname(desired.path), ".%s.%d%s" % (os.path.basename(desired.path)[:200], os.getpid(), _PART)
        )
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            run.progress.phase("copying", node.size)
            begun = time.monotonic()
            options = OPTIONS[desired.format]
            if desired.compress and desired.format == formats.VMDK:
                options = _COMPRESSED_VMDK
            try:
                run.qemu.out_of(
                    node, part, desired.format, options, desired.compress and desired.format == formats.QCOW2
                )
            except FlashError as error:
                error.fill(doing="write %s to %s" % (self._what, desired.path))
                raise
            run.outcome.image["seconds"] = round(time.monotonic() - begun, 3)
            if desired.verify:
                self._verify(node, descriptor)
            os.fsync(descriptor)
            self._keep_owner_and_mode(descriptor)
            os.replace(part, desired.path)
        except BaseException:
            os.unlink(part)
            raise
        finally:
            os.close(descriptor)

    def _verify(self, node: Node, descriptor: int) -> None:
        self._run.progress.phase("verifying", node.size)
        if not self._run.qemu.same(node, file_node(descriptor, self._desired.format, node.size)):
            raise Conflict(
                "the image differs from the volume after it was written",
                target=self._desired.name,
                hint="The file was removed. Does something write to the volume?",
            )

    def _keep_owner_and_mode(self, descriptor: int) -> None:
        """Those of the file that is replaced. A new file is readable by this user only."""
        try:
            old = os.stat(self._desired.path)
        except OSError:
            return
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except PermissionError:
            pass

    def _remove_parts(self) -> None:
        """Remove the unfinished files of killed runs."""
        folder, name = os.path.split(self._desired.path)
        for found in os.listdir(folder):
            if found.startswith(".%s." % name[:200]) and found.endswith(_PART):
                remove_dead(os.path.join(folder, found))

    def _checksum(self) -> None:
        """Return the sha256 of the file in the result and, on request, write it beside the file for ``sha256sum``."""
        digest = hashlib.sha256()
        self._run.progress.phase("reading")
        with open(self._desired.path, "rb") as stream:
            for chunk in iter(lambda: stream.read(_CHUNK), b""):
                digest.update(chunk)
        self._run.outcome.image["checksums"] = {"sha256": digest.hexdigest()}
        if not self._desired.checksum_file:
            return
        line = "%s  %s\n" % (digest.hexdigest(), os.path.basename(self._desired.path))
        path = self._desired.checksum_path
        try:
            with open(path, encoding="utf-8") as old:
                if old.read() == line:
                    return
        except OSError:
            pass
        temporary = "%s.%d%s" % (path, os.getpid(), _PART)
        with open(temporary, "w", encoding="utf-8") as new:
            new.write(line)
        os.replace(temporary, path)
        self._run.outcome.lines.append(Line("write its checksum to %s" % path, MAKE))
        self._run.outcome.changed = True
