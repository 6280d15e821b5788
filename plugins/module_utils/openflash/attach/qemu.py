# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``qemu-img``, run so that an image can do no harm: every node is spelled out, so nothing is guessed from content.

What it opens is a JSON description with the format, without a backing file, over a file descriptor that was opened and
looked at here. It has limits on memory and time, and ends with this process, however that ends. ``-U``, which reads an
image that another program writes, is never given.
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
Told = Callable[[float], None]
"""Called with per cent."""

# Bytes of memory and seconds of processor time to look at an image, whoever made it
_LOOK_MEMORY, _LOOK_SECONDS = 1 * GIB, 30
# To copy one: many requests at once, and threads that each reserve room for a stack
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
    """A device whose bytes must not stay in this host's memory."""
    in_order: bool = False
    """A file, which writes out of order would scatter, and not make faster."""

    def first(self, size: int) -> Node:
        """Only its first bytes."""
        if size == self.size:
            return self
        return replace(self, options=dict(self.options, size=size), size=size)

    @property
    def name(self) -> str:
        return "json:" + json.dumps(self.options, separators=(",", ":"))


def file_node(descriptor: int, image_format: str, size: int) -> Node:
    """An image file that is open; QEMU opens the same file again, also when its name leads elsewhere by now."""
    options: Dict[str, Any] = {
        "driver": image_format,
        "file": {"driver": "file", "filename": "/proc/self/fd/%d" % descriptor},
    }
    if image_format in (QCOW2, VMDK):
        options["backing"] = None
    return Node(options, size, (descriptor,))


def disk_node(descriptor: int, size: int, is_device: bool) -> Node:
    """A volume that this host has as a device (or, on a simulated host, as a file)."""
    driver = "host_device" if is_device else "file"
    below: Dict[str, Any] = {"driver": driver, "filename": "/proc/self/fd/%d" % descriptor}
    if is_device:
        below["cache"] = {"direct": True}
    return Node({"driver": RAW, "file": below}, size, (descriptor,), direct=is_device, in_order=not is_device)


class Qemu:
    """:param timeout: seconds for one copy, or for one comparison.
    :param tell: called with per cent as it goes on.
    """

    def __init__(self, timeout: float = 6 * 3600.0, tell: Optional[Told] = None, program: str = PROGRAM) -> None:
        found = shutil.which(program)
        if found is None:
            raise MissingProgram(program, "to read and write images")
        self._program = found
        self.timeout = timeout
        self.tell = tell

    # -- questions -----------------------------------------------------------------------------------------------------

    def info(self, node: Node, seconds: float = _LOOK_SECONDS) -> Dict[str, Any]:
        """What ``qemu-img info`` reports of an image, or of a volume that it logs in to."""
        out = self._run(["info", "--output=json"], [node], _LOOK_MEMORY, _LOOK_SECONDS, seconds).text
        try:
            found = json.loads(out)
        except ValueError:
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("virtual-size"), int):
            raise BadReply("%s info does not tell the size" % PROGRAM, said=out[:200] or None)
        return found

    def check(self, node: Node) -> None:
        """Conflict when the image is cut off or inconsistent, as far as its format tells."""
        if node.options["driver"] == RAW:
            return
        ended = self._run(["check", "-q"], [node], _LOOK_MEMORY, _NO_LIMIT, self.timeout, (0, 2, 3))
        # 3: clusters that nothing refers to, which cost room and harm nothing
        if ended.status == 2:
            raise Conflict(
                "the image is damaged or cut off",
                said=_first_line(ended.complaint),
                hint="Fetch it again, and give its checksum.",
            )

    def same(self, one: Node, other: Node) -> bool:
        """Whether both hold the same, over the length of the first. Reads all of both."""
        words = ["compare", "-p"] + (["-T", "none"] if one.direct or other.direct else [])
        both = [one, other.first(one.size)]
        return self._run(words, both, _COPY_MEMORY, _NO_LIMIT, self.timeout, (0, 1)).status == 0

    # -- copies --------------------------------------------------------------------------------------------------------

    def into(self, source: Node, target: Node) -> None:
        """Write the source over the first bytes of the target, and have the array keep them before returning.

        Zeros are sent as commands without data: the array unmaps the blocks or writes the zeros itself.
        """
        cache = "none" if target.direct else "writeback"
        words = ["convert", "-p", "-n", "-m", _AT_ONCE, "-t", cache, "-O", RAW]
        words += [] if target.in_order else ["-W"]
        self._run(words, [source, target.first(source.size)], _COPY_MEMORY, _NO_LIMIT, self.timeout)

    def out_of(self, source: Node, path: str, image_format: str, options: Sequence[str], compress: bool) -> None:
        """Make an image file. The path is absolute, so no part of it is taken for a protocol."""
        words = ["convert", "-p", "-m", _AT_ONCE, "-t", "writeback", "-O", image_format]
        words += ["-T", "none"] if source.direct else []
        words += ["-c"] if compress else []
        words += ["-o", ",".join(options)] if options else []
        self._run(words, [source], _COPY_MEMORY, _NO_LIMIT, self.timeout, last=[os.path.abspath(path)])

    # -- running -------------------------------------------------------------------------------------------------------

    def _run(
        self,
        words: Sequence[str],
        nodes: Sequence[Node],
        memory: int,
        processor: int,
        seconds: float,
        codes: Sequence[int] = (0,),
        last: Sequence[str] = (),
    ) -> programs.Ended:
        descriptors = [one for node in nodes for one in node.descriptors]
        held: List[int] = []
        objects: List[str] = []
        try:
            for name, secret in dict(pair for node in nodes for pair in node.secrets).items():
                held.append(_hidden(secret))
                objects += ["--object", "secret,id=%s,file=/proc/self/fd/%d" % (name, held[-1])]
            command = [self._program, words[0]] + objects + list(words[1:])
            command += [node.name for node in nodes] + list(last)
            ended = programs.run(
                command,
                seconds,
                descriptors + held,
                {"MALLOC_ARENA_MAX": "4"},
                programs.Limits(memory, processor),
                self._told,
            )
        except programs.Expired:
            raise Timeout(
                "%s %s did not end within %g s" % (PROGRAM, words[0], seconds),
                hint="Raise copy_timeout if it needs longer.",
            ) from None
        finally:
            for one in held:
                os.close(one)
        if ended.status not in codes:
            raise _failure(words[0], ended.status, ended.complaint)
        return ended

    def _told(self, data: bytes) -> bytes:
        """Report progress; what is not progress is kept."""
        if self.tell is None or b"/100%" not in data:
            return data
        found = re.findall(rb"\(\s*([0-9.]+)/100%\)", data)
        if found:
            self.tell(float(found[-1]))
        return b""


def _hidden(secret: str) -> int:
    """A secret that only a child sees that is handed the descriptor: on no disk, in no list of processes."""
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
        return NoSpace("there is no room left", said=said)
    if "lock" in lowered and "is another process using" in lowered:
        return Conflict("another program has the image open for writing", said=said, hint="Stop it, and run it again.")
    if "failed to connect" in lowered or "failed to log in" in lowered or "target not found" in lowered:
        return Unreachable(reason, said=said, hint="Look at the network between this host and the array's portals.")
    if code < 0:
        reason = "%s %s was ended by signal %d" % (PROGRAM, verb, -code)
    return FlashError(reason, said=said)
