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

_CONTRAST = """
(() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = numbers(color).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if (numbers(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length || element.closest("svg, script")) continue;
    seen += 1;
    const [a, b] = [getComputedStyle(element).color, behind(element)].map(light).sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found[element.className + " " + element.tagName] = ratio;
  }
  return [seen, found];
})()
"""
"""How many texts the page has, and those whose contrast is less than WCAG 2.1 AA demands, by class and element."""

_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_CUT = """
[...document.querySelectorAll("section")].filter((section) => section.scrollWidth > section.clientWidth)
  .map((section) => section.getAttribute("aria-labelledby"))
"""
"""The sections with something that is wider than they are, but for tables that have their own place to scroll."""

_BROKEN = """
(() => {
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest("svg, script")) continue;
    for (const word of node.data.matchAll(/[A-Za-z0-9]+/g)) {
      const text = node.data.slice(0, word.index).match(/\\S*$/)[0] + node.data.slice(word.index).match(/^\\S*/)[0];
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map((line) => line.top));
      if (text.length < 16 && lines.size > 1) found.add(word[0]);
    }
  }
  return [...found];
})()
"""
"""The words that are broken although they would fit into a line, but for parts of long names."""


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

    def readable_texts(self) -> int:
        """How many texts the page has. AssertionError for a problem, an overflow, a broken word, or little contrast."""
        assert self.problems == [], self.problems
        for expression, found in ((_OVERFLOW, "it is too wide"), (_CUT, "cut off"), (_BROKEN, "broken words")):
            value = self.evaluate(expression)
            assert not value, f"{found}: {value}"
        seen, weak = self.evaluate(_CONTRAST)
        assert weak == {}, weak
        return int(seen)

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
