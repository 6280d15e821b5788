# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Login to an SSH server: its host key, our credentials, one deadline for both, and why it fails."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ..errors import FlashError, Invalid, MissingLibrary, Timeout, Unauthorized, Unreachable
from .deadline import Deadline
from .host_keys import HostKeys

LONGEST_CONNECT = 15.0
KEEPALIVE = 30


class HungUp(Unreachable):
    """The server ended the connection before it sent anything."""


@dataclass(frozen=True)
class Login:
    """What logs in to the addresses of one array.

    :ivar timeout: seconds for one login, from the connection to the accepted credentials.
    """

    username: str
    password: Optional[str] = field(repr=False)
    private_key_file: Optional[str]
    passphrase: Optional[str] = field(repr=False)
    host_key: Optional[str]
    known_hosts: Optional[str]
    policy: str
    agent: bool
    timeout: float
    sleep: Callable[[float], None]

    def open(self, host: str, port: int) -> Any:
        """A paramiko client that is logged in.

        A server that ends the connection before it sends anything has no free one: it is tried again for some seconds.

        :raises Unreachable, Unauthorized, Timeout, Invalid: why there is no login.
        """
        deadline = Deadline(min(self.timeout, LONGEST_CONNECT), first=0.05, longest=1.0, sleep=self.sleep)
        while True:
            try:
                return self._once(host, port)
            except HungUp:
                if not deadline.pause():
                    raise

    def _once(self, host: str, port: int) -> Any:
        paramiko = load_paramiko()
        client = paramiko.SSHClient()
        keys = HostKeys(paramiko, client, host, port, self.host_key, self.known_hosts, self.policy)
        link: Optional[socket.socket] = None
        # The time-outs of paramiko count from one byte to the next.
        cut = Cut(self.timeout)
        try:
            link = socket.create_connection((host, port), min(self.timeout, LONGEST_CONNECT))
            cut.begin(link)
            # Before the login, whose small messages would wait 40 ms each otherwise
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.connect(
                host,
                port,
                sock=link,
                username=self.username,
                password=self.password,
                pkey=self._private_key(paramiko),
                allow_agent=self.agent,
                look_for_keys=False,
                compress=False,
                # Longer than the cut takes, so that the cut ends the login
                banner_timeout=2 * self.timeout,
                auth_timeout=2 * self.timeout,
            )
            keys.keep()
        except BaseException as error:  # noqa: BLE001  whatever ends it, the connection is closed and the error raised
            hang_up(client, link)
            if cut.done and isinstance(error, Exception):
                raise Timeout(
                    "no login within %g s" % self.timeout,
                    hint="Check the port, and raise timeout if the array needs longer.",
                ) from None
            raise self._explain(paramiko, error, host, keys) from None
        finally:
            cut.cancel()
        client.get_transport().set_keepalive(KEEPALIVE)
        return client

    def _private_key(self, paramiko: Any) -> Any:
        """RSA, ECDSA or Ed25519, whichever the file holds."""
        path = self.private_key_file
        if not path:
            return None
        path = os.path.expanduser(path)
        kinds = [paramiko.RSAKey, paramiko.ECDSAKey, paramiko.Ed25519Key]
        for kind in kinds:
            try:
                return kind.from_private_key_file(path, password=self.passphrase or None)
            except paramiko.PasswordRequiredException:
                raise Invalid(
                    "the private key %s is protected by a passphrase" % path, hint="Set private_key_passphrase."
                ) from None
            except OSError as error:
                raise Invalid("the private key %s cannot be read: %s" % (path, error.strerror or error)) from None
            except (paramiko.SSHException, ValueError, TypeError, IndexError):
                continue
        raise Invalid(
            "%s cannot be used as a private key" % path,
            hint="It is an RSA, ECDSA or Ed25519 key in OpenSSH or PEM form%s."
            % (" and private_key_passphrase is the one it was made with" if self.passphrase else ""),
        )

    def _explain(self, paramiko: Any, error: BaseException, host: str, keys: HostKeys) -> BaseException:
        """The error to raise for what ended a login; an unknown one as it is."""
        if isinstance(error, FlashError):
            return error
        if isinstance(error, paramiko.BadHostKeyException):
            return keys.changed(error.key)
        if isinstance(error, paramiko.AuthenticationException):
            how = "private key" if self.private_key_file and not self.password else "password"
            return Unauthorized(
                "the array did not accept the user name and %s" % how,
                hint="Check username and %s." % ("private_key_file" if how == "private key" else "password"),
            )
        if isinstance(error, socket.gaierror):
            return Unreachable("the name %s does not resolve" % host, hint="Check address and the DNS of this host.")
        if isinstance(error, (socket.timeout, TimeoutError)):
            return Unreachable("it does not answer", hint="Check address, port and the network in between.")
        if isinstance(error, (paramiko.SSHException, EOFError)):
            text = str(error)
            if "banner" in text or isinstance(error, EOFError):
                return HungUp(
                    "it does not speak SSH on this port, or it has no free connection",
                    hint="Check the port, and which other clients are connected to the array.",
                )
            if "Incompatible" in text or "no acceptable" in text.lower():
                return Unreachable("it and this host have no SSH algorithm in common (%s)" % text)
            return Unreachable("no SSH connection can be made (%s)" % (text or type(error).__name__))
        if isinstance(error, OSError):
            if isinstance(error, ConnectionRefusedError):
                return Unreachable("connection refused", hint="Check port, and that the array's SSH service runs.")
            return Unreachable("no connection can be made (%s)" % (error.strerror or error))
        return error


class Cut:
    """Ends a connection at a deadline, whatever is sent over it meanwhile."""

    def __init__(self, seconds: float) -> None:
        self.done = False
        self._until = time.monotonic() + seconds
        self._timer: Optional[threading.Timer] = None

    def begin(self, link: socket.socket) -> None:
        def end() -> None:
            self.done = True
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

        self._timer = threading.Timer(max(0.0, self._until - time.monotonic()), end)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def hang_up(client: Any, link: Optional[socket.socket]) -> None:
    """Close the connection at once: paramiko's thread would keep the socket for a moment, and arrays allow few."""
    if link is not None:
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
    client.close()
    if link is not None:
        link.close()


def load_paramiko() -> Any:
    try:
        with warnings.catch_warnings():
            # Old versions warn about ciphers that are not used here.
            warnings.simplefilter("ignore")
            import paramiko
    except ImportError as error:
        raise MissingLibrary("paramiko", "to talk to this array over SSH", str(error)) from None
    # Errors are raised. Without a handler Python prints paramiko's log to stderr.
    logger = logging.getLogger("paramiko")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return paramiko
