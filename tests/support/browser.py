# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chromium without a window, driven by its DevTools protocol over a pipe.

with Browser(folder) as browser:
    browser.open(path, width=390, dark=True)
    assert browser.problems == []
    assert browser.evaluate("document.title") == "Flash arrays"
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

TOOLS = {"chromium": "chromium"}
"""The program, and the Debian package that has it: see debian.need_tools."""
DEADLINE = 120.0
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)
# The descriptors over which Chromium reads commands and writes answers have fixed numbers
START = 'in=$1 out=$2; shift 2; exec "$@" 3<&"$in" 4>&"$out"'


class Browser:
    """One page of a browser. ``problems`` has what its console reports of the page, and every request but that for it.

    :param folder: for the browser's own files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._number = 0
        self._buffer = b""
        self._events: list[dict[str, Any]] = []
        self._session = ""
        self._url = ""
        self.problems: list[str] = []

    def __enter__(self) -> Browser:
        read_here, self._write_there = os.pipe()
        read_there, write_here = os.pipe()
        self._write, self._read = write_here, read_here
        ends = (read_there, self._write_there)
        command = ["bash", "-c", START, "bash", str(read_there), str(self._write_there), "chromium", *OPTIONS]
        try:
            self._process = subprocess.Popen(
                [*command, f"--user-data-dir={self._folder}", "about:blank"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=ends,
                env={**os.environ, "HOME": str(self._folder)},
                start_new_session=True,
            )
        finally:
            for end in ends:
                os.close(end)
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process is not None
        # With the processes that it has started
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        os.close(self._write)
        os.close(self._read)

    def open(self, path: Path, *, width: int, height: int = 900, dark: bool = False, scripts: bool = True) -> None:
        """Load a file, and forget the problems of the one before."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._call("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        self._events.clear()
        self.problems.clear()
        self._url = path.resolve().as_uri()
        self._call("Page.navigate", {"url": self._url})
        self._until(lambda: any(event["method"] == "Page.loadEventFired" for event in self._events))

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page."""
        answer = self._call("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def _call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params or {}}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answers: list[dict[str, Any]] = []

        def answered() -> bool:
            answers.extend(event for event in self._events if event.get("id") == number)
            return bool(answers)

        self._until(answered)
        self._events = [event for event in self._events if "id" not in event]
        assert "error" not in answers[0], answers[0]
        result: dict[str, Any] = answers[0]["result"]
        return result

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            ready, _writable, _odd = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._read, 1 << 16) if ready else b""
            assert data, "chromium does not answer"
            *messages, self._buffer = (self._buffer + data).split(b"\0")
            for text in messages:
                self._receive(json.loads(text))

    def _receive(self, message: dict[str, Any]) -> None:
        message.setdefault("method", "")
        self._events.append(message)
        params = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"]))
        elif message["method"] == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])
        elif message["method"] == "Runtime.consoleAPICalled":
            self.problems.append(json.dumps(params["args"]))
        elif message["method"] == "Network.requestWillBeSent" and params["request"]["url"] != self._url:
            self.problems.append(f"request for {params['request']['url']}")
