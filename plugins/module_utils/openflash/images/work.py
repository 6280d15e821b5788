# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run keeps on this host: what it has begun and must end, which image a volume was made of, and its progress.

The file of a run outlives it, so that the next run undoes what a killed one began. It is locked while its run lives,
and the kernel releases the lock however the run ends. It says what is to be made on the array before it is made. Names
on the array carry our marker, a time, and a digest of the name that the volume is to get, for runs on other hosts,
which do not have the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..array import Array, Notes
from ..errors import Conflict, FlashError, Invalid
from ..model import Connection, Volume
from ..progress import INTERVAL, Reports

MARKER = "of-img-"
_NAME = re.compile(r"of-img-(?P<when>[0-9a-f]{8})-(?P<digest>[0-9a-f]{8})-[0-9a-f]{4}\Z")
_SUFFIX = ".json"
_UNBORN = ".new"
_LARGEST = 16 * 1024**2

_NOTE_PREFIX = "openflash-image-"
_RECORDS = "records"
_MOST_RECORDS = 4096

Digests = Dict[str, str]
"""Hexadecimal digest by algorithm."""


@dataclass(frozen=True)
class Temporary:
    """What the name of a temporary volume tells: when it was begun, and a digest of the name that it is to get."""

    when: int
    digest: str


def digest_of(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]


def new_name(name: str, now: float) -> str:
    """A name of 29 characters that every array accepts, for a volume or for a host."""
    return "%s%08x-%s-%s" % (MARKER, int(now), digest_of(name), secrets.token_hex(2))


def parse_name(name: str) -> Optional[Temporary]:
    found = _NAME.match(name)
    return Temporary(int(found["when"], 16), found["digest"]) if found else None


def array_key(connection: Connection) -> str:
    """Identifies an array, with the cluster or tenant: the same for every task that connects to it."""
    scope = [str(connection.options.get(name) or "") for name in ("cluster", "tenant")]
    return "|".join([connection.vendor, ",".join(connection.address), str(connection.port or "")] + scope)


class Folder:
    """The folder with the files of this user's runs.

    :raises Invalid: the path begins with the home folder of a user who has none.
    """

    def __init__(self, path: str) -> None:
        expanded = os.path.expanduser(path)
        if expanded.startswith("~"):
            raise Invalid(
                "the folder %s cannot be used: HOME is not set and this user has no passwd entry" % path,
                hint="Set state_dir to a folder that is kept, the same one for every run on this host.",
            )
        self.path = os.path.abspath(expanded)

    def make(self) -> None:
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
        except OSError as error:
            raise FlashError(
                "the folder %s cannot be created: %s" % (self.path, error.strerror),
                hint="Set state_dir to a folder that this user may write to.",
            ) from None

    def unfinished(self, array: str, name: str) -> Iterator[Tuple[Work, bool]]:
        """The runs on this array that have begun and not ended, and whether each one is alive.

        The file of one that is not alive is locked for the caller, who undoes what the run began.

        :raises Conflict: the file of a run for the volume of that name cannot be read, so what it began is not known.
        """
        try:
            files = sorted(os.listdir(self.path))
        except OSError:
            return
        for file in files:
            path = os.path.join(self.path, file)
            if file.startswith(MARKER) and file.endswith(_SUFFIX + _UNBORN):
                remove_dead(path)
            if not file.startswith(MARKER) or not file.endswith(_SUFFIX):
                continue
            found = Work.lock(path)
            if found is None:
                continue
            work, alive = found
            try:
                if not work.noted and not alive:
                    if not os.path.getsize(path):
                        work.end()  # it had not begun anything
                    else:
                        _damaged(path, file, name)
                elif work.noted.get("array") == array:
                    yield work, alive
            finally:
                work.close()


def _damaged(path: str, file: str, name: str) -> None:
    temporary = parse_name(file[: -len(_SUFFIX)])
    if temporary is None or temporary.digest == digest_of(name):
        raise Conflict(
            "the file %s, in which an earlier run for this volume noted what it had begun, cannot be read" % path,
            target=name,
            hint="Check the array for volumes and hosts whose names begin with %s, delete them when no other task is "
            "using them, and then delete the file." % file[: -len(_SUFFIX)],
        )


def remove_dead(path: str) -> None:
    """Remove a file that its run keeps locked, unless that run is alive."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except OSError:
        pass
    finally:
        os.close(descriptor)


class Work:
    """The file of one run. A note is on the disk before the action that it announces begins.

    Each note is a line with everything noted so far. The last complete line counts: where a kill cut a line off, its
    action had not begun.
    """

    def __init__(self, path: str, descriptor: int, noted: Dict[str, Any]) -> None:
        self.path = path
        self._descriptor: Optional[int] = descriptor
        self.noted = noted

    @classmethod
    def begin(cls, folder: Folder, array: str, name: str, now: float) -> Work:
        """A new file. Other runs see it only when it is locked and has its first note."""
        folder.make()
        while True:
            temporary = new_name(name, now)
            path = os.path.join(folder.path, temporary + _SUFFIX)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_APPEND
            descriptor = os.open(path + _UNBORN, flags, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            work = cls(path, descriptor, {})
            work.note(array=array, name=name, temporary=temporary)
            try:
                os.rename(path + _UNBORN, path)
            except FileNotFoundError:
                # In the moment before it was locked, another run took it for the file of a dead run.
                work.close()
                continue
            _sync_folder(folder.path)
            return work

    @classmethod
    def lock(cls, path: str) -> Optional[Tuple[Work, bool]]:
        """The file, without notes when it cannot be read, and whether its run is alive; None: it does not exist."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_APPEND)
        except OSError:
            return None
        alive = False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            alive = True
        if not alive and not os.path.exists(path):
            # Its run ended between the two, and removed it.
            os.close(descriptor)
            return None
        return cls(path, descriptor, _last_note(_content(descriptor))), alive

    @property
    def temporary(self) -> str:
        """The name of the volume, or host, that this run creates."""
        return str(self.noted["temporary"])

    @property
    def mapped(self) -> List[Tuple[str, str]]:
        """(volume, host) of the mappings of this run."""
        return [(str(volume), str(host)) for volume, host in self.noted.get("mapped", ())]

    def note(self, **notes: Any) -> None:
        if self._descriptor is None:
            return
        self.noted.update(notes)
        data = json.dumps(self.noted).encode("utf-8") + b"\n"
        content = _content(self._descriptor)
        if content and not content.endswith(b"\n"):
            data = b"\n" + data  # a line that a kill cut off is ended
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        os.fsync(self._descriptor)

    def end(self) -> None:
        """Remove the file: there is nothing to undo any more."""
        if self._descriptor is not None:
            try:
                os.unlink(self.path)
            except OSError:
                pass
        self.close()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, _LARGEST, 0)


def _last_note(content: bytes) -> Dict[str, Any]:
    """The last complete line that is valid; empty when there is none."""
    for line in reversed(content.split(b"\n")[:-1]):
        try:
            noted = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            continue
        if isinstance(noted, dict) and noted:
            return noted
    return {}


def _sync_folder(path: str) -> None:
    """Write the folder to the disk: only then does a new name of a file outlive a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- which image a volume was made of ----------------------------------------------------------------------------------


class Records:
    """Which image a volume was made of: a note on the volume where the array keeps notes, else a file on this host.

    Only the note is proof. The file knows what this host did, and not what happened since, so it decides nothing where
    the volume itself can be read.

    :param array_key: identifies the array, see ``array_key``."""

    def __init__(self, array: Array, folder: Folder, array_key: str) -> None:
        self._array = array
        self._folder = folder
        self._key = array_key
        self.on_array = array.capabilities.refusal("metadata") is None

    def of(self, volume: Volume) -> Digests:
        """The digests of the image; empty when they are not known."""
        if self.on_array:
            notes = Notes.of(self._array).metadata(volume)
            return {key[len(_NOTE_PREFIX) :]: value for key, value in notes.items() if key.startswith(_NOTE_PREFIX)}
        return self.remembered(volume)

    def remembered(self, volume: Volume) -> Digests:
        """The digests in the file of this host."""
        found = self._load().get(self._name(volume))
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def write(self, volume: Volume, digests: Digests) -> None:
        """Write the note, where the array keeps notes. To be done before the volume gets its name."""
        if self.on_array:
            keeper = Notes.of(self._array)
            notes = {key: value for key, value in keeper.metadata(volume).items() if not key.startswith(_NOTE_PREFIX)}
            notes.update({_NOTE_PREFIX + key: value for key, value in digests.items()})
            keeper.set_metadata(volume, notes)

    def remember(self, volume: Volume, digests: Digests) -> None:
        """Write the record into the file of this host, where the array keeps no notes."""
        if self.on_array or not digests:
            return
        self._folder.make()
        with open(self._path + ".lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._load()
            known.pop(self._name(volume), None)
            known[self._name(volume)] = dict(digests)
            for name in list(known)[: max(0, len(known) - _MOST_RECORDS)]:
                del known[name]
            temporary = self._path + ".new"
            with open(temporary, "w", encoding="utf-8") as stream:
                json.dump(known, stream)
            os.replace(temporary, self._path)

    @property
    def _path(self) -> str:
        return os.path.join(self._folder.path, _RECORDS)

    def _name(self, volume: Volume) -> str:
        return "|".join([self._key, volume.id or volume.name, volume.serial or ""])

    def _load(self) -> Dict[str, Digests]:
        try:
            with open(self._path, encoding="utf-8") as stream:
                found = json.load(stream)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


# -- progress ----------------------------------------------------------------------------------------------------------


_ENDED = ("done", "failed")


class Progress:
    """The progress of a copy, in a file for other processes, and in the reports of the task.

    The file is one JSON object: ``volume``, ``phase``, ``percent``, ``bytes`` (in all), ``updated`` (seconds since
    1970). It is replaced each time, so a reader never sees a part of it.
    """

    def __init__(self, path: Optional[str], volume: str, reports: Optional[Reports] = None) -> None:
        self._path = path
        self._volume = volume
        self._reports = reports if reports is not None else Reports()
        self._phase = "starting"
        self._bytes: Optional[int] = None
        self._last = 0.0
        if path is not None:
            try:
                self._write(0.0)
            except OSError as error:
                raise Invalid("progress_file %s cannot be written: %s" % (path, error.strerror)) from None

    def phase(self, phase: str, size: Optional[int] = None) -> None:
        self._phase = phase
        self._bytes = size if size is not None else self._bytes
        self._last = 0.0
        self(100.0 if phase in _ENDED else 0.0)

    def __call__(self, percent: float) -> None:
        if self._phase in _ENDED:
            self._reports.ended(self._volume)
        else:
            self._reports.report(self._volume, self._phase, percent, self._bytes)
        now = time.monotonic()
        if self._path is None or now - self._last < INTERVAL:
            return
        self._last = now
        try:
            self._write(percent)
        except OSError:
            pass  # a copy does not fail because its progress cannot be shown

    def _write(self, percent: float) -> None:
        path = str(self._path)
        progress = {
            "volume": self._volume,
            "phase": self._phase,
            "percent": round(percent, 2),
            "bytes": self._bytes,
            "updated": round(time.time(), 3),
        }
        temporary = "%s.%d.new" % (path, os.getpid())
        with open(temporary, "w", encoding="utf-8") as stream:
            json.dump(progress, stream)
            stream.write("\n")
        os.replace(temporary, path)
