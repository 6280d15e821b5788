# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests of an Example 100, and what its refusals mean."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Type

from ...errors import Busy, Conflict, FlashError, InUse, NoSpace, NotFound
from ...transport.http import HttpTransport
from ...transport.http_reply import Reply

Row = Dict[str, Any]
"""One object as the array sends it."""


class NameTaken(Conflict):
    """Another object has the name."""


class AlreadyMapped(Conflict):
    """The host has the volume already."""


_REFUSALS: Dict[str, Tuple[Type[FlashError], str]] = {
    "not_found": (NotFound, "the array does not have the object"),
    "name_taken": (NameTaken, "another object has the name"),
    "already_mapped": (AlreadyMapped, "the host has the volume already"),
    "lun_taken": (Conflict, "the host has another volume at that LUN"),
    "initiator_taken": (Conflict, "another host has the initiator"),
    "in_use": (InUse, "another object needs it"),
    "no_space": (NoSpace, "the array has no room for it"),
    "busy": (Busy, "the array stayed busy until wait_timeout had passed"),
}


class Session:
    """The requests. The password goes with each of them, so there is nothing to log in to."""

    def __init__(self, http: HttpTransport, root: str) -> None:
        self.http = http
        self._root = root
        http.busy = lambda reply: _code(reply) == "busy"

    def array(self, session: bool = False) -> Row:
        return self._send("GET", "/array", session=session)

    def rows(self, kind: str) -> Tuple[Row, ...]:
        """All objects of a kind: volumes, snapshots, hosts or mappings."""
        return tuple(self._send("GET", "/" + kind)["items"])

    def create(self, kind: str, body: Row) -> Row:
        """The new object."""
        return self._send("POST", "/" + kind, body)

    def change(self, kind: str, number: str, body: Row) -> Row:
        """The changed object. The body has new values, not differences, so it may be sent twice."""
        return self._send("PATCH", "/%s/%s" % (kind, number), body, idempotent=True)

    def delete(self, kind: str, number: str) -> None:
        """An object that is not there is deleted already."""
        try:
            self._send("DELETE", "/%s/%s" % (kind, number), idempotent=True)
        except NotFound:
            pass

    def _send(
        self,
        method: str,
        path: str,
        body: Optional[Row] = None,
        session: bool = False,
        idempotent: Optional[bool] = None,
    ) -> Row:
        reply = self.http.request(method, self._root + path, json=body, session=session, idempotent=idempotent)
        if reply.status < 400:
            return dict(reply.json() or {})
        code = _code(reply)
        kind, reason = _REFUSALS.get(code, (FlashError, "the array refused %s" % reply.request))
        raise kind(reason, array=self.http.address, code=code or str(reply.status))


def _code(reply: Reply) -> str:
    body = reply.json_or_none() if reply.status >= 400 else None
    return str(body.get("code") or "") if isinstance(body, dict) else ""
