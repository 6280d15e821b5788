# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged and invented answers, at random: ``make fuzz``.

The valid answers of each simulated array are recorded once. Then one of them is changed by a seeded generator, in its
bytes or in its structure, and the client reads it. The outcome must be a value or an error of the library. No object
may count as absent because its answer is unreadable, and none may be returned for the name of another. The target
``http`` does the same with the framing of HTTP: status line, headers, lengths and chunks, over a connection.

    python -m tests.module.fuzz [--seed N] [--inputs N] [TARGET ...]

An input that breaks this is printed as a line for ``fuzz_cases.json``, which ``test_fuzz.py`` replays.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Listing
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import interruption
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from tests.module.arrays import GIB, ONE_OF_EACH_WIRE, ArrayUnderTest, Modules
from tests.module.operations import build
from tests.module.tape import MONITORED, READS, WITHOUT_COMPLETENESS, Mangled, Tape, outcome
from tests.support.simulator import Simulator

CASES = Path(__file__).with_name("fuzz_cases.json")
HTTP = "http"
SESSION = "session"
"""The read of a connection that begins."""
INPUTS = 200_000
OPTIONAL_KEYS = frozenset({"ancestor-vol-id", "iqn.2026-01.org.example:host2"})
"""Fields of an answer whose absence has a meaning of its own (see ABSENT in test_replies.py)."""
ASKED = {
    "one volume": ("name", "data1"),
    "one host": ("name", "web1"),
    "mappings of a volume": ("volume", "used1"),
    "mappings of a host": ("host", "web1"),
}
"""What a read asks for by name: the field of each object of the result, and its value."""
TOKENS = (
    b"null",
    b"true",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"-1",
    b"0x10",
    b"9" * 5000,
    b"1.5",
    b'""',
    b"{}",
    b"[]",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"\\u0000",
    b"\\ud800",
    b"\xff\xfe",
    b"\x00",
    b"\r\n",
    b"\n\n",
    b"!",
    b",",
    b"=",
    b"=[",
    b"]",
    b"retcode=0",
    b"\xe2\x80\xae",
    b"\x1b[2J",
    "\u00e9".encode(),
    b"x" * 10_000,
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**30,
    1.5,
    float("inf"),
    float("nan"),
    "",
    "nonsense",
    "\ud800",
    "\x1b[2J",
    "9" * 5000,
    [],
    {},
    [None],
    [[]],
    {"name": None},
    ["", 1, {}],
)
STATUSES = (200, 204, 301, 400, 401, 403, 404, 409, 500, 503)
MOST_BYTES = 400_000
FRESH = 500
"""Reads by one client."""


@dataclass(frozen=True)
class Case:
    """One input."""

    target: str
    read: str
    request: str
    """With an asterisk at its end, each request that begins so: what follows may differ from run to run."""
    data: str
    """The bytes of the answer, as Latin-1."""
    status: int | None = None
    strict: bool = False
    """Whether no object may be absent because of it."""


def mutated(random_: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """The data with one to four changes of its bytes."""
    for _change in range(random_.choice((1, 1, 1, 2, 3, 4))):
        at = random_.randrange(len(data) + 1)
        end = min(len(data), at + random_.choice((1, 1, 2, 8, 64)))
        kind = random_.randrange(8)
        if kind == 0:
            data = data[:at] + bytes([random_.randrange(256)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[end:]
        elif kind == 2:
            data = data[:at]
        elif kind == 3:
            data = data[:at] + random_.choice(TOKENS) + data[at:]
        elif kind == 4:
            data = data[:at] + random_.choice(TOKENS) + data[end:]
        elif kind == 5:
            data = data[:end] + data[at:end] * random_.choice((1, 2, 50)) + data[end:]
        elif kind == 6:
            other = random_.choice(others)
            data = data[:at] + other[random_.randrange(len(other) + 1) :]
        else:
            lines = data.splitlines(keepends=True)
            random_.shuffle(lines)
            data = b"".join(lines)
    return data[:MOST_BYTES]


def restructured(random_: random.Random, document: Any) -> tuple[Any, bool]:
    """The document with one value changed, and whether that makes an object unreadable and not another one."""
    document = json.loads(json.dumps(document))
    places = list(_places(document))
    if not places:
        return random_.choice(VALUES), False
    holder, key = random_.choice(places)
    if isinstance(holder, dict) and random_.random() < 0.4:
        if random_.random() < 0.5:
            del holder[key]
        else:
            holder[key] = None
        return document, key not in OPTIONAL_KEYS
    if isinstance(holder, dict) and random_.random() < 0.2:
        holder[random_.choice(("", "name", "\ud800", "9" * 5000))] = holder.pop(key)
    else:
        holder[key] = random_.choice(VALUES)
    return document, False


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of a document: what holds it, and its key there."""
    for key in list(document) if isinstance(document, dict) else range(len(document) if _is_list(document) else 0):
        yield document, key
        yield from _places(document[key])


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def is_json(data: bytes) -> bool:
    try:
        json.loads(data.decode())
    except (ValueError, RecursionError):
        return False
    return True


class Target:
    """The client of one array, which reads what was recorded, with changes."""

    def __init__(self, array: ArrayUnderTest, patch: pytest.MonkeyPatch) -> None:
        self._array = array
        self.name = array.row.name
        self._settings = array.settings(array.connection, timeout=1.0, wait_timeout=0.05, max_concurrency=1)
        needs = "data1 data2 sunday" + (" used1 web1 old1" if array.row.hosts else "")
        needs += "" if array.cannot("groups") else " group1"
        array.reset()
        with array.library() as client:
            build(client, array.subject, needs, lambda name: array.write(name, GIB))
        array.operate(alerts=[{"severity": "critical", "text": "a fan has failed", "about": "fan1"}])
        self._tape = tape = Tape(patch)
        self._client, self._reads = connect(self._settings), 0
        self._requests = {SESSION: list(dict.fromkeys(tape.used))}
        self._complete: dict[str, int | None] = {}
        for name, read in {**READS, **MONITORED}.items():
            tape.used.clear()
            found = outcome(partial(read, self._client, array), name)
            self._complete[name] = len(found) if isinstance(found, Listing) else None
            self._requests[name] = list(dict.fromkeys(tape.used))
        self._all = [tape.text_of(answer).encode() for answer in tape.answers.values()]
        self._structured = {}
        for request, answer in tape.answers.items():
            data = tape.text_of(answer).encode()
            self._structured[request] = json.loads(data) if is_json(data) else None

    def close(self) -> None:
        self._client.close()

    def cases(self, random_: random.Random) -> Iterator[Case]:
        """Random inputs, without end."""
        places = [(read, *place) for read, found in self._requests.items() for place in found if read != SESSION]
        places += [(SESSION, *place) for place in self._requests[SESSION]]
        while True:
            read, wire, request = random_.choice(places)
            recorded = self._tape.text_of(self._tape.answers[request]).encode()
            document, strict, status = self._structured[request], False, None
            if wire == "http" and document is not None and random_.random() < 0.5:
                changed, strict = restructured(random_, document)
                data = json.dumps(changed).encode()
            else:
                data = mutated(random_, recorded, self._all)
                strict = (wire == "http" and not is_json(data)) or (wire == "tcp" and recorded.startswith(data))
                strict = strict and data != recorded and document is not None or (wire == "tcp" and strict)
            if wire == "http" and random_.random() < 0.05:
                status, strict = random_.choice(STATUSES), False
            yield Case(self.name, read, request, data.decode("latin-1"), status, strict)

    def _answered(self, case: Case) -> list[str]:
        """The requests that get this answer: one, or of a recorded case all that begin so."""
        if not case.request.endswith("*"):
            return [case.request]
        return [one for _wire, one in self._requests[case.read] if one.startswith(case.request[:-1])]

    def problem(self, case: Case) -> str | None:
        """What is wrong with the outcome of an input, in words; None when nothing is."""
        changed = Mangled("", "", case.strict, data=case.data.encode("latin-1"), status=case.status)
        self._tape.replaced = dict.fromkeys(self._answered(case), changed)
        try:
            if case.read == SESSION:
                client = outcome(lambda: connect(self._settings), case.read)
                if not isinstance(client, FlashError):
                    client.close()
                return None
            result = outcome(lambda: ({**READS, **MONITORED})[case.read](self._client, self._array), case.read)
        except AssertionError as error:
            return str(error)
        finally:
            self._tape.replaced = {}
            self._reads += 1
            if self._reads > FRESH:
                # What a client remembers may come from a changed answer
                self._client.close()
                self._client, self._reads = connect(self._settings), 0
        if not isinstance(result, Listing):
            return None
        field, value = ASKED.get(case.read, (None, None))
        others = {str(getattr(item, field)) for item in result if field and getattr(item, field) != value}
        if others:
            return f"{case.read}: {', '.join(sorted(others))} instead of {value}"
        complete = self._complete[case.read]
        if case.strict and result.complete and case.read not in WITHOUT_COMPLETENESS and complete is not None:
            missing = complete - len(result)
            if missing > 0:
                return f"{case.read}: {missing} of {complete} count as absent"
        return None


# ---- the framing of HTTP ---------------------------------------------------------------------------------------------

FRAMES = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"n": [1, 2]}',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"n":\r\n8;a=b\r\n [1, 2]}\r\n0\r\nX-End: 1\r\n\r\n',
    b"HTTP/1.1 204 No Content\r\nX-Auth-Token: abc\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/login\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\r\nbusy",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 2\r\n\r\n{}",
)
FRAME_TOKENS = (
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Retry-After: 1e9\r\n",
    b"Retry-After: Wed, 99 Jan 2026 99:00:00 GMT\r\n",
    b"Location: //[\r\n",
    b"Location: http://user:pass@192.0.2.1:99999/\r\n",
    b"ffffffffffffffff\r\n",
    b"-5\r\n",
    b"HTTP/1.1 999 \r\n",
    b"Set-Cookie: " + b"a" * 70_000 + b"\r\n",
    b"\xff: \xff\r\n",
    b" folded\r\n",
    b"X: y\r\n" * 200,
)


LOST = ("bad_reply", "timeout", "unreachable", "unauthorized")
"""Kinds of the error of a request that was sent, and whose answer cannot be read."""


class Framing:
    """The HTTP client, and a server that answers with these bytes and closes the connection."""

    name = HTTP

    def __init__(self) -> None:
        self._answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        port = self._listener.getsockname()[1]
        self._http = HttpTransport(["127.0.0.1"], port, "http", auth=("admin", "Pa55w0rd"), timeout=1.0, busy_for=0.01)

    def close(self) -> None:
        self._http.close()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                link, _address = self._listener.accept()
            except OSError:
                return
            with closing(link):
                try:
                    link.settimeout(5)
                    link.recv(65536)
                    link.sendall(self._answer)
                    link.shutdown(socket.SHUT_WR)
                    link.recv(65536)
                except OSError:
                    pass  # the client has had enough

    def cases(self, random_: random.Random) -> Iterator[Case]:
        while True:
            data = random_.choice(FRAMES)
            if random_.random() < 0.5:
                lines = data.splitlines(keepends=True)
                lines.insert(random_.randrange(len(lines) + 1), random_.choice(FRAME_TOKENS))
                data = b"".join(lines)
            if random_.random() < 0.7:
                data = mutated(random_, data, list(FRAMES))
            yield Case(HTTP, "", random_.choice(("GET", "POST")), data.decode("latin-1"))

    def problem(self, case: Case) -> str | None:
        self._answer = case.data.encode("latin-1")
        try:
            reply = outcome(lambda: self._http.request(case.request, "/volumes"), case.request)
            if isinstance(reply, FlashError):
                return f"{case.request}: {reply}" if reply.kind not in LOST else None
            outcome(reply.json, f"the body of {case.request}")
        except AssertionError as error:
            return str(error)
        finally:
            self._http.close()
        return None


# ---- all of it -------------------------------------------------------------------------------------------------------


@contextmanager
def targets(arrays: dict[str, ArrayUnderTest]) -> Iterator[Callable[[str], Target | Framing]]:
    """Opens one target after another, each closed when the next is opened. Pauses between two attempts take no time."""
    with ExitStack() as last:

        def target(name: str) -> Target | Framing:
            last.pop_all().close()
            patch = last.enter_context(pytest.MonkeyPatch.context())
            found = Framing() if name == HTTP else Target(arrays[name], patch)
            patch.setattr(interruption, "time", SimpleNamespace(sleep=lambda _seconds: None))
            last.callback(found.close)
            return found

        yield target


def recorded_cases() -> list[Case]:
    """The inputs that once broke the rules."""
    return [Case(**row) for row in json.loads(CASES.read_text(encoding="utf-8"))]


def main() -> None:
    rows = {row.name: row for row in ONE_OF_EACH_WIRE}
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*", help=f"of {', '.join([HTTP, *rows])}; all by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=INPUTS, help="for each target")
    chosen = parser.parse_args()
    unknown = set(chosen.targets) - {HTTP, *rows}
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    names = [name for name in (HTTP, *rows) if not chosen.targets or name in chosen.targets]
    modules, broken = Modules(), 0
    try:
        with Simulator([row.config for row in rows.values()]) as simulator:
            arrays = {name: ArrayUnderTest(row, simulator, modules) for name, row in rows.items()}
            with targets(arrays) as open_target:
                for name in names:
                    broken += _run(open_target(name), random.Random(f"{chosen.seed} {name}"), chosen.inputs)
    finally:
        modules.stop()
    sys.exit(bool(broken))


def _run(target: Target | Framing, random_: random.Random, inputs: int) -> int:
    """The number of different defects."""
    found: dict[str, Case] = {}
    started = time.monotonic()
    for number, case in enumerate(target.cases(random_), 1):
        problem = target.problem(case)
        if problem is not None and problem[:60] not in found:
            found[problem[:60]] = case
            print(f"{target.name}: {case.read}: {problem}\n{json.dumps(asdict(case))}", flush=True)
        if number == inputs:
            break
    print(f"{target.name}: {inputs} inputs in {time.monotonic() - started:.0f} s, {len(found)} defects", flush=True)
    return len(found)


if __name__ == "__main__":
    main()
