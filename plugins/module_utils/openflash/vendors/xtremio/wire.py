# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The REST interface of the XMS, v1 and v2: paths, envelopes, clusters, filters (sheet, sections 1 and 2)."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, TypeVar
from urllib.parse import quote_plus

from ...client import side_by_side
from ...errors import BadReply, FlashError, Invalid, NotFound, Unsupported
from ...transport.confirm import AnswerLost, AnswerUnreadable
from ...transport.http import HttpTransport, Reply
from .facts import FILTER_LENGTH, FILTER_TERMS, parse_version
from .refusals import error_of, is_busy, message_of

Object = Dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")

# Section 2: the key of a list is the name of the type, except
_LIST_KEYS = {"xms": "xmss", "consistency-group-volumes": "consistency-groups"}
# Section 1: types that know no cluster
_XMS_WIDE = ("clusters", "xms", "tags")

WORDS = {
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

# More objects than this by name and one each: then the whole list costs less.
FEW = 8


class Xms:
    """One XMS, in the version that it speaks, seen from one cluster.

    :ivar version: of XMS, or of XIOS where there is no XMS object to ask (3.x); None when it was not detected.
    :ivar clusters: the names of all clusters.
    :ivar cluster: the one that requests are about.
    """

    def __init__(self, http: HttpTransport, threads: int = 1) -> None:
        self.http = http
        self.http.busy = is_busy
        self.threads = threads
        self.v2 = False
        self.ors = False
        """Whether a filter may join terms with commas (XMS 4.2 and later)."""
        self.version = ""
        self.clusters: Tuple[str, ...] = ()
        self.cluster = ""

    # -- the session -------------------------------------------------------------------------------------------------

    def open(self, cluster: Optional[str], version: Optional[str]) -> None:
        """Settle version and cluster: 1 request when the version is given, else 2, on 3.x 3.

        XMS 4 and later serve v1 too, so detection begins there; 3.x has no ``xms`` object (section 1).
        """
        if version:
            self._speak(version)
        found = self.list("clusters", ("name",), session=True) if self.v2 else self.names("clusters", session=True)
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
            self._speak(str(xms["sw-version"]))
            return
        about = self.get("clusters", self.cluster, session=True) or {}
        self._speak(str(about.get("sys-sw-version") or ""))
        if self.v2:
            raise BadReply("the XMS does not tell its version", hint="Set array_version.")

    def _speak(self, version: str) -> None:
        numbers = parse_version(version)
        if numbers < (3,):
            raise Unsupported("version %s is older than 3.0, the first that is supported" % version)
        self.version = version
        self.v2 = numbers >= (4,)
        self.ors = numbers >= (4, 2)

    def choose(self, cluster: Optional[str]) -> str:
        """The cluster of that name, or the only one. A wrong name is an error now, not at the first write."""
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

    def seen_from(self, cluster: str) -> Xms:
        """The same session, with requests about another cluster."""
        other = Xms(self.http, self.threads)
        other.v2, other.ors, other.version, other.clusters = self.v2, self.ors, self.version, self.clusters
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
        # Section 15: what the array takes for the same name is not known (case, digits): look again.
        if name is not None and index is None and content.get("name", name) != name:
            return None
        return content

    def list(
        self, kind: str, props: Sequence[str], filters: Sequence[Sequence[str]] = (), session: bool = False
    ) -> List[Object]:
        """v2: objects with these properties; of each filter one term must hold (several terms: 4.2 and later)."""
        query: List[Tuple[str, Any]] = [("full", 1)]
        query += [("filter", ",".join(terms)) for terms in filters]
        reply = self._ask("GET", kind, query + self._query(kind, props), session=session)
        return _objects(reply, kind)

    def names(self, kind: str, session: bool = False) -> List[Object]:
        """Name and href of every object: all that a v1 list tells."""
        return _objects(self._ask("GET", kind, self._query(kind, ()), session=session), kind)

    def all(self, kind: str, props: Sequence[str], filters: Sequence[Sequence[str]] = ()) -> List[Object]:
        """Every object. On v1, which ignores filters, one request for the list and one for each object in it."""
        if self.v2:
            return self.list(kind, props, filters)
        return self.each(kind, [index_of(item) for item in self.names(kind)])

    def each(self, kind: str, indexes: Sequence[int]) -> List[Object]:
        """v1: these objects, less those that were deleted meanwhile."""
        found = self._side_by_side(lambda index: self.get(kind, index=index), indexes)
        return [item for item in found if item is not None]

    def named(self, kind: str, names: Iterable[str], props: Sequence[str]) -> List[Object]:
        """The objects of exactly these names, in as few requests as the version allows."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return []
        if len(wanted) == 1 or not self.ors and len(wanted) <= FEW:
            found = self._side_by_side(lambda name: self.get(kind, name, props), wanted)
            return [item for item in found if item is not None]
        if not self.v2:
            there = [index_of(item) for item in self.names(kind) if item.get("name") in wanted]
            items = self.each(kind, there)
        elif self.ors:
            items = self.where(kind, props, [("name", name) for name in wanted])
        else:
            items = self.list(kind, props)
        return [item for item in items if item.get("name") in wanted]

    def where(self, kind: str, props: Sequence[str], terms: Sequence[Tuple[str, str]]) -> List[Object]:
        """v2: objects of which a property equals a value, for any of the terms.

        The caller looks again at what comes back: the array is known to return wrong rows (section 2), and a value
        with a comma in it cannot be asked for at all.
        """
        if any("," in value for _prop, value in terms):
            return self.list(kind, props)
        if not self.ors:
            if len(terms) > FEW:
                return self.list(kind, props)
            return _once_each(item for term in terms for item in self.list(kind, props, [["%s:eq:%s" % term]]))
        batches: List[List[str]] = []
        length = 0
        for term in ("%s:eq:%s" % pair for pair in terms):
            length += len(quote_plus(term)) + 3
            if not batches or len(batches[-1]) >= FILTER_TERMS or length > FILTER_LENGTH:
                batches.append([])
                length = len(quote_plus(term)) + 3
            batches[-1].append(term)
        if len(batches) > FEW:
            return self.list(kind, props)
        return _once_each(item for batch in batches for item in self.list(kind, props, [batch]))

    def _side_by_side(self, call: Callable[[T], R], items: Sequence[T]) -> List[R]:
        """In turn on the one connection; on several, when there are so many that opening them pays."""
        return side_by_side(call, items, self.threads, few=FEW)

    # -- writing -----------------------------------------------------------------------------------------------------

    def post(self, kind: str, body: Mapping[str, Any]) -> List[int]:
        """Create; the indexes of what was created. AnswerLost when it may have been."""
        reply = self._ask("POST", kind, body=self._body(kind, body))
        try:
            links = _field(reply, "links")
            return [index_of(link) for link in links] if isinstance(links, list) else []
        except BadReply as error:
            # It was carried out, but something between us replaced the answer.
            raise AnswerUnreadable(error.reason, hint=error.hint) from None

    def put(self, kind: str, name: str, body: Mapping[str, Any], idempotent: bool = False) -> None:
        """Change the object of that name; NotFound, naming it, when it is not there.

        Always by name: an index may belong to another object by now, and on XIOS 4.0.2 the cluster of a request by
        index is taken for a name (section 1).
        """
        self._ask("PUT", kind, [("name", name)], self._body(kind, body), idempotent, missing=(kind, name))

    def delete(self, kind: str, name: str, index: Optional[int] = None) -> None:
        """Delete the object of that name; not there is fine. After a lost answer the state decides.

        :param index: what it had when it was read; an object of the same name with another index is not touched.
        """
        for last in (False, True):
            try:
                self._ask("DELETE", kind, [("name", name)] + self._query(kind, ()))
                return
            except NotFound:
                return
            except AnswerLost:
                there = self.get(kind, name, ("index",))
                if there is None or index is not None and there.get("index") != index:
                    return
                if last:
                    raise

    def delete_with(self, kind: str, name: str, body: Mapping[str, Any]) -> None:
        """DELETE with a body, by which a member is taken out of a group, or a tag off an object; twice does no harm."""
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
        base = "/api/json/v2/types/" if self.v2 else "/api/json/types/"
        for last in (False, False, True):
            reply = self.http.request(method, base + path, query, json=body, idempotent=idempotent, session=session)
            if reply.ok:
                return reply
            error = error_of(reply, self.http.mask)
            if method == "GET" or message_of(reply):
                break
            # Not the array's own words: whoever answered in its place does not know whether it was carried out.
            if not idempotent or last:
                raise AnswerUnreadable(error.reason, code=error.code, said=error.said, hint=error.hint)
        if missing is not None and isinstance(error, NotFound):
            raise NotFound("%s %s is not there" % (WORDS.get(missing[0], missing[0]), missing[1]), code=error.code)
        raise error

    def _query(self, kind: str, props: Sequence[str]) -> List[Tuple[str, Any]]:
        query: List[Tuple[str, Any]] = []
        if self.v2:
            query += [("prop", prop) for prop in props]
            if kind not in _XMS_WIDE and self.cluster:
                query.append(("cluster-name", self.cluster))
        return query

    def _body(self, kind: str, body: Mapping[str, Any]) -> Object:
        """v2 takes the cluster, by name, in the body of POST and PUT; v1 has one cluster only (section 1)."""
        whole = dict(body)
        if self.v2 and (kind != "tags" or "entity-details" in whole):
            whole["cluster-id"] = self.cluster
        return whole


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
    """Without those that several terms found."""
    found: Dict[Any, Object] = {}
    for item in items:
        found.setdefault(item.get("index", item.get("name")), item)
    return list(found.values())


def index_of(item: Mapping[str, Any]) -> int:
    """The index of an object or link: said, or the last part of its href (section 2)."""
    try:
        if isinstance(item.get("index"), int):
            return int(item["index"])
        return int(str(item["href"]).split("?", 1)[0].rstrip("/").rsplit("/", 1)[1])
    except (KeyError, IndexError, ValueError):
        raise BadReply("a link in the answer does not lead to an object: %s" % item.get("href")) from None


def reference(name: str, index: Optional[str]) -> Any:
    """How a body names an object: by name, unless that could be taken for an index (section 2)."""
    return int(index) if name.isdigit() and index else name
