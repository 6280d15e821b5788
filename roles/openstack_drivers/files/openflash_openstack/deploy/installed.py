# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes to the files of an installed distribution that can be undone byte for byte.

pip's list of the files (RECORD) is updated too. So pip removes an added file when it replaces the distribution.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

RECORD = "RECORD"


@dataclass(frozen=True)
class Edit:
    """The content of a file without and with the change; None where the file does not exist."""

    path: Path
    without: Optional[bytes]
    changed_data: Optional[bytes]

    def content(self, present: bool) -> Optional[bytes]:
        return self.changed_data if present else self.without


class Installed:
    """A distribution with one package of the same name.

    :raises ValueError: it is not installed, or not as files.
    """

    def __init__(self, name: str) -> None:
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise ValueError("%s is not installed" % name)
        self.package = Path(next(iter(spec.submodule_search_locations)))
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise ValueError("%s has no metadata beside %s" % (name, self.package)) from None
        # A distribution in an archive cannot be edited.
        self.metadata = Path(str(getattr(found, "_path", "")))
        if not self.metadata.is_dir():
            raise ValueError("the metadata of %s is not a directory: %s" % (name, self.metadata))

    def bring(self, edits: Sequence[Edit], present: bool, write: bool) -> list[str]:
        """Make the changes, or undo them. Returns the paths of the files that differ.

        The files are written in the given order, or in reverse order when the changes are undone, each by a rename.

        :param write: False to return the paths only.
        """
        ordered = list(edits) if present else list(reversed(edits))
        # The entry points are written last and undone first; RECORD follows the files that it lists.
        record = self._record(edits, present)
        if record is not None:
            ordered.insert(len(ordered) - 1 if present else len(ordered), record)
        changed = [edit for edit in ordered if read(edit.path) != edit.content(present)]
        if write:
            for edit in changed:
                put(edit.path, edit.content(present), like=self.package / "__init__.py")
        return [str(edit.path) for edit in changed]

    def _record(self, edits: Iterable[Edit], present: bool) -> Optional[Edit]:
        path = self.metadata / RECORD
        text = read(path)
        if text is None:
            # A package of the operating system
            return None
        lines = text.splitlines(keepends=True)
        end = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
        for edit in edits:
            try:
                name = edit.path.relative_to(self.metadata.parent).as_posix().encode()
            except ValueError:
                # An editable installation from a source tree
                continue
            lines = _recorded(lines, name, edit, present, end)
        after = b"".join(lines)
        return Edit(path, None if present else after, after if present else None)


def _recorded(lines: list[bytes], name: bytes, edit: Edit, present: bool, end: bytes) -> list[bytes]:
    """The lines of RECORD with this file updated. A digest of any other content is kept."""
    known = [_entry(name, data) for data in (edit.without, edit.changed_data) if data is not None]
    target = edit.content(present)
    if edit.without is None or edit.changed_data is None:
        kept = [line for line in lines if not line.startswith(name + b",")]
        # At the top, so that nothing depends on how the last line ends
        return kept if target is None else [_entry(name, target) + end, *kept]
    if target is None:
        return lines
    return [_entry(name, target) + line[len(line.rstrip()) :] if line.rstrip() in known else line for line in lines]


def _entry(name: bytes, data: bytes) -> bytes:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return b"%s,sha256=%s,%d" % (name, digest, len(data))


def read(path: Path) -> Optional[bytes]:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def put(path: Path, data: Optional[bytes], like: Path) -> None:
    """Replace the file by a rename. It keeps its owner and mode; a new file has those of ``like``. None removes it."""
    if data is None:
        path.unlink()
        return
    model = (path if path.exists() else like).stat()
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".%s-" % path.stem)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(draft, model.st_mode & 0o7777)
        if os.geteuid() == 0:
            os.chown(draft, model.st_uid, model.st_gid)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def copy(source: Path, target: Path) -> None:
    """Copy by a rename, with owner, mode and time."""
    draft = target.with_name(".%s-copy" % target.name)
    shutil.copy2(source, draft)
    if os.geteuid() == 0:
        owner = source.stat()
        os.chown(draft, owner.st_uid, owner.st_gid)
    os.replace(draft, target)
