# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What oslo.config itself reads in a file: one question per line, the text of a file; one answer per line.

Runs in the environment of a client that has oslo.config. The answer is ``{"sections": ...}``, with the names of
sections as oslo.config looks them up, or ``{"error": ...}``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from oslo_config import cfg


def parse(path: Path) -> dict[str, Any]:
    sections: dict[str, Any] = {}
    try:
        parser = cfg.ConfigParser(str(path), {})
        parser._normalized = sections
        parser.parse()
    except cfg.ParseError as error:
        return {"error": str(error)}
    return {"sections": sections}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.conf"
        for line in sys.stdin:
            path.write_bytes(json.loads(line).encode("utf-8", "surrogateescape"))
            print(json.dumps(parse(path)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
