# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts of this folder that run in an environment of os-brick, Nova or glance_store share."""

from __future__ import annotations

import json
import os
import site
import urllib.request
from collections.abc import Callable
from typing import Any

FAILED: list[str] = []


def obey_the_path_file() -> None:
    site.addsitedir(os.environ["OPENFLASH_SITE"])


def step(
    name: str,
    action: Callable[[], Any],
    wanted: Any = ...,
    refused: type[BaseException] | None = None,
    says: str = "",
) -> Any:
    """One step; ``wanted`` is what must come back, or it must be ``refused`` in words that have ``says`` in them."""
    result, detail = None, ""
    try:
        result = action()
    except Exception as error:
        ok = refused is not None and isinstance(error, refused) and says in str(error)
        detail = f"{type(error).__name__}: {error}"
    else:
        ok = refused is None and (wanted is ... or result == wanted)
        detail = "" if ok else f"{result!r} instead of {wanted!r}, or of {refused}"
    if not ok:
        FAILED.append(name)
    print(json.dumps({"step": name, "ok": ok, "detail": detail}), flush=True)
    return result


def status() -> int:
    return 1 if FAILED else 0


class Array:
    """A simulated array through its control API."""

    def __init__(self, endpoints: str, name: str) -> None:
        with open(endpoints, encoding="utf-8") as file:
            document = json.load(file)
        self.name = name
        self.entry: dict[str, Any] = document["arrays"][name]
        self._control = document["control"]
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._mark = 0

    def ask(self, method: str, path: str, document: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self._control}/arrays/{self.name}/{path}",
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={"Content-Type": "application/json"},
        )
        with self._opener.open(request, timeout=30) as answer:
            return json.loads(answer.read())

    def state(self) -> dict[str, Any]:
        return self.ask("GET", "state")

    def fault(self, **fault: Any) -> None:
        self.ask("POST", "faults", fault)

    def clear(self) -> None:
        self.ask("DELETE", "faults")

    def mark(self) -> None:
        self._mark = self.ask("GET", f"journal?since={1 << 60}")["last"]

    def requests(self) -> list[str]:
        """``METHOD path`` of every request since the mark."""
        entries = self.ask("GET", f"journal?since={self._mark}")["entries"]
        return [f"{one['method']} {one['path']}" for one in entries if one["kind"] == "request"]
