# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts in a third-party client's Python share: steps that are reported, and the state of a simulated array.

It is imported in the client's own environment, so it needs nothing but Python. tests/support/scripts.py makes this
folder importable there, and nothing else of this project.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

GIB = 1 << 30


def connector(number: int, multipath: bool = True) -> dict[str, Any]:
    """The connector of a compute host, as os-brick reports it to Cinder."""
    return {
        "host": f"compute-{number}",
        "ip": "127.0.0.1",
        "multipath": multipath,
        "initiator": f"iqn.1994-05.com.example:compute{number}",
        "wwpns": [f"1000000000{number:02x}000{port}" for port in (1, 2)],
        "wwnns": [f"2000000000{number:02x}000{port}" for port in (1, 2)],
    }


class SimulatedArray:
    """A simulated array as its control port reports it, beside the protocol that is under test.

    :ivar entry: its entry in endpoints.json.
    """

    def __init__(self, endpoints: str | Path, name: str) -> None:
        document = json.loads(Path(endpoints).read_text(encoding="utf-8"))
        self.entry: dict[str, Any] = document["arrays"][name]
        self._url = f"{document['control']}/arrays/{name}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """One request to its control port: a POST when there is a body, unless a method is given."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data=data, method=method)
        with self._opener.open(request, timeout=30) as answer:
            return json.loads(answer.read())

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.ask("/state")
        return state

    def volumes(self) -> dict[str, dict[str, Any]]:
        """The volumes by name."""
        return {row["name"]: row for row in self.state()["volumes"]}

    def maps(self, name: str) -> dict[str, Any]:
        """The LUNs of one volume by host."""
        return {row["host"]: row.get("lun") for row in self.state()["mappings"] if row["volume"] == name}

    def reset(self) -> None:
        self.ask("/reset", {})

    def fault(self, **fault: Any) -> None:
        self.ask("/faults", fault)

    def clear(self) -> None:
        """Remove all faults."""
        self.ask("/faults", method="DELETE")

    def mark(self) -> int:
        """The number of the journal's last entry."""
        mark: int = self.ask(f"/journal?since={1 << 60}")["last"]
        return mark

    def requests(self, since: int) -> list[dict[str, Any]]:
        """The requests that the array received. :param since: a mark."""
        return [row for row in self.ask(f"/journal?since={since}")["entries"] if row["kind"] == "request"]


class Steps:
    """Runs steps and reports each as a line of JSON. The steps after a failed one are run too."""

    def __init__(self) -> None:
        self.failed = 0

    def step(
        self,
        name: str,
        action: Callable[[], Any],
        expected: Any = ...,
        refused: type[BaseException] | None = None,
        message: str = "",
        check: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Run an action. Returns its result, or the error when it was refused as expected.

        :param expected: the result that it must have.
        :param refused: the exception that it must raise.
        :param message: a part of the exception's text.
        :param check: whether a result is right, where that is not one value.
        """
        try:
            result = action()
            passed = refused is None and (expected is ... or result == expected) and (check is None or check(result))
        except Exception as error:  # noqa: BLE001  any exception is a result of the step
            passed = refused is not None and isinstance(error, refused) and message in str(error)
            self.report(name, passed, f"{type(error).__name__}: {error}")
            # Returned here, since a variable for it would keep alive everything that its traceback refers to
            return error if passed else None
        detail = ""
        if not passed and refused is not None:
            detail = f"{result!r}, but {refused.__name__} was expected"
        elif not passed:
            detail = repr(result)[:500] if expected is ... else f"{result!r} is not {expected!r}"
        self.report(name, passed, detail)
        return result

    def expect(self, name: str, value: Any, expected: Any) -> None:
        self.step(name, lambda: value, expected)

    def report(self, name: str, passed: Any, detail: Any = "") -> None:
        self.failed += not passed
        print(json.dumps({"step": name, "ok": bool(passed), "detail": detail}), flush=True)

    def status(self) -> int:
        """The exit status of the script."""
        return 1 if self.failed else 0
