# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The REST interface of the array: versions, session, tenants, envelopes, pages (sheet, section 1)."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar
from urllib.parse import quote

from ...client import side_by_side
from ...errors import BadReply, Busy, Invalid, NotFound, Unsupported
from ...transport.confirm import ATTEMPTS, AnswerLost, AnswerUnreadable, repeat
from ...transport.http import HttpTransport, Reply
from .facts import MODERN, PAGE, SMALLEST_PAGE, parse_version, tenant_path
from .refusals import Rejected, Taken, error_of, is_busy, is_expired

Entity = Dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")

HTTPS_PORT, HTTP_PORT = 7718, 7717
APIS = ("v2.2", "v2.1")
# A list that changes while it is read is read again at most this often.
READS = 5
_DRIVER = "Ansible-openflash.storage"


class Edf:
    """One array, in the API version that it and we speak, seen from one tenant.

    :ivar api: ``v2.1`` or ``v2.2``.
    :ivar version: of the array's software.
    :ivar name: of the array.
    :ivar tenant: path of the tenant that requests are about.
    """

    def __init__(self, http: HttpTransport, threads: int, tenant: str, create_tenant: bool) -> None:
        self.http = http
        self.threads = threads
        self.tenant = tenant
        self.create_tenant = create_tenant
        self.api = ""
        self.version = ""
        self.name = ""
        self._missing: Tuple[str, ...] = ()
        """The tenants, from the top, that have to be created before the first write."""
        self._login: Callable[[], None] = lambda: None

    # -- the session -------------------------------------------------------------------------------------------------

    def open(self, username: str, password: str, ldap_server: Optional[str], api: Optional[str]) -> None:
        """Settle the API version, log in, ask for the software's version and for the tenant: 3 or 4 requests."""
        credentials = {"name": username, "password": password}
        if ldap_server:
            credentials["remote_server"] = ldap_server

        def login() -> None:
            self.http.set_header("Auth-Token", None)
            reply = self.http.request(
                "PUT", "/%s/login" % self.api, json=credentials, session=True, write=False, idempotent=True
            )
            key = _document(reply, self.http.mask).get("key")
            if not key:
                raise BadReply("the array's answer to the login has no key in it")
            self.http.set_header("Auth-Token", str(key), secret=True)

        self.http.journal.hide(password)
        self.http.set_header("Datera-Driver", _DRIVER)
        self.http.busy = is_busy
        self.http.expired = is_expired
        self.http.reauthenticate = login
        self._login = login
        known = self._versions(api)
        for position, candidate in enumerate(known):
            self.api = candidate
            try:
                login()
                break
            except (Rejected, NotFound):
                # Some software lists what it does not serve, or serves what it does not list: try the next (1.6).
                if position == len(known) - 1:
                    raise
        system = self.get("/system", tenant="/root", session=True) or {}
        self.name = str(system.get("name") or "")
        self.version = str(system.get("sw_version") or "")
        parse_version(self.version)
        self._find_tenant()

    def _versions(self, asked: Optional[str]) -> List[str]:
        """The versions to try, the newest first. Old software does not know the question, and speaks 2.1 (1.6)."""
        if asked:
            wanted = "v" + asked.lstrip("v")
            if wanted not in APIS:
                raise Invalid("api_version %s is not one of %s" % (asked, ", ".join(one[1:] for one in APIS)))
            return [wanted]
        reply = self.http.request("GET", "/api_versions", session=True)
        body = reply.json_or_none()
        if not reply.ok or not isinstance(body, dict):
            return ["v2.1"] if reply.status == 400 else list(APIS)
        served = [str(one) for one in body.get("api_versions") or ()]
        known = [one for one in APIS if one in served]
        if not known:
            raise Unsupported("the array speaks the API versions %s only" % (", ".join(served) or "(none)"))
        return known

    def close(self) -> None:
        """Log out and close the connection. Never raises."""
        try:
            if any(name.lower() == "auth-token" for name in self.http.headers):
                path = "/%s/logout" % self.api
                self.http.log_out(
                    lambda: self.http.request("PUT", path, session=True, write=False, idempotent=True, timeout=5.0)
                )
        finally:
            self.http.set_header("Auth-Token", None)
            self.http.close()

    @property
    def modern(self) -> bool:
        return parse_version(self.version) >= MODERN

    @property
    def second(self) -> bool:
        """Whether API 2.2 is spoken."""
        return self.api != "v2.1"

    @property
    def policies(self) -> bool:
        """Whether placement policies can be named (2.4)."""
        return self.second and self.modern

    # -- tenants -----------------------------------------------------------------------------------------------------

    def _find_tenant(self) -> None:
        """A tenant that is not there is an error now, or is made before the first write when the task wants that."""
        parts = self.tenant.strip("/").split("/")
        missing: List[str] = []
        while len(parts) > 1:
            path = "/" + "/".join(parts)
            if self.get("/tenants" + path, tenant="/root", session=True) is not None:
                break
            missing.insert(0, path)
            parts.pop()
        if missing and not self.create_tenant:
            raise NotFound(
                "there is no tenant %s" % missing[0],
                target=missing[0],
                hint="Check tenant, or set create_tenant: true to have it created.",
            )
        self._missing = tuple(missing)

    def _make_tenants(self) -> None:
        for path in self._missing:
            parent, name = path.rsplit("/", 1)
            body = {"name": name, "parent_path": parent}
            with suppress(Taken):
                repeat(partial(self._send, "POST", "/tenants", body, tenant="/root"))
        self._missing = ()

    def seen_from(self, tenant: str) -> Edf:
        """The same session, with requests about another tenant."""
        other = Edf(self.http, self.threads, tenant_path(tenant), self.create_tenant)
        other.api, other.version, other.name = self.api, self.version, self.name
        other._find_tenant()
        return other

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, path: str, tenant: Optional[str] = None, session: bool = False) -> Any:
        """One entity, or None when it is not there."""
        if self._missing and tenant is None:
            return None
        try:
            return self._data(self._ask("GET", path, tenant=tenant, session=session))
        except NotFound:
            return None

    def list(self, path: str, search: Optional[str] = None) -> List[Entity]:
        """Every entity of a collection, page by page (1.16). A list that changes meanwhile is read again.

        :raises BadReply: the pages end before the total that the array reports.
        :raises Busy: the list changed each time it was read.
        """
        if self._missing:
            return []
        for _read in range(READS):
            found = self._read_list(path, search)
            if found is not None:
                return found
        raise Busy(
            "the list of %s changed each time it was read, so it is not known completely" % path,
            hint="Run the task again when the array is quieter.",
        )

    def _read_list(self, path: str, search: Optional[str]) -> Optional[List[Entity]]:
        """The list, or None when it changed while it was read."""
        found: Dict[str, Entity] = {}
        first: Optional[int] = None
        while True:
            page, about = self._page(path, search, len(found))
            if page is None:
                # The collection itself is not there; with a first page read, it has gone meanwhile.
                return None if found else []
            if not self.second:
                self._check_single_page(page, about, search)
                return page
            # Before 3.3 the total is counted before the filter is applied.
            total = _whole_number(about.get("total_count")) if not search or self.modern else None
            if found and total != first:
                return None
            first = total
            new = {_identity(item): item for item in page}
            if len(new) < len(page) or found.keys() & new.keys():
                return None
            found.update(new)
            if total is not None:
                if len(found) >= total:
                    return list(found.values())
                if not page:
                    raise BadReply("the array lists %d of %d objects in %s" % (len(found), total, path))
            elif len(page) < (SMALLEST_PAGE if search else 1):
                return list(found.values())

    def _page(self, path: str, search: Optional[str], offset: int) -> Tuple[Optional[List[Entity]], Entity]:
        """The entities from this offset on and what the array reports of the list; None when there is no such list."""
        query: List[Tuple[str, Any]] = []
        if search:
            query.append(("filter", search))
        if self.second:
            query += [("limit", PAGE), ("offset", offset)]
        try:
            reply = self._ask("GET", path, query)
        except NotFound:
            return None, {}
        page, about = self._data(reply), reply.json().get("metadata") or {}
        if isinstance(page, dict):
            page = list(page.values())
        if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
            raise BadReply("the answer to %s is not a list of objects" % reply.request)
        return page, about

    @staticmethod
    def _check_single_page(page: List[Entity], about: Entity, search: Optional[str]) -> None:
        """2.1 has no pages."""
        total = _whole_number(about.get("total"))
        if not search and total is not None and total > len(page):
            raise BadReply("the array lists %d of %d objects and no way to the rest" % (len(page), total))

    def side_by_side(self, call: Callable[[T], R], items: Sequence[T]) -> List[R]:
        return side_by_side(call, items, self.threads)

    # -- writing -----------------------------------------------------------------------------------------------------

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create; the entity. AnswerLost when it may have been."""
        return self._write("POST", path, body)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change to these absolute values, so that sending it twice does no harm; the entity."""
        return self._write("PUT", path, body, idempotent=True)

    def delete(self, path: str) -> None:
        """Delete; not there is fine. Sending it twice does no harm: ids are never given out again."""
        try:
            self._write("DELETE", path, {}, idempotent=True)
        except NotFound:
            return

    def _write(self, method: str, path: str, body: Mapping[str, Any], idempotent: bool = False) -> Any:
        if self._missing:
            self._make_tenants()
        return self._send(method, path, body, idempotent)

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        idempotent: bool = False,
        tenant: Optional[str] = None,
    ) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                return self._data(self._ask(method, path, body=body, idempotent=idempotent, tenant=tenant))
            except AnswerLost:
                raise
            except BadReply as error:
                # Something answered in the array's place, perhaps after the array had done it.
                if not idempotent:
                    raise AnswerUnreadable(error.reason, code=error.code, said=error.said, hint=error.hint) from None
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt raises")

    # -- the envelope ------------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        query: Sequence[Tuple[str, Any]] = (),
        body: Optional[Mapping[str, Any]] = None,
        idempotent: Optional[bool] = None,
        session: bool = False,
        tenant: Optional[str] = None,
    ) -> Reply:
        reply = self.http.request(
            method,
            "/%s%s" % (self.api, path),
            query,
            json=body,
            headers={"tenant": tenant or self.tenant},
            idempotent=idempotent,
            session=session,
        )
        if not reply.ok:
            raise error_of(reply, self.http.mask)
        return reply

    def _data(self, reply: Reply) -> Any:
        """What the envelope holds (1.13)."""
        body = _document(reply, self.http.mask)
        if "data" not in body:
            raise BadReply(
                "the answer to %s has no data in it" % reply.request,
                hint="Check that the address and port are those of the array's management service.",
            )
        return body["data"]


def _whole_number(value: Any) -> Optional[int]:
    return int(value) if str(value).isdigit() else None


def _identity(item: Entity) -> str:
    """What tells entities of one list apart."""
    return str(item.get("path") or item.get("id") or sorted(item.items(), key=str))


def _document(reply: Reply, mask: Callable[[str], str]) -> Entity:
    if not reply.ok:
        raise error_of(reply, mask)
    body = reply.json()
    if not isinstance(body, dict):
        raise BadReply("the answer to %s is not an object" % reply.request)
    return body


def key(name: str) -> str:
    """A name as a part of a path; an IQN keeps its colons, as every client of this array writes it."""
    return quote(name, safe=":")
