# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of rootwrap for the image store, and Cinder's own for the volume drivers.

    rootwrap_filters.py FOLDER

An unknown class of filters is left out with only a line in a log, and a repeated name wins silently: so the filters
that were loaded are compared with those of the file. oslo.rootwrap itself adds a filter that lets any call of
privsep-helper pass; what is judged here are the files.
"""

from __future__ import annotations

import configparser
import sys
import tempfile
from pathlib import Path

from oslo_rootwrap import wrapper
from steps import Steps

BUILT_IN = "privsep-helper"
HELPER = ["privsep-helper", "--config-file", "/etc/glance/glance-api.conf", "--privsep_context",
          "os_brick.privileged.default", "--privsep_sock_path", "/tmp/tmpabc/privsep.sock"]  # fmt: skip
HAND_OVER = ["chown", "997", "/dev/sda"]
PERMITTED = [
    HELPER,
    [*HELPER[:2], "/etc/glance/glance-api.conf.d/x.conf", *HELPER[3:]],
    HAND_OVER,
    ["chown", "0", "/dev/sdz"],
    ["chown", "997", "/dev/sdaa"],
    ["chown", "997", "/dev/dm-0"],
    ["chown", "997", "/dev/dm-123"],
]
REFUSED = [
    # Of other users' files, of more than the owner, of more than one
    ["chown", "997", "/etc/shadow"],
    ["chown", "997", "/dev/../etc/shadow"],
    ["chown", "997", "/dev/sda/../../etc/shadow"],
    ["chown", "997", "/dev/mem"],
    ["chown", "997", "/dev/vda"],
    ["chown", "997", "/dev/dm-"],
    ["chown", "997", "/dev/sda1x"],
    ["chown", "997:997", "/dev/sda"],
    ["chown", "root", "/dev/sda"],
    ["chown", "-R", "997", "/dev/sda"],
    ["chown", "997", "/dev/sda", "/etc/shadow"],
    ["chown", "997", "/dev/sda;id"],
    ["chown", "997", "/dev/sda\n/etc/shadow"],
    ["chown", "997"],
    # What older stores let be run
    ["chmod", "o+rw", "/dev/sda"],
    ["tee", "/sys/block/sda/device/rescan"],
    ["iscsiadm", "-m", "session"],
    ["sh", "-c", "id"],
    # Another context would be another service's rights; another place, another user's socket and configuration
    [*HELPER[:4], "cinder.privsep.sys_admin_pctxt", *HELPER[5:]],
    [*HELPER[:2], "/tmp/own.conf", *HELPER[3:]],
    [*HELPER[:2], "/etc/../tmp/own.conf", *HELPER[3:]],
    [*HELPER[:6], "/root/privsep.sock"],
    [*HELPER, "--debug"],
    ["/tmp/privsep-helper", *HELPER[1:]],
]


def judge(folder: Path, argv: list[str]) -> bool:
    filters = [one for one in wrapper.load_filters([str(folder)]) if one.name != BUILT_IN]
    # Where the programs are does not matter here, only that a filter takes the command.
    try:
        wrapper.match_filter(filters, argv, exec_dirs=[str(bins)])
    except wrapper.NoFilterMatched:
        return False
    return True


bins = Path(tempfile.mkdtemp(prefix="rootwrap-"))
RUN = Steps()
step = RUN.step


def main() -> int:
    folder = Path(sys.argv[1])
    for program in ("privsep-helper", "chown", "chmod", "tee", "iscsiadm", "sh"):
        (bins / program).write_text("#!/bin/sh\n")
        (bins / program).chmod(0o755)
    parser = configparser.RawConfigParser()
    parser.read(folder / "openflash.filters")
    written = sorted(name for name, _value in parser.items("Filters"))
    loaded = {one.name for one in wrapper.load_filters([str(folder)])}
    step("every filter is understood", lambda: sorted(loaded - {BUILT_IN}), written)
    for argv in PERMITTED:
        step("permitted: " + " ".join(argv), lambda argv=argv: judge(folder, argv), True)
    for argv in REFUSED:
        step("refused: " + " ".join(argv), lambda argv=argv: judge(folder, argv), False)

    # The volume drivers need what Cinder permits itself: the helper of os-brick, its own, and the conversion of images.
    own = Path(sys.prefix, "etc", "cinder", "rootwrap.d")
    for context in ("os_brick.privileged.default", "cinder.privsep.sys_admin_pctxt"):
        argv = [*HELPER[:2], "/etc/cinder/cinder.conf", HELPER[3], context, *HELPER[5:]]
        step("Cinder permits: " + context, lambda argv=argv: judge(own, argv), True)
    return RUN.status()


if __name__ == "__main__":
    sys.exit(main())
