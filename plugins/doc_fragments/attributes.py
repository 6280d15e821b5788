# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What every module of the collection keeps to."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Runs in C(check_mode) and predicts what would change, without sending anything that changes the array.
    support: full
  diff_mode:
    description: Returns the plan as text, and what differs of each object, before and after.
    support: full
  idempotent:
    description: Run a second time with nothing changed in between, it changes nothing.
    support: full
  action_group:
    description: Use C(group/openflash.storage.flash) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - openflash.storage.flash
  platform:
    description: Operating systems that it runs on. It needs Python 3.8 or later there.
    support: full
    platforms: posix
"""

    FACTS = r"""
options: {}
attributes:
  facts:
    description: Returns an C(ansible_facts) dictionary that updates the facts of the host.
    support: full
"""

    # What only reads. To be named before the first one: of two fragments the first decides
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Runs in C(check_mode).
    support: full
    details: It reads only.
  diff_mode:
    description: Returns what differs, before and after.
    support: N/A
    details: It changes nothing.
"""

    PROGRESS = r"""
options: {}
notes:
  - >-
    While a copy takes long, the task displays lines such as C(warehouse: 41 %, 1.2 GiB/s, 12 min left). This needs a
    connection of the type C(local) or C(ssh). A task with C(no_log) or C(async), and one in check mode, displays none.
"""

    LOCAL = r"""
options: {}
attributes:
  check_mode:
    description: Runs in C(check_mode) and predicts what would change.
    support: full
  diff_mode:
    description: Returns what differs, before and after.
    support: full
  idempotent:
    description: Run a second time with nothing changed in between, it changes nothing.
    support: full
  platform:
    description: Operating systems that it runs on. It needs Python 3.8 or later there.
    support: full
    platforms: posix
"""

    # To a simulator's control port only
    SIMULATOR = r"""
options: {}
attributes:
  check_mode:
    description: Runs in C(check_mode) and predicts what would change.
    support: full
  diff_mode:
    description: Returns what differs, before and after.
    support: partial
    details: The faults that are set. What O(state=reset) removes is not shown.
  idempotent:
    description: Run a second time with nothing changed in between, it changes nothing.
    support: full
  platform:
    description: Operating systems that it runs on. It needs Python 3.8 or later there.
    support: full
    platforms: posix
"""
