# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads end in time, are complete, and send the secrets of a URL only to its server."""

from __future__ import annotations

import base64
import io
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import trustme

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Conflict,
    FlashError,
    Invalid,
    MissingLibrary,
    Timeout,
    Unauthorized,
    Unreachable,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import interruption
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.download import download

LARGEST = 1024**3
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Any = self.server
        server.requests.append((self.path, self.headers.get("Authorization")))
        try:
            server.answers[self.path.split("?")[0]](self)
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_args: Any) -> None:
        return


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, scheme: str = "http") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = scheme
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.stopped = threading.Event()

    def url(self, path: str, userinfo: str = "") -> str:
        return f"{self.scheme}://{userinfo}127.0.0.1:{self.server_port}{path}"

    def handle_error(self, *_args: Any) -> None:
        return


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def started(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.stopped.set()
    server.shutdown()
    server.server_close()
    thread.join(60)


@pytest.fixture
def web() -> Iterator[Server]:
    yield from started(Server())


@pytest.fixture
def other() -> Iterator[Server]:
    yield from started(Server())


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Server]:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    server = Server("https")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from started(server)


def fetch(url: str, **options: Any) -> bytes:
    target = io.BytesIO()
    length = download(url, target, LARGEST, **options)
    assert length == len(target.getvalue())
    return target.getvalue()


# ---- answers ---------------------------------------------------------------------------------------------------------


def complete(data: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def chunked(*pieces: bytes, last: bool = True) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n" if last else b"")

    return answer


def truncated_chunk(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"100\r\nonly this")


def moved(location: str, code: int = 302) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(code)
        handler.send_header("Location", location)
        handler.end_headers()

    return answer


def trickle(handler: Handler) -> None:
    """A body that never ends."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(LARGEST))
    handler.end_headers()
    drip(handler)


def trickle_a_header(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip(handler)


def trickle_a_redirect(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nTransfer-Encoding: chunked\r\n\r\n")
    drip(handler)


def drip(handler: Handler) -> None:
    server: Any = handler.server
    while not server.stopped.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


# ---- completeness ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [complete(b"an image"), chunked(b"an ", b"image")])
def test_a_file_is_downloaded(web: Server, answer: Answer) -> None:
    web.answers["/image"] = answer
    assert fetch(web.url("/image")) == b"an image"


@pytest.mark.parametrize("answer", [chunked(b"an ", last=False), truncated_chunk])
def test_a_truncated_chunked_download_is_an_error(web: Server, answer: Answer) -> None:
    web.answers["/image"] = answer
    with pytest.raises(Conflict, match=r"ends after \d+ bytes, before its last chunk"):
        fetch(web.url("/image"))


# ---- deadlines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [trickle, trickle_a_header])
def test_a_download_from_a_slow_server_ends_at_its_deadline(web: Server, answer: Answer) -> None:
    web.answers["/image"] = answer
    with pytest.raises(Timeout, match="was not fetched within 0.3 s.*copy_timeout"):
        fetch(web.url("/image"), seconds=30.0, total=0.3)


def test_a_download_over_tls_ends_at_its_deadline(tls: Server, tmp_path: Path) -> None:
    tls.answers["/image"] = trickle
    with pytest.raises(Timeout, match="was not fetched within 1 s"):
        fetch(tls.url("/image"), seconds=30.0, total=1.0, ca_path=str(tmp_path / "ca.pem"))


def test_the_deadline_includes_redirects(web: Server) -> None:
    web.answers.update({"/image": trickle_a_redirect, "/again": trickle})
    with pytest.raises(Timeout, match="was not fetched within 0.5 s"):
        fetch(web.url("/image"), seconds=30.0, total=0.5)
    assert [path for path, _ in web.requests] == ["/image", "/again"]


def test_a_download_from_a_silent_server_ends_before_its_deadline(web: Server) -> None:
    web.answers["/image"] = lambda handler: time.sleep(0.01) or handler.server.stopped.wait(20)  # type: ignore
    with pytest.raises(Timeout, match="did not answer within 0.2 s"):
        fetch(web.url("/image"), seconds=0.2, total=30.0)


# ---- redirects -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(web: Server, code: int) -> None:
    web.answers.update({"/image": moved("/there?a=b c", code), "/there": complete(b"an image")})
    assert fetch(web.url("/image")) == b"an image"


@pytest.mark.parametrize("location", ["ftp://127.0.0.1:1/Secret1", "file:///etc/passwd", "data:,Secret1"])
def test_a_redirect_leads_to_web_servers_only(web: Server, location: str) -> None:
    web.answers["/image"] = moved(location)
    with pytest.raises(Unreachable, match="redirects to (ftp|file|data), and only http and https") as caught:
        fetch(web.url("/image"))
    assert "Secret1" not in str(caught.value)


def test_a_redirect_from_https_to_http_is_refused(tls: Server, web: Server, tmp_path: Path) -> None:
    web.answers["/image"] = complete(b"an image")
    tls.answers["/image"] = moved(web.url("/image"))
    with pytest.raises(Unreachable, match="from https to http"):
        fetch(tls.url("/image"), ca_path=str(tmp_path / "ca.pem"))
    assert web.requests == []


def test_a_loop_of_redirects_is_an_error(web: Server) -> None:
    web.answers["/image"] = moved("/image")
    with pytest.raises(Unreachable, match="more than 10 times"):
        fetch(web.url("/image"))
    assert len(web.requests) == 11


# ---- a busy server ---------------------------------------------------------------------------------------------------


def in_turn(*answers: Answer) -> Answer:
    remaining = list(answers)
    return lambda handler: remaining.pop(0)(handler)


def busy(code: int, retry_after: str | None = None) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.send_header("Connection", "close")
        if retry_after is not None:
            handler.send_header("Retry-After", retry_after)
        handler.end_headers()

    return answer


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each pause of a download; no time passes."""
    seconds: list[float] = []
    monkeypatch.setattr(interruption, "sleep", seconds.append)
    return seconds


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_a_download_from_a_busy_server_is_repeated_after_retry_after(
    web: Server, pauses: list[float], code: int
) -> None:
    web.answers["/image"] = in_turn(busy(code, "7"), busy(code, "soon"), complete(b"an image"))
    assert fetch(web.url("/image")) == b"an image"
    assert len(web.requests) == 3
    assert pauses[0] == 7.0
    assert pauses[1] <= 2.0, "an invalid Retry-After is ignored"


def test_a_download_from_a_busy_server_is_tried_three_times(web: Server, pauses: list[float]) -> None:
    web.answers["/image"] = busy(503)
    with pytest.raises(FlashError, match=r"answers 503 \(Service Unavailable\)"):
        fetch(web.url("/image"))
    assert len(web.requests) == 3


@pytest.mark.parametrize(("seconds", "total"), [(30.0, 5.0), (5.0, 60.0)])
def test_no_pause_is_longer_than_the_download_may_take(
    web: Server, pauses: list[float], seconds: float, total: float
) -> None:
    web.answers["/image"] = busy(503, "10")
    with pytest.raises(FlashError, match="answers 503"):
        fetch(web.url("/image"), seconds=seconds, total=total)
    assert len(web.requests) == 1
    assert pauses == []


@pytest.mark.parametrize("code", [400, 404, 500])
def test_other_statuses_are_reported_at_once(web: Server, pauses: list[float], code: int) -> None:
    web.answers["/image"] = busy(code, "1")
    with pytest.raises(FlashError, match=f"answers {code}"):
        fetch(web.url("/image"))
    assert len(web.requests) == 1
    assert pauses == []


# ---- requirements ----------------------------------------------------------------------------------------------------


def test_without_requests_the_error_says_what_to_install(web: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(MissingLibrary, match="requests is not installed.*a URL.*pip install requests"):
        fetch(web.url("/image"))
    assert web.requests == []


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_an_unusable_ca_path_is_reported(tls: Server, tmp_path: Path, content: str) -> None:
    path = tmp_path / "ca-file.pem"
    if content:
        path.write_text(content)
    with pytest.raises(Invalid, match=f"image_ca_path {path}"):
        fetch(tls.url("/image"), ca_path=str(path))


def test_a_certificate_that_is_not_trusted_is_refused(tls: Server) -> None:
    with pytest.raises(Unreachable, match="its certificate is refused.*Check image_ca_path"):
        fetch(tls.url("/image"))
    assert tls.requests == []


def test_of_the_environment_only_the_proxy_is_used(
    web: Server, other: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password Secret3\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", other.url("", "me:Secret4@"))
    other.answers[web.url("/image")] = complete(b"an image")
    assert fetch(web.url("/image")) == b"an image"
    assert other.requests == [(web.url("/image"), None)]
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web.answers["/image"] = complete(b"an image")
    assert fetch(web.url("/image")) == b"an image"
    assert web.requests == [("/image", None)]


def test_a_proxy_that_cannot_be_reached_is_named_without_its_password(
    web: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://me:Secret4@127.0.0.1:1")
    with pytest.raises(Unreachable, match="the proxy that the environment names.*http_proxy") as caught:
        fetch(web.url("/image", "bob:Secret1@"))
    assert "Secret" not in str(caught.value.as_dict())
    assert web.requests == []


# ---- secrets ---------------------------------------------------------------------------------------------------------

BASIC = "Basic " + base64.b64encode(b"bob:p@ss w").decode()


def test_user_and_password_of_the_url_are_sent(web: Server) -> None:
    web.answers["/image"] = complete(b"an image")
    assert fetch(web.url("/image", "bob:p%40ss%20w@")) == b"an image"
    assert web.requests == [("/image", BASIC)]


def test_credentials_are_not_sent_to_another_server_after_a_redirect(web: Server, other: Server) -> None:
    web.answers.update({"/image": moved("/there"), "/there": moved(other.url("/image"))})
    other.answers["/image"] = complete(b"an image")
    assert fetch(web.url("/image", "bob:p%40ss%20w@")) == b"an image"
    assert web.requests == [("/image", BASIC), ("/there", BASIC)]
    assert other.requests == [("/image", None)]


def refuses(code: int, reason: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(code, reason)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refuses(403, "no Secret2 and no bob here"), Unauthorized),
        (refuses(500, "Secret1"), FlashError),
        (chunked(b"an ", last=False), Conflict),
        (moved("ftp://bob:Secret1@x/?Secret2"), Unreachable),
        (moved("http://bob:Secret1@127.0.0.1:x/?Secret2"), Invalid),
        (moved("http://bob:Secret1@[/?Secret2"), FlashError),
    ],
)
def test_no_error_has_a_secret_of_the_url(web: Server, answer: Answer, kind: type[FlashError]) -> None:
    web.answers["/image"] = answer
    with pytest.raises(kind) as caught:
        fetch(web.url("/image?sig=Secret2", "bob:Secret1@"))
    text = str(caught.value.as_dict())
    assert "Secret" not in text
    assert "bob" not in text
    assert "127.0.0.1" in text


@pytest.mark.parametrize(
    "url", ["http://bob:Secret1@127.0.0.1:port/x", "http://bob:Secret1@[::1/x", "http://bob:Secret1@/x"]
)
def test_no_error_of_a_malformed_url_has_its_secret(url: str) -> None:
    with pytest.raises(FlashError) as caught:
        fetch(url)
    assert "Secret1" not in str(caught.value.as_dict())
    assert caught.value.kind in ("invalid", "unreachable")
