# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""os-brick's connector for volumes of Dsware, attached by the host's own command-line tool.

The tool is that of ``HUAWEISDSHYPERVISORCLI_PATH``, as for os-brick's own connector, else the first existing one of
``TOOLS``.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

from os_brick import exception, utils
from os_brick.initiator.connectors import base
from oslo_log import log as logging

from openflash import errors
from openflash.attach.dsware import AttachTool, device_size
from openflash.transport.deadline import Deadline

from .command import BrickCommand

LOG = logging.getLogger(__name__)

VARIABLE = "HUAWEISDSHYPERVISORCLI_PATH"
TOOLS = ("/usr/local/bin/sds/sds_cli", "sds_cli", "vbs_cli")
# Seconds after which the tool is stopped, and within which the device must appear after the tool has reported it
TOOL_TIMEOUT = 120.0
DEVICE_TIMEOUT = 60.0


class DswareConnector(base.BaseLinuxConnector):  # type: ignore[misc] # os-brick has no types
    """Attaches by the name of the volume on the array: ``volume_name``, else ``volume_id`` (SDSHypervisor drivers)."""

    def __init__(self, root_helper: str, driver: Any = None, execute: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(root_helper, driver, execute, *args, **kwargs)
        self.device_timeout = DEVICE_TIMEOUT

    @staticmethod
    def get_connector_properties(root_helper: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Empty: the tool knows its host, so the array needs no properties of it."""
        return {}

    # -- attach and detach -------------------------------------------------------------------------------------------

    @utils.trace  # type: ignore[misc]
    @utils.connect_volume_prepare_result  # type: ignore[misc]
    @base.synchronized("connect_dsware", external=True)  # type: ignore[misc]
    def connect_volume(self, connection_properties: dict[str, Any]) -> dict[str, str]:
        """Attach the volume, unless it is attached, and return the path of the device once that can be read."""
        name = _name(connection_properties)
        with _brick_errors():
            path = self._tool(connection_properties).request(name)
            Deadline(self.device_timeout, first=0.05, longest=1.0).poll(
                lambda: self._readable(path),
                "the device %s" % path,
                hint="Check the block client of this host.",
            )
        return {"type": "block", "path": path}

    @utils.trace  # type: ignore[misc]
    @base.synchronized("connect_dsware", external=True)  # type: ignore[misc]
    @utils.connect_volume_undo_prepare_result(unlink_after=True)  # type: ignore[misc]
    def disconnect_volume(
        self,
        connection_properties: dict[str, Any],
        device_info: Optional[dict[str, Any]],
        force: bool = False,
        ignore_errors: bool = False,
    ) -> None:
        """Detach the volume, if it is attached.

        Cached data is written first. If that fails, the volume stays attached unless ``force`` is set.
        """
        failed = exception.ExceptionChainer()
        with failed.context(force, "Writing the cached data of %s failed", _name(connection_properties)):
            self._flush(connection_properties, device_info)
        with failed.context(force, "Detaching %s failed", _name(connection_properties)), _brick_errors():
            self._tool(connection_properties).detach(_name(connection_properties))
        if failed and not ignore_errors:
            raise failed

    @utils.trace  # type: ignore[misc]
    @utils.connect_volume_undo_prepare_result  # type: ignore[misc]
    def extend_volume(self, connection_properties: dict[str, Any]) -> Optional[int]:
        """The size of the device in bytes. The block client notices the new size by itself."""
        paths = self.get_volume_paths(connection_properties)
        if not paths:
            raise exception.VolumePathsNotFound()
        try:
            return device_size(paths[0])
        except errors.Unauthorized:
            found: Optional[int] = utils.get_device_size(self, paths[0])
            return found
        except errors.FlashError as error:
            raise exception.BrickException(str(error)) from None

    # -- reading ---------------------------------------------------------------------------------------------------

    def get_volume_paths(self, connection_properties: dict[str, Any]) -> list[str]:
        """The path of the device; none when the volume is not attached to this host."""
        with _brick_errors():
            path = self._tool(connection_properties).query(_name(connection_properties))
        return [path] if path else []

    def is_volume_connected(self, volume_name: str) -> bool:
        return bool(self.get_volume_paths({"volume_name": volume_name}))

    def get_search_path(self) -> None:
        """None: only the tool knows the path of a device."""

    def get_all_available_volumes(self, connection_properties: Optional[dict[str, Any]] = None) -> list[str]:
        """The paths of the volume of these properties. The tool does not report what else is attached."""
        return self.get_volume_paths(connection_properties) if connection_properties else []

    # -- the tool and the device -------------------------------------------------------------------------------------

    def _tool(self, connection_properties: dict[str, Any]) -> AttachTool:
        path = _find()
        # Section 1.4 of the wire sheet: vbs_cli is for root, sds_cli is not.
        command = BrickCommand(self, as_root=os.path.basename(path).startswith("vbs"), timeout=TOOL_TIMEOUT)
        return AttachTool(path, command, manager=connection_properties.get("dsw_manager_ip"))

    def _readable(self, path: str) -> Optional[bool]:
        """True when the device can be read; None while it does not exist, or cannot be read yet."""
        return (os.path.exists(path) and self.check_valid_device(path)) or None

    def _flush(self, connection_properties: dict[str, Any], device_info: Optional[dict[str, Any]]) -> None:
        path = (device_info or {}).get("path") or connection_properties.get("device_path")
        if isinstance(path, str) and _is_block(path):
            self._linuxscsi.flush_device_io(path)


def _find() -> str:
    """The path of the tool. A tool that the environment names must exist: another one would be a guess."""
    named = os.environ.get(VARIABLE)
    if named:
        if not os.path.isfile(named):
            raise errors.Invalid("%s is %s, and there is no such program on this host" % (VARIABLE, named))
        return named
    for tool in TOOLS:
        path = shutil.which(tool)
        if path is not None:
            return path
    raise errors.Invalid(
        "none of %s is on this host" % ", ".join(TOOLS),
        hint="Install the block client, or set %s to its tool in the environment of the service." % VARIABLE,
    )


def _name(connection_properties: dict[str, Any]) -> str:
    name = connection_properties.get("volume_name") or connection_properties.get("volume_id")
    if not name:
        raise exception.BrickException("neither volume_name nor volume_id is in the connection's properties")
    return str(name)


def _is_block(path: str) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False


@contextmanager
def _brick_errors() -> Iterator[None]:
    try:
        yield
    except errors.FlashError as error:
        raise exception.BrickException(str(error)) from None
