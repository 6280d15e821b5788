# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is assumed because no source proves it, with the section of the wire sheet that leaves it open."""

from __future__ import annotations

from ...assumptions import Assumption, Ledger, general

# Section 2.2: the range of a udid, by the grammar of the siblings.
MAX_UDID = 0x7FFF

# Sections 0 and 2.1: the driver knows no other pool name.
POOL = "mdiskgrp0"
CAPACITY = 20 << 40
EXTENT = 1 << 30
# Section 4: K1 says 2048 LUNs per system.
VDISKS = 2048
# Section 4: not documented (9c).
HOSTS = 256
PORTS = 2048
MAPPINGS = 65536
# Section 2.2: K1 gives 1 GB as the smallest LUN. The code for a smaller one is not documented.
SMALLEST = 1 << 30
TOO_SMALL = "CMMVC5711E"
SECTOR = 512
# Section 2.2: real identities have 32 hex digits, NAA 6, and IBM's company id.
NAA = "6005076"
# Section 2.1: K5 shows 16Gb ports of the sibling.
FC_SPEED = "16Gb"
ETHERNET_SPEED = "10Gb/s"
# Section 1: which characters the restricted shell refuses.
SHELL_CHARACTERS = "$`<>&"

# What the code of the siblings is instead. Section 9: which of the codes for an absent object a firmware sends, and
# which for a full pool, is not known.
EXCHANGED = {
    "CMMVC5753E": "CMMVC5804E",
    "CMMVC5754E": "CMMVC5753E",
    "CMMVC5842E": "CMMVC5804E",
    "CMMVC5860E": "CMMVC8710E",
    "CMMVC8710E": "CMMVC5860E",
    "CMMVC5867E": "CMMVC6035E",
    "CMMVC6527E": "CMMVC5754E",
}
UNKNOWN_CODE = "CMMVC9999E"
# What a client of this very array is known to meet, whatever else is assumed.
KNOWN_CODES = ("CMMVC6071E", "CMMVC6045E", "CMMVC7017E")
# Refusals of what is there, which a firmware may call unsuitable.
NOT_SUITABLE = ("CMMVC5840E", "CMMVC5871E")
UNSUITABLE_CODE = "CMMVC5753E"
WARNING = "CMMVC6372W The virtualized storage capacity that the cluster is using is approaching its limit.\n"

# What a new volume reads where that is not zeros: the remains of a deleted one, at its beginning and further on.
REMAINS = b"remains of a deleted volume"
REMAINS_AT = (0, 700 << 20)

LEDGER: Ledger = (
    # Section 4: Cinder's names have 45 characters.
    Assumption("flashsystem.names.longest", 63, "4", (45, 55), worst=55),
    Assumption("flashsystem.names.host_longest", 63, "4", (45,)),
    Assumption(
        "flashsystem.names.characters",
        r"(?=[A-Za-z_])[A-Za-z0-9 ._-]*[A-Za-z0-9._-]",
        "4",
        (r"[A-Za-z_][A-Za-z0-9._-]*", r"[A-Za-z_][A-Za-z0-9_-]*"),
        # Without dots there are no snapshots, and nothing could be found out about them.
        worst=r"[A-Za-z_][A-Za-z0-9._-]*",
    ),
    Assumption("flashsystem.luns.range", (0, 2047), "4", ((0, 511), (1, 255))),
    Assumption("flashsystem.volumes.largest", 256 << 40, "2.2", (2 << 40,)),
    # The limits of the configuration, where they are given, count instead.
    Assumption("flashsystem.session.commands", 10, "9", (2, 1)),
    Assumption("flashsystem.session.connections", 10, "9", (2,)),
    Assumption("flashsystem.requests.answered_after", 0.0, "1", (0.5, 3.0)),
    Assumption("flashsystem.requests.warnings", "none", "1", ("stderr", "stdout")),
    Assumption("flashsystem.errors.codes", "of_siblings", "9", ("exchanged", "unknown")),
    Assumption("flashsystem.errors.unsuitable", "own_code", "3", (UNSUITABLE_CODE,)),
    Assumption("flashsystem.errors.unknown_command", 127, "3", (1,)),
    Assumption("flashsystem.lists.empty_header", False, "9", (True,)),
    # few: without identity and udid. more: in another order, and with a column that nobody knows.
    Assumption("flashsystem.lists.columns", "all", "9", ("more", "few")),
    Assumption("flashsystem.system.code_level", "reported", "2.1", ("missing",)),
    Assumption("flashsystem.nodes.iscsi_name", "iqn", "9", ("naa",)),
    Assumption("flashsystem.ports.wwpn_spelling", "upper", "2.3", ("lower", "0x", "colons")),
    # unknown: the shell does not know the command. refused: the array does not support it.
    Assumption("flashsystem.ports.absent_kind", "empty", "2.1", ("refused", "unknown")),
    Assumption("flashsystem.ports.failover_rows", False, "2.1", (True,)),
    # space: a volume takes whole extents of the pool. size: it also has the size of whole extents.
    Assumption("flashsystem.volumes.rounded", "no", "2.2", ("space", "size")),
    Assumption("flashsystem.volumes.expand_unit", "any", "2.2", ("gb",)),
    Assumption("flashsystem.volumes.delete_mapped", "refused", "2.2", ("deleted",)),
    Assumption("flashsystem.volumes.uids_reused", False, "2.2", (True,)),
    Assumption("flashsystem.volumes.udid", "known", "2.2", ("unknown",)),
    Assumption("flashsystem.volumes.udid_unset", "", "2.2", ("0",)),
    Assumption("flashsystem.volumes.new_content", "zeros", "2.5", ("remains",)),
    Assumption("flashsystem.hosts.wwpn_option", "-hbawwpn", "2.3", ("-fcwwpn",)),
    Assumption("flashsystem.hosts.wwpn_list", ":", "2.3", ("none",)),
    Assumption("flashsystem.hosts.iqn_list", ",", "2.3", ("none",)),
    # force_needed: while volumes are mapped to the host. unknown: there is no such command.
    Assumption("flashsystem.hosts.remove_port", "permitted", "2.3", ("force_needed", "unknown")),
    Assumption("flashsystem.array.monitoring", True, "9", (False,)),
    Assumption("flashsystem.hosts.fabric", "lsfabric", "9", ("lsfabric840", "none")),
    Assumption("flashsystem.hosts.logged_in", "reported", "2.3", ("missing",)),
    Assumption("flashsystem.hosts.delete_mapped", "refused", "2.3", ("deleted",)),
    Assumption("flashsystem.mappings.shared_code", "CMMVC6071E", "2.4", ("CMMVC6045E",)),
    Assumption("flashsystem.mappings.second_host", "refused", "2.4", ("permitted",)),
    Assumption("flashsystem.mappings.lun_optional", True, "2.4", (False,)),
    # number: counted from 1000 on.
    Assumption("flashsystem.mappings.answer", "lun", "2.4", ("number",)),
    Assumption("flashsystem.mappings.list_all", True, "2.4", (False,)),
    *general("flashsystem", "9"),
)
