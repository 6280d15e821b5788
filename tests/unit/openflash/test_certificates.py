# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that Python refuses: each reason has its own message and hint."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3.util.ssl_
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from tests.unit.openflash.test_http_transport import Server

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
STRICT = bool(urllib3.util.ssl_.create_urllib3_context().verify_flags & getattr(ssl, "VERIFY_X509_STRICT", 0))


class Issuer:
    """A CA that can issue faulty certificates."""

    def __init__(self, folder: Path, key: Any = None) -> None:
        self.folder = folder
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example CA")])
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self.certificate = (
            self._builder(self.name, self.key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(identifier, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        self.path = folder / "ca.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, subject: x509.Name, key: Any, begins: datetime.datetime = NOW - DAY, ends: datetime.datetime = NOW + DAY
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        return builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)

    def issue(
        self,
        names: tuple[str, ...] = ("127.0.0.1",),
        key: Any = None,
        begins: datetime.datetime = NOW - DAY,
        ends: datetime.datetime = NOW + DAY,
        authority_key: bool = True,
    ) -> Path:
        """A file with a key and a certificate whose subject is CN=127.0.0.1."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        builder = self._builder(subject, key, begins, ends)
        if names:
            alternatives = [_general_name(name) for name in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        if authority_key:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        form = serialization.PrivateFormat.PKCS8
        path = self.folder / "server.pem"
        path.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return path


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@contextmanager
def serving(path: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.load_cert_chain(path)
    server = Server()
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    yield server.port
    server.shutdown()
    server.server_close()


def refusal(path: Path, verify: Path | bool, **options: Any) -> tuple[str, str]:
    """The reason and the hint of the error of a request."""
    with serving(path) as port:
        transport = HttpTransport(
            ["127.0.0.1"], port, verify=verify if verify is True else str(verify), timeout=5, **options
        )
        with pytest.raises(errors.Unreachable) as caught:
            transport.request("POST", "/x", json={})
        transport.close()
    assert caught.value.array == f"127.0.0.1:{port}"
    return caught.value.reason, str(caught.value.hint)


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


def test_a_valid_certificate_is_accepted(issuer: Issuer) -> None:
    with serving(issuer.issue()) as port:
        assert HttpTransport(["127.0.0.1"], port, verify=str(issuer.path), timeout=5).request("GET", "/x").ok


@pytest.mark.parametrize("options", [{}, {"tls_server_name": "127.0.0.1"}, {"tls_server_name": "xms.example.org"}])
def test_a_certificate_without_subject_alt_name_is_refused(issuer: Issuer, options: dict[str, str]) -> None:
    reason, hint = refusal(issuer.issue(names=()), issuer.path, **options)
    assert "has no subjectAltName" in reason
    assert "(CN)" in reason
    assert "Install another certificate on the array" in hint
    assert "tls_server_name cannot help" in hint
    assert "ca_path" not in hint


@pytest.mark.parametrize("options", [{}, {"tls_server_name": "other.example.org"}])
def test_a_certificate_for_another_name_is_refused_with_its_names(issuer: Issuer, options: dict[str, str]) -> None:
    reason, hint = refusal(issuer.issue(names=("xms.example.org", "192.0.2.7")), issuer.path, **options)
    assert reason == f"its certificate is for another name than {options.get('tls_server_name', '127.0.0.1')}"
    assert hint == "Set tls_server_name to a name in the certificate: xms.example.org, 192.0.2.7."


@pytest.mark.parametrize(
    ("state", "begins", "ends"),
    [("has expired", NOW - 3 * DAY, NOW - DAY), ("is not valid yet", NOW + DAY, NOW + 3 * DAY)],
)
def test_a_certificate_outside_its_period_is_refused(
    issuer: Issuer, state: str, begins: datetime.datetime, ends: datetime.datetime
) -> None:
    reason, hint = refusal(issuer.issue(begins=begins, ends=ends), issuer.path)
    assert reason == f"its certificate {state}"
    assert "clock of this host" in hint
    assert f"{NOW:%Y-%m}" in hint
    assert "ca_path" not in hint


def test_a_certificate_with_a_short_key_is_refused(issuer: Issuer) -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505  the test expects that it is refused
    reason, hint = refusal(issuer.issue(key=short), issuer.path)
    assert reason == "the key of its certificate is too short for the OpenSSL of this host"
    assert "2048" in hint
    assert "ca_path" not in hint


def test_a_certificate_of_a_ca_with_a_short_key_is_refused(tmp_path: Path) -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505  the test expects that it is refused
    issuer = Issuer(tmp_path, short)
    reason, hint = refusal(issuer.issue(), issuer.path)
    assert reason == "the key of the CA of its certificate is too short for the OpenSSL of this host"
    assert "2048" in hint
    assert "ca_path" not in hint


def test_a_certificate_without_authority_key_identifier_is_refused_where_python_demands_it(issuer: Issuer) -> None:
    """Python 3.13 demands the identifier; earlier versions accept the certificate."""
    path = issuer.issue(authority_key=False)
    if not STRICT:
        with serving(path) as port:
            assert HttpTransport(["127.0.0.1"], port, verify=str(issuer.path), timeout=5).request("GET", "/x").ok
        return
    reason, hint = refusal(path, issuer.path)
    assert "has no authority key identifier, which Python 3.13 and later demand" in reason
    assert "authorityKeyIdentifier" in hint
    assert "ansible_python_interpreter" in hint
    assert "ca_path" not in hint


def test_a_certificate_of_an_unknown_ca_is_refused(issuer: Issuer) -> None:
    reason, hint = refusal(issuer.issue(), True)
    assert reason.startswith("its certificate is not trusted (")
    assert hint.startswith("Set ca_path to the certificate of the CA that signed it;")


def test_a_self_signed_certificate_is_refused(issuer: Issuer, tmp_path: Path) -> None:
    form = serialization.PrivateFormat.PKCS8
    path = tmp_path / "self.pem"
    path.write_bytes(
        issuer.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        + issuer.path.read_bytes()
    )
    reason, hint = refusal(path, True)
    assert reason == "its certificate is not trusted, since it is self-signed"
    assert "fingerprint" in hint
    assert "set ca_path to that file" in hint
