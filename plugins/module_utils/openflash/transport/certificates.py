# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Explains why a certificate is refused and what to do. For most reasons, ca_path is no remedy."""

from __future__ import annotations

import os
import socket
import ssl
import time
from typing import Any, Optional, Tuple, Union

# Results of X.509 verification: x509_vfy.h of OpenSSL
_NOT_YET_VALID = 9
_EXPIRED = 10
_SELF_SIGNED = 18
_SELF_SIGNED_IN_CHAIN = 19
_WRONG_NAME = (62, 63, 64)
_SHORT_KEY, _SHORT_CA_KEY, _WEAK_HASH = 66, 67, 68
_NO_AUTHORITY_KEY, _NO_SUBJECT_KEY = 85, 86

_GIVES_UP = " validate_certs: false gives up the protection."
_NEW = "Install another certificate on the array"


def explain_certificate(
    error: BaseException, host: str, port: int, name: str, verify: Union[bool, str], direct: bool
) -> Tuple[str, str]:
    """(reason, hint) for a certificate that was refused.

    :param error: ssl.SSLCertVerificationError, or the CertificateError of urllib3, which has no code.
    :param name: the name that must be in the certificate.
    :param verify: True, or the CA file or directory that was used.
    :param direct: without a proxy. Then one more connection may be made, to read the names in the certificate.
    """
    code = getattr(error, "verify_code", None)
    # There is no code when urllib3 itself compares the name, and not OpenSSL.
    if code in _WRONG_NAME or not code and ("match" in str(error) or "subjectAltName" in str(error)):
        return _wrong_name(name, _names(host, port, name, verify) if direct else None)
    if code in (_EXPIRED, _NOT_YET_VALID):
        today = time.strftime("%Y-%m-%d", time.gmtime())
        state = "has expired" if code == _EXPIRED else "is not valid yet"
        return (
            "its certificate %s" % state,
            "Check the clock of this host, where it is %s. If it is right, renew the array's certificate." % today,
        )
    if code in (_SHORT_KEY, _SHORT_CA_KEY, _WEAK_HASH):
        what = "the signature of a CA of its certificate uses a hash that is too weak"
        if code != _WEAK_HASH:
            what = "the key of %sits certificate is too short" % ("the CA of " if code == _SHORT_CA_KEY else "")
        return (
            "%s for the OpenSSL of this host" % what,
            "%s, with an RSA key of at least 2048 bits or an ECDSA key, from a CA that signs with SHA-256." % _NEW,
        )
    if code in (_NO_AUTHORITY_KEY, _NO_SUBJECT_KEY):
        field = "authority" if code == _NO_AUTHORITY_KEY else "subject"
        return (
            "its certificate, or one of its chain, has no %s key identifier, which Python 3.13 and later demand"
            % field,
            "%s, issued with %sKeyIdentifier, or set ansible_python_interpreter to an earlier Python." % (_NEW, field),
        )
    if code == _SELF_SIGNED:
        return (
            "its certificate is not trusted, since it is self-signed",
            "Compare its fingerprint with the one that the array shows, save the certificate on this host, and set "
            "ca_path to that file;" + _GIVES_UP,
        )
    reason = str(getattr(error, "verify_message", "") or "unknown reason")
    if code == _SELF_SIGNED_IN_CHAIN:
        reason = "the CA at the end of its chain is unknown"
    hint = "Set ca_path to the certificate of the CA that signed it"
    if isinstance(verify, str) and os.path.isdir(verify):
        hint += "; a directory needs the links that `openssl rehash` makes"
    return "its certificate is not trusted (%s)" % reason, hint + ";" + _GIVES_UP


def _wrong_name(name: str, names: Optional[Tuple[str, ...]]) -> Tuple[str, str]:
    if names is None:
        return (
            "its certificate is for another name than %s" % name,
            "Set tls_server_name to a name in the subjectAltName of the certificate. If there is none, install another "
            "certificate on the array.",
        )
    if not names:
        return (
            "its certificate has no subjectAltName, and Python does not accept a name in the subject (CN) instead",
            "%s, with its name or address as subjectAltName; tls_server_name cannot help." % _NEW,
        )
    return (
        "its certificate is for another name than %s" % name,
        "Set tls_server_name to a name in the certificate: %s." % ", ".join(names),
    )


def _names(host: str, port: int, name: str, verify: Union[bool, str]) -> Optional[Tuple[str, ...]]:
    """The names in the subjectAltName of the certificate; None when it cannot be read."""
    try:
        context = ssl.create_default_context()
        context.check_hostname = False
        if isinstance(verify, str):
            is_folder = os.path.isdir(verify)
            context.load_verify_locations(capath=verify if is_folder else None, cafile=None if is_folder else verify)
        with socket.create_connection((host, port), 5.0) as link:
            with context.wrap_socket(link, server_hostname=name) as stream:
                certificate: Any = stream.getpeercert() or {}
    except (OSError, ValueError):
        return None
    return tuple(str(value) for _kind, value in certificate.get("subjectAltName", ()))
