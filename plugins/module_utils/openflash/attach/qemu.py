# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``qemu-img``, run so that an image can do no harm.

Each image is given as a JSON description with its format and without a backing file, so that QEMU guesses nothing from
the content. It refers to a file descriptor that was opened and checked here. ``qemu-img`` has limits on memory and
time, and ends with this process, however that ends. The option ``-U``, which reads an image that another program
writes, is never used.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ..errors import (
    BadReply,
    Conflict,
    FlashError,
    Invalid,
    MissingProgram,
    NoSpace,
    Timeout,
    Unauthorized,
    Unreachable,
)
from ..transport import programs
from ..units import GIB
from .formats import QCOW2, RAW, VMDK

PROGRAM = "qemu-img"
OnProgress = Callable[[float], None]
"""Called with the per cent that are done."""

# Bytes of memory and seconds of processor time to inspect an image, which may be hostile
_INSPECT_MEMORY, _INSPECT_SECONDS = 1 * GIB, 30
# A copy has many requests at once, and threads that each reserve address space for a stack.
_COPY_MEMORY = 4 * GIB
_NO_LIMIT = 0
_AT_ONCE = "8"


@dataclass(frozen=True)
class Node:
    """A disk as QEMU describes it: an image file, a device, or an iSCSI LUN."""

    options: Dict[str, Any]
    """The options of blockdev-add, without the name of the node."""
    size: int
    descriptors: Tuple[int, ...] = ()
    """File descriptors that QEMU must inherit."""
    secrets: Tuple[Tuple[str, str], ...] = field(default=(), repr=False)
    """Pairs of id and secret; the options name the id."""
    direct: bool = False
    """A device that is read and written without this host's page cache."""
    in_order: bool = False
    """Written in order: a file, which writes out of order would fragment without being faster."""

    def first(self, size: int) -> Node:
        """The node limited to its first ``size`` bytes."""
        if size == self.size:
            return self
        return replace(self, options=dict(self.options, size=size), size=size)

    @property
    def name(self) -> str:
        return "json:" + json.dumps(self.options, separators=(",", ":"))


def file_node(descriptor: int, image_format: str, size: int) -> Node:
    """An open image file. QEMU opens this same file, even if its path names another file by now."""
    options: Dict[str, Any] = {
        "driver": image_format,
        "file": {"driver": "file", "filename": "/proc/self/fd/%d" % descriptor},
    }
    if image_format in (QCOW2, VMDK):
        options["backing"] = None
    return Node(options, size, (descriptor,))


def disk_node(descriptor: int, size: int, is_device: bool) -> Node:
    """A volume that is attached to this host as a device (or, on a simulated host, as a file)."""
    driver = "host_device" if is_device else "file"
    options: Dict[str, Any] = {"driver": driver, "filename": "/proc/self/fd/%d" % descriptor}
    if is_device:
        options["cache"] = {"direct": True}
    return Node({"driver": RAW, "file": options}, size, (descriptor,), direct=is_device, in_order=not is_device)


class Qemu:
    """``qemu-img`` of this host.

    :param timeout: seconds for one copy, or for one comparison.
    :param on_progress: called with the per cent that are done.
    :raises MissingProgram: it is not installed.
    """

    def __init__(
        self, timeout: float = 6 * 3600.0, on_progress: Optional[OnProgress] = None, program: str = PROGRAM
    ) -> None:
        found = shutil.which(program)
        if found is None:
            raise MissingProgram(program, "to read and write images")
        self._program = found
        self.timeout = timeout
        self.on_progress = on_progress

    # -- reading -------------------------------------------------------------------------------------------------------

    def info(self, node: Node, seconds: float = _INSPECT_SECONDS) -> Dict[str, Any]:
        """What ``qemu-img info`` reports of an image, or of a volume that it logs in to.

        :param seconds: until it is ended.
        :raises BadReply: it does not report a size.
        """
        out = self._run(["info", "--output=json"], [node], _INSPECT_MEMORY, _INSPECT_SECONDS, seconds).text
        try:
            found = json.loads(out)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("virtual-size"), int):
            raise BadReply("%s info does not report the size" % PROGRAM, said=out[:200] or None)
        return found

    def check(self, node: Node) -> None:
        """Check the structure of the image, where its format has one that can be checked.

        :raises Conflict: it is truncated or inconsistent.
        """
        if node.options["driver"] == RAW:
            return
        ended = self._run(["check", "-q"], [node], _INSPECT_MEMORY, _NO_LIMIT, self.timeout, (0, 2, 3))
        # 3: clusters that nothing refers to, which take space and do no harm
        if ended.status == 2:
            raise Conflict(
                "the image is damaged or truncated",
                said=_first_line(ended.complaint),
                hint="Download it again, and set checksum.",
            )

    def same(self, first: Node, second: Node) -> bool:
        """Whether both have the same content, over the length of the first. Reads all of that from both."""
        arguments = ["compare", "-p"] + (["-T", "none"] if first.direct or second.direct else [])
        both = [first, second.first(first.size)]
        return self._run(arguments, both, _COPY_MEMORY, _NO_LIMIT, self.timeout, (0, 1)).status == 0

    # -- copies --------------------------------------------------------------------------------------------------------

    def into(self, source: Node, target: Node) -> None:
        """Write the source over the first bytes of the target. Returns when the array has stored them.

        Zeros are sent as commands without data: the array unmaps the blocks or writes the zeros itself.
        """
        cache = "none" if target.direct else "writeback"
        arguments = ["convert", "-p", "-n", "-m", _AT_ONCE, "-t", cache, "-O", RAW]
        arguments += [] if target.in_order else ["-W"]
        self._run(arguments, [source, target.first(source.size)], _COPY_MEMORY, _NO_LIMIT, self.timeout)

    def out_of(self, source: Node, path: str, image_format: str, options: Sequence[str], compress: bool) -> None:
        """Make an image file of the source."""
        arguments = ["convert", "-p", "-m", _AT_ONCE, "-t", "writeback", "-O", image_format]
        arguments += ["-T", "none"] if source.direct else []
        arguments += ["-c"] if compress else []
        arguments += ["-o", ",".join(options)] if options else []
        # In an absolute path QEMU takes no part for a protocol.
        self._run(arguments, [source], _COPY_MEMORY, _NO_LIMIT, self.timeout, last=[os.path.abspath(path)])

    # -- running -------------------------------------------------------------------------------------------------------

    def _run(
        self,
        arguments: Sequence[str],
        nodes: Sequence[Node],
        memory: int,
        processor: int,
        seconds: float,
        codes: Sequence[int] = (0,),
        last: Sequence[str] = (),
    ) -> programs.Ended:
        descriptors = [descriptor for node in nodes for descriptor in node.descriptors]
        secret_files: List[int] = []
        objects: List[str] = []
        try:
            for name, secret in dict(pair for node in nodes for pair in node.secrets).items():
                secret_files.append(_secret_file(secret))
                objects += ["--object", "secret,id=%s,file=/proc/self/fd/%d" % (name, secret_files[-1])]
            command = [self._program, arguments[0]] + objects + list(arguments[1:])
            command += [node.name for node in nodes] + list(last)
            ended = programs.run(
                command,
                seconds,
                descriptors + secret_files,
                {"MALLOC_ARENA_MAX": "4"},
                programs.Limits(memory, processor),
                self._report_progress,
            )
        except programs.Expired:
            raise Timeout(
                "%s %s did not end within %g s" % (PROGRAM, arguments[0], seconds),
                hint="Raise copy_timeout if it needs longer.",
            ) from None
        finally:
            for descriptor in secret_files:
                os.close(descriptor)
        if ended.status not in codes:
            raise _failure(arguments[0], ended.status, ended.complaint)
        return ended

    def _report_progress(self, data: bytes) -> bytes:
        """Report the progress in this output; returns output that is not progress."""
        if self.on_progress is None or b"/100%" not in data:
            return data
        found = re.findall(rb"\(\s*([0-9.]+)/100%\)", data)
        if found:
            self.on_progress(float(found[-1]))
        return b""


def _secret_file(secret: str) -> int:
    """A descriptor of a file in memory with the secret, which is on no disk and in no process list."""
    descriptor = os.memfd_create("openflash", os.MFD_CLOEXEC)
    os.write(descriptor, secret.encode("utf-8"))
    return descriptor


_NODE = re.compile(r"'json:\{.*\}'")


def _first_line(text: str) -> Optional[str]:
    lines = [_NODE.sub("it", line).strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    # "qemu-img: Could not open 'json:{...}': what is wrong"
    return re.sub(r"^qemu-img: ", "", lines[0])[:300]


def _failure(verb: str, code: int, text: str) -> FlashError:
    said = _first_line(text)
    reason = "%s %s failed with status %d" % (PROGRAM, verb, code)
    lowered = text.lower()
    if "unknown driver 'iscsi'" in lowered or "block-iscsi" in lowered:
        return Invalid(
            "QEMU on this host has no iSCSI driver",
            said=said,
            hint="Install it (Debian and Ubuntu: qemu-block-extra; Fedora and RHEL: qemu-img-block-iscsi or "
            "qemu-block-iscsi), or set data_path: kernel.",
        )
    if "authentication failure" in lowered or "chap" in lowered:
        return Unauthorized(
            "the array does not accept the CHAP credentials of this host",
            said=said,
            hint="Set chap_username and chap_password to those that the volume has.",
        )
    if "no space left" in lowered:
        return NoSpace("there is no space left", said=said)
    if "lock" in lowered and "is another process using" in lowered:
        return Conflict(
            "another program has the image open for writing",
            said=said,
            hint="Stop that program, and run the task again.",
        )
    if "failed to connect" in lowered or "failed to log in" in lowered or "target not found" in lowered:
        return Unreachable(reason, said=said, hint="Check the network between this host and the array's portals.")
    if code < 0:
        reason = "%s %s was ended by signal %d" % (PROGRAM, verb, -code)
    return FlashError(reason, said=said)
