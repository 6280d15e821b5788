# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers what oslo.config reads in a configuration file: one JSON request per line, one JSON answer per line.

Runs in the environment of a client that has oslo.config. A request is the text of a file; its answer is
``{"sections": ...}``, with the names of sections as oslo.config uses them, or ``{"error": ...}``. Or a request is
``{"text": ..., "options": {GROUP: [NAME, ...]}}``; its answer has the values that a service reads for these options of
type string: ``{GROUP: {NAME: value}}``.
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


def read(path: Path, options: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    conf = cfg.ConfigOpts()
    for group, names in options.items():
        conf.register_opts([cfg.StrOpt(name) for name in names], group=None if group == "DEFAULT" else group)
    conf(["--config-file", str(path)], project="test", default_config_dirs=[])
    return {
        group: {name: getattr(conf if group == "DEFAULT" else conf[group], name.replace("-", "_")) for name in names}
        for group, names in options.items()
    }


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.conf"
        for line in sys.stdin:
            question = json.loads(line)
            text = question if isinstance(question, str) else question["text"]
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
            answer = parse(path) if isinstance(question, str) else read(path, question["options"])
            print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
