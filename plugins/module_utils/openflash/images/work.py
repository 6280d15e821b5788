# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run has begun and must end, in a file that outlives it: so that the next run undoes what a killed one left.

The file is locked while its run lives, and the kernel takes the lock back whatever ends the run. It says what was made
on the array before it is made. Names on the array carry our marker, a time and the name that the volume is to get, for
runs on other hosts, which do not have the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..errors import FlashError
from ..model import Connection

MARKER = "of-img-"
_NAME = re.compile(r"of-img-(?P<when>[0-9a-f]{8})-(?P<digest>[0-9a-f]{8})-[0-9a-f]{4}\Z")
_SUFFIX = ".json"


@dataclass(frozen=True)
class Temporary:
    """What the name of an unfinished volume says: when it was begun, and a digest of the name that it is for."""

    when: int
    digest: str


def digest_of(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]


def new_name(name: str, now: float) -> str:
    """29 characters that every array takes, for a volume or for a host."""
    return "%s%08x-%s-%s" % (MARKER, int(now), digest_of(name), secrets.token_hex(2))


def parse_name(name: str) -> Optional[Temporary]:
    found = _NAME.match(name)
    return Temporary(int(found["when"], 16), found["digest"]) if found else None


def array_key(connection: Connection) -> str:
    """The same for every task that means the same array, and part of it."""
    scope = [str(connection.options.get(name) or "") for name in ("cluster", "tenant")]
    return "|".join([connection.vendor, ",".join(connection.address), str(connection.port or "")] + scope)


class Folder:
    """Where the files of this user's runs are."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))

    def make(self) -> None:
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
        except OSError as error:
            raise FlashError(
                "the folder %s cannot be made: %s" % (self.path, error.strerror),
                hint="Set state_dir to a folder of this user's.",
            ) from None

    def left(self, array: str) -> Iterator[Tuple[Work, bool]]:
        """What runs on this array have begun and not ended, and whether they live. Those that do not are ours now."""
        try:
            names = sorted(os.listdir(self.path))
        except OSError:
            return
        for name in names:
            if not name.startswith(MARKER) or not name.endswith(_SUFFIX):
                continue
            found = Work.taken(os.path.join(self.path, name))
            if found is None:
                continue
            work, alive = found
            if work.noted.get("array") == array:
                yield work, alive
            work.close()


class Work:
    """One run's file. Notes are written before what they tell of is done."""

    def __init__(self, path: str, descriptor: int, noted: Dict[str, Any]) -> None:
        self.path = path
        self._descriptor: Optional[int] = descriptor
        self.noted = noted

    @classmethod
    def begin(cls, folder: Folder, array: str, name: str, now: float) -> Work:
        folder.make()
        temporary = new_name(name, now)
        path = os.path.join(folder.path, temporary + _SUFFIX)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        work = cls(path, descriptor, {})
        work.note(array=array, name=name, temporary=temporary)
        return work

    @classmethod
    def taken(cls, path: str) -> Optional[Tuple[Work, bool]]:
        """The file, and whether its run lives; None when it is gone or says nothing yet."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        alive = False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            alive = True
        try:
            noted = json.loads(os.pread(descriptor, 1024 * 1024, 0).decode("utf-8"))
        except ValueError:
            noted = None
        if not isinstance(noted, dict):
            if not alive:
                os.unlink(path)
            os.close(descriptor)
            return None
        return cls(path, descriptor, noted), alive

    @property
    def temporary(self) -> str:
        """The name of what this run makes: a volume, a host."""
        return str(self.noted["temporary"])

    @property
    def mapped(self) -> List[Tuple[str, str]]:
        """(volume, host) of what was shown to this host."""
        return [(str(one[0]), str(one[1])) for one in self.noted.get("mapped", ())]

    def note(self, **notes: Any) -> None:
        if self._descriptor is None:
            return
        self.noted.update(notes)
        data = json.dumps(self.noted).encode("utf-8")
        os.pwrite(self._descriptor, data + b"\n", 0)
        os.ftruncate(self._descriptor, len(data) + 1)
        os.fsync(self._descriptor)

    def end(self) -> None:
        """Nothing is left to undo."""
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
