# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task of flash_image: its options are checked before the array is contacted; then it is carried out."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from ..array import Array
from ..attach import formats
from ..attach.qemu import Qemu
from ..difference import diff, text
from ..errors import Conflict, Invalid, context
from ..model import Chap, Connection
from ..plan.rules import Policy
from ..progress import Reports
from ..report import Entry, volume_data
from ..units import TIB, parse_size
from . import exporting, importing
from .common import Outcome, Run
from .data_path import AUTO, Settings
from .source import Source, label_of, local_path
from .work import Folder, Progress, array_key

Params = Mapping[str, Any]

IMPORTED = "imported"
_LARGEST = 64 * TIB
_OF_IMPORT = ("checksum", "size", "pool", "provisioning", "array_options", "image_ca_path")
_OF_EXPORT = ("snapshot", "compress", "checksum_file")
_NOT_EMPTY = ("path", "size", "max_size", "state_dir", "chap_username", "chap_password")


class Task:
    """:raises Invalid: at once, when the options cannot be right together."""

    def __init__(self, params: Params, check_mode: bool, reports: Reports) -> None:
        self._params = params
        self._reports = reports
        self._check_mode = check_mode
        self.name = str(params["name"])
        self.imports = params["state"] == IMPORTED
        self.outcome = Outcome()
        shown = label_of(str(params["path"]))
        self._doing = ("import %s into volume %s" if self.imports else "export %s from volume %s") % (shown, self.name)
        with context(doing=self._doing, target=self.name):
            self._check()

    def _check(self) -> None:
        params = self._params
        for option in _NOT_EMPTY:
            if params.get(option) is not None and not str(params[option]).strip():
                raise Invalid("the option %s is empty" % option, hint="Leave it out (default(omit)) for its default.")
        for option in _OF_EXPORT if self.imports else _OF_IMPORT:
            if params.get(option) not in (None, False):
                raise Invalid("the option %s is not one of state %s" % (option, params["state"]), target=self.name)
        if params["keep_old"] < 0:
            raise Invalid("keep_old cannot be less than 0")
        self._largest = parse_size(params["max_size"]) if params.get("max_size") else _LARGEST
        self._size = parse_size(params["size"]) if params.get("size") else None
        self._chap = _chap(params)
        self._folder = Folder(str(params["state_dir"]))
        self._progress = Progress(None if self._check_mode else params.get("progress_file"), self.name, self._reports)
        self._qemu = Qemu(float(params["copy_timeout"]), self._progress)
        self._source = self._make_source() if self.imports else None
        self._export: Optional[exporting.DesiredExport] = None if self.imports else self._make_export()

    def _make_source(self) -> Source:
        params = self._params
        return Source(
            str(params["path"]),
            params.get("format"),
            params.get("checksum"),
            self._largest,
            self._folder,
            self._progress,
            params.get("image_ca_path"),
            float(params["timeout"]),
            float(params["copy_timeout"]),
        )

    def _make_export(self) -> exporting.DesiredExport:
        params = self._params
        path = local_path(str(params["path"]))
        return exporting.DesiredExport(
            self.name,
            path,
            params.get("format") or formats.QCOW2,
            params.get("snapshot"),
            bool(params.get("compress")),
            bool(params.get("checksum_file")),
            bool(params["verify"]),
            bool(params["force"]),
        )

    # -- carrying it out -----------------------------------------------------------------------------------------------

    def carry_out(self, array: Array, connection: Connection) -> None:
        """Carry the task out, or predict it in check mode. ``outcome`` has what was done, also after an error."""
        settings = Settings(
            self._params.get("data_path") or AUTO,
            str(connection.options.get("device_root") or "/"),
            connection.timeout,
            self._chap,
        )
        run = Run(
            array,
            array_key(connection),
            self._folder,
            settings,
            self._progress,
            self._qemu,
            connection.wait_timeout,
            self._check_mode,
            Policy(
                openstack_owned=bool(self._params.get("openstack_owned")),
                assume_unmapped=bool(self._params.get("assume_unmapped")),
            ),
        )
        self.outcome = run.outcome
        try:
            with context(doing=self._doing, target=self.name, array=array.label):
                if self._source is not None:
                    with self._source as source:
                        importing.run(run, self._import(), source)
                elif self._export is not None:
                    exporting.run(run, self._export)
        except BaseException as error:
            self._progress.phase("failed")
            if isinstance(error, OSError):
                raise Conflict(
                    "%s: %s" % (error.filename or "a file of this host", error.strerror),
                    doing=self._doing,
                    target=self.name,
                    array=array.label,
                ) from None
            raise
        self._progress.phase("done")

    def _import(self) -> importing.DesiredImport:
        params = self._params
        return importing.DesiredImport(
            self.name,
            self._size,
            params.get("pool"),
            params.get("provisioning"),
            {key: value for key, value in (params.get("array_options") or {}).items() if value is not None},
            bool(params["verify"]),
            int(params["keep_old"]),
            bool(params["force"]),
        )

    # -- the result ----------------------------------------------------------------------------------------------------

    def result(self) -> Dict[str, Any]:
        """``volume``, ``image``, ``plan``, ``changed``: the same keys on every path."""
        outcome = self.outcome
        assumes = {"assumes": list(outcome.assumes)} if outcome.assumes else {}
        image: Dict[str, Any] = dict.fromkeys(
            ("source", "dest", "format", "virtual_size", "checksums", "seconds", "kept")
        )
        image.update(outcome.image)
        return {
            "changed": outcome.changed,
            "plan": [line.text for line in outcome.lines],
            "volume": self._after(),
            "image": image,
            **assumes,
        }

    def _after(self) -> Dict[str, Any]:
        data = volume_data(self.outcome.after, self.name)
        return data if self.outcome.size_known else dict(data, size=None, size_text=None)

    def diff(self, label: str) -> List[Dict[str, Any]]:
        """The plan as text, and the volume before and after."""
        outcome = self.outcome
        lines = tuple(line.text for line in outcome.lines)
        entry = Entry("volume", self.name, volume_data(outcome.before, self.name), self._after(), lines)
        return diff(label, text(outcome.lines), [entry]) if outcome.changed else []


def _chap(params: Params) -> Optional[Chap]:
    user, password = params.get("chap_username"), params.get("chap_password")
    if bool(user) != bool(password):
        raise Invalid("chap_username and chap_password go together")
    return Chap(str(user), str(password)) if user and password else None
