# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_csv
short_description: A table of a report on several arrays as CSV
version_added: 0.1.0
description:
  - Writes one list of a report of P(openflash.storage.fleet_report#filter) as CSV (RFC 4180) with a header.
  - A text that a spreadsheet would take for a formula begins with an apostrophe. Control characters are shown as in
    P(openflash.storage.fleet_page#filter). Several values in one field are separated by a space.
author:
  - The openflash.storage contributors (@openflash)
positional: table
options:
  _input:
    description: The report.
    type: dict
    required: true
  table:
    description: Which list.
    type: str
    choices: [arrays, volumes, snapshots, mappings]
    required: true
"""

EXAMPLES = r"""
- name: Write the volumes of all arrays
  ansible.builtin.copy:
    content: "{{ report | openflash.storage.fleet_csv('volumes') }}"
    dest: /srv/reports/volumes.csv
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The table. Sizes are in bytes, and what is not known is empty.
  type: str
"""

import csv
import io
from typing import Any, Dict, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.module_utils.openflash.printable import in_line

COLUMNS = {
    "arrays": (
        "name vendor model serial version state readable error capacity.size capacity.used capacity.free "
        "capacity.provisioned capacity.used_ratio capacity.oversubscription capacity.data_reduction_ratio "
        "counts.volumes counts.snapshots counts.hosts counts.mappings"
    ),
    "volumes": "array name size used pool provisioning state source hosts snapshots",
    "snapshots": "array name volume size state created age_days",
    "mappings": "array host volume lun",
}


def _field(row: Mapping[str, Any], column: str) -> Any:
    value: Any = row
    for key in column.split("."):
        value = None if value is None else value[key]
    if isinstance(value, list):
        value = " ".join(str(member) for member in value)
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return "" if value is None else value
    # Spreadsheets calculate what begins like this, with white space before it too
    return ("'" if value.lstrip()[:1] in ("=", "+", "-", "@") else "") + in_line(value)


def fleet_csv(report: Mapping[str, Any], table: str) -> str:
    """See DOCUMENTATION."""
    if table not in COLUMNS:
        raise AnsibleFilterError("fleet_csv: there is no table %s, but %s" % (table, ", ".join(COLUMNS)))
    columns = COLUMNS[table].split()
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.rpartition(".")[2] for column in columns])
    for row in report[table]:
        writer.writerow([_field(row, column) for column in columns])
    return text.getvalue()


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"fleet_csv": fleet_csv}
