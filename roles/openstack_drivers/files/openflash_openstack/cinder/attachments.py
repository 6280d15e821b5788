# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an attachment begins and ends, on every kind of array."""

from __future__ import annotations

from typing import Any, Optional

from cinder import exception
from oslo_log import log as logging

from .volumes import Volumes, active_attachments, attachments, host_of

LOG = logging.getLogger(__name__)


class Attachments(Volumes):
    """What Cinder calls. ``_attach`` and ``_detach`` depend on the kind of host."""

    def initialize_connection(
        self, volume: Any, connector: dict[str, Any], initiator_data: Any = None
    ) -> dict[str, Any]:
        """Map the volume to the host. Where it is mapped already the answer is the same."""
        self.validate_connector(connector)
        return self._attach(volume, None, connector)

    def terminate_connection(self, volume: Any, connector: Optional[dict[str, Any]], **kwargs: Any) -> Any:
        """Unmap it from the host, or without a connector from all hosts. Where it is unmapped already that is success.

        While another attachment of the volume to the same host remains, so does the mapping.
        """
        if not connector:
            connector = None
            self._check_one_host(volume)
        if connector is not None and attachments(volume, str(connector.get("host"))) > 1:
            LOG.info("%s: volume %s stays attached to %s", self.backend_name, volume.id, connector.get("host"))
            return self._info_while_attached()
        return self._detach(volume, None, connector)

    @staticmethod
    def _check_one_host(volume: Any) -> None:
        """Without a connector all hosts lose the volume, and only one of its attachments ends."""
        hosts = sorted({str(host_of(one)) for one in active_attachments(volume) if host_of(one)})
        if len(hosts) > 1:
            raise exception.InvalidVolume(
                reason="Cannot detach volume %s without a connector: it is attached to %s, and all of them would lose "
                "it. Give the connector of the host." % (volume.id, ", ".join(hosts))
            )

    def _info_while_attached(self) -> Any:
        """What ``terminate_connection`` returns when nothing is unmapped."""
        return None
