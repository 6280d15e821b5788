# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed about the array because no source proves it. Section numbers are those of the Datera wire sheet."""

from __future__ import annotations

from ...assumption import CLIENT, DOCUMENT, NOBODY, RECORDED, Assumption, Ledger, general

# -- facts that a source proves ----------------------------------------------------------------------------------------

# Section 1.12: from this version on metadata has another route (2.10) and there are placement policies (2.4).
MODERN = (3, 3)
NOTE_PREFIX = "openflash-snapshot-"
# Section 2.5: the state of a snapshot that is usable.
AVAILABLE = "available"
CLONING = "cloning"
# Section 2.2: the status of a volume while the array changes its size.
RESIZING = "volume_resize_in_progress"
# Section 2.2: all known states of what is ready. An entity with another state is not ready.
DEPLOYED = ("deployed", "degraded")
# Section 2.2: the mode in which only the initiators of the access list may log in to a storage instance.
CLOSED = "deny_all"
# Section 7.6: the first volume of a storage instance is LUN 0.
FIRST_LUN = 0
PORTAL_PORT = 3260
# Section 2.2: the names that all clients of this array give to the one storage instance and its one volume.
STORAGE = "storage-1"
VOLUME = "volume-1"
# Section 2.6: the name of an initiator is required, and nothing reads it. A description has the same limit.
LABEL_LONGEST = 128

# Seconds within which a read shows what the array has confirmed. After that a new copy counts as removed.
SEEN_WITHIN = 10.0

# -- sessions, lists and refusals --------------------------------------------------------------------------------------

VERSIONS_SERVED = Assumption(
    "datera.session.versions_served",
    True,
    "1.6",
    CLIENT,
    "The array serves each API version that it lists.",
    "Nothing: the next older version is tried.",
    "A login is refused in a version that /api_versions lists.",
)
AFTER_EXPIRY = Assumption(
    "datera.session.after_expiry",
    "nothing_done",
    "1.9",
    CLIENT,
    "A request that is answered by HTTP status 401, because the session has ended, has changed nothing.",
    "A change may be made although the array answered so. No volume is restored again, and no snapshot taken again, "
    "before a read shows that it was not. Other changes have the same result when they are made twice.",
    "A change is made that was answered by status 401.",
)
PAGE_SIZE = Assumption(
    "datera.lists.page_size",
    1000,
    "1.16",
    DOCUMENT,
    "A page of a list has as many entities as are requested, at most this many.",
    "Nothing: more pages are read.",
    "A page has fewer entities than were requested, and is not the last.",
)
FILTER_EQUAL = Assumption(
    "datera.lists.filter_equal",
    "exact",
    "1.17",
    DOCUMENT,
    "The filter name=TEXT gives the entities of that name.",
    "Nothing: names are compared again, and where the filter is refused the complete list is read.",
    "A list with that filter has entities of other names, or is refused.",
)
VALIDATION_STATUS = Assumption(
    "datera.errors.validation_status",
    422,
    "10.2",
    NOBODY,
    "A request with a value that the array does not take is answered by this HTTP status.",
    "Nothing: the name of the error decides too.",
    "A value that is out of range is answered by another status.",
)
CODES = Assumption(
    "datera.errors.codes",
    "as_assumed",
    "9",
    NOBODY,
    "Refusals whose name and text no source quotes have some name and text.",
    "An error is less precise than it could be, such as one for a full array. Whether something exists is always "
    "decided by a read.",
    "The name or text of a refusal is none that this collection knows.",
)
OFFLINE_DEMAND = Assumption(
    "datera.errors.offline_demand",
    "named",
    "2.13",
    NOBODY,
    "A refusal has the word offline in its text if, and only if, the app instance must be offline for the change.",
    "A change that needs the app instance offline fails, and changes nothing, unless no host has the volume. Or a "
    "volume goes offline for a moment, where offline_changes permits that, and the change is refused all the same.",
    "The text of a refusal has no such word, and the change succeeds while the app instance is offline; or it has the "
    "word, and the change is refused then too.",
)

# -- tenants -----------------------------------------------------------------------------------------------------------

BELOW_LISTED = Assumption(
    "datera.tenants.below_listed",
    False,
    "9",
    NOBODY,
    "The lists of a tenant have nothing of the tenants below it.",
    "Nothing: app instances and groups of another tenant are left out.",
    "A list in /root has app instances of another tenant.",
)

# -- volumes -----------------------------------------------------------------------------------------------------------

EXTEND_ONLINE = Assumption(
    "datera.volumes.extend_online",
    True,
    "2.3",
    CLIENT,
    "A volume can be extended while its app instance is online.",
    "The task fails, and changes nothing, unless offline_changes permits that the app instance goes offline.",
    "The array refuses an extension until the app instance is offline.",
)
RESIZE_STATUS = Assumption(
    "datera.volumes.resize_status",
    "reported",
    "2.2",
    DOCUMENT,
    "While the array changes the size of a volume, op_status says so, and the size is the new one.",
    "Nothing: the task waits until the array reports the requested size.",
    "After an extension the array reports the former size, and op_status says nothing.",
)
SHRINK = Assumption(
    "datera.volumes.shrink",
    "refused",
    "2.3",
    NOBODY,
    "The array refuses to make a volume smaller.",
    "Nothing is made smaller by this collection that its own read, immediately before, has not found to be smaller. A "
    "volume that somebody extends between that read and the extension may lose what is beyond the requested size.",
    "The array accepts a size that is smaller than the present one.",
)
PLACEMENT = Assumption(
    "datera.volumes.placement",
    "of_policy",
    "2.4",
    NOBODY,
    "A placement policy decides the placement mode of a volume, also where another mode is sent with it.",
    "Nothing: where a policy and a mode are requested, the mode is sent again by itself unless the array reports it.",
    "After a request with a placement policy and another mode, the array reports the mode that was sent.",
)
DELETE_ONLINE = Assumption(
    "datera.volumes.delete_online",
    "refused",
    "2.13",
    NOBODY,
    "The array refuses to delete an app instance that is online.",
    "Nothing: an app instance is taken offline first, and only when no host has access.",
    "An app instance that is online is deleted.",
)
OFFLINE_IDLE = Assumption(
    "datera.volumes.offline_idle",
    "accepted",
    "2.13",
    CLIENT,
    "An app instance without sessions goes offline without force, which both drivers of the vendor always send.",
    "Where no host has access, force is sent too. Otherwise the task fails, and changes nothing: unmap the volume "
    "first.",
    "The array refuses to take an app instance offline that has no session.",
)
OFFLINE_IN_USE = Assumption(
    "datera.volumes.offline_in_use",
    "refused",
    "2.13",
    NOBODY,
    "Without force the array refuses to take an app instance offline that has sessions.",
    "Nothing is taken offline by this collection that its own read, immediately before, has found to have sessions.",
    "The array takes an app instance offline that has sessions.",
)

# -- access ------------------------------------------------------------------------------------------------------------

DEFAULT_MODE = Assumption(
    "datera.access.default_mode",
    "deny_all",
    "2.1",
    NOBODY,
    "An app instance whose creation names no access_control_mode, as that of a clone, is closed to all initiators.",
    "Nothing: a copy gets its name only after it was read to be closed, or was closed.",
    "A clone has access_control_mode allow_all.",
)
ADD_AGAIN = Assumption(
    "datera.access.add_again",
    "ignored",
    "9",
    CLIENT,
    "Adding what an access list or a group already has changes nothing.",
    "Nothing: repeated entries are removed, and a refusal is ignored when the list has the entry.",
    "The list has an entry twice, or the array refuses the second.",
)
REMOVE_AGAIN = Assumption(
    "datera.access.remove_again",
    "ignored",
    "9",
    NOBODY,
    "Removing what an access list or a group does not have changes nothing.",
    "Nothing: a refusal that says so is ignored.",
    "The removal is answered by HTTP status 404.",
)
REMOVAL = Assumption(
    "datera.access.removal",
    "one",
    "9",
    NOBODY,
    "Of several equal entries of an access list one request removes one.",
    "Nothing: the list is looked at after each removal.",
    "After one removal no equal entry is left.",
)
ACL_ANSWER = Assumption(
    "datera.access.answer",
    "list",
    "9",
    NOBODY,
    "The answer to a change of an access list has the list after the change.",
    "Nothing: the complete policy is understood too, and for any other answer the list is read.",
    "The answer is the complete policy, or the entry alone.",
)
LATENCY_UNIT = Assumption(
    "datera.metrics.latency_unit",
    1,
    "2",
    NOBODY,
    "A latency is in this many microseconds.",
    "The latencies of flash_facts are wrong by that factor.",
    "The latency of a volume differs from what its host measures by a factor.",
)
THROUGHPUT_UNIT = Assumption(
    "datera.metrics.throughput_unit",
    1,
    "2",
    NOBODY,
    "A throughput is in this many bytes per second.",
    "The bandwidths of flash_facts are wrong by that factor.",
    "The throughput of a volume differs from what its host measures by a factor.",
)
NODE_PARTS = Assumption(
    "datera.nodes.parts",
    "complete",
    "2",
    DOCUMENT,
    "The list of storage nodes has their devices and interfaces, with the health of each.",
    "The disks and the ports of flash_facts are null.",
    "The parts within a storage node are missing, or have a path alone.",
)
SESSIONS = Assumption(
    "datera.access.sessions",
    "text",
    "2.2",
    RECORDED,
    "A storage instance lists the initiators that have sessions, each as its name.",
    "Where they are not listed, a volume that hosts may use is not taken offline.",
    "active_initiators is missing, or has references.",
)
INITIATOR_IN_USE = Assumption(
    "datera.initiators.delete_in_use",
    "refused",
    "9",
    NOBODY,
    "The array refuses to delete an initiator that a group or an access list has.",
    "No initiator is deleted by this collection that its own read, immediately before, has found in a group or an "
    "access list.",
    "An initiator that is in a group is deleted, and gone from the group.",
)
HOST_MAPPED = Assumption(
    "datera.hosts.delete_mapped",
    "refused",
    "9",
    NOBODY,
    "The array refuses to delete an initiator group that an access list has.",
    "No host is deleted by this collection that its own read, immediately before, has found to have volumes.",
    "A group that is in an access list is deleted.",
)
FURTHER_LUNS = Assumption(
    "datera.luns.further",
    "as_listed",
    "7.6",
    NOBODY,
    "The volumes of a storage instance have LUNs in the order in which they are listed.",
    "The LUN in a result is that of another volume, where a storage instance has several. Volumes that this collection "
    "makes are alone.",
    "A host finds another volume under the LUN.",
)

# -- snapshots ---------------------------------------------------------------------------------------------------------

OF_INSTANCE = Assumption(
    "datera.snapshots.of_instance",
    "listed",
    "2.5",
    NOBODY,
    "A volume lists the snapshots of its complete app instance too.",
    "Nothing: both lists are read. A volume is not restored or made from a snapshot that only its app instance lists.",
    "The app instance has a snapshot with a time stamp that none of its volumes has.",
)
UUID_GIVEN = Assumption(
    "datera.snapshots.uuid_given",
    "kept",
    "2.5",
    CLIENT,
    "A snapshot has the UUID of the request that takes it.",
    "No snapshot can be taken: one with another UUID is deleted at once, and the task fails.",
    "A new snapshot has another UUID.",
)
UUID_UNIQUE = Assumption(
    "datera.snapshots.uuid_unique",
    True,
    "1.14",
    CLIENT,
    "The array refuses a second snapshot of a volume with the same UUID.",
    "When two runs take the same snapshot at once, there may be two of that name. None of them is used or deleted "
    "then: delete one with the tools of the array.",
    "A volume lists two snapshots with the same UUID.",
)
NESTED = Assumption(
    "datera.snapshots.nested",
    "complete",
    "2.2",
    RECORDED,
    "An app instance is listed with its snapshots and those of its volumes, each with its UUID.",
    "Nothing: they are read with further requests.",
    "The list of snapshots within an app instance is missing, or has paths only.",
)

# -- copies and restore ------------------------------------------------------------------------------------------------

CLONE_ACCESS = Assumption(
    "datera.clones.access",
    "empty",
    "2.5",
    NOBODY,
    "A clone does not have the access list of its source.",
    "Nothing: a copy gets its name only after it was read to have no entries, or they were removed.",
    "The access list of a new clone has entries.",
)
CLONE_SOURCE = Assumption(
    "datera.clones.source",
    "reported",
    "2.2",
    DOCUMENT,
    "A clone reports the path of what it was made of.",
    "The source of a volume is not known, nor the volumes that were made of a snapshot.",
    "clone_src is missing, or has the path of the app instance.",
)
CLONE_OF_DELETED = Assumption(
    "datera.clones.source_deleted",
    "deleted",
    "9",
    CLIENT,
    "A volume or snapshot can be deleted while a clone of it exists, and the clone keeps its content.",
    "The deletion is refused, and nothing is deleted. Delete the clone first.",
    "The array refuses to delete what a clone was made of.",
)
RESTORE_ONLINE = Assumption(
    "datera.restore.online",
    "refused",
    "2.5",
    NOBODY,
    "The array refuses to restore a volume that is online.",
    "Nothing: a volume that no host has is taken offline for the restore.",
    "A volume is restored while it is online.",
)
RESTORE_POINT = Assumption(
    "datera.restore.point",
    "reported",
    "2.5",
    DOCUMENT,
    "A volume reports from which snapshot it was last restored.",
    "After an interruption it is not known whether the volume was restored. The next run keeps the present content as "
    "another backup, restores nothing, and fails. Look at the volume, and restore it with another name for the backup "
    "if it was not restored.",
    "restore_point is missing after a restore.",
)
RESTORE_SIZE = Assumption(
    "datera.restore.size",
    "kept",
    "2.5",
    NOBODY,
    "A restore does not change the size of a volume that was extended since its snapshot.",
    "Nothing: a volume that a restore made smaller is extended to its former size.",
    "After a restore the volume has the size of the snapshot.",
)

# -- metadata and descriptions -----------------------------------------------------------------------------------------

METADATA_UPDATE = Assumption(
    "datera.metadata.update",
    "merged",
    "2.10",
    NOBODY,
    "A change of the metadata leaves the keys alone that it does not name.",
    "Nothing: every change names all keys.",
    "A key is gone that a change did not name.",
)
EMPTY_NOTES = Assumption(
    "datera.metadata.empty",
    "kept",
    "2.10",
    NOBODY,
    "A key of the metadata may have an empty value.",
    "A note of a Cinder driver cannot be removed; the request fails. The note with the name of a deleted snapshot "
    "stays, and nothing reads it.",
    "The array refuses an empty value, or drops the key.",
)
NOTE_KEYS = Assumption(
    "datera.metadata.key_characters",
    r"[A-Za-z0-9_-]+",
    "2.10",
    NOBODY,
    "Keys of the metadata may have these characters.",
    "A snapshot cannot be taken unless its name is a UUID. The task fails, and takes no snapshot.",
    "The array refuses a key with a dash.",
)
NOTE_LONGEST = Assumption(
    "datera.metadata.value_longest",
    160,
    "2.10",
    NOBODY,
    "A value of the metadata may have this many characters. It has the name of a snapshot, which may be 32 shorter.",
    "A snapshot with a longer name cannot be taken. The task fails, and takes no snapshot. Use a shorter name.",
    "The array refuses a value of more than 64 characters.",
)
DESCR_PATTERN = Assumption(
    "datera.instances.descr_characters",
    r"[a-zA-Z_][a-zA-Z0-9_\-\s.]{2,127}",
    "2",
    NOBODY,
    "The description of an app instance may have these characters. This collection notes there what is unfinished.",
    "No copy can be made, and nothing can be changed that needs the app instance offline. The request fails, and "
    "changes nothing.",
    "The array refuses a description with a space or a dash.",
)

LEDGER: Ledger = (
    LATENCY_UNIT,
    THROUGHPUT_UNIT,
    NODE_PARTS,
    VERSIONS_SERVED,
    AFTER_EXPIRY,
    PAGE_SIZE,
    FILTER_EQUAL,
    VALIDATION_STATUS,
    CODES,
    OFFLINE_DEMAND,
    BELOW_LISTED,
    EXTEND_ONLINE,
    RESIZE_STATUS,
    SHRINK,
    PLACEMENT,
    DELETE_ONLINE,
    OFFLINE_IDLE,
    OFFLINE_IN_USE,
    DEFAULT_MODE,
    ADD_AGAIN,
    REMOVE_AGAIN,
    REMOVAL,
    ACL_ANSWER,
    SESSIONS,
    INITIATOR_IN_USE,
    HOST_MAPPED,
    FURTHER_LUNS,
    OF_INSTANCE,
    UUID_GIVEN,
    UUID_UNIQUE,
    NESTED,
    CLONE_ACCESS,
    CLONE_SOURCE,
    CLONE_OF_DELETED,
    RESTORE_ONLINE,
    RESTORE_POINT,
    RESTORE_SIZE,
    METADATA_UPDATE,
    EMPTY_NOTES,
    NOTE_KEYS,
    NOTE_LONGEST,
    DESCR_PATTERN,
) + general("datera", "9")
