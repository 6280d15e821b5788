# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What a task may permit beyond the safe defaults."""

    DOCUMENTATION = r"""
notes:
  - An option that names a volume, snapshot, host, group, cluster or tenant is refused when it is null or empty, so that
    a look-up that found nothing does not act on something else. Leave such an option out with C(default(omit)).
options:
  force:
    description:
      - Unmap although the array reports that a host has this very volume open.
      - Remove all initiators that a host has although it has volumes.
      - It permits nothing else; an array's own force flag is never sent because of it alone.
    type: bool
    default: false
  openstack_owned:
    description:
      - Delete, rename, restore, refresh or unmap objects that belong to OpenStack by their name, which is refused
        otherwise.
      - Exactly the names that Cinder, Glance and their drivers give count, in lower case - a bare UUID, C(volume-UUID),
        C(snapshot-UUID), C(OS-UUID), C(OS-TITLE-UUID), C(UNMANAGED-UUID), C(Managed by OpenStack ...). A name such as
        C(OS-images) is an ordinary one.
    type: bool
    default: false
"""

    UNMAP = r"""
options:
  unmap:
    description: Unmap a mapped volume before it is deleted, restored or refreshed, which is refused otherwise.
    type: bool
    default: false
"""

    WHILE_MAPPED = r"""
options:
  while_mapped:
    description:
      - Refresh a volume although hosts have it mapped, which is refused otherwise. Its mappings stay.
      - No host may have it mounted meanwhile. A host that has it mounted writes parts of the old content over the new.
      - A volume that the array reports to be open on a host is refused even so, unless O(force=true).
    type: bool
    default: false
"""

    ASSUME_UNMAPPED = r"""
options:
  assume_unmapped:
    description: Where an array cannot be asked whether a volume is mapped, take it for unmapped.
    type: bool
    default: false
"""

    SHARED = r"""
options:
  shared:
    description:
      - Map a volume that is mapped to another host already, which is refused otherwise.
      - Two hosts that write to one volume destroy its content, unless they are a cluster.
    type: bool
    default: false
"""

    ALLOW_EMPTY = r"""
options:
  allow_empty:
    description:
      - Take an empty list at its word where the task removes what is not listed, or all that is listed. Such a list is
        refused otherwise, since it is most often a look-up that found nothing.
    type: bool
    default: false
"""

    LIST = r"""
options:
  continue_on_error:
    description:
      - With a list, go on with the other objects when one fails. The task still fails in the end, with the error of
        each object in the result.
      - After a failed step, and when any object is refused before anything is begun, nothing is deleted, unmapped,
        restored or taken from a host, whatever this says. Check mode predicts that.
    type: bool
    default: false
"""
