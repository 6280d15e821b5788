# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What a module that reads an array reads of it."""

    DOCUMENTATION = r"""
options:
  gather_subset:
    description:
      - What to read. V(all) is every subset, V(default) is every subset except V(groups), V(connections),
        V(health) and V(performance), and V(!NAME) excludes a subset. An empty list reads nothing.
      - The subsets are V(array), V(capacity), V(pools), V(volumes), V(snapshots), V(hosts), V(mappings), V(ports),
        V(groups), V(connections), V(health) and V(performance). A subset costs about one request, V(connections) up to
        four, V(health) up to six, and V(performance) two, on Datera six, or thirteen with volumes.
    type: list
    elements: str
    default: [default]
  filters:
    description:
      - Read only objects with exactly these names. Where the array can filter by name, only these are requested.
      - An empty list of names selects nothing. A filter that is null or not set does not filter.
    type: dict
    suboptions:
      volumes:
        description: Names of volumes. Snapshots, mappings and connections are limited to those of these volumes.
        type: list
        elements: str
      snapshots:
        description: Names of snapshots.
        type: list
        elements: str
      hosts:
        description: Names of hosts. Mappings and connections are limited to those of these hosts.
        type: list
        elements: str
  query:
    description:
      - A JMESPath expression that is applied to what was read. Its result is returned as C(query).
      - When a requested subset cannot be read, the task fails, because the result could be wrong.
      - Needs the Python library C(jmespath).
    type: str
"""
