# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts of this folder share: steps that are reported one by one, and the array's side of the story.

Imported in the environment of the client that is driven, so it needs nothing but Python.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

GIB = 1 << 30


class SimulatedArray:
    """What a simulated array says of itself, past the protocol that is under test.

    :ivar entry: its entry in endpoints.json.
    """

    def __init__(self, endpoints: Path, name: str) -> None:
        found = json.loads(endpoints.read_text(encoding="utf-8"))
        self.entry: dict[str, Any] = found["arrays"][name]
        self._url = f"{found['control']}/arrays/{name}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, path: str, body: Any = None) -> Any:
        """Its control port; with a body a POST."""
        data = None if body is None else json.dumps(body).encode()
        with self._opener.open(urllib.request.Request(self._url + path, data=data), timeout=10) as answer:
            return json.loads(answer.read())

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.ask("/state")
        return state


class Steps:
    """Runs steps and reports each, as a line of JSON; a failed one does not keep the next from being tried."""

    def __init__(self) -> None:
        self.failed = 0

    def step(self, name: str, action: Callable[[], Any], refused: type[Exception] | None = None) -> Any:
        """What the action returns; None when it raises, which is right when that is how it must be refused."""
        result: Any = None
        detail = ""
        try:
            result = action()
        except Exception as error:
            ok = refused is not None and isinstance(error, refused)
            detail = type(error).__name__ if ok else f"{type(error).__name__}: {error}"
        else:
            ok = refused is None
            detail = "" if ok else f"accepted, but {refused.__name__ if refused else ''} was expected"
        self.report(name, ok, detail)
        return result

    def expect(self, name: str, found: Any, wanted: Any) -> None:
        self.report(name, found == wanted, "" if found == wanted else f"{found!r} is not {wanted!r}")

    def report(self, name: str, ok: bool, detail: str) -> None:
        self.failed += not ok
        print(json.dumps({"step": name, "ok": ok, "detail": detail}), flush=True)
