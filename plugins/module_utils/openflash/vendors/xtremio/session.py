# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The session with an XMS, v1 and v2: version, cluster, filters, and the envelope (sheet, sections 1 and 2)."""

from __future__ import annotations

import re
from typing import Any, Callable, Container, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, TypeVar
from urllib.parse import quote_plus

from ...client import side_by_side
from ...errors import BadReply, FlashError, Invalid, NotFound, Unsupported
from ...transport.confirm import AnswerLost, AnswerUnreadable
from ...transport.http import HttpTransport
from ...transport.http_reply import Reply
from .ledger import FILTER_TERMS, LINE_LONGEST
from .refusals import error_of, is_busy, message_of

Object = Dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")
Session = TypeVar("Session", bound="XmsSession")

# Section 2: the keys of lists that are not the name of the type.
_LIST_KEYS = {"initiators-connectivity": "content", "xms": "xmss", "consistency-group-volumes": "consistency-groups"}
# Section 1: the types that belong to no cluster.
_XMS_WIDE = ("clusters", "xms", "tags", "alerts")
# Types as errors name them.
_OBJECT_NAMES = {
    "volumes": "volume",
    "snapshots": "snapshot",
    "initiator-groups": "host",
    "initiators": "initiator",
    "lun-maps": "mapping",
    "consistency-groups": "consistency group",
    "consistency-group-volumes": "consistency group",
    "tags": "tag",
    "clusters": "cluster",
}

# The rest of the line is the path, the other arguments and the properties.
_FILTER_LONGEST = LINE_LONGEST.value - 2192
# Up to this many objects are read with a request each. For more the complete list costs less.
FEW = 8


class XmsSession:
    """The session with one XMS, for requests about one of its clusters.

    :ivar version: of the XMS; on 3.x, which has no XMS object, of XIOS.
    :ivar is_v2: whether it speaks REST v2 (XMS 4.0 and later).
    :ivar clusters: the names of all clusters.
    :ivar cluster: the selected cluster.
    """

    def __init__(self, http: HttpTransport, threads: int = 1) -> None:
        self.http = http
        self.http.busy = is_busy
        self.threads = threads
        self.is_v2 = False
        self.has_or_filters = False
        """Whether a filter may have several terms, of which one must hold (XMS 4.2 and later)."""
        self.has_connectivity = False
        """Whether the log-ins of initiators are listed with their targets (API 2.1: XMS 4.2 and later)."""
        self.version = ""
        self.clusters: Tuple[str, ...] = ()
        self.cluster = ""

    # -- the session -------------------------------------------------------------------------------------------------

    def open(self, cluster: Optional[str], version: Optional[str]) -> None:
        """Find out version and cluster: 1 request when the version is given, else 2, on 3.x 3.

        XMS 4 and later serve v1 too, so detection begins with v1. 3.x has no ``xms`` object (section 1).
        """
        if version:
            self._set_version(version)
        found = self.list("clusters", ("name",), session=True) if self.is_v2 else self.names("clusters", session=True)
        self.clusters = tuple(str(item.get("name")) for item in found)
        self.cluster = self.choose(cluster)
        if version:
            return
        try:
            xms = self.get("xms", index=1, session=True)
        except FlashError as error:
            if error.code is None:
                raise
            xms = None
        if xms is not None and xms.get("sw-version"):
            self._set_version(str(xms["sw-version"]))
            return
        properties = self.get("clusters", self.cluster, session=True) or {}
        self._set_version(str(properties.get("sys-sw-version") or ""))
        if self.is_v2:
            raise BadReply("the XMS does not report its version", hint="Set array_version.")

    def _set_version(self, version: str) -> None:
        numbers = parse_version(version)
        if numbers < (3,):
            raise Unsupported("version %s is older than 3.0, the first that is supported" % version)
        self.version = version
        self.is_v2 = numbers >= (4,)
        self.has_or_filters = numbers >= (4, 2)
        self.has_connectivity = numbers >= (4, 2)

    def choose(self, cluster: Optional[str]) -> str:
        """The cluster of that name, or the only one.

        :raises Invalid: there is no such cluster, or several and no name.
        """
        known = ", ".join(self.clusters) or "none"
        if cluster:
            if cluster not in self.clusters:
                raise Invalid("this XMS has no cluster %s" % cluster, hint="Set cluster to one of: %s." % known)
            return cluster
        if len(self.clusters) != 1:
            raise Invalid(
                "this XMS manages %d clusters and the task names none" % len(self.clusters),
                hint="Set cluster to one of: %s." % known,
            )
        return self.clusters[0]

    def with_cluster(self: Session, cluster: str) -> Session:
        """The same session, for requests about another cluster."""
        other = type(self)(self.http, self.threads)
        other.is_v2 = self.is_v2
        other.has_or_filters = self.has_or_filters
        other.has_connectivity = self.has_connectivity
        other.version = self.version
        other.clusters = self.clusters
        other.cluster = self.choose(cluster)
        return other

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(
        self,
        kind: str,
        name: Optional[str] = None,
        props: Sequence[str] = (),
        index: Optional[int] = None,
        session: bool = False,
    ) -> Optional[Object]:
        """One object by name or index; None when it is not there."""
        path = kind if index is None else "%s/%d" % (kind, index)
        query = [("name", name)] if name is not None and index is None else []
        try:
            reply = self._ask("GET", path, query + self._query(kind, props), session=session)
        except NotFound:
            return None
        content = _field(reply, "content")
        if not isinstance(content, dict):
            raise BadReply("the answer to GET %s has no object in it" % path)
        if name is not None and index is None:
            if not has_text(content, "name") or not isinstance(content.get("index"), int):
                # Section 2: the array returns both also when a request does not ask for them.
                raise BadReply("the answer to GET %s?name=%s has no name and index in it" % (path, name))
            # Section 15: which names the array treats as equal (case, digits) is not known, so the name is compared.
            if content["name"] != name:
                return None
        return content

    def list(
        self, kind: str, props: Sequence[str], filters: Sequence[Sequence[str]] = (), session: bool = False
    ) -> List[Object]:
        """v2: objects with these properties.

        :param filters: all must hold. Each has one term, or from 4.2 on several, of which one must hold.
        """
        query: List[Tuple[str, Any]] = [("full", 1)]
        query += [("filter", ",".join(terms)) for terms in filters]
        reply = self._ask("GET", kind, query + self._query(kind, props), session=session)
        return _objects(reply, kind)

    def names(self, kind: str, session: bool = False) -> List[Object]:
        """Name and href of every object: a v1 list has no more."""
        return _objects(self._ask("GET", kind, self._query(kind, ()), session=session), kind)

    def all(self, kind: str, props: Sequence[str], filters: Sequence[Sequence[str]] = ()) -> List[Object]:
        """Every object. On v1, which ignores filters, one request for the list and one for each object in it."""
        if self.is_v2:
            return self.list(kind, props, filters)
        return self.each(kind, [index_of(item) for item in self.names(kind)])

    def each(self, kind: str, indexes: Sequence[int]) -> List[Object]:
        """v1: these objects, without those that were deleted meanwhile."""
        found = self._side_by_side(lambda index: self.get(kind, index=index), indexes)
        return [item for item in found if item is not None]

    def named(self, kind: str, names: Iterable[str], props: Sequence[str]) -> List[Object]:
        """The objects of exactly these names, in as few requests as the version allows."""
        requested = list(dict.fromkeys(names))
        if not requested:
            return []
        if len(requested) == 1 or (not self.has_or_filters and len(requested) <= FEW):
            found = self._side_by_side(lambda name: self.get(kind, name, props), requested)
            return [item for item in found if item is not None]
        if not self.is_v2:
            indexes = [index_of(item) for item in self.names(kind) if may_have(item, "name", requested)]
            items = self.each(kind, indexes)
        elif self.has_or_filters:
            items = self.where(kind, props, [("name", name) for name in requested])
        else:
            items = self.list(kind, props)
        return [item for item in items if may_have(item, "name", requested)]

    def where(self, kind: str, props: Sequence[str], terms: Sequence[Tuple[str, str]]) -> List[Object]:
        """v2: objects for which one of the terms (property, value) holds.

        The caller must check the result: the array is known to return wrong rows (section 2), and where a value has a
        comma, which no filter can have, all objects are returned.
        """
        if any("," in value for _prop, value in terms):
            return self.list(kind, props)
        if not self.has_or_filters:
            if len(terms) > FEW:
                return self.list(kind, props)
            return _once_each(item for term in terms for item in self.list(kind, props, [["%s:eq:%s" % term]]))
        batches: List[List[str]] = []
        length = 0
        for term in ("%s:eq:%s" % pair for pair in terms):
            length += len(quote_plus(term)) + 3
            if not batches or len(batches[-1]) >= FILTER_TERMS or length > _FILTER_LONGEST:
                batches.append([])
                length = len(quote_plus(term)) + 3
            batches[-1].append(term)
        if len(batches) > FEW:
            return self.list(kind, props)
        return _once_each(item for batch in batches for item in self.list(kind, props, [batch]))

    def _side_by_side(self, call: Callable[[T], R], items: Sequence[T]) -> List[R]:
        """One after the other on the one connection; on several connections where there are many items."""
        return side_by_side(call, items, self.threads, few=FEW)

    # -- writing -----------------------------------------------------------------------------------------------------

    def post(self, kind: str, body: Mapping[str, Any]) -> List[int]:
        """Create objects. Returns their indexes.

        :raises AnswerLost: they may have been created.
        """
        reply = self._ask("POST", kind, body=self._body(kind, body))
        try:
            links = _field(reply, "links")
            return [index_of(link) for link in links] if isinstance(links, list) else []
        except BadReply as error:
            # It was carried out, and something between the array and this client replaced the answer.
            raise AnswerUnreadable(error.reason, hint=error.hint) from None

    def put(self, kind: str, name: str, body: Mapping[str, Any], idempotent: bool = False) -> None:
        """Change the object of that name.

        Always by name: the index may belong to another object meanwhile, and XIOS 4.0.2 takes the cluster of a request
        by index for a name (section 1).

        :raises NotFound: it is not there; the error names it.
        """
        self._ask("PUT", kind, [("name", name)], self._body(kind, body), idempotent, missing=(kind, name))

    def delete(self, kind: str, name: str, index: Optional[int] = None) -> None:
        """Delete the object of that name, if there is one. After a lost answer a read decides.

        :param index: of the object when it was read. Not sent again when the name has another index then.
        """
        for is_last in (False, True):
            try:
                self._ask("DELETE", kind, [("name", name)] + self._query(kind, ()))
                return
            except NotFound:
                return
            except AnswerLost:
                existing = self.get(kind, name, ("name", "index"))
                if existing is None or (index is not None and existing.get("index") != index):
                    return
                if is_last:
                    raise

    def delete_with(self, kind: str, name: str, body: Mapping[str, Any]) -> None:
        """DELETE with a body: removes a member from a group, or a tag from an object. Sent twice it does no harm."""
        try:
            query = [("name", name)] + self._query(kind, ())
            self._ask("DELETE", kind, query, self._body(kind, body), idempotent=True)
        except NotFound:
            return

    # -- the envelope ------------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        query: Sequence[Tuple[str, Any]] = (),
        body: Optional[Mapping[str, Any]] = None,
        idempotent: Optional[bool] = None,
        session: bool = False,
        missing: Optional[Tuple[str, str]] = None,
    ) -> Reply:
        base = "/api/json/v2/types/" if self.is_v2 else "/api/json/types/"
        for is_last in (False, False, True):
            reply = self.http.request(method, base + path, query, json=body, idempotent=idempotent, session=session)
            if reply.ok:
                return reply
            error = error_of(reply, self.http.mask, body)
            if method == "GET" or message_of(reply):
                break
            # The answer is not the array's, so whether the request was carried out is not known.
            if not idempotent or is_last:
                raise AnswerUnreadable(error.reason, code=error.code, said=error.said, hint=error.hint)
        if missing is not None and isinstance(error, NotFound):
            kind, name = missing
            raise NotFound("%s %s is not there" % (_OBJECT_NAMES.get(kind, kind), name), code=error.code)
        raise error

    def _query(self, kind: str, props: Sequence[str]) -> List[Tuple[str, Any]]:
        query: List[Tuple[str, Any]] = []
        if self.is_v2:
            query += [("prop", prop) for prop in props]
            if kind not in _XMS_WIDE and self.cluster:
                query.append(("cluster-name", self.cluster))
        return query

    def _body(self, kind: str, body: Mapping[str, Any]) -> Object:
        """The body with the cluster, by name, as v2 requires; v1 has only one cluster (section 1)."""
        complete = dict(body)
        if self.is_v2 and (kind != "tags" or "entity-details" in complete):
            complete["cluster-id"] = self.cluster
        return complete


def parse_version(text: str) -> Tuple[int, ...]:
    """(4, 2, 0) from ``4.2.0-33`` (section 1)."""
    match = re.match(r"^\s*([0-9]+(?:\.[0-9]+)*)", str(text))
    if match is None:
        raise Invalid("%r is not a version of XMS" % (text,), hint="Write it as the array does, such as 4.2.0-33.")
    return tuple(int(part) for part in match.group(1).split("."))


def _field(reply: Reply, key: str) -> Any:
    body = reply.json()
    if not isinstance(body, dict) or key not in body:
        raise BadReply(
            "the answer to %s has no %r" % (reply.request, key),
            hint="Check that the address and port are those of the XMS.",
        )
    return body[key]


def _objects(reply: Reply, kind: str) -> List[Object]:
    items = _field(reply, _LIST_KEYS.get(kind, kind))
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BadReply("the answer to %s is not a list of objects" % reply.request)
    return items


def _once_each(items: Iterable[Object]) -> List[Object]:
    """Each object once, though several terms may have found it."""
    found: Dict[Any, Object] = {}
    for item in items:
        index = item.get("index")
        # An object without index may be any object, so it is kept, and its conversion reports it.
        found.setdefault(index if isinstance(index, int) else ("without index", len(found)), item)
    return list(found.values())


def has_text(item: Mapping[str, Any], key: str) -> bool:
    return isinstance(item.get(key), str) and bool(item[key])


def may_have(item: Mapping[str, Any], key: str, values: Container[str]) -> bool:
    """Whether the property has one of these values. An object that does not report it may be the requested one: it is
    kept, and its conversion reports it as unreadable."""
    return not has_text(item, key) or item[key] in values


def index_of(item: Mapping[str, Any]) -> int:
    """The index of an object or link: its ``index``, or the last part of its ``href`` (section 2)."""
    try:
        if isinstance(item.get("index"), int):
            return int(item["index"])
        return int(str(item["href"]).split("?", 1)[0].rstrip("/").rsplit("/", 1)[1])
    except (KeyError, IndexError, ValueError):
        raise BadReply("a link in the answer does not lead to an object: %s" % item.get("href")) from None
