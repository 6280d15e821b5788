# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed about the array because no source proves it. Section numbers are those of the Violin wire sheet."""

from __future__ import annotations

from ...assumption import CLIENT, NOBODY, Assumption, Ledger, general
from ...units import TIB

# -- facts that a source proves, and limits that this client sets ------------------------------------------------------

# Section 1.5: the first version whose requests are known, and the first that clients of that time accepted. 7.50 is
# later than 7.9, and may be another product.
OLDEST = (7, 5, 3)
OLDEST_EVER = (7, 5, 2)
NEWEST_BEFORE = (7, 10)
FIRST_WITH_ISCSI = (7, 5, 4)
FIRST_WITH_INTERFACES = (7, 5, 5)
FIRST_WITH_ENCRYPTION = (7, 5, 6)
# Section 1.5: hardware_model of a 7700; any other value is a 7300.
EXTERNAL_HEAD = "R720"
# Section 4: the upstream driver gives a LUN a name of 36 characters.
PROVEN_NAME = 36
# Section 2.7: OpenStack registers itself as a client with a name of this many characters.
PROVEN_HOST_NAME = 54
# Section 2.7: beginning of the name of the client by which OpenStack registers itself.
REGISTRATION = "Managed by OpenStack"
# Section 4: the limit of a comment, which is what names a snapshot.
SNAPSHOT_NAME_LONGEST = 32
SNAPSHOTS_PER_VOLUME = 1000
# Section 2.1: the array allocates one part in so many of a thin LUN at once, so that much must be free.
THIN_PART = 10
# Section 2.2: per cent of a LUN's size for its snapshot resource, for LUNs of less than so many MiB and for all others,
# and how the resource is extended.
AREA_SIZES = ((500, 100), (2000, 50))
AREA_PART = 20
AREA_THRESHOLD = 50
AREA_INCREMENT = "1024MB"
# Section 2.7: the sibling API names its targets like this; any IQN is accepted.
TARGET_PREFIX = "iqn.2004-02.com.vmem:"
# Section 2.5: a copy has no status at first. After so many seconds without one it counts as not started.
COPY_STARTS_WITHIN = 60.0
# Section 3: the upstream driver polls until the array lists what was created, for at most 300 s. After this many
# seconds it is an error that a change is confirmed and not listed.
LISTED_WITHIN = 60.0

# Seconds, more than a run needs from reading the initiators of a host to the request that replaces them.
RACE_PAUSE = 0.5

# -- names and limits --------------------------------------------------------------------------------------------------

NAME_LONGEST = Assumption(
    "violin.names.longest",
    127,
    "4",
    NOBODY,
    "The name of a volume has at most this many characters; 36 are known to be accepted.",
    "A task with a longer name fails, and changes nothing. Use shorter names.",
    "The array refuses to create or rename an object whose name has more than 36 characters.",
)
HOST_NAME_LONGEST = Assumption(
    "violin.names.host_longest",
    127,
    "4",
    NOBODY,
    "The name of a host has at most this many characters; 54 are known to be accepted.",
    "A task with a longer name fails, and changes nothing. Use shorter names.",
    "The array refuses to create a host whose name has more than 54 characters.",
)
NAME_PATTERN = Assumption(
    "violin.names.characters",
    r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._:@+-]*",
    "4",
    NOBODY,
    "Names of this pattern are legal. Of digits alone a number could be taken for an object id.",
    "A task with such a name fails, and changes nothing. Use letters, digits, dots, dashes and underscores.",
    "The array refuses to create or rename an object whose name has a colon, an at sign or a plus sign.",
)
LUN_RANGE = Assumption(
    "violin.luns.range",
    (0, 255),
    "4",
    NOBODY,
    "The lowest and the highest LUN of a host.",
    "A mapping at a LUN outside the range fails, and changes nothing. Choose another LUN, or leave it to the array.",
    "The array refuses a LUN that is in this range and that the host does not use.",
)
LARGEST = Assumption(
    "violin.volumes.largest",
    64 * TIB,
    "4",
    NOBODY,
    "The size of the largest volume, in bytes.",
    "A task with a larger volume fails, and changes nothing. Use several volumes.",
    "The array refuses to create or extend a volume beyond a smaller size.",
)

# -- requests and sessions ---------------------------------------------------------------------------------------------

UNKNOWN_KEYS = Assumption(
    "violin.requests.unknown_keys",
    "ignored",
    "1.6",
    NOBODY,
    "A key of a request that the array does not know is ignored.",
    "Nothing: only keys that a published client sends are sent.",
    "The array refuses a request because of one of its keys.",
)
CODES = Assumption(
    "violin.errors.codes",
    "as_assumed",
    "3",
    NOBODY,
    "Refusals whose code no source quotes have some code and text.",
    "An error is less precise than it could be. Whether something exists is always decided by a read.",
    "The text or code of a refusal is none that this collection knows.",
)
FAILURE_STATUS = Assumption(
    "violin.errors.status",
    200,
    "1.4",
    NOBODY,
    "A refusal is answered by this HTTP status.",
    "Nothing: the answer is read whatever its status is.",
    "A refusal has a status of 400 or above.",
)
ID_OF_NEW = Assumption(
    "violin.objects.id_of_new",
    "reported",
    "2.1",
    NOBODY,
    "The answer to the creation of an object has its id.",
    "Nothing: the id is read from the list.",
    "The answer to a creation has no object_id.",
)
LOGOUT = Assumption(
    "violin.session.logout_body",
    "empty",
    "1.3",
    NOBODY,
    "The array ends a session without being sent the credentials again.",
    "The credentials are sent once more, over the same connection as for the login.",
    "The logout is refused while it has no user name and password.",
)
FAILOVER = Assumption(
    "violin.session.after_failover",
    "nothing_done",
    "1.4",
    CLIENT,
    "A request that is answered by HTTP status 403, because the session has ended, has changed nothing.",
    "A change may be made although the array answered so. No volume is extended again, and no snapshot taken again, "
    "before a read shows that it was not.",
    "After a failover between the gateways a change is answered by status 403, and was made.",
)

# -- volumes -----------------------------------------------------------------------------------------------------------

DELETE_MAPPED = Assumption(
    "violin.volumes.delete_mapped",
    "refused",
    "3",
    NOBODY,
    "The array refuses to delete a volume that is mapped.",
    "Nothing is deleted by this collection that its own read, immediately before, has found to be mapped. A volume "
    "that somebody maps between that read and the deletion is deleted.",
    "The array deletes a volume that is mapped.",
)
ENCRYPTED = Assumption(
    "violin.volumes.encrypted_reported",
    True,
    "2.1",
    NOBODY,
    "From 7.5.6 on the array reports whether a volume is encrypted.",
    "An existing volume is not accepted as the encrypted one that a task asks for. Delete it, or leave out the option.",
    "The answer about a volume has no property encrypted.",
)

# -- snapshots and copies ----------------------------------------------------------------------------------------------

COMMENT_UNIQUE = Assumption(
    "violin.snapshots.comment_unique",
    True,
    "2.4",
    NOBODY,
    "The array refuses a second snapshot of a volume with the same name.",
    "When two runs take the same snapshot at once, there may be two of that name. None of them is used or deleted "
    "then: delete or rename one with the tools of the array.",
    "A volume lists two snapshots with the same comment.",
)
TIMESTAMP_UNIQUE = Assumption(
    "violin.snapshots.timestamp_unique",
    True,
    "2.4",
    NOBODY,
    "No two snapshots of a volume have the same time stamp, by which a thin clone names its snapshot.",
    "No thin clone is made of a snapshot whose time stamp another one has too.",
    "A volume lists two snapshots with the same id.",
)
DELETE_CLONED = Assumption(
    "violin.snapshots.delete_with_clone",
    "refused",
    "2.4",
    NOBODY,
    "The array refuses to delete a snapshot that has a thin clone.",
    "Nothing is deleted by this collection that its own read, immediately before, has found to have a clone.",
    "The array deletes a snapshot that has a thin clone.",
)
AREA_SPACE = Assumption(
    "violin.snapshots.area_takes_space",
    False,
    "2.2",
    NOBODY,
    "The snapshot resource of a volume takes no space of the pool before snapshots need it.",
    "The first snapshot of a volume, or a copy, fails for lack of space, and changes nothing else.",
    "The free space of a pool shrinks by the size of the snapshot resource.",
)
POLICY_KEYS = Assumption(
    "violin.snapshots.policy_keys",
    ("automatic", "CDPOption", "triggerReplication", "maxTimeMarkCount", "RetentionPolicy"),
    "2.3",
    NOBODY,
    "The answer about a snapshot policy has the keys of the request that creates one.",
    "A volume with a snapshot policy is not deleted, because the policy may be somebody else's. Remove the policy "
    "with the tools of the array.",
    "The answer about a snapshot policy has none of these keys.",
)
CLONE_STORAGE = Assumption(
    "violin.clones.storage",
    "not_needed",
    "2.5",
    NOBODY,
    "A thin clone is made without naming the space for what is written to it.",
    "No thin clone can be made. The request fails, and changes nothing. Use thick volumes where copies are needed.",
    "The array refuses a thin clone because its request names no storage.",
)
COPY_SEEN_AFTER = Assumption(
    "violin.copies.reported_after",
    0.0,
    "2.5",
    NOBODY,
    "The array reports a copy as soon as it has confirmed its begin (seconds).",
    "The task waits for the report for at most 60 s. After that it removes the unfinished copy, and fails.",
    "The status of a copy is that of the one before, or there is none, although the copy was confirmed.",
)

# -- hosts -------------------------------------------------------------------------------------------------------------

UPDATE_REPLACES = Assumption(
    "violin.hosts.update_replaces",
    "replaces",
    "2.7",
    NOBODY,
    "A request with a list of initiators replaces the list of the host.",
    "Initiators cannot be removed from a host. The task fails; no initiator is lost. Delete the host, and create it "
    "again.",
    "An initiator that is not in the request is still in the list of the host.",
)
DELETE_HOST_MAPPED = Assumption(
    "violin.hosts.delete_mapped",
    "refused",
    "2.7",
    NOBODY,
    "The array refuses to delete a host that has volumes.",
    "No host is deleted by this collection that its own read, immediately before, has found to have volumes.",
    "The array deletes a host that has volumes, and unmaps them.",
)
UNASSIGN_FORCE = Assumption(
    "violin.hosts.unassign_force",
    "not_needed",
    "2.7",
    CLIENT,
    "A volume is unmapped without force, which the upstream driver always sends.",
    "No volume can be unmapped. The request fails, and changes nothing. Unmap the volume with the tools of the array.",
    "The array refuses to unmap a volume unless the request has force.",
)
TARGETS_STAY = Assumption(
    "violin.hosts.targets_outlive",
    True,
    "2.7",
    NOBODY,
    "The iSCSI target of a host stays when the host is deleted.",
    "Nothing: a target is deleted if it is still there.",
    "The target is not listed after its host was deleted.",
)
TARGET_DELETE = Assumption(
    "violin.hosts.target_delete",
    "known",
    "2.7",
    NOBODY,
    "An iSCSI target can be deleted by a DELETE request, as in the sibling API.",
    "The target stays. A new host of the same name cannot be mapped before it is deleted with the tools of the array.",
    "The array does not know the request that deletes a target.",
)

LEDGER: Ledger = (
    NAME_LONGEST,
    HOST_NAME_LONGEST,
    NAME_PATTERN,
    LUN_RANGE,
    LARGEST,
    UNKNOWN_KEYS,
    CODES,
    FAILURE_STATUS,
    ID_OF_NEW,
    LOGOUT,
    FAILOVER,
    DELETE_MAPPED,
    ENCRYPTED,
    COMMENT_UNIQUE,
    TIMESTAMP_UNIQUE,
    DELETE_CLONED,
    AREA_SPACE,
    POLICY_KEYS,
    CLONE_STORAGE,
    COPY_SEEN_AFTER,
    UPDATE_REPLACES,
    DELETE_HOST_MAPPED,
    UNASSIGN_FORCE,
    TARGETS_STAY,
    TARGET_DELETE,
) + general("violin", "4")
