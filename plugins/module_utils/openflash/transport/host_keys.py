# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host keys of SSH servers: which ones are accepted for an address, and the error for any other."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any, Optional, Tuple

from ..errors import Invalid, Unreachable

STRICT, ACCEPT_NEW = "strict", "accept_new"


class HostKeys:
    """The host keys that are accepted for one address."""

    def __init__(
        self,
        paramiko: Any,
        client: Any,
        host: str,
        port: int,
        explicit: Optional[str],
        known_hosts: Optional[str],
        policy: str,
    ) -> None:
        self._paramiko = paramiko
        self._name = host if port == 22 else "[%s]:%d" % (host, port)
        self._explicit = explicit
        self._file = os.path.expanduser(known_hosts or "~/.ssh/known_hosts")
        self._named = known_hosts is not None
        self._policy = policy
        self._new: Any = None
        if explicit:
            client.get_host_keys().add(self._name, *self._parse(explicit))
        else:
            self._load(client)
        outer = self

        class Missing(paramiko.MissingHostKeyPolicy):  # type: ignore[misc] # paramiko has no types
            def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
                outer.missing(key)

        client.set_missing_host_key_policy(Missing())

    def _parse(self, text: str) -> Tuple[str, Any]:
        fields = text.split()
        try:
            entry = self._paramiko.hostkeys.HostKeyEntry.from_line(" ".join(["array"] + fields[:2]))
        except Exception:  # noqa: BLE001  the parser's errors differ between versions of paramiko
            entry = None
        if entry is None or entry.key is None:
            raise Invalid(
                "host_key is not a host key",
                hint="Set it to a key type and a base64 text, such as a line of `ssh-keyscan` without the host name.",
            )
        return entry.key.get_name(), entry.key

    def _load(self, client: Any) -> None:
        try:
            if self._named:
                if os.path.exists(self._file) or self._policy == STRICT:
                    client.load_system_host_keys(self._file)
            else:
                client.load_system_host_keys()
                if os.path.exists("/etc/ssh/ssh_known_hosts"):
                    client.load_system_host_keys("/etc/ssh/ssh_known_hosts")
        except OSError as error:
            raise Invalid("known_hosts %s cannot be read: %s" % (self._file, error.strerror or error)) from None

    def missing(self, key: Any) -> None:
        """Accept a key for an address that has no known key, if the policy allows it.

        :raises Unreachable: the policy does not allow it, or the option host_key has another key.
        """
        if self._explicit:
            raise self.changed(key)
        if self._policy == ACCEPT_NEW:
            self._new = key
            return
        raise Unreachable(
            "its host key is not known (%s)" % _fingerprint(key),
            hint="Compare it with the key of the array, then set host_key to '%s %s', add it to %s, or set "
            "host_key_policy: accept_new." % (key.get_name(), key.get_base64(), self._file),
        )

    def changed(self, key: Any) -> Unreachable:
        """The error for a key that differs from the known one."""
        return Unreachable(
            "its host key (%s) differs from the known one" % _fingerprint(key),
            hint="Another server may pose as the array. If the array itself has a new key, put it into %s."
            % ("host_key" if self._explicit else self._file),
        )

    def keep(self) -> None:
        """Add a newly accepted key to the known_hosts file. Its other lines are kept."""
        if self._new is None:
            return
        folder = os.path.dirname(self._file)
        try:
            if folder and not os.path.isdir(folder):
                os.makedirs(folder, mode=0o700)
            line = "%s %s %s\n" % (self._name, self._new.get_name(), self._new.get_base64())
            descriptor = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b", buffering=0) as stream:
                end = stream.seek(0, os.SEEK_END)
                if end:
                    stream.seek(end - 1)
                    if stream.read(1) != b"\n":
                        line = "\n" + line
                stream.write(line.encode("ascii"))
        except OSError as error:
            raise Invalid("known_hosts %s cannot be written: %s" % (self._file, error.strerror or error)) from None


def _fingerprint(key: Any) -> str:
    """As ssh shows it: ``ssh-ed25519 SHA256:...``."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode("ascii").rstrip("=")
    return "%s SHA256:%s" % (key.get_name(), digest)
