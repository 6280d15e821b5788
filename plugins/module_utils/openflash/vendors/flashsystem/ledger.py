# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed about the array because no source proves it. Section numbers are those of the FlashSystem wire sheet.

A source that describes only the sibling family (SVC, Storwize) proves nothing of this array.
"""

from __future__ import annotations

from ...assumption import CLIENT, DOCUMENT, NOBODY, Assumption, Ledger, general
from ...units import GIB, TIB

# -- facts that a source proves, and limits that this client sets ------------------------------------------------------

# Section 4: Cinder's names of volumes and snapshots have this many characters, and consist of these.
PROVEN_NAME = 45
PROVEN_CHARACTERS = r"[A-Za-z][A-Za-z0-9-]*"
# Section 2.4: the published driver counts the LUNs of a host from 1.
PROVEN_LUNS = (1, 255)
# Section 2.2: byte sizes are whole sectors. 1 GB is quoted as the smallest LUN.
GRANULARITY = 512
SMALLEST = GIB
# Section 0: one I/O group.
IO_GROUP = "0"
# Section 2.1: the states of an Ethernet port that serves hosts, and of a Fibre Channel port that does.
PORTAL_STATES = ("configured", "online")
NO_SPEED = "NONE"
FC_ACTIVE = "active"
# Section 5: the default of a published driver; the array does not report the port.
ISCSI_PORT = 3260
# Section 1: a character that no name can have.
DELIMITER = "!"
# Section 2.2, by the siblings' grammar: the range of a udid.
UDIDS = (1, 0x7FFF)
# After this many seconds it is an error that a change is confirmed and not listed.
LISTED_WITHIN = 30.0

# -- names and limits --------------------------------------------------------------------------------------------------

NAME_LONGEST = Assumption(
    "flashsystem.names.longest",
    63,
    "4",
    CLIENT,
    "The name of a volume has at most this many characters, as on the siblings; 45 are known to be accepted.",
    "A task with a longer name fails, and changes nothing. Use shorter names. Where 50 are too many, no snapshots and "
    "clones can be made, since the name of an unfinished copy has up to 52.",
    "The array refuses to create or rename a volume whose name has more than 45 characters.",
)
HOST_NAME_LONGEST = Assumption(
    "flashsystem.names.host_longest",
    63,
    "4",
    CLIENT,
    "The name of a host has at most this many characters, as on the siblings. A longer one is shortened.",
    "A task with a longer name fails, and changes nothing. Use shorter names.",
    "The array refuses to create a host whose name has more than 45 characters.",
)
NAME_PATTERN = Assumption(
    "flashsystem.names.characters",
    r"(?=[A-Za-z_])[A-Za-z0-9 ._-]*[A-Za-z0-9._-]",
    "4",
    CLIENT,
    "Names of this pattern are legal, as on the siblings.",
    "A task with such a name fails, and changes nothing. Use letters, digits and dashes. Where no dots are accepted, "
    "no snapshots can be made, since their names have one.",
    "The array refuses to create or rename an object whose name has a space, a dot or an underscore.",
)
LUN_RANGE = Assumption(
    "flashsystem.luns.range",
    (0, 2047),
    "4",
    NOBODY,
    "The lowest and the highest LUN of a host.",
    "A mapping at a LUN outside the range fails, and changes nothing. Choose another LUN, or leave it to the array.",
    "The array refuses a LUN that is in this range and that the host does not use.",
)
LARGEST = Assumption(
    "flashsystem.volumes.largest",
    256 * TIB,
    "2.2",
    NOBODY,
    "The size of the largest volume, in bytes.",
    "A task with a larger volume fails, and changes nothing. Use several volumes.",
    "The array refuses to create or extend a volume beyond a smaller size.",
)

# -- requests and answers ----------------------------------------------------------------------------------------------

COMMANDS_AT_ONCE = Assumption(
    "flashsystem.session.commands",
    10,
    "9",
    NOBODY,
    "One connection runs this many commands at a time.",
    "Nothing: a command that the array does not take yet is sent again, until the timeout.",
    "The array refuses to open a further session on a connection.",
)
CONNECTIONS = Assumption(
    "flashsystem.session.connections",
    10,
    "9",
    NOBODY,
    "The array has this many connections at a time; one client opens two at most.",
    "A task that meets others fails before it reads anything. Run fewer tasks at a time.",
    "The array ends a connection as soon as it is made.",
)
ANSWERED_AFTER = Assumption(
    "flashsystem.requests.answered_after",
    0.0,
    "1",
    NOBODY,
    "A change is made and answered before the task's timeout (seconds).",
    "The task reads whether the change was made. A volume may have to be extended by hand. Raise timeout.",
    "A command ends later than the timeout, and has been carried out.",
)
WARNINGS = Assumption(
    "flashsystem.requests.warnings",
    "none",
    "1",
    CLIENT,
    "A change that succeeds prints no warning.",
    "Nothing: warnings are left out.",
    "A change ends with status 0 and prints a text that begins with CMMVC, four digits and W.",
)
CODES = Assumption(
    "flashsystem.errors.codes",
    "of_siblings",
    "9",
    CLIENT,
    "Refusals have the codes that the siblings use for the same.",
    "An error is less precise than it could be, and a second run at the same time may fail. Whether something exists "
    "is decided by a list.",
    "The code of a refusal is none that this collection knows, or one that means something else.",
)
UNSUITABLE = Assumption(
    "flashsystem.errors.unsuitable",
    "own_code",
    "3",
    CLIENT,
    "The code for an absent object (CMMVC5753E, which also says: not suitable) is not sent for one that is there.",
    "Nothing is taken for deleted or unmapped before a read proves it: the task fails instead.",
    "The array refuses to delete a volume or host that is in use with CMMVC5753E.",
)
UNKNOWN_COMMAND = Assumption(
    "flashsystem.errors.unknown_command",
    127,
    "3",
    NOBODY,
    "The exit status of a command that the array does not have.",
    "Nothing: the text of the shell is read too.",
    "A command that is not there ends with another status.",
)
EMPTY_HEADER = Assumption(
    "flashsystem.lists.empty_header",
    False,
    "9",
    DOCUMENT,
    "An empty list has no header.",
    "Nothing: both are read.",
    "A list without objects prints the names of its columns.",
)
COLUMNS = Assumption(
    "flashsystem.lists.columns",
    "all",
    "9",
    NOBODY,
    "The list of volumes has the columns of the detailed view.",
    "Each volume is read separately, which takes longer.",
    "The list of volumes has no column vdisk_UID or udid, or has columns in another order.",
)
CODE_LEVEL = Assumption(
    "flashsystem.system.code_level",
    "reported",
    "2.1",
    NOBODY,
    "The system reports its firmware as code_level.",
    "The version in the facts is null.",
    "The answer to lssystem has no code_level.",
)

# -- nodes and ports ---------------------------------------------------------------------------------------------------

ISCSI_NAME = Assumption(
    "flashsystem.nodes.iscsi_name",
    "iqn",
    "9",
    CLIENT,
    "The iSCSI names of the nodes are IQNs. A published test has NAA names.",
    "Nothing: both are returned as the names of the targets.",
    "iscsi_name of a node begins with naa.",
)
WWPN_SPELLING = Assumption(
    "flashsystem.ports.wwpn_spelling",
    "upper",
    "2.3",
    CLIENT,
    "The array prints a WWPN as 16 hex digits in upper case.",
    "Nothing: the usual spellings are read.",
    "A WWPN in a list is in lower case, has colons or begins with 0x.",
)
ABSENT_KIND = Assumption(
    "flashsystem.ports.absent_kind",
    "empty",
    "2.1",
    NOBODY,
    "The list of the ports of a protocol that the array does not have is empty.",
    "Nothing: a refusal of the command counts as an empty list.",
    "lsportip or lsportfc is refused on an array without such ports.",
)
FAILOVER_ROWS = Assumption(
    "flashsystem.ports.failover_rows",
    False,
    "2.1",
    NOBODY,
    "An Ethernet port has one row. On the siblings it has a second one, for the failover of the other node.",
    "Nothing: of two rows with one address, that without failover counts.",
    "lsportip prints two rows with the same address, one with failover yes.",
)

# -- volumes -----------------------------------------------------------------------------------------------------------

ROUNDED = Assumption(
    "flashsystem.volumes.rounded",
    "no",
    "2.2",
    NOBODY,
    "A volume has the requested size, and takes that much of its pool.",
    "A volume is up to one extent larger than requested, or takes that much more of the pool, and may find no room. A "
    "volume that is larger by less than an extent counts as having the requested size.",
    "A new volume has the requested size rounded up to extent_size, or the pool has less room than expected.",
)
EXPAND_UNIT = Assumption(
    "flashsystem.volumes.expand_unit",
    "any",
    "2.2",
    CLIENT,
    "A volume can be extended by any number of sectors. The published driver extends by whole GiB.",
    "Extending a volume by a part of a GiB fails, and changes nothing. Choose a size that differs by whole GiB.",
    "The array refuses to extend a volume by a number of bytes.",
)
DELETE_MAPPED = Assumption(
    "flashsystem.volumes.delete_mapped",
    "refused",
    "2.2",
    CLIENT,
    "The array refuses to delete a volume that is mapped, as the siblings do.",
    "Nothing is deleted by this collection that its own read, immediately before, has found to be mapped. A volume "
    "that somebody maps between that read and the deletion is deleted.",
    "The array deletes a volume that is mapped.",
)
UIDS_REUSED = Assumption(
    "flashsystem.volumes.uids_reused",
    False,
    "2.2",
    NOBODY,
    "The UID of a deleted volume is not given to a new one.",
    "The udid that a volume gets with its first snapshot keeps the snapshots of a deleted volume apart. On firmware "
    "without udids a new volume of the same UID has the snapshots of the deleted one: delete those first.",
    "A new volume has the vdisk_UID of one that was deleted before.",
)
UDID = Assumption(
    "flashsystem.volumes.udid",
    "known",
    "2.2",
    CLIENT,
    "A volume can be given a udid, and reports it.",
    "Snapshots are identified by the UID of their volume alone.",
    "chvdisk refuses -udid.",
)
UDID_UNSET = Assumption(
    "flashsystem.volumes.udid_unset",
    "",
    "2.2",
    NOBODY,
    "The udid of a volume that was given none is empty.",
    "Where several volumes report the same number 0, that counts as none. A single volume that reports 0 keeps it.",
    "New volumes report the udid 0.",
)
NEW_CONTENT = Assumption(
    "flashsystem.volumes.new_content",
    "zeros",
    "2.5",
    NOBODY,
    "A new volume reads as zeros.",
    "A copy is exact nevertheless: what is to be zero is read, and written where it is not. A new volume, and the part "
    "of a clone beyond its source, may show what a deleted volume held: erase volumes before they are deleted.",
    "A new volume reads as something else than zeros.",
)

# -- hosts and mappings ------------------------------------------------------------------------------------------------

WWPN_OPTION = Assumption(
    "flashsystem.hosts.wwpn_option",
    "-hbawwpn",
    "2.3",
    CLIENT,
    "The option that names WWPNs, as the published driver sends it.",
    "Nothing: where it is refused, -fcwwpn is sent, which a later document has.",
    "mkhost refuses -hbawwpn.",
)
WWPN_LIST = Assumption(
    "flashsystem.hosts.wwpn_list",
    ":",
    "2.3",
    NOBODY,
    "What joins several WWPNs in one command.",
    "Nothing: where several are refused, they are sent one by one.",
    "mkhost refuses several WWPNs.",
)
IQN_LIST = Assumption(
    "flashsystem.hosts.iqn_list",
    ",",
    "2.3",
    DOCUMENT,
    "What joins several iSCSI names in one command, as on a sibling.",
    "Nothing: where several are refused, they are sent one by one.",
    "mkhost refuses several iSCSI names.",
)
REMOVE_PORT = Assumption(
    "flashsystem.hosts.remove_port",
    "permitted",
    "2.3",
    DOCUMENT,
    "A port is removed from a host without force, also while it is logged in and volumes are mapped.",
    "Initiators cannot be removed from a host. The task fails, and changes nothing. Use the array's own tools.",
    "The array refuses rmhostport, or demands -force.",
)
MONITORING = Assumption(
    "flashsystem.array.monitoring",
    True,
    "9",
    DOCUMENT,
    "The array has lsdrive, lseventlog and lssystemstats, with the columns and options of its siblings.",
    "The disks, the alerts or the figures of the load are null.",
    "The array does not know one of these commands.",
)
STATS_SECONDS = 5.0
"""Over which the siblings' lssystemstats measures (a public exporter for Prometheus says so)."""
FABRIC = Assumption(
    "flashsystem.hosts.fabric",
    "lsfabric",
    "9",
    DOCUMENT,
    "The command of the siblings that lists the log-ins of Fibre Channel ports is there. A published list of the "
    "commands of this array has lsfabric840.",
    "The other command is tried. Without both, a log-in does not say at which target port it is, and the paths of a "
    "port are the nodes that it is logged in to.",
    "The array does not know the command.",
)
LOGGED_IN = Assumption(
    "flashsystem.hosts.logged_in",
    "reported",
    "2.3",
    CLIENT,
    "A port of a host reports to how many nodes it is logged in.",
    "There is no warning before a volume is unmapped from a host that is logged in.",
    "The answer about a host has no node_logged_in_count.",
)
DELETE_HOST_MAPPED = Assumption(
    "flashsystem.hosts.delete_mapped",
    "refused",
    "2.3",
    CLIENT,
    "The array refuses to delete a host that has volumes, as the siblings do.",
    "No host is deleted by this collection that its own read, immediately before, has found to have volumes.",
    "The array deletes a host that has volumes, and unmaps them.",
)
SHARED_CODE = Assumption(
    "flashsystem.mappings.shared_code",
    "CMMVC6071E",
    "2.4",
    CLIENT,
    "The code with which the array refuses a second host without force.",
    "Nothing: CMMVC6045E, which newer firmware sends, is known too.",
    "The array refuses a second host with another code.",
)
SECOND_HOST = Assumption(
    "flashsystem.mappings.second_host",
    "refused",
    "2.4",
    CLIENT,
    "The array refuses to map a volume to a second host without force.",
    "A volume that somebody maps between the read and the request is not shared without a word: the new mapping is "
    "removed again, and the task fails.",
    "The array maps a volume to a second host without force.",
)
LUN_OPTIONAL = Assumption(
    "flashsystem.mappings.lun_optional",
    True,
    "2.4",
    DOCUMENT,
    "A mapping without a LUN gets the next free one, as on the siblings.",
    "Nothing: where a LUN is demanded, the lowest free one is sent.",
    "The array refuses mkvdiskhostmap without -scsi.",
)
MAP_ANSWER = Assumption(
    "flashsystem.mappings.answer",
    "lun",
    "2.4",
    DOCUMENT,
    "The number in the answer to a mapping is its LUN, as on a sibling.",
    "Nothing: the LUN is read.",
    "The number in the answer is not the SCSI_id of the new mapping.",
)
LIST_ALL = Assumption(
    "flashsystem.mappings.list_all",
    True,
    "2.4",
    DOCUMENT,
    "The mappings of all hosts are listed by one command, as on the siblings.",
    "The mappings of each host are read separately, which takes longer.",
    "lshostvdiskmap without a host is refused.",
)

LEDGER: Ledger = (
    NAME_LONGEST,
    HOST_NAME_LONGEST,
    NAME_PATTERN,
    LUN_RANGE,
    LARGEST,
    COMMANDS_AT_ONCE,
    CONNECTIONS,
    ANSWERED_AFTER,
    WARNINGS,
    CODES,
    UNSUITABLE,
    UNKNOWN_COMMAND,
    EMPTY_HEADER,
    COLUMNS,
    CODE_LEVEL,
    ISCSI_NAME,
    WWPN_SPELLING,
    ABSENT_KIND,
    FAILOVER_ROWS,
    ROUNDED,
    EXPAND_UNIT,
    DELETE_MAPPED,
    UIDS_REUSED,
    UDID,
    UDID_UNSET,
    NEW_CONTENT,
    WWPN_OPTION,
    WWPN_LIST,
    IQN_LIST,
    REMOVE_PORT,
    MONITORING,
    FABRIC,
    LOGGED_IN,
    DELETE_HOST_MAPPED,
    SHARED_CODE,
    SECOND_HOST,
    LUN_OPTIONAL,
    MAP_ANSWER,
    LIST_ALL,
) + general("flashsystem", "9")

# What an error names where the general entries explain it.
SEEN_AFTER, LISTED_FOR, CARRIED_OUT_AFTER = (
    "flashsystem.array.made_seen_after",
    "flashsystem.array.deleted_listed_for",
    "flashsystem.array.carried_out_after",
)
