# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The session with the array: API version, login, tenants, envelopes and pages (sheet, section 1)."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar
from urllib.parse import quote

from ...client import read_unchanged, side_by_side
from ...errors import BadReply, Invalid, NotFound, Unauthorized, Unsupported
from ...transport.confirm import ATTEMPTS, AnswerLost, AnswerUnreadable, repeat
from ...transport.http import HttpTransport
from ...transport.http_reply import Reply
from ...units import whole_number
from .ledger import AFTER_EXPIRY, MODERN, PAGE_SIZE
from .names import parse_version, tenant_path
from .refusals import NameTaken, Rejected, SessionEnded, error_of, is_busy, is_expired

Entity = Dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S", bound="EdfSession")

HTTPS_PORT, HTTP_PORT = 7718, 7717
APIS = ("v2.2", "v2.1")
_DRIVER = "Ansible-openflash.storage"


class EdfSession:
    """A session with one array, in an API version that both sides have. Requests are about one tenant.

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
        """Choose the API version, log in, read the version of the software and the tenant: 3 or 4 requests."""
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
                # Some software lists versions that it does not serve, or does not list one that it serves (1.6).
                if position == len(known) - 1:
                    raise
        system = self.get("/system", tenant="/root", session=True) or {}
        if not isinstance(system, dict):
            raise BadReply("the array's answer about the system is not an object")
        self.name = str(system.get("name") or "")
        self.version = str(system.get("sw_version") or "")
        parse_version(self.version)
        self._find_tenant()

    def _versions(self, requested: Optional[str]) -> List[str]:
        """The API versions to try, the newest first. Old software has no list of them, and has 2.1 (1.6)."""
        if requested:
            version = "v" + requested.lstrip("v")
            if version not in APIS:
                raise Invalid("api_version %s is not one of %s" % (requested, ", ".join(known[1:] for known in APIS)))
            return [version]
        reply = self.http.request("GET", "/api_versions", session=True)
        body = reply.json_or_none()
        if not reply.ok or not isinstance(body, dict):
            return ["v2.1"] if reply.status == 400 else list(APIS)
        versions = body.get("api_versions")
        served = [str(version) for version in versions] if isinstance(versions, list) else []
        known = [version for version in APIS if version in served]
        if not known:
            raise Unsupported("the array has the API versions %s only" % (", ".join(served) or "(none)"))
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
        """Whether the software has the later routes and rules (1.12)."""
        return parse_version(self.version) >= MODERN

    @property
    def second(self) -> bool:
        """Whether the API version is 2.2."""
        return self.api != "v2.1"

    @property
    def policies(self) -> bool:
        """Whether the array has placement policies (2.4)."""
        return self.second and self.modern

    # -- tenants -----------------------------------------------------------------------------------------------------

    def _find_tenant(self) -> None:
        """Check that the tenant exists. With ``create_tenant`` the missing ones are created before the first write."""
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
            with suppress(NameTaken):
                repeat(partial(self._send, "POST", "/tenants", body, tenant="/root"))
        self._missing = ()

    def for_tenant(self: S, tenant: str) -> S:
        """This session, with requests about another tenant."""
        other = type(self)(self.http, self.threads, tenant_path(tenant), self.create_tenant)
        other.api, other.version, other.name = self.api, self.version, self.name
        other._find_tenant()
        return other

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, path: str, tenant: Optional[str] = None, session: bool = False) -> Any:
        """One entity, or None when it does not exist, which only HTTP status 404 says (1.14)."""
        if self._missing and tenant is None:
            return None
        try:
            found = self._data(self._ask("GET", path, tenant=tenant, session=session))
        except NotFound:
            return None
        if found is None:
            raise BadReply("the answer to GET %s has no data in it" % path)
        return found

    def list(self, path: str, search: Optional[str] = None, tenant: Optional[str] = None) -> List[Entity]:
        """Every entity of a collection, page by page (1.16). A list that changes while it is read is read again.

        :raises BadReply: the pages end before the total that the array reports.
        :raises Busy: the list changed each time it was read.
        """
        if self._missing:
            return []
        return read_unchanged(path, lambda: self._read_list(path, search, tenant))

    def _read_list(self, path: str, search: Optional[str], tenant: Optional[str]) -> Optional[List[Entity]]:
        """The list, or None when it changed while it was read."""
        found: Dict[str, Entity] = {}
        first_total: Optional[int] = None
        while True:
            page, metadata = self._page(path, search, len(found), tenant)
            if page is None and tenant is not None:
                raise NotFound("the array has no %s for tenant %s" % (path, tenant))
            if page is None:
                # The collection does not exist; after a first page this means that it was deleted. Where the total is
                # not known, it may also be how the array answers beyond the last page.
                return None if found and first_total is not None else list(found.values())
            if not self.second:
                self._check_single_page(page, metadata, search)
                return page
            # Software before 3.3 counts the total before it applies the filter.
            total = whole_number(metadata.get("total_count")) if not search or self.modern else None
            if found and total != first_total:
                return None
            first_total = total
            new = {_identity(item): item for item in page}
            if len(new) < len(page) or found.keys() & new.keys():
                return None
            found.update(new)
            if total is not None:
                if len(found) >= total:
                    return list(found.values())
                if not page:
                    raise BadReply("the array lists %d of %d objects in %s" % (len(found), total, path))
            elif not page:
                return list(found.values())

    def _page(
        self, path: str, search: Optional[str], offset: int, tenant: Optional[str] = None
    ) -> Tuple[Optional[List[Entity]], Entity]:
        """The entities from this offset on, None when there is no such list; and the metadata of the list."""
        query: List[Tuple[str, Any]] = []
        if search:
            query.append(("filter", search))
        if self.second:
            query += [("limit", PAGE_SIZE.value), ("offset", offset)]
        try:
            reply = self._ask("GET", path, query, tenant=tenant)
        except NotFound:
            return None, {}
        # 1.13: only lists have metadata, and not all of them.
        page, metadata = self._data(reply), reply.json().get("metadata") or {}
        if not isinstance(metadata, dict):
            raise BadReply("the metadata in the answer to %s is not an object" % reply.request)
        if isinstance(page, dict):
            page = list(page.values())
        if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
            raise BadReply("the answer to %s is not a list of objects" % reply.request)
        return page, metadata

    @staticmethod
    def _check_single_page(page: List[Entity], metadata: Entity, search: Optional[str]) -> None:
        """Check that the list is complete. 2.1 has no pages."""
        total = whole_number(metadata.get("total"))
        if not search and total is not None and total > len(page):
            raise BadReply("the array lists %d of %d objects and has no further page" % (len(page), total))

    def side_by_side(self, call: Callable[[T], R], items: Sequence[T]) -> List[R]:
        return side_by_side(call, items, self.threads)

    # -- writing -----------------------------------------------------------------------------------------------------

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create, and return the entity. Raises AnswerLost when it may have been created."""
        return self._write("POST", path, body)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Set these absolute values, and return the entity. The request may be sent twice."""
        return self._write("PUT", path, body, idempotent=True)

    def put_once(self, path: str, body: Mapping[str, Any]) -> Any:
        """As ``put``, for what must not be done twice. Raises AnswerLost when it may have been done."""
        return self._write("PUT", path, body, once=True)

    def post_once(self, path: str, body: Mapping[str, Any]) -> Any:
        """As ``post``, but it is not sent again after the session has ended: AnswerLost is raised."""
        return self._write("POST", path, body, once=True)

    def delete(self, path: str) -> None:
        """Delete what may be deleted already. The request may be sent twice: an id is never used again."""
        try:
            self._write("DELETE", path, {}, idempotent=True)
        except NotFound:
            return

    def _write(
        self, method: str, path: str, body: Mapping[str, Any], idempotent: bool = False, once: bool = False
    ) -> Any:
        if self._missing:
            self._make_tenants()
        return self._send(method, path, body, idempotent, once=once)

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        idempotent: bool = False,
        tenant: Optional[str] = None,
        once: bool = False,
    ) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                return self._data(self._ask(method, path, body=body, idempotent=idempotent, tenant=tenant, once=once))
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
        once: bool = False,
    ) -> Reply:
        try:
            reply = self.http.request(
                method,
                "/%s%s" % (self.api, path),
                query,
                json=body,
                headers={"tenant": tenant or self.tenant},
                idempotent=idempotent,
                session=session,
                repeat_after_login=not once,
            )
        except Unauthorized as error:
            if not once:
                raise
            self._login()
            raise SessionEnded(
                "the session ended, and whether the array made the change is not known",
                code=error.code,
                said=error.said,
                hint="Check the object on the array, and run the task again.",
                assumption=AFTER_EXPIRY.id,
            ).with_timeout(self.http.timeout) from None
        if not reply.ok:
            raise error_of(reply, self.http.mask, method, body)
        return reply

    def _data(self, reply: Reply) -> Any:
        """The data in the envelope of an answer (1.13)."""
        body = _document(reply, self.http.mask)
        if "data" not in body:
            raise BadReply(
                "the answer to %s has no data in it" % reply.request,
                hint="Check that the address and port are those of the array's management service.",
            )
        return body["data"]


def _identity(item: Entity) -> str:
    """What identifies an entity within one list."""
    return str(item.get("path") or item.get("id") or sorted(item.items(), key=str))


def _document(reply: Reply, mask: Callable[[str], str]) -> Entity:
    """The body of a success. Raises the error that any other answer stands for."""
    if not reply.ok:
        raise error_of(reply, mask)
    body = reply.json()
    if not isinstance(body, dict):
        raise BadReply("the answer to %s is not an object" % reply.request)
    return body


def key(name: str) -> str:
    """A name as a part of a path. An IQN keeps its colons, as in all clients of this array."""
    return quote(name, safe=":")
