# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP transport against a small server: its connection, TLS, proxies, repeated requests, sessions, secrets."""

from __future__ import annotations

import base64
import email.utils
import json
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import quote

import pytest
import trustme

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Connection
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import confirm, http_reply
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http_reply import Reply

PASSWORD = "s3cret-Päss w0rd"

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Gives the answers in the server's script, and after them ``{"n": <number of the request>}``."""

    protocol_version = "HTTP/1.1"
    server: Server

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        with self.server.lock:
            self.server.requests.append((self.command, self.path, dict(self.headers), body, self.client_address[1]))
            answer = self.server.script.pop(0) if self.server.script else None
        if answer is None:
            self.reply(json.dumps({"n": len(self.server.requests)}))
        else:
            answer(self)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_CONNECT = handle_any

    def reply(
        self,
        text: str,
        status: int = 200,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.requests: list[tuple[str, str, dict[str, str], bytes, int]] = []
        self.script: list[Answer] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def methods(self) -> list[str]:
        return [entry[0] for entry in self.requests]

    @property
    def connections(self) -> int:
        return len({entry[4] for entry in self.requests})


def status(
    code: int, text: str = "{}", content_type: str = "application/json", headers: dict[str, str] | None = None
) -> Answer:
    return lambda handler: handler.reply(text, code, content_type, headers)


def reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def close_without_answer(handler: Handler) -> None:
    handler.close_connection = True


def truncated(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'{"volumes": [')
    handler.close_connection = True


def no_answer(handler: Handler) -> None:
    time.sleep(1.5)
    handler.close_connection = True


def garbage(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    handler.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def transport(server: Server, pauses: list[float]) -> Iterator[HttpTransport]:
    transport = HttpTransport(
        ["127.0.0.1"],
        server.port,
        scheme="http",
        auth=("admin", PASSWORD),
        timeout=0.5,
        busy_for=0.2,
        sleep=pauses.append,
    )
    yield transport
    transport.close()


# -- one connection ----------------------------------------------------------------------------------------------------


def test_all_requests_use_one_connection(server: Server, transport: HttpTransport) -> None:
    for method in ("GET", "POST", "GET", "PUT", "DELETE", "GET"):
        assert transport.request(method, "/x").ok
    assert server.connections == 1
    assert transport.journal.counts == {"requests": 6, "writes": 3, "session_requests": 0}


def test_threads_share_the_connections_of_a_transport(server: Server) -> None:
    transport = HttpTransport(["127.0.0.1"], server.port, scheme="http", max_concurrency=3)
    threads = [threading.Thread(target=lambda: [transport.request("GET", "/x") for _ in range(20)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert server.connections <= 3
    assert [call.n for call in transport.journal] == list(range(1, 121))


def test_basic_authentication_is_encoded_as_utf_8(server: Server, transport: HttpTransport) -> None:
    transport.request("GET", "/x")
    sent = server.requests[0][2]["Authorization"].split()[1]
    assert base64.b64decode(sent).decode("utf-8") == "admin:" + PASSWORD


def test_a_get_request_can_have_a_query_and_a_json_body(server: Server, transport: HttpTransport) -> None:
    transport.request("GET", "/x", [("prop", "a b"), ("prop", "c&d"), ("full", 1)], json={"k": "ü"})
    _, path, headers, body, _ = server.requests[0]
    assert path == "/x?prop=a+b&prop=c%26d&full=1"
    assert json.loads(body.decode("utf-8")) == {"k": "ü"}
    assert headers["Content-Type"] == "application/json"


def test_a_request_without_a_body_has_no_content_type(server: Server, transport: HttpTransport) -> None:
    transport.request("GET", "/x")
    assert server.requests[0][3] == b""
    assert "Content-Type" not in server.requests[0][2]


def test_session_headers_are_sent_until_they_are_removed(server: Server, transport: HttpTransport) -> None:
    transport.set_header("X-Auth-Token", "token-one", secret=True)
    transport.request("GET", "/x")
    transport.set_header("x-auth-token", None)
    transport.request("GET", "/x", headers={"X-Once": "1"})
    assert server.requests[0][2]["X-Auth-Token"] == "token-one"
    assert "x-auth-token" not in {name.lower() for name in server.requests[1][2]}
    assert server.requests[1][2]["X-Once"] == "1"
    assert "token-one" not in transport.mask("token-one")


def test_cookies_are_sent_until_they_are_forgotten(server: Server, transport: HttpTransport) -> None:
    server.script = [lambda handler: handler.reply("{}", headers={"Set-Cookie": "session=abc; Path=/"})]
    for _ in range(2):
        transport.request("GET", "/x")
    transport.forget_cookies()
    transport.request("GET", "/x")
    assert [entry[2].get("Cookie") for entry in server.requests] == [None, "session=abc", None]


def test_a_redirect_is_not_followed(server: Server, transport: HttpTransport) -> None:
    server.script = [lambda handler: handler.reply("", 302, headers={"Location": "http://127.0.0.1:1/evil"})]
    with pytest.raises(errors.BadReply, match="redirect"):
        transport.request("GET", "/x")
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_to_another_host_gets_no_request_and_no_credentials(
    server: Server, transport: HttpTransport, code: int, method: str
) -> None:
    other = Server()
    transport.set_header("X-Auth-Token", "the-token", secret=True)
    server.script = [status(code, headers={"Location": f"http://localhost:{other.port}/login", "Refresh": "0"})]
    with pytest.raises(errors.BadReply, match="redirect"):
        transport.request(method, "/login", json={"password": PASSWORD})
    assert (len(server.requests), other.requests) == (1, [])
    other.shutdown()
    other.server_close()


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("array.example", "array.example:443"),
        ("array.example:8443", "array.example:8443"),
        ("10.0.0.1", "10.0.0.1:443"),
        ("fd00::1", "[fd00::1]:443"),
        ("[fd00::1]", "[fd00::1]:443"),
        ("[fd00::1]:8443", "[fd00::1]:8443"),
    ],
)
def test_an_address_may_have_a_port(address: str, host: str) -> None:
    assert HttpTransport([address], 443).address == host


@pytest.mark.parametrize("address", ["", "https://array", "user@array", "array/path", "a b"])
def test_an_invalid_address_is_refused(address: str) -> None:
    with pytest.raises(errors.Invalid):
        HttpTransport([address], 443)
    with pytest.raises(errors.Invalid):
        HttpTransport([], 443)


# -- the environment -------------------------------------------------------------------------------------------------


def test_the_environment_has_no_effect(
    server: Server, transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nonexistent/ca.pem")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert transport.request("GET", "/x").ok
    without_account = HttpTransport(["127.0.0.1"], server.port, scheme="http")
    without_account.request("GET", "/x")
    assert "Authorization" not in server.requests[1][2]


# -- TLS ---------------------------------------------------------------------------------------------------------------


class Authority:
    """A CA, and servers with its certificates."""

    def __init__(self, folder: Path) -> None:
        self.trustme = trustme
        self.ca = self.trustme.CA()
        self.path = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.path))
        other = self.trustme.CA()
        self.other_path = folder / "other.pem"
        other.cert_pem.write_to_path(str(self.other_path))
        self.servers: list[Server] = []

    def serve(self, *names: str) -> Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        server = Server()
        server.sni = []  # type: ignore[attr-defined]
        context.sni_callback = lambda sock, name, ctx: server.sni.append(name)  # type: ignore[attr-defined]
        # Without a handshake in accept(), a client that never begins one does not stop the server.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.servers.append(server)
        return server


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    authority = Authority(tmp_path)
    yield authority
    for server in authority.servers:
        server.shutdown()
        server.server_close()


def over_tls(server: Server, **options: Any) -> HttpTransport:
    return HttpTransport(["127.0.0.1"], server.port, timeout=3, **options)


def test_a_server_is_trusted_with_the_ca_of_the_task(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.other_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    server = authority.serve("127.0.0.1")
    transport = over_tls(server, verify=str(authority.path))
    for _ in range(3):
        assert transport.request("GET", "/x").ok
    assert server.connections == 1


def test_a_server_is_trusted_with_a_directory_of_cas(authority: Authority, tmp_path: Path) -> None:
    server = authority.serve("127.0.0.1")
    folder = tmp_path / "cas"
    folder.mkdir()
    with pytest.raises(errors.Unreachable, match="rehash"):
        over_tls(server, verify=str(folder)).request("GET", "/x")
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make the links of a CA directory")
    command = [openssl, "x509", "-noout", "-hash", "-in", str(authority.path)]
    name = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120).stdout.decode().strip()
    (folder / (name + ".0")).symlink_to(authority.path)
    assert over_tls(server, verify=str(folder)).request("GET", "/x").ok


def test_a_certificate_of_an_unknown_ca_is_refused(authority: Authority) -> None:
    server = authority.serve("127.0.0.1")
    for verify in (True, str(authority.other_path)):
        with pytest.raises(errors.Unreachable) as caught:
            over_tls(server, verify=verify).request("POST", "/x")
        assert "certificate is not trusted" in str(caught.value)
        assert "ca_path" in str(caught.value)
        assert not isinstance(caught.value, confirm.AnswerLost)
    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    server = authority.serve("xms.example")
    with pytest.raises(errors.Unreachable) as caught:
        over_tls(server, verify=str(authority.path)).request("GET", "/x")
    assert "another name than 127.0.0.1" in str(caught.value)
    assert "tls_server_name" in str(caught.value)


def test_tls_server_name_is_sent_and_verified(authority: Authority) -> None:
    server = authority.serve("xms.example")
    assert over_tls(server, verify=str(authority.path), tls_server_name="xms.example").request("GET", "/x").ok
    assert server.sni == ["xms.example"]  # type: ignore[attr-defined]
    with pytest.raises(errors.Unreachable, match="another name than other.example"):
        over_tls(server, verify=str(authority.path), tls_server_name="other.example").request("GET", "/x")


def test_tls_server_name_does_not_replace_trust(authority: Authority) -> None:
    server = authority.serve("xms.example")
    with pytest.raises(errors.Unreachable, match="not trusted"):
        over_tls(server, verify=str(authority.other_path), tls_server_name="xms.example").request("GET", "/x")


def test_without_verification_no_warning_is_shown(authority: Authority) -> None:
    server = authority.serve("xms.example")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transport = over_tls(server, verify=False)
        assert transport.request("GET", "/x").ok
        transport.close()


def test_a_port_without_tls_is_reported(server: Server) -> None:
    with pytest.raises(errors.Unreachable, match="does not speak TLS"):
        over_tls(server).request("GET", "/x")


def test_an_unusable_ca_path_is_refused(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(errors.Invalid, match="does not exist"):
        HttpTransport(["127.0.0.1"], 1, verify=str(tmp_path / "no"))
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    with pytest.raises(errors.Invalid, match="ca_path"):
        over_tls(authority.serve("127.0.0.1"), verify=str(empty)).request("GET", "/x")


def test_a_transport_has_the_options_of_its_connection(authority: Authority) -> None:
    server = authority.serve("xms.example")
    connection = Connection(
        "x",
        ("127.0.0.1",),
        port=server.port,
        username="admin",
        password=PASSWORD,
        ca_path=str(authority.path),
        tls_server_name="xms.example",
    )
    transport = HttpTransport.from_connection(connection, 443, basic=True)
    assert transport.request("GET", "/x").ok
    assert "Authorization" in server.requests[0][2]
    unverified = Connection("x", ("127.0.0.1",), port=server.port, validate_certs=False)
    assert HttpTransport.from_connection(unverified, 443).request("GET", "/x").ok


# -- no connection, and proxies ----------------------------------------------------------------------------------------


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_a_refused_connection_is_reported_at_once(pauses: list[float]) -> None:
    transport = HttpTransport(["127.0.0.1"], closed_port(), scheme="http", sleep=pauses.append)
    with pytest.raises(errors.Unreachable, match="connection refused"):
        transport.request("POST", "/x")
    assert pauses == []
    assert transport.journal.counts["requests"] == 0
    assert len(transport.journal) == 1


def test_an_address_that_does_not_resolve_is_reported() -> None:
    with pytest.raises(errors.Unreachable, match="does not resolve"):
        HttpTransport(["no-such-array.invalid"], 443).request("GET", "/x")


def test_a_connection_has_a_timeout() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        fillers = []
        for _ in range(4):  # the backlog is full: the kernel drops further attempts
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
            fillers.append(filler)
        with pytest.raises(errors.Timeout, match="no connection within 0.3 s"):
            HttpTransport(["127.0.0.1"], sock.getsockname()[1], scheme="http", timeout=0.3).request("GET", "/x")
        for filler in fillers:
            filler.close()


def test_a_proxy_that_cannot_be_reached_is_reported_without_its_password() -> None:
    proxy = f"http://user:proxy-password@127.0.0.1:{closed_port()}"
    with pytest.raises(errors.Unreachable, match="proxy 127.0.0.1") as caught:
        HttpTransport(["127.0.0.1"], 443, proxy=proxy).request("GET", "/x")
    assert "proxy-password" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "userinfo", "reason", "hint"),
    [
        (407, "", "asks for a user name and password", "Set proxy to http://USER:PASSWORD@127.0.0.1:"),
        (407, "me:word@", "did not accept its user name and password", "Check the user name and password in proxy"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_demands_a_password_is_reported(
    server: Server, scheme: str, status: int, userinfo: str, reason: str, hint: str
) -> None:
    server.script = [lambda handler: handler.reply("", status)]
    transport = HttpTransport(["array.invalid:443"], 443, scheme, proxy=f"http://{userinfo}127.0.0.1:{server.port}")
    with pytest.raises(errors.Unreachable) as caught:
        transport.request("POST", "/x")
    assert f"the proxy 127.0.0.1:{server.port} {reason}" in caught.value.reason
    assert hint in str(caught.value.hint)
    assert "word@" not in str(caught.value)


def test_a_proxy_that_refuses_the_connection_is_reported(server: Server) -> None:
    server.script = [lambda handler: handler.reply("", 403)]
    transport = HttpTransport(["array.invalid"], 443, proxy=f"http://127.0.0.1:{server.port}")
    with pytest.raises(errors.Unreachable, match="refuses a connection to array.invalid:443 .HTTP status 403"):
        transport.request("POST", "/x")


def test_a_proxy_gets_its_password_in_every_notation(server: Server) -> None:
    """The password ends at the last @, and is decoded once."""
    for notation, sent in (("me:p%40ss", "me:p@ss"), ("me:p@ss", "me:p@ss"), ("me:100%", "me:100%"), ("me", "me:")):
        transport = HttpTransport(["array.invalid"], 80, "http", proxy=f"http://{notation}@127.0.0.1:{server.port}")
        assert transport.request("GET", "/x").ok
        assert base64.b64decode(server.requests[-1][2]["Proxy-Authorization"].split()[1]).decode() == sent


def test_a_proxy_is_used(server: Server) -> None:
    transport = HttpTransport(["array.invalid"], 80, scheme="http", proxy=f"127.0.0.1:{server.port}")
    assert transport.request("GET", "/x").ok
    assert server.requests[0][1] == "http://array.invalid:80/x"


def test_the_next_address_is_tried_when_a_connection_fails(server: Server) -> None:
    unreachable = f"127.0.0.1:{closed_port()}"
    transport = HttpTransport([unreachable, f"127.0.0.1:{server.port}"], 443, scheme="http")
    assert transport.request("POST", "/x").ok
    assert transport.request("POST", "/x").ok
    assert server.methods == ["POST", "POST"]
    assert len(transport.journal) == 3
    assert transport.journal.counts["requests"] == 2
    assert transport.address.endswith(str(server.port))


def test_the_error_has_the_reasons_of_all_addresses() -> None:
    transport = HttpTransport([f"127.0.0.1:{closed_port()}", "no-such-array.invalid"], 443, scheme="http")
    with pytest.raises(errors.Unreachable, match="refused.*does not resolve"):
        transport.request("GET", "/x")


# -- repeated requests -------------------------------------------------------------------------------------------------

LOST_ANSWERS: list[tuple[Answer, type[confirm.AnswerLost]]] = [
    (reset, confirm.ConnectionLost),
    (close_without_answer, confirm.ConnectionLost),
    (truncated, confirm.AnswerUnreadable),
    (no_answer, confirm.AnswerTimeout),
    (garbage, confirm.AnswerUnreadable),
    (status(502), confirm.AnswerUnreadable),
    (status(503, "<html>busy</html>", "text/html"), confirm.AnswerUnreadable),
    (status(504), confirm.AnswerUnreadable),
]


@pytest.mark.parametrize(("answer", "kind"), LOST_ANSWERS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_is_not_repeated(
    server: Server, transport: HttpTransport, method: str, answer: Answer, kind: type[confirm.AnswerLost]
) -> None:
    transport.request("GET", "/warm-up")
    server.script = [answer]
    with pytest.raises(kind) as caught:
        transport.request(method, "/x", json={"name": "v"})
    assert server.methods == ["GET", method]
    assert not isinstance(caught.value, confirm.NotAccepted)
    assert caught.value.array == transport.address


@pytest.mark.parametrize(("answer", "kind"), LOST_ANSWERS)
def test_a_read_is_repeated(
    server: Server, transport: HttpTransport, pauses: list[float], answer: Answer, kind: type[confirm.AnswerLost]
) -> None:
    server.script = [answer, answer]
    assert transport.request("GET", "/x").json() == {"n": 3}
    assert server.methods == ["GET"] * 3
    assert len(pauses) == 2
    assert pauses[0] < pauses[1] < 1.0


@pytest.mark.parametrize(("answer", "kind"), LOST_ANSWERS[:5])
def test_a_read_is_repeated_a_limited_number_of_times(
    server: Server, transport: HttpTransport, answer: Answer, kind: type[confirm.AnswerLost]
) -> None:
    server.script = [answer] * 9
    with pytest.raises((errors.Unreachable, errors.Timeout, errors.BadReply)) as caught:
        transport.request("GET", "/x")
    assert not isinstance(caught.value, confirm.AnswerLost)
    assert isinstance(caught.value, kind.__mro__[2])
    assert len(server.requests) == confirm.ATTEMPTS


def test_the_last_answer_of_a_failing_gateway_is_returned(server: Server, transport: HttpTransport) -> None:
    server.script = [status(503)] * 9
    assert transport.request("GET", "/x").status == 503
    assert len(server.requests) == confirm.ATTEMPTS


def test_a_read_is_repeated_after_the_retry_after_of_a_gateway(
    server: Server, transport: HttpTransport, pauses: list[float]
) -> None:
    transport.timeout = 20.0
    in_ten_seconds = email.utils.formatdate(time.time() + 10, usegmt=True)
    server.script = [status(503, headers={"Retry-After": value}) for value in ("7", in_ten_seconds)]
    assert transport.request("GET", "/x").json() == {"n": 3}
    assert pauses[0] == 7.0
    assert 5.0 < pauses[1] <= 10.0
    assert [call.outcome for call in transport.journal] == ["503", "503", "200"], "each attempt is in the journal"


def test_an_invalid_retry_after_is_ignored(server: Server, transport: HttpTransport, pauses: list[float]) -> None:
    server.script = [status(503, headers={"Retry-After": "soon"})]
    assert transport.request("GET", "/x").ok
    assert len(pauses) == 1
    assert pauses[0] < 0.5


def test_a_read_is_not_repeated_when_retry_after_exceeds_the_timeout(
    server: Server, transport: HttpTransport, pauses: list[float]
) -> None:
    server.script = [status(503, headers={"Retry-After": "3600"})]
    assert transport.request("GET", "/x").status == 503
    assert pauses == []


def test_a_write_is_not_repeated_after_the_retry_after_of_a_gateway(server: Server, transport: HttpTransport) -> None:
    server.script = [status(503, headers={"Retry-After": "0"})]
    with pytest.raises(confirm.AnswerUnreadable):
        transport.request("POST", "/x")
    assert server.methods == ["POST"]


def test_an_idempotent_write_is_repeated(server: Server, transport: HttpTransport) -> None:
    server.script = [reset]
    assert transport.request("PUT", "/x", idempotent=True).ok
    assert server.methods == ["PUT", "PUT"]


def test_a_write_that_was_not_sent_is_repeated(server: Server, pauses: list[float]) -> None:
    port = closed_port()
    transport = HttpTransport(["127.0.0.1"], port, scheme="http", sleep=pauses.append)
    transport._connected = True  # as after an earlier request
    with pytest.raises(errors.Unreachable, match="refused"):
        transport.request("POST", "/x")
    assert len(pauses) == confirm.ATTEMPTS - 1


def test_an_idle_connection_that_the_server_has_closed_is_replaced(server: Server, transport: HttpTransport) -> None:

    def reply_and_close(handler: Handler) -> None:
        handler.reply("{}")
        handler.close_connection = True

    server.script = [reply_and_close]
    transport.request("GET", "/x")
    time.sleep(0.1)
    assert transport.request("POST", "/x").ok
    assert server.methods == ["GET", "POST"]


def test_a_busy_answer_is_repeated_for_every_method(
    server: Server, transport: HttpTransport, pauses: list[float]
) -> None:
    transport.busy = lambda reply: reply.status == 503
    server.script = [status(503), status(503)]
    transport.busy_for = 60.0
    assert transport.request("POST", "/x").ok
    assert server.methods == ["POST"] * 3
    assert len(pauses) == 2


def test_a_logout_is_not_repeated_on_a_busy_array(
    server: Server, transport: HttpTransport, pauses: list[float]
) -> None:
    """Nor is a new session begun when the old one has expired."""
    transport.busy = transport.expired = lambda reply: reply.status == 503
    transport.reauthenticate = lambda: pytest.fail("a new login")
    transport.busy_for = 60.0
    server.script = [status(503)]
    transport.log_out(lambda: transport.request("POST", "/logout"))
    server.script = [garbage]
    transport.log_out(lambda: transport.request("POST", "/logout"))
    assert (server.methods, pauses) == (["POST", "POST"], [])


def test_after_the_last_attempt_the_busy_answer_is_returned(server: Server) -> None:
    transport = HttpTransport(["127.0.0.1"], server.port, scheme="http", busy_for=0.6)
    transport.busy = lambda reply: reply.status == 503
    server.script = [status(503)] * 99
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(seconds)

    transport._sleep = sleep
    assert transport.request("POST", "/x").status == 503
    assert len(server.requests) == len(pauses) + 1 >= 2
    assert sum(pauses) <= 0.6


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_after_a_login_the_request_of_an_expired_session_is_repeated(server: Server, transport: HttpTransport) -> None:
    def log_in() -> None:
        assert transport.request("POST", "/login", session=True).ok
        transport.set_header("X-Auth-Token", "new-token", secret=True)

    transport.expired = lambda reply: reply.status == 401
    transport.reauthenticate = log_in
    server.script = [status(401)]
    assert transport.request("POST", "/x").ok
    assert [entry[1] for entry in server.requests] == ["/x", "/login", "/x"]
    assert server.requests[2][2]["X-Auth-Token"] == "new-token"
    assert transport.journal.counts == {"requests": 2, "writes": 2, "session_requests": 1}


def test_a_session_that_is_refused_after_a_login_is_an_error(server: Server, transport: HttpTransport) -> None:
    logins: list[int] = []
    transport.expired = lambda reply: reply.status == 401
    transport.reauthenticate = lambda: logins.append(1)
    server.script = [status(401)] * 5
    with pytest.raises(errors.Unauthorized):
        transport.request("GET", "/x")
    assert logins == [1]
    assert len(server.requests) == 2


def test_a_refused_login_is_not_repeated(server: Server, transport: HttpTransport) -> None:
    transport.expired = lambda reply: reply.status == 401
    transport.reauthenticate = lambda: (transport.request("POST", "/login", session=True), None)[1]
    server.script = [status(401)] * 5
    with pytest.raises(errors.Unauthorized):
        transport.request("GET", "/x")
    assert [entry[1] for entry in server.requests] == ["/x", "/login"]


def test_threads_with_one_expired_session_log_in_once(server: Server) -> None:
    transport = HttpTransport(["127.0.0.1"], server.port, scheme="http", max_concurrency=4)
    logins: list[int] = []
    barrier = threading.Barrier(4)

    def expired(reply: Reply) -> bool:
        if reply.json().get("expired"):
            barrier.wait(5)
            return True
        return False

    transport.expired = expired
    transport.reauthenticate = lambda: logins.append(1)
    server.script = [status(200, '{"expired": true}')] * 4
    threads = [threading.Thread(target=transport.request, args=("GET", "/x")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert logins == [1]
    assert len(server.requests) == 8


# -- answers -----------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_reported_and_not_shown(server: Server, transport: HttpTransport) -> None:
    server.script = [status(401, f'{{"message": "bad password {PASSWORD}"}}')]
    with pytest.raises(errors.Unauthorized) as caught:
        transport.request("GET", "/x")
    assert PASSWORD not in str(caught.value)
    assert "username and password" in str(caught.value)
    assert len(server.requests) == 1


def test_an_answer_that_is_not_json_is_reported(server: Server, transport: HttpTransport) -> None:
    server.script = [status(200, "<html>login</html>", "text/html")]
    reply = transport.request("GET", "/x")
    with pytest.raises(errors.BadReply, match="text/html"):
        reply.json()
    assert reply.json_or_none() is None


def test_an_answer_that_is_not_utf_8_is_reported_without_its_content() -> None:
    reply = Reply(200, {"content-type": "application/json"}, b'{"name": "gr\xf6\xdfe"}', "GET /volumes")
    with pytest.raises(errors.BadReply, match=r"GET /volumes is not UTF-8: byte 13 is 0xf6\. If .* rename the object"):
        reply.json()
    assert reply.json_or_none() is None


def test_an_empty_answer_is_none(server: Server, transport: HttpTransport) -> None:
    server.script = [status(200, "")]
    assert transport.request("PUT", "/x").json() is None


def test_an_answer_that_is_too_large_is_an_error(
    server: Server, transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_reply, "LARGEST_REPLY", 1000)
    server.script = [status(200, "x" * 5000)] * 3
    with pytest.raises(errors.BadReply, match="larger"):
        transport.request("GET", "/x")


def test_an_answer_that_is_announced_as_too_large_is_not_read(server: Server, transport: HttpTransport) -> None:
    def announce(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(2 * 1024**3))
        handler.end_headers()
        handler.close_connection = True

    server.script = [announce] * 3
    with pytest.raises(errors.BadReply, match="larger than 64 MiB"):
        transport.request("GET", "/x")


def test_a_change_whose_answer_has_two_lengths_may_have_been_made(server: Server, transport: HttpTransport) -> None:
    server.script = [status(200, headers={"Content-Length": "7"})]
    with pytest.raises(confirm.AnswerLost, match="a header that is malformed"):
        transport.request("POST", "/x")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip", "br"])
def test_a_compressed_answer_is_refused(server: Server, transport: HttpTransport, encoding: str) -> None:
    """It was not asked for, and may have any size once it is unpacked."""
    server.script = [status(200, headers={"Content-Encoding": encoding})] * 3
    with pytest.raises(errors.BadReply, match="compressed"):
        transport.request("GET", "/x")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[" * 200_000, "not JSON"),
        ('{"n": ' + "9" * 5000 + "}", "not JSON"),
        ('{"name": "\\ud800"}', "half a character"),
        ('{"\\uDFFF": 1}', "half a character"),
    ],
)
def test_json_that_nobody_can_use_is_an_error_of_the_answer(
    server: Server, transport: HttpTransport, body: str, reason: str
) -> None:
    server.script = [status(200, body)]
    if "9" in body and not hasattr(sys, "set_int_max_str_digits"):
        assert transport.request("GET", "/x").json()["n"] > 0  # this release takes any number of digits
        return
    with pytest.raises(errors.BadReply, match=reason):
        transport.request("GET", "/x").json()


def test_a_character_of_two_escapes_is_read(server: Server, transport: HttpTransport) -> None:
    server.script = [status(200, '{"name": "\\ud83d\\ude00"}')]
    assert transport.request("GET", "/x").json() == {"name": "\U0001f600"}


def test_the_answer_to_head_has_no_body(server: Server, transport: HttpTransport) -> None:
    assert transport.request("HEAD", "/x").ok


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_no_object_and_no_error_shows_a_secret(server: Server, transport: HttpTransport) -> None:
    transport.set_header("X-Auth-Token", "the-token", secret=True)
    server.script = [status(200, f'{{"password": "{PASSWORD}"}}'), reset]
    reply = transport.request("POST", "/x?token=the-token", json={"password": PASSWORD, "note": "pw " + PASSWORD})
    with pytest.raises(confirm.AnswerLost) as caught:
        transport.request("POST", "/x?token=the-token&p=" + quote(PASSWORD))
    for shown in (
        repr(transport),
        repr(reply),
        repr(list(transport.journal)),
        str(caught.value),
        repr(caught.value.as_dict()),
    ):
        assert PASSWORD not in shown
        assert "the-token" not in shown
        assert "w0rd" not in shown


def test_a_missing_requests_library_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(errors.MissingLibrary, match="requests"):
        HttpTransport(["127.0.0.1"], 1).request("GET", "/x")
