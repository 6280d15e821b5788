# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cinder's function that downloads an image, called in two native threads, one after the other; no driver is involved.

Cinder hands the file to eventlet's pool of threads. The pool answers the hub of the thread that used it first, and the
second thread waits for its answer in a hub of its own.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any

from cinder.cmd import volume  # noqa: F401  like that program, on native threads where the environment says so
from cinder.image import image_utils
from steps import Steps

# A thread that does not hang needs milliseconds.
PATIENCE = 30


class ImageService:
    def download(self, context: Any, image: str, file: Any) -> None:
        file.write(image.encode())


def fetch(image: str, path: Path) -> None:
    image_utils.fetch(None, ImageService(), image, str(path), None, None)


def main() -> int:
    folder = Path(tempfile.mkdtemp())
    steps = Steps()
    for image in ("first", "second"):
        thread = threading.Thread(target=fetch, args=(image, folder / image), daemon=True)
        thread.start()
        thread.join(PATIENCE)
        frame = sys._current_frames().get(thread.ident or 0)
        where = [one.filename for one in traceback.extract_stack(frame)] if thread.is_alive() else []
        in_eventlet = any("eventlet" in name for name in where)
        steps.report(image, True, {"content": (folder / image).read_text(), "waits in eventlet": in_eventlet})
    # The pool has threads that do not end.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
