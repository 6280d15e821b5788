# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed about the array because no source proves it. Section numbers are those of the wire sheet."""

from __future__ import annotations

from ...assumption import CLIENT, NOBODY, Assumption, Ledger, general
from ...units import MIB, TIB

# -- facts that a source proves ----------------------------------------------------------------------------------------

REST, SOCKET = "rest", "socket"
# Section 1.5, a guide of the vendor; section 1.1, the sample configuration of a client.
REST_PORT, SOCKET_PORT = 28443, 10599
# Section 4.1: snapshot-<uuid>, the longest name of an object that clients keep.
PROVEN_NAME = 45
# Section 4.2: everything is whole MB, which are MiB.
GRANULARITY = MIB
# Section 1.5: the version segment, where the array does not report a usable one: a client always sends this one.
REST_VERSION = "v1.3"
# Section 2.3: the version with which the vendor's own driver sends the calls that no other client sends.
VENDOR_VERSION = "v1.2"
# Section 2.1 to 2.3: status numbers of a volume, as clients take them. Any other is an error.
READY_STATUS = (0, 1, 2)
COPYING_STATUS = (6, 7, 15)
DELETING_STATUS = (10,)
# Section 2.2: status numbers of a snapshot that the array is still making.
SNAPSHOT_COPYING_STATUS = (5, *COPYING_STATUS)
# Section 2.3: the link that the block client makes for a volume that it has attached.
BY_ID = "disk/by-id/wwn-0x%s"
# Section 3: a client of the vendor takes this code for success of a rollback; its meaning is not published.
ROLLED_BACK = "50153010"

# -- names and limits --------------------------------------------------------------------------------------------------

NAME_LONGEST = Assumption(
    "dsware.names.longest",
    95,
    "4.1",
    CLIENT,
    "The name of a volume or snapshot has at most this many characters: one client generates such temporary names.",
    "A task with a longer name fails, and changes nothing. A full clone may need a snapshot with a name of 58.",
    "The array refuses to create an object whose name has more than 45 characters.",
)
NAME_PATTERN = Assumption(
    "dsware.names.characters",
    r"[A-Za-z0-9_][A-Za-z0-9_-]*",
    "4.1",
    NOBODY,
    "Names of this pattern are legal.",
    "A task with such a name fails, and changes nothing. Use names that begin with a letter.",
    "The array refuses to create an object whose name begins with a digit or an underscore.",
)
HOST_LONGEST = Assumption(
    "dsware.names.host_longest",
    31,
    "4.1",
    CLIENT,
    "The name of a host has at most this many characters: one client shortens longer ones.",
    "A task with a longer name fails, and changes nothing.",
    "The array refuses to create a host whose name has 31 characters.",
)
LARGEST = Assumption(
    "dsware.volumes.largest",
    256 * TIB,
    "9",
    NOBODY,
    "A volume may have this many bytes.",
    "A task with a larger volume fails, and changes nothing.",
    "The array refuses to create or extend a volume of that size.",
)

# -- volumes, snapshots and copies -------------------------------------------------------------------------------------

DELETED_WITH_SNAPSHOTS = Assumption(
    "dsware.volumes.deleted_with_snapshots",
    "refused",
    "3",
    CLIENT,
    "The array refuses to delete a volume that has snapshots.",
    "Over REST, nothing: the snapshots are read before the volume is deleted. Over the text socket without "
    "wire_extensions they cannot be read, and are deleted with the volume.",
    "A volume that has snapshots is deleted.",
)
DELETED_BELOW_CLONE = Assumption(
    "dsware.snapshots.deleted_below_clone",
    "deleted",
    "2.3",
    CLIENT,
    "A snapshot can be deleted while a clone shares its data.",
    "The snapshot that marks a clone stays. Another one then records that the clone is finished.",
    "The array refuses to delete a snapshot of which a volume was made.",
)
LINKED_SIZE = Assumption(
    "dsware.linked.size",
    "requested",
    "2.3",
    NOBODY,
    "A volume that is made of a snapshot has the requested size.",
    "Nothing: its size is read, and it is extended where it is smaller.",
    "A volume that is made of a snapshot has the size of the snapshot.",
)
RESTORE_ANSWER = Assumption(
    "dsware.restore.answer",
    "0",
    "3",
    CLIENT,
    "When the array answers a rollback with 0, it has been carried out.",
    "While the array reports that it fills the volume, the task waits. Where it reports nothing, the volume may be "
    "restored after the task has ended; what it held before is in the backup. With the code 50153010 the task fails.",
    "After the task the volume changes, or has not changed. Or the answer has the code 50153010.",
)
REFRESH_USED = Assumption(
    "dsware.refresh.used_volume",
    "copied",
    "2.2",
    NOBODY,
    "The array copies a snapshot also into a volume that has snapshots and holds data. Clients only fill new volumes.",
    "A refresh from another volume fails. What the volume held stays in it, and in the backup.",
    "A full copy into a volume that has a snapshot is refused.",
)
REFRESH_MAPPED = Assumption(
    "dsware.refresh.mapped",
    "copied",
    "3",
    NOBODY,
    "The array copies a snapshot also into a volume that is mapped.",
    "A refresh from another volume fails while the volume is mapped. What it held stays in it, and in the backup.",
    "A full copy into a mapped volume is refused, perhaps with code 50157010.",
)
CREATE_TIME = Assumption(
    "dsware.objects.create_time",
    True,
    "2.3",
    NOBODY,
    "Volumes and snapshots report when they were made.",
    "An unfinished copy of a killed run cannot be told from a volume of that name: the next run refuses to remove it.",
    "createTime is missing in the answers.",
)
VOLUME_KEY = Assumption(
    "dsware.snapshots.volume_key",
    "fatherName",
    "2.3",
    NOBODY,
    "A snapshot names its volume under this key, by analogy with the command-line tool.",
    "Two other keys are read too. Without any, snapshots are not pruned, retention is refused, and a restore fails "
    "because the snapshot does not seem to be one of the volume.",
    "A snapshot names its volume under another key, or not at all.",
)
LISTED_STATUS = Assumption(
    "dsware.lists.status",
    True,
    "2.3",
    NOBODY,
    "The list of volumes reports the status of each.",
    "Nothing: each volume without it is read by its name, one request each.",
    "status is missing in the list of volumes.",
)

# -- quality of service ------------------------------------------------------------------------------------------------

# Section 2.3, and the vendor's own driver: the name of a QoS policy has at most 63 characters.
POLICY_LONGEST = 63
QOS_UNLIMITED = Assumption(
    "dsware.qos.unlimited",
    (999_999_999, 999_999),
    "2.3",
    CLIENT,
    "A QoS policy with this maxIOPS, or this maxMBPS, limits nothing: a client gives it where one of the two is not "
    "requested. 0 is reported where there is no limit, and never requested.",
    "A task that sets one of the two limits, or removes one, fails. The volume keeps the limits that it has.",
    "The array refuses a QoS policy in which one of the values is that large.",
)
QOS_REPORTED = Assumption(
    "dsware.qos.reported",
    True,
    "2.3",
    CLIENT,
    "The query of a volume's QoS reports the limits of its policy under qosSpecInfo.",
    "The limits of a volume are null in results, and a task that would change them fails before anything is changed.",
    "The answer has a qosName and no qosSpecInfo.",
)
QOS_ONE_POLICY = Assumption(
    "dsware.qos.second_policy",
    "refused",
    "2.3",
    NOBODY,
    "A volume that has a QoS policy cannot be given another one.",
    "Nothing: it is taken out of the one before it is given the other. In between it has no limits.",
    "The array accepts the association, and the volume has the new policy.",
)

# -- hosts -------------------------------------------------------------------------------------------------------------

LUN_ID = Assumption(
    "dsware.luns.lun_id",
    "lun",
    "2.3",
    NOBODY,
    "lunId of a mapping is the LUN at which the host sees the volume.",
    "A number above 511 is no LUN, and null in results. Another number may be a wrong LUN in a result.",
    "lunId is above 511, or differs from the LUN that the host reports.",
)
LUN_RANGE = Assumption(
    "dsware.luns.range",
    (0, 511),
    "2.3",
    NOBODY,
    "The lowest and the highest LUN of a host.",
    "A mapping fails, and changes nothing, when the host has no free LUN.",
    "The array refuses one more mapping to a host.",
)
GROUP_NEEDED = Assumption(
    "dsware.hosts.group_needed",
    False,
    "2.3",
    CLIENT,
    "A volume can be mapped to a host that is in no host group. The vendor's own driver puts each host into one.",
    "A mapping fails, and changes nothing. Put the host into a host group with the array's own tools.",
    "The array refuses a mapping with a code that is not known.",
)
HOST_NOT_FOUND = Assumption(
    "dsware.hosts.not_found",
    "50151403",
    "9",
    NOBODY,
    "A request that names a host that does not exist is answered by this code.",
    "Nothing: whether the host exists is decided by the list of hosts.",
    "The answer has another code.",
)
UNLISTED_PORT = Assumption(
    "dsware.initiators.unlisted",
    "no_host",
    "2.3",
    NOBODY,
    "An initiator that the array does not report among those that were asked for has no host.",
    "The array refuses to add an initiator that another host has, and the task fails.",
    "portHostMap has no entry for an initiator of a host.",
)

# -- REST --------------------------------------------------------------------------------------------------------------

VERSIONS = Assumption(
    "dsware.rest.versions",
    "any",
    "1.5",
    CLIENT,
    "A call is answered whatever version its path has.",
    "Nothing: each call has the version with which a client of the vendor sends it.",
    "A call is answered by HTTP status 404.",
)
UNKNOWN_KEYS = Assumption(
    "dsware.rest.unknown_keys",
    "ignored",
    "2.3",
    NOBODY,
    "Keys of a request that the array does not know are ignored.",
    "Nothing: only keys that a known client sends are sent.",
    "A request is answered by code 50150003.",
)
PAGE_SIZE = Assumption(
    "dsware.rest.page_size",
    1000,
    "2.3",
    CLIENT,
    "A page of a list has as many objects as were asked for, up to this many.",
    "Nothing: pages are read until the reported total.",
    "A page has fewer objects than were asked for, and totalNum is larger.",
)

# -- the text socket ---------------------------------------------------------------------------------------------------

EXTENSIONS = Assumption(
    "dsware.socket.extensions",
    False,
    "2.1",
    NOBODY,
    "The text socket answers only what a published client sends: no lists, no full copies, of an object its status.",
    "Set wire_extensions: true for an array that answers more.",
    "A query without a name lists objects, or an answer has the size of the volume.",
)
SOCKET_PAGE = Assumption(
    "dsware.socket.page_size",
    3,
    "2.1",
    NOBODY,
    "This many objects with the longest names fit into a reply of 1024 bytes.",
    "Nothing: pages are read until the reported total.",
    "A page has fewer objects than were asked for.",
)
SOCKET_POOL_UNIT = Assumption(
    "dsware.socket.pool_unit",
    1024**3,
    "4.2",
    CLIENT,
    "Capacities of pools over the text socket are counted in units of this many bytes.",
    "The reported capacity of a pool is wrong. Nothing is decided by it.",
    "The capacity of a pool differs from that in the array's own tools by a factor of 1024.",
)
TIME_UNIT = Assumption(
    "dsware.socket.time_unit",
    1,
    "2.1",
    NOBODY,
    "The clock of the text socket counts seconds.",
    "When a clone was made cannot be compared with its source: a task refuses to remove an unfinished clone.",
    "The times of objects that were made one after the other are equal.",
)

# -- codes -------------------------------------------------------------------------------------------------------------

AGENT_FAILED = Assumption(
    "dsware.errors.agent_failed",
    "51",
    "3",
    CLIENT,
    "Codes of eight digits that begin with these mean that a manager or agent has failed, perhaps after the change.",
    "An error is less precise than it could be. Nothing that may have been made is removed.",
    "An agent that has failed answers another code that is not known.",
)

POOL_STATUS = Assumption(
    "dsware.pools.status",
    "0",
    "2",
    NOBODY,
    "poolStatus has this number while a pool is healthy.",
    "A healthy array is reported with the state warning.",
    "All pools of a healthy array have another number.",
)

LEDGER: Ledger = (
    POOL_STATUS,
    NAME_LONGEST,
    NAME_PATTERN,
    HOST_LONGEST,
    LARGEST,
    DELETED_WITH_SNAPSHOTS,
    DELETED_BELOW_CLONE,
    LINKED_SIZE,
    RESTORE_ANSWER,
    REFRESH_USED,
    REFRESH_MAPPED,
    CREATE_TIME,
    VOLUME_KEY,
    LISTED_STATUS,
    QOS_UNLIMITED,
    QOS_REPORTED,
    QOS_ONE_POLICY,
    LUN_ID,
    LUN_RANGE,
    GROUP_NEEDED,
    HOST_NOT_FOUND,
    UNLISTED_PORT,
    VERSIONS,
    UNKNOWN_KEYS,
    PAGE_SIZE,
    EXTENSIONS,
    SOCKET_PAGE,
    SOCKET_POOL_UNIT,
    TIME_UNIT,
    AGENT_FAILED,
) + general("dsware", "9")
