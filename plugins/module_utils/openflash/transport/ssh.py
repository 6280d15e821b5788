# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SSH to an array's management address: one connection per task, one command per channel, failures told apart.

The host key is verified by default, the agent and the keys in ``~/.ssh`` are not used, and a command that ends without
an exit status has failed.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Callable, List, Optional, Sequence

from ..errors import Busy, FlashError, Interrupted, Invalid, MissingLibrary, Timeout, Unauthorized, Unreachable
from ..units import format_endpoint, parse_endpoint
from . import interruption
from .confirm import ATTEMPTS, AnswerTimeout, AnswerUnreadable, ConnectionLost, NotAccepted
from .credentials import missing
from .deadline import Deadline
from .host_keys import ACCEPT_NEW, STRICT, HostKeys
from .journal import Journal

LONGEST_CONNECT = 15.0
CHANNELS = 8
"""More commands than this are never under way at one time, whatever the task allows."""
KEEPALIVE = 30
LARGEST_REPLY = 64 * 1024**2

_PLAIN = re.compile(r"^[A-Za-z0-9_.,:=@%+/!*-]+$")
_QUOTABLE = re.compile(r"^[ !#%-/0-9:;<=>?@A-Z\[\]^_a-z{|}~*()&]*$")
_NEVER = "'\"\\$`"


@dataclass(frozen=True)
class Output:
    """What a command left."""

    status: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    line: str = ""
    """The command line, secrets masked, for messages."""

    @property
    def ok(self) -> bool:
        return self.status == 0


def command_line(words: Sequence[str]) -> str:
    """The words as one line that a shell splits into these very words again; Invalid when that cannot be promised.

    What is not plain goes between double quotes. Quotes, backslashes, dollar signs, backticks, control characters and
    anything but ASCII are refused: no object has them in its name, and they are how a name becomes a command.
    """
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if _PLAIN.match(word) and not word.endswith("\n"):
        return word
    bad = sorted({char for char in word if char in _NEVER or not " " <= char <= "~"})
    if bad or not _QUOTABLE.match(word) or word.endswith("\n"):
        raise Invalid(
            "%r cannot be sent to the array: it has %s in it" % (word, " ".join(repr(char) for char in bad)),
            hint="Use letters, digits, '.', '-' and '_'.",
        )
    return '"%s"' % word


class HungUp(Unreachable):
    """The connection ended before a word was said."""


class SshTransport:
    """Commands to one array.

    ``expired(output)`` is a hook: the array says that it did nothing because the login has ended. The connection is
    then made anew and the command repeated, once.

    :param addresses: host names or IP addresses, each optionally with ``:port``, in order of preference; the next is
        tried when no connection comes about.
    :param host_key: ``TYPE BASE64``, the only key to accept; the files of known hosts are then not looked at.
    :param known_hosts: file of known keys, instead of the user's own and the system's; new keys are kept there.
    :param policy: ``strict`` refuses a key that is not known, ``accept_new`` keeps it. A changed one is always refused.
    :param timeout: seconds that a connection, and each command from its start to its end, may take.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        port: int = 22,
        username: Optional[str] = None,
        password: Optional[str] = None,
        private_key_file: Optional[str] = None,
        private_key_passphrase: Optional[str] = None,
        host_key: Optional[str] = None,
        known_hosts: Optional[str] = None,
        policy: str = STRICT,
        agent: bool = False,
        timeout: float = 30.0,
        max_concurrency: int = 4,
        journal: Optional[Journal] = None,
        sleep: Callable[[float], None] = interruption.sleep,
        withheld: Optional[str] = None,
    ) -> None:
        if not addresses:
            raise Invalid("no address of the array is given", hint="Set address.")
        if not username or not (password or private_key_file or agent):
            raise missing(bool(username), bool(password or private_key_file or agent), withheld, key=True)
        if policy not in (STRICT, ACCEPT_NEW):
            raise Invalid("host_key_policy %s is not one of strict, accept_new" % policy)
        self.journal = journal if journal is not None else Journal()
        self.timeout = timeout
        self.expired: Callable[[Output], bool] = lambda output: False
        self._addresses = tuple(parse_endpoint(address, port) for address in addresses)
        self._at = 0
        self._username = username
        self._password = password
        self._private_key_file = private_key_file
        self._passphrase = private_key_passphrase
        self._host_key = host_key
        self._known_hosts = known_hosts
        self._policy = policy
        self._agent = agent
        self._sleep = sleep
        self._client: Any = None
        self._lock = threading.RLock()
        self._opening = threading.Lock()
        self._channels = threading.BoundedSemaphore(max(1, min(max_concurrency, CHANNELS)))
        self.journal.hide(password)
        self.journal.hide(private_key_passphrase)

    @classmethod
    def from_connection(cls, connection: Any, port: int, **more: Any) -> SshTransport:
        """What a model.Connection says; ``port`` is the vendor's own, for when the task gives none."""
        if connection.proxy:
            raise Invalid(
                "the array is managed over SSH, and proxy is for arrays that are managed over HTTP",
                hint="Leave proxy out.",
            )
        return cls(
            connection.address,
            connection.port or port,
            username=connection.username,
            password=connection.password,
            private_key_file=connection.private_key_file,
            private_key_passphrase=connection.private_key_passphrase,
            host_key=connection.host_key,
            known_hosts=connection.known_hosts,
            policy=connection.host_key_policy,
            timeout=connection.timeout,
            max_concurrency=connection.max_concurrency,
            withheld=connection.withheld,
            **more,
        )

    # -- the session -------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Host and port in use, for messages."""
        return format_endpoint(*self._addresses[self._at])

    def mask(self, text: str) -> str:
        return self.journal.mask(text)

    def close(self) -> None:
        """Close the connection. Never raises; a later command opens a new one."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            transport = client.get_transport()
            _hang_up(client, transport and transport.sock)

    def connect(self) -> None:
        """Log in now rather than at the first command: Unreachable, Unauthorized or Timeout says why not."""
        self._open()

    def __repr__(self) -> str:
        return "<SshTransport %s>" % self.address

    def _open(self) -> Any:
        """The paramiko Transport of a connection that lives."""
        with self._lock:
            if self._client is not None:
                transport = self._client.get_transport()
                if transport is not None and transport.is_active():
                    return transport
                self.close()
            failures: List[FlashError] = []
            for position in range(len(self._addresses)):
                self._at = position
                try:
                    self._client = self._patient_login(*self._addresses[position])
                    return self._client.get_transport()
                except (Unreachable, Timeout) as error:
                    failures.append(error.fill(array=self.address))
            if len(failures) == 1:
                raise failures[0]
            self._at = 0
            raise Unreachable(
                "no address answers: " + "; ".join("%s: %s" % (error.array, error.reason) for error in failures),
                hint=failures[0].hint,
            )

    def _patient_login(self, host: str, port: int) -> Any:
        """The client; an SSH server with no connection to spare hangs up before it says anything, and has one soon."""
        deadline = Deadline(min(self.timeout, LONGEST_CONNECT), first=0.05, longest=1.0, sleep=self._sleep)
        while True:
            try:
                return self._login(host, port)
            except HungUp:
                if not deadline.pause():
                    raise

    def _login(self, host: str, port: int) -> Any:
        paramiko = _paramiko()
        client = paramiko.SSHClient()
        keys = HostKeys(paramiko, client, host, port, self._host_key, self._known_hosts, self._policy)
        link: Optional[socket.socket] = None
        # paramiko's own time-outs count from one byte to the next.
        cut = _Cut(self.timeout)
        try:
            link = socket.create_connection((host, port), min(self.timeout, LONGEST_CONNECT))
            cut.begin(link)
            # Before the login, whose small messages would wait 40 ms each otherwise
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.connect(
                host,
                port,
                sock=link,
                username=self._username,
                password=self._password,
                pkey=self._private_key(paramiko),
                allow_agent=self._agent,
                look_for_keys=False,
                compress=False,
                # Longer than the connection lasts, so that it is the cut that ends it
                banner_timeout=2 * self.timeout,
                auth_timeout=2 * self.timeout,
            )
            keys.keep()
        except BaseException as error:  # noqa: BLE001  whatever ends it, the connection is closed and the error raised
            _hang_up(client, link)
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
        path = self._private_key_file
        if not path:
            return None
        path = os.path.expanduser(path)
        kinds = [paramiko.RSAKey, paramiko.ECDSAKey, paramiko.Ed25519Key]
        for kind in kinds:
            try:
                return kind.from_private_key_file(path, password=self._passphrase or None)
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
            % (" and private_key_passphrase is the one it was made with" if self._passphrase else ""),
        )

    def _explain(self, paramiko: Any, error: BaseException, host: str, keys: HostKeys) -> BaseException:
        """What stopped a login, in words; anything unknown as it was."""
        if isinstance(error, FlashError):
            return error
        if isinstance(error, paramiko.BadHostKeyException):
            return keys.changed(error.key)
        if isinstance(error, paramiko.AuthenticationException):
            how = "private key" if self._private_key_file and not self._password else "password"
            return Unauthorized(
                "the array did not accept the user name and %s" % how,
                hint="Check username and %s." % ("private_key_file" if how == "private key" else "password"),
            )
        if isinstance(error, socket.gaierror):
            return Unreachable("the name %s does not resolve" % host, hint="Check address and the DNS of this host.")
        if isinstance(error, (socket.timeout, TimeoutError)):
            return Unreachable("it does not answer", hint="Check address, port and the network between.")
        if isinstance(error, (paramiko.SSHException, EOFError)):
            text = str(error)
            if "banner" in text or isinstance(error, EOFError):
                return HungUp(
                    "it does not speak SSH on this port, or it has no connection to spare",
                    hint="Check the port, and what other clients are connected to the array.",
                )
            if "Incompatible" in text or "no acceptable" in text.lower():
                return Unreachable("it and this host have no SSH algorithm in common (%s)" % text)
            return Unreachable("no SSH connection comes about (%s)" % (text or type(error).__name__))
        if isinstance(error, OSError):
            if isinstance(error, ConnectionRefusedError):
                return Unreachable("connection refused", hint="Check port, and that the array's SSH service runs.")
            return Unreachable("no connection comes about (%s)" % (error.strerror or error))
        return error

    # -- commands ----------------------------------------------------------------------------------------------------

    def run(self, words: Sequence[str], write: bool = False, session: bool = False) -> Output:
        """Run one command to its end.

        A command that only reads is repeated when its answer is lost, at most ATTEMPTS times. One that writes is sent
        again only when it certainly did not leave this host; otherwise AnswerLost: read the state and decide.
        """
        line = command_line(words)
        verb = next((word for word in words if not word.startswith("svc")), words[0])
        again = True
        for attempt in range(ATTEMPTS):
            try:
                with self._channels:
                    output = self._run(line, verb, write, session)
            except (ConnectionLost, AnswerUnreadable, NotAccepted) as error:
                if write or attempt == ATTEMPTS - 1:
                    raise error.with_timeout(self.timeout) from None
                continue
            except AnswerTimeout as error:
                raise error.with_timeout(self.timeout) from None
            if again and self.expired(output):
                again = False
                self.close()
                with self._channels:
                    output = self._run(line, verb, write, session)
            return output
        raise AssertionError("the last attempt raises")

    def _run(self, line: str, verb: str, write: bool, session: bool) -> Output:
        interruption.check()
        deadline = Deadline(self.timeout, first=0.05, longest=1.0, sleep=self._sleep)
        shown = self.mask(line)
        channel = self._channel(deadline, shown)
        started, outcome = time.monotonic(), "lost"
        try:
            output = self._talk(channel, line, deadline, shown)
            outcome = str(output.status)
            return output
        except FlashError as error:
            outcome = error.reason
            raise
        except Interrupted:
            outcome = "interrupted"
            raise
        finally:
            self.journal.append(
                verb, line, outcome=outcome, write=write, session=session, seconds=time.monotonic() - started
            )
            try:
                channel.close()
            except (EOFError, OSError, _paramiko().SSHException):
                pass  # the connection is gone, and the channel with it

    def _late(self, shown: str) -> AnswerTimeout:
        return AnswerTimeout(
            "%s was not answered within %g s" % (shown, self.timeout), hint="Raise timeout if the array needs longer."
        )

    def _channel(self, deadline: Deadline, shown: str) -> Any:
        """A channel to run one command in. Nothing was sent as yet, so a dead connection is simply made anew."""
        paramiko = _paramiko()
        fresh = False
        while True:
            transport = self._open()
            try:
                # One at a time: paramiko keeps a single slot for the reason of a refusal.
                with self._opening:
                    return transport.open_session(timeout=max(0.1, deadline.remaining()))
            except paramiko.ChannelException as error:
                # Another of our commands, or another client, has the last session: one will be free.
                if not deadline.pause():
                    raise Busy(
                        "the array has no session free for %s" % shown,
                        said=str(error.text) or None,
                        hint="Other clients use its SSH sessions, or max_concurrency is too high for it.",
                    ) from None
            except (paramiko.SSHException, EOFError, OSError) as error:
                if deadline.expired():
                    raise Timeout("no session was opened within %g s" % self.timeout) from None
                if transport.is_active():
                    deadline.pause()
                    continue
                if fresh:
                    raise Unreachable("the connection ends as soon as it is made (%s)" % error) from None
                fresh = True

    def _exec(self, channel: Any, line: str, shown: str) -> None:
        """Ask for the command. A refusal ends the channel, without an exit status, and leaves the connection."""
        try:
            channel.exec_command(line.encode("ascii"))
        except _paramiko().SSHException as error:
            transport = channel.get_transport()
            if transport is None or not transport.is_active() or channel.exit_status >= 0 or channel.recv_ready():
                raise
            raise NotAccepted("the array does not take %s (%s)" % (shown, error)) from None

    def _talk(self, channel: Any, line: str, deadline: Deadline, shown: str) -> Output:
        paramiko = _paramiko()
        # paramiko waits without limit for the array to take the command.
        cut = _Cut(deadline.remaining())
        try:
            channel.settimeout(max(0.1, deadline.remaining()))
            cut.begin(channel.get_transport().sock)
            self._exec(channel, line, shown)
            channel.shutdown_write()
            cut.cancel()
            stdout = _read(channel.recv, channel, deadline)
            stderr = _read(channel.recv_stderr, channel, deadline)
            channel.status_event.wait(max(0.1, deadline.remaining()))
        except socket.timeout:
            raise self._late(shown) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            if cut.done:
                raise self._late(shown) from None
            raise ConnectionLost("the connection ended during %s (%s)" % (shown, error or "no reason given")) from None
        finally:
            cut.cancel()
        if channel.exit_status < 0:
            transport = channel.get_transport()
            if transport is None or not transport.is_active():
                raise ConnectionLost("the connection ended during %s" % shown)
            if not channel.closed and deadline.expired():
                raise AnswerTimeout("%s did not end within %g s" % (shown, self.timeout))
            raise AnswerUnreadable("%s ended without an exit status" % shown)
        return Output(channel.exit_status, stdout, stderr, shown)


class _Cut:
    """Ends a connection after some seconds, whatever is sent over it meanwhile."""

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


def _hang_up(client: Any, link: Optional[socket.socket]) -> None:
    """Tell the array now, which has few connections: paramiko's thread would keep the socket for a moment yet."""
    if link is not None:
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
    client.close()
    if link is not None:
        link.close()


def _read(receive: Callable[[int], bytes], channel: Any, deadline: Deadline) -> str:
    """Everything up to the end of the stream; socket.timeout at the deadline."""
    found: List[bytes] = []
    size = 0
    while True:
        left = deadline.remaining()
        if left <= 0:
            raise socket.timeout()
        channel.settimeout(min(left, interruption.STEP))
        try:
            chunk = receive(65536)
        except socket.timeout:
            interruption.check()
            continue
        if not chunk:
            return b"".join(found).decode("utf-8", "replace")
        found.append(chunk)
        size += len(chunk)
        if size > LARGEST_REPLY:
            raise AnswerUnreadable("the answer is larger than %d bytes" % LARGEST_REPLY)


def _paramiko() -> Any:
    try:
        with warnings.catch_warnings():
            # Old versions warn about ciphers that nobody asked for.
            warnings.simplefilter("ignore")
            import paramiko
    except ImportError as error:
        raise MissingLibrary("paramiko", "to talk to this array over SSH", str(error)) from None
    # What goes wrong is raised; without this Python prints paramiko's own log to stderr.
    logger = logging.getLogger("paramiko")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return paramiko
