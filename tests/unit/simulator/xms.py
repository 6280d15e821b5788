# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A minimal client of the XtremIO API for tests. It sends what a test gives it, valid or not."""

from __future__ import annotations

from typing import Any

import requests

UNSET: Any = object()


class XmsClient:
    """A session with a simulated XMS. ``call`` returns status and decoded body, ``refused`` the code of a refusal."""

    def __init__(self, entry: dict[str, Any], api: int = 2) -> None:
        self.entry = entry
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = entry["ca_path"]
        self.session.auth = (entry["username"], entry["password"])
        self.root = f"https://{entry['address']}:{entry['port']}/api/json{'/v2' if api > 1 else ''}/types"

    def call(self, method: str, path: str, body: Any = UNSET, **query: Any) -> tuple[int, Any]:
        sent = {} if body is UNSET else {"json": body}
        answer = self.session.request(method, f"{self.root}/{path}", params=query, timeout=10, **sent)
        return answer.status_code, answer.json() if answer.content else None

    def get(self, path: str, **query: Any) -> Any:
        status, body = self.call("GET", path, **query)
        assert status == 200, body
        return body

    def show(self, path: str, **query: Any) -> dict[str, Any]:
        content: dict[str, Any] = self.get(path, **query)["content"]
        return content

    def names(self, path: str, **query: Any) -> list[str]:
        body = self.get(path, **query)
        return [row["name"] for row in next(rows for key, rows in body.items() if key != "links")]

    def post(self, path: str, body: Any, **query: Any) -> list[dict[str, Any]]:
        status, answer = self.call("POST", path, body, **query)
        assert status == 201, answer
        links: list[dict[str, Any]] = answer["links"]
        return links

    def put(self, path: str, body: Any, **query: Any) -> None:
        assert self.call("PUT", path, body, **query) == (200, None)

    def delete(self, path: str, body: Any = UNSET, **query: Any) -> None:
        assert self.call("DELETE", path, body, **query) == (200, None)

    def refused(self, method: str, path: str, body: Any = UNSET, **query: Any) -> str:
        status, answer = self.call(method, path, body, **query)
        assert status == 400, (status, answer)
        assert answer["error_code"] == 400
        message: str = answer["message"]
        return message

    # ---- objects that most tests need ------------------------------------------------------------------------------

    def volume(self, name: str, size: str = "1g") -> int:
        return index_of(self.post("volumes", {"vol-name": name, "vol-size": size})[0])

    def group(self, name: str, *addresses: str) -> int:
        number = index_of(self.post("initiator-groups", {"ig-name": name})[0])
        for address in addresses:
            self.post("initiators", {"ig-id": name, "initiator-name": address, "port-address": address})
        return number

    def map(self, volume: str, group: str, **options: Any) -> dict[str, Any]:
        links = self.post("lun-maps", {"vol-id": volume, "ig-id": group, **options})
        return self.show(f"lun-maps/{index_of(links[0])}")

    def snapshot(self, volume: str, suffix: str, **options: Any) -> int:
        body = {"volume-list": [volume], "snap-suffix": suffix, "snapshot-set-name": f"set-{suffix}", **options}
        return index_of(self.post("snapshots", body)[0])


def index_of(link: dict[str, Any]) -> int:
    return int(link["href"].rpartition("/")[2])
