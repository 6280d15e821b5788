# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes by the iSCSI initiator that QEMU brings (libiscsi): no root, no kernel session, no device on this host."""

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
    """One that nobody has: each copy has its own, so none disturbs another one, nor the kernel's."""
    host = re.sub(r"[^a-z0-9-]", "-", socket.gethostname().lower())[:60] or "host"
    return "%s:%s-%s" % (_PREFIX, host, secrets.token_hex(8))


def random_chap() -> Chap:
    """Credentials for one copy. Arrays take 12 to 16 characters, so this has 16."""
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
    """The volume behind the first of these portals that lets the initiator in.

    :raises Unauthorized: none does, since the credentials are not right.
    :raises Unreachable: none does.
    :raises Conflict: what is there has another size than the volume.
    """
    usable = [port for port in ports if port.protocol == ISCSI and port.portal and _is_name(port.address)]
    if not usable:
        raise Unsupported(
            "the array tells no iSCSI portal that is up for this volume",
            hint="Look at the array's portals, or set data_path: kernel.",
        )
    problems: List[str] = []
    refused: Optional[Unauthorized] = None
    for port in usable:
        found = _node(initiator, port, lun, size, chap, seconds)
        try:
            there = int(qemu.info(found, seconds)["virtual-size"])
        except Unauthorized as error:
            refused = error
            continue
        except (Unreachable, FlashError) as error:
            if type(error) not in (Unreachable, FlashError):
                raise
            problems.append("%s: %s" % (port.portal, error.said or error.reason))
            continue
        if there != size:
            raise Conflict(
                "behind portal %s, LUN %d has %s and not the %s of the volume"
                % (port.portal, lun, format_size(there), format_size(size))
            )
        return found
    if refused is not None:
        raise refused
    raise Unreachable(
        "no portal gives the volume to this host: %s" % "; ".join(problems),
        hint="Look at the network between this host and the portals, or set data_path: kernel.",
    )


def _is_name(address: str) -> bool:
    return address.startswith(("iqn.", "eui.", "naa."))


def _node(initiator: str, port: Port, lun: int, size: int, chap: Optional[Chap], seconds: float) -> Node:
    below: Dict[str, Any] = {
        "driver": "iscsi",
        "transport": "tcp",
        "portal": port.portal,
        "target": port.address,
        "lun": lun,
        "initiator-name": initiator,
        "timeout": max(1, int(seconds)),
    }
    if chap is None:
        return Node({"driver": RAW, "file": below}, size)
    below.update({"user": chap.username, "password-secret": _SECRET})
    return Node({"driver": RAW, "file": below}, size, secrets=((_SECRET, chap.password),))
