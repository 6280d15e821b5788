# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes over the iSCSI initiator of QEMU (libiscsi). It needs no root, no kernel session and no device."""

from __future__ import annotations

import re
import secrets
import socket
from typing import Any, Dict, List, Optional, Sequence

from ..errors import Conflict, FlashError, Unauthorized, Unreachable, Unsupported
from ..model import ISCSI, Chap, Port
from ..units import format_size
from .formats import RAW
from .qemu import Node, Qemu

_PREFIX = "iqn.2026-01.io.openflash"
_SECRET = "chap"  # noqa: S105  no secret, but the id of the object that holds it


def initiator_name() -> str:
    """A new, unique iSCSI name. Each copy has its own, so it disturbs no other copy and not the kernel's initiator."""
    host = re.sub(r"[^a-z0-9-]", "-", socket.gethostname().lower())[:60] or "host"
    return "%s:%s-%s" % (_PREFIX, host, secrets.token_hex(8))


def random_chap() -> Chap:
    """Credentials for one copy. Arrays accept 12 to 16 characters, so the secret has 16."""
    return Chap("openflash-%s" % secrets.token_hex(4), secrets.token_hex(8))


def node(
    qemu: Qemu,
    initiator: str,
    ports: Sequence[Port],
    lun: int,
    size: int,
    chap: Optional[Chap] = None,
    seconds: float = 30.0,
) -> Node:
    """The volume at the first of these portals that accepts the login.

    :param size: of the volume, in bytes.
    :param seconds: the timeout of a portal.
    :raises Unsupported: none of the ports is an iSCSI portal.
    :raises Unauthorized: a portal refuses the credentials, and none accepts them.
    :raises Unreachable: none accepts the login for another reason.
    :raises Conflict: the LUN has another size than the volume.
    """
    usable = [port for port in ports if port.protocol == ISCSI and port.portal and _is_name(port.address)]
    if not usable:
        raise Unsupported(
            "the array reports no iSCSI portal that is up for this volume",
            hint="Check the array's portals, or set data_path: kernel.",
        )
    problems: List[str] = []
    refused: Optional[Unauthorized] = None
    for port in usable:
        found = _node(initiator, port, lun, size, chap, seconds)
        try:
            reported_size = int(qemu.info(found, seconds)["virtual-size"])
        except Unauthorized as error:
            refused = error
            continue
        except (Unreachable, FlashError) as error:
            if type(error) not in (Unreachable, FlashError):
                raise
            problems.append("%s: %s" % (port.portal, error.said or error.reason))
            continue
        if reported_size != size:
            raise Conflict(
                "at portal %s, LUN %d has %s, and the volume has %s"
                % (port.portal, lun, format_size(reported_size), format_size(size))
            )
        return found
    if refused is not None:
        raise refused
    raise Unreachable(
        "this host cannot reach the volume at any portal: %s" % "; ".join(problems),
        hint="Check the network between this host and the portals, or set data_path: kernel.",
    )


def _is_name(address: str) -> bool:
    return address.startswith(("iqn.", "eui.", "naa."))


def _node(initiator: str, port: Port, lun: int, size: int, chap: Optional[Chap], seconds: float) -> Node:
    options: Dict[str, Any] = {
        "driver": "iscsi",
        "transport": "tcp",
        "portal": port.portal,
        "target": port.address,
        "lun": lun,
        "initiator-name": initiator,
        "timeout": max(1, int(seconds)),
    }
    if chap is None:
        return Node({"driver": RAW, "file": options}, size)
    options.update({"user": chap.username, "password-secret": _SECRET})
    return Node({"driver": RAW, "file": options}, size, secrets=((_SECRET, chap.password),))
