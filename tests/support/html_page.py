# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a page as HTML, and checks what can be checked without a browser."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input", "col"}


class Page(HTMLParser):
    """``text`` is the text of the page without its style and script."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.text = ""
        self.script = ""
        self.policy = ""
        self._open: list[str] = []
        self._ids: list[str] = []
        self._referred: list[str] = []
        self._headers = 0
        self.feed(source)
        self.close()

    def check(self) -> None:
        """The page is well formed, needs nothing from elsewhere, and its policy permits its script, or none."""
        assert self._open == []
        assert self.problems == []
        assert len(self._ids) == len(set(self._ids)), "an id occurs twice"
        assert set(self._referred) <= set(self._ids)
        digest = base64.b64encode(hashlib.sha256(self.script.encode()).digest()).decode()
        assert ("script-src" in self.policy) == bool(self.script)
        assert not self.script or f"script-src 'sha256-{digest}'" in self.policy
        assert "default-src 'none'" in self.policy

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append(tag)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if "id" in given:
            self._ids.append(given["id"])
        self._referred.extend(given.get("aria-labelledby", "").split())
        for name, value in given.items():
            if name in ("src", "srcset", "data", "action") or name.startswith("on"):
                self.problems.append(f"<{tag}> has {name}={value}")
            if name in ("href", "xlink:href"):
                if value.startswith("#"):
                    self._referred.append(value[1:])
                else:
                    self.problems.append(f"<{tag}> refers to {value}")
        if tag == "th" and "scope" not in given:
            self.problems.append("a header of a table does not say of what")
        if tag == "svg" and "aria-hidden" not in given and not {"aria-label", "aria-labelledby"} & set(given):
            self.problems.append("a drawing has no title")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> closes another element")

    def handle_data(self, data: str) -> None:
        inner = self._open[-1] if self._open else ""
        if inner == "style" and ("url(" in data or "@import" in data):
            self.problems.append("the style refers to something elsewhere")
        if inner == "script":
            self.script += data
        elif inner != "style":
            self.text += data
