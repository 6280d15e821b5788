# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The health of the pools, which is all that the interfaces known here report (sheet, section 2, ``poolStatus``)."""

from __future__ import annotations

from ...errors import Unsupported
from ...monitoring import OK, UNCLEAR, WARNING, Health, HealthReport, Part
from .hosts import Hosts
from .ledger import POOL_STATUS
from .rest import RestWire


class Monitoring(Hosts, Health):
    """What the array reports of its operation."""

    def health(self) -> HealthReport:
        """One request. The state of the array is the worst of its pools."""
        if not isinstance(self._wire, RestWire):
            raise Unsupported(self.capabilities.refusal(self.aspect) or self.lacking, array=self.label)
        with self._doing("read the health"):
            pools = [_pool(name, status) for name, status in self._wire.pool_states()]
            worst = max(pools, key=lambda pool: (UNCLEAR, OK, WARNING).index(pool.state), default=Part(""))
            return HealthReport(Part(self.label, worst.state, worst.reported))


def _pool(name: str, status: object) -> Part:
    """What other numbers mean is not known, so they are a warning."""
    if status is None:
        return Part(name)
    return Part(name, OK if str(status) == POOL_STATUS.value else WARNING, "poolStatus %s of pool %s" % (status, name))
