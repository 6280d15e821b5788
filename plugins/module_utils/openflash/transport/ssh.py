# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SSH to an array's management address: one connection per task, one command per channel, an error for each failure.

The host key is verified by default. The agent and the keys in ``~/.ssh`` are not used. A command that ends without an
exit status has failed.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, List, Optional, Sequence

from ..errors import Busy, FlashError, Interrupted, Invalid, Timeout, Unreachable
from ..units import format_endpoint, parse_endpoint
from . import interruption
from .confirm import ATTEMPTS, AnswerTimeout, AnswerUnreadable, ConnectionLost, NotAccepted
from .credentials import missing
from .deadline import Deadline
from .host_keys import ACCEPT_NEW, STRICT
from .journal import Journal
from .ssh_login import Cut, Login, hang_up, load_paramiko

CHANNELS = 8
"""The most commands at one time, whatever ``max_concurrency`` is."""
LARGEST_REPLY = 64 * 1024**2

_PLAIN = re.compile(r"^[A-Za-z0-9_.,:=@%+/!*-]+$")
_QUOTABLE = re.compile(r"^[ !#%-/0-9:;<=>?@A-Z\[\]^_a-z{|}~*()&]*$")
_NEVER = "'\"\\$`"


@dataclass(frozen=True)
class Output:
    """The result of a command."""

    status: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    line: str = ""
    """The command line, secrets masked, for messages."""

    @property
    def ok(self) -> bool:
        return self.status == 0


def command_line(words: Sequence[str]) -> str:
    """One line that a shell splits into these words again.

    A word with special characters is put between double quotes.

    :raises Invalid: a word has quotes, backslashes, dollar signs, backticks, control characters, or anything but ASCII.
        No object has them in its name, and with them a name could become a command.
    """
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if _PLAIN.match(word) and not word.endswith("\n"):
        return word
    bad = sorted({char for char in word if char in _NEVER or not " " <= char <= "~"})
    if bad or not _QUOTABLE.match(word) or word.endswith("\n"):
        raise Invalid(
            "%r cannot be sent to the array: it contains %s" % (word, " ".join(repr(char) for char in bad)),
            hint="Use letters, digits, '.', '-' and '_'.",
        )
    return '"%s"' % word


class SshTransport:
    """Commands to one array.

    ``expired(output)`` is a hook: whether the array reports that it did nothing because the login has ended. Then a new
    connection is made and the command sent again, once.

    :param addresses: host names or IP addresses, each optionally with ``:port``, in order of preference. The next one
        is tried when no connection can be made.
    :param host_key: ``TYPE BASE64``, the only key to accept. The files of known hosts are then not read.
    :param known_hosts: file of known keys, instead of the user's own and the system's. New keys are written there.
    :param policy: ``strict`` refuses a key that is not known, ``accept_new`` keeps it. A changed one is always refused.
    :param timeout: seconds for a login, and for each command from its start to its end.
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
        self._login = Login(
            username,
            password,
            private_key_file,
            private_key_passphrase,
            host_key,
            known_hosts,
            policy,
            agent,
            timeout,
            sleep,
        )
        self._sleep = sleep
        self._client: Any = None
        self._lock = threading.RLock()
        self._opening = threading.Lock()
        self._channels = threading.BoundedSemaphore(max(1, min(max_concurrency, CHANNELS)))
        self.journal.hide(password)
        self.journal.hide(private_key_passphrase)

    @classmethod
    def from_connection(cls, connection: Any, port: int, **more: Any) -> SshTransport:
        """For a model.Connection. ``port`` is that of the vendor, for a task that gives none."""
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

    # -- the session ---------------------------------------------------------------------------------------------------

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
            hang_up(client, transport and transport.sock)

    def connect(self) -> None:
        """Log in now rather than at the first command: Unreachable, Unauthorized or Timeout says why not."""
        self._open()

    def __repr__(self) -> str:
        return "<SshTransport %s>" % self.address

    def _open(self) -> Any:
        """The paramiko Transport of an active connection."""
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
                    self._client = self._login.open(*self._addresses[position])
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

    # -- commands ------------------------------------------------------------------------------------------------------

    def run(self, words: Sequence[str], write: bool = False, session: bool = False) -> Output:
        """Run one command to its end.

        A command that only reads is sent up to ATTEMPTS times when its answer is lost.

        :raises AnswerLost: the answer to a command that writes was lost. Read the state and decide.
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
        raise AssertionError("the last attempt returns or raises")

    def _run(self, line: str, verb: str, write: bool, session: bool) -> Output:
        interruption.check()
        deadline = Deadline(self.timeout, first=0.05, longest=1.0, sleep=self._sleep)
        shown = self.mask(line)
        channel = self._channel(deadline, shown)
        started, outcome = time.monotonic(), "no answer"
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
            except (EOFError, OSError, load_paramiko().SSHException):
                pass  # the connection has ended, and the channel with it

    def _timed_out(self, shown: str) -> AnswerTimeout:
        return AnswerTimeout(
            "%s was not answered within %g s" % (shown, self.timeout), hint="Raise timeout if the array needs longer."
        )

    def _channel(self, deadline: Deadline, shown: str) -> Any:
        """A channel for one command. Nothing has been sent yet, so a connection that has ended is replaced."""
        paramiko = load_paramiko()
        reconnected = False
        while True:
            transport = self._open()
            try:
                # One at a time: paramiko keeps a single slot for the reason of a refusal.
                with self._opening:
                    return transport.open_session(timeout=max(0.1, deadline.remaining()))
            except paramiko.ChannelException as error:
                # Other commands, or other clients, have all sessions of the array until one of them ends.
                if not deadline.pause():
                    raise Busy(
                        "the array has no free session for %s" % shown,
                        said=str(error.text) or None,
                        hint="Other clients use its SSH sessions, or max_concurrency is too high for it.",
                    ) from None
            except (paramiko.SSHException, EOFError, OSError) as error:
                if deadline.expired():
                    raise Timeout("no session was opened within %g s" % self.timeout) from None
                if transport.is_active():
                    deadline.pause()
                    continue
                if reconnected:
                    raise Unreachable("the array ends each connection as soon as it is made (%s)" % error) from None
                reconnected = True

    def _exec(self, channel: Any, line: str, shown: str) -> None:
        """Request the command. When the array refuses it, the channel ends without an exit status."""
        try:
            channel.exec_command(line.encode("ascii"))
        except load_paramiko().SSHException as error:
            transport = channel.get_transport()
            if transport is None or not transport.is_active() or channel.exit_status >= 0 or channel.recv_ready():
                raise
            raise NotAccepted("the array does not accept %s (%s)" % (shown, error)) from None

    def _talk(self, channel: Any, line: str, deadline: Deadline, shown: str) -> Output:
        paramiko = load_paramiko()
        # paramiko waits without limit for the array to accept the command.
        cut = Cut(deadline.remaining())
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
            raise self._timed_out(shown) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            if cut.done:
                raise self._timed_out(shown) from None
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


def _read(receive: Callable[[int], bytes], channel: Any, deadline: Deadline) -> str:
    """Everything up to the end of the stream; socket.timeout at the deadline."""
    found: List[bytes] = []
    size = 0
    while True:
        remaining = deadline.remaining()
        if remaining <= 0:
            raise socket.timeout()
        channel.settimeout(min(remaining, interruption.STEP))
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
