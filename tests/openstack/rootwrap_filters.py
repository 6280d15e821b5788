# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the filters of rootwrap for the image store, and Cinder's own for the volume drivers.

    rootwrap_filters.py FOLDER

oslo.rootwrap skips an unknown class of filters with only a line in a log, and replaces a filter whose name is repeated
without a message. So the loaded filters are compared with those of the file. oslo.rootwrap itself adds a filter that
permits every call of privsep-helper; it is left out here, since the files are tested.
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
    # Other files, more than the owner, more than one file
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
    # Commands that older stores permitted
    ["chmod", "o+rw", "/dev/sda"],
    ["tee", "/sys/block/sda/device/rescan"],
    ["iscsiadm", "-m", "session"],
    ["sh", "-c", "id"],
    # Another context has another service's rights; another path is another user's socket or configuration
    [*HELPER[:4], "cinder.privsep.sys_admin_pctxt", *HELPER[5:]],
    [*HELPER[:2], "/tmp/own.conf", *HELPER[3:]],
    [*HELPER[:2], "/etc/../tmp/own.conf", *HELPER[3:]],
    [*HELPER[:6], "/root/privsep.sock"],
    [*HELPER, "--debug"],
    ["/tmp/privsep-helper", *HELPER[1:]],
]


def judge(folder: Path, argv: list[str]) -> bool:
    filters = [
        rootwrap_filter for rootwrap_filter in wrapper.load_filters([str(folder)]) if rootwrap_filter.name != BUILT_IN
    ]
    # The folder of the programs does not matter here, only whether a filter permits the command.
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
    loaded = {rootwrap_filter.name for rootwrap_filter in wrapper.load_filters([str(folder)])}
    step("every filter is understood", lambda: sorted(loaded - {BUILT_IN}), written)
    for argv in PERMITTED:
        step("permitted: " + " ".join(argv), lambda argv=argv: judge(folder, argv), True)
    for argv in REFUSED:
        step("refused: " + " ".join(argv), lambda argv=argv: judge(folder, argv), False)

    # The volume drivers need only what Cinder's own filters permit: the helper of os-brick, and its own.
    cinder_filters = Path(sys.prefix, "etc", "cinder", "rootwrap.d")
    for context in ("os_brick.privileged.default", "cinder.privsep.sys_admin_pctxt"):
        argv = [*HELPER[:2], "/etc/cinder/cinder.conf", HELPER[3], context, *HELPER[5:]]
        step("Cinder permits: " + context, lambda argv=argv: judge(cinder_filters, argv), True)
    return RUN.status()


if __name__ == "__main__":
    sys.exit(main())
