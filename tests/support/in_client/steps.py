# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts share that run in a client's Python: steps that are reported, and the array's side of the story.

Imported in the environment of the client that is driven, so it needs nothing but Python. tests/support/scripts.py makes
this folder importable there, and with it nothing else of this project.
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

    def __init__(self, endpoints: str | Path, name: str) -> None:
        found = json.loads(Path(endpoints).read_text(encoding="utf-8"))
        self.entry: dict[str, Any] = found["arrays"][name]
        self._url = f"{found['control']}/arrays/{name}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """Its control port; with a body a POST, unless another method is named."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data=data, method=method)
        with self._opener.open(request, timeout=30) as answer:
            return json.loads(answer.read())

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.ask("/state")
        return state

    def volumes(self) -> dict[str, dict[str, Any]]:
        """By name."""
        return {one["name"]: one for one in self.state()["volumes"]}

    def maps(self, name: str) -> dict[str, Any]:
        """LUNs of one volume by host."""
        return {one["host"]: one.get("lun") for one in self.state()["mappings"] if one["volume"] == name}

    def reset(self) -> None:
        self.ask("/reset", {})

    def fault(self, **fault: Any) -> None:
        self.ask("/faults", fault)

    def clear(self) -> None:
        """No faults any more."""
        self.ask("/faults", method="DELETE")

    def mark(self) -> int:
        """Where its journal ends now."""
        mark: int = self.ask(f"/journal?since={1 << 60}")["last"]
        return mark

    def requests(self, since: int) -> list[dict[str, Any]]:
        """:param since: a mark."""
        return [one for one in self.ask(f"/journal?since={since}")["entries"] if one["kind"] == "request"]


class Steps:
    """Runs steps and reports each, as a line of JSON; a failed one does not keep the next from being tried."""

    def __init__(self) -> None:
        self.failed = 0

    def step(
        self,
        name: str,
        action: Callable[[], Any],
        wanted: Any = ...,
        refused: type[BaseException] | None = None,
        says: str = "",
        check: Callable[[Any], Any] | None = None,
    ) -> Any:
        """What the action returns; the error, when it must be refused and is.

        :param wanted: what must come back.
        :param refused: the kind of error that it must be refused with, in words that have ``says`` in them.
        :param check: says whether what came back is right, where that is not one value.
        """
        try:
            result = action()
            ok = refused is None and (wanted is ... or result == wanted) and (check is None or check(result))
        except Exception as error:  # noqa: BLE001  which it is, is what is judged
            ok = refused is not None and isinstance(error, refused) and says in str(error)
            self.report(name, ok, f"{type(error).__name__}: {error}")
            # From here, since a name for it would keep alive all that it holds
            return error if ok else None
        detail = ""
        if not ok and refused is not None:
            detail = f"{result!r}, but {refused.__name__} was expected"
        elif not ok:
            detail = repr(result)[:500] if wanted is ... else f"{result!r} is not {wanted!r}"
        self.report(name, ok, detail)
        return result

    def expect(self, name: str, found: Any, wanted: Any) -> None:
        self.step(name, lambda: found, wanted)

    def report(self, name: str, ok: Any, detail: Any = "") -> None:
        self.failed += not ok
        print(json.dumps({"step": name, "ok": bool(ok), "detail": detail}), flush=True)

    def status(self) -> int:
        """What the script leaves with."""
        return 1 if self.failed else 0
