# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IBM FlashSystem 840 and 900: the client of their SSH command line."""

from __future__ import annotations

from ...attach.disks import Tree
from ...attach.kernel import fabrics_of
from ...client import connecting
from ...errors import FlashError
from ...model import Connection
from ...transport.journal import Journal
from ...transport.ssh import SshTransport
from .copies import Copies
from .monitoring import Monitoring
from .wire import Commands

PORT = 22


class FlashSystem(Copies, Monitoring):
    """One array.

    The array has volumes, hosts and mappings; it has no snapshots and copies nothing. A snapshot of this client is a
    full copy of a volume, which a host makes, and its name on the array identifies its source (see names.py).
    """

    @property
    def calls(self) -> Journal:
        return self._wire.ssh.journal

    def close(self) -> None:
        for end in [fabric.close for fabric in self._fabrics] + [self._unmap_late, self._delete_own_host]:
            try:
                end()
            except FlashError:
                pass  # an iSCSI session or a host that remains does no harm
        self._wire.ssh.close()


def connect(connection: Connection) -> FlashSystem:
    """Log in, and read the system and its pools: 2 session requests (sheet, sections 1 and 2.1).

    Options: ``ssh_agent`` (offer the keys of the SSH agent), ``device_root`` (where ``dev`` and ``sys`` of this host
    are), ``copy_checksum`` (read every copy back and compare).
    """
    options = connection.options
    ssh = SshTransport.from_connection(connection, PORT, agent=bool(options.get("ssh_agent")))
    array = FlashSystem(
        Commands(ssh, connection.max_concurrency),
        fabrics_of(Tree(str(options.get("device_root") or "/")), connection.timeout),
        patience=connection.wait_timeout,
        checksum=bool(options.get("copy_checksum")),
    )
    with connecting(ssh.address, ssh.close):
        ssh.connect()
        array.open()
    return array
