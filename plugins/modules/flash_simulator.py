#!/usr/bin/python
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flash_simulator
short_description: Faults and journal of a simulated array, for tests of playbooks
version_added: 0.1.0
description:
  - Sets faults on an array that the role C(openflash.storage.array_simulator) has started, empties it, and checks what
    it was asked for and what changed in it.
  - It talks to the control port of the simulator only, and sends nothing to an address where something else answers. It
    can do nothing to a real array.
author:
  - The openflash.storage contributors (@openflash)
extends_documentation_fragment:
  - openflash.storage.attributes.simulator
options:
  control:
    description:
      - URL of the control API, which the role returns as C(array_simulator_control).
      - It answers on the host where the simulator runs, so the task has to run there.
    type: str
    required: true
  name:
    description: Name of the simulated array.
    type: str
    required: true
  state:
    description:
      - V(fault) sets O(faults) in place of all faults that were set before. Without a fault in the list there is none
        any more.
      - V(reset) removes every object and every fault. The numbers of the journal go on. Assumptions stay as they are.
      - V(journal) reads the journal, and fails if it is not as O(expect) says.
    type: str
    choices: [fault, reset, journal]
    required: true
  faults:
    description:
      - What requests meet. Needed with O(state=fault).
      - Where exactly these are set, and no request has met one of them, nothing changes. A fault that has struck is set
        again.
    type: list
    elements: dict
    suboptions:
      kind:
        description:
          - What the client meets, such as V(reset_after), V(latency) or V(pool_full). The README of the role has all
            kinds.
        type: str
        required: true
      match:
        description: Which requests. Everything that is given must agree. Without it every request.
        type: dict
        suboptions:
          method:
            description: The method of the request, or the verb of a command.
            type: str
          path:
            description: A regular expression, searched for in the path of the request, or in the command line.
            type: str
          write:
            description: Whether it is a request for a change.
            type: bool
      skip:
        description: The number of matching requests that pass first. By default 0.
        type: int
      count:
        description: The number of matching requests that are hit. By default 1.
        type: int
      always:
        description: Every matching request is hit, instead of O(faults[].count) of them.
        type: bool
      seconds:
        description: How late, for the kinds that have a time.
        type: float
      status:
        description: The HTTP status of the kind V(http_status), from 500 to 599. By default 503.
        type: int
      code:
        description: The array's own code of the kinds V(refused_before) and V(refused_after).
        type: str
  since:
    description:
      - With O(state=journal) the number of an entry. Only the entries after it count, such as those after RV(last) of
        an earlier task.
    type: int
    default: 0
  expect:
    description:
      - With O(state=journal) what the journal has to have. The task fails if it has not.
      - An entry counts if everything that is given agrees. Without O(expect[].count), O(expect[].min) and
        O(expect[].max) at least one entry has to agree.
    type: list
    elements: dict
    suboptions:
      kind:
        description: A request of a client, or a change of the content of the array.
        type: str
        choices: [request, change]
      method:
        description: The method of the request, or the verb of a command.
        type: str
      path:
        description: A regular expression, searched for in the path of the request, or in the command line.
        type: str
      write:
        description: Whether the request asked for a change.
        type: bool
      status:
        description: The HTTP status, or the exit status of a command.
        type: int
      fault:
        description: The kind of the fault that the request met.
        type: str
      change:
        description: The kind of the change, such as V(volume.create), V(snapshot.create) or V(mapping.delete).
        type: str
      about:
        description: Fields of the object that changed, such as C(name), with their values.
        type: dict
      count:
        description: The exact number of entries.
        type: int
      min:
        description: The least number of entries.
        type: int
      max:
        description: The largest number of entries.
        type: int
notes:
  - It takes no connection options, so it is not in the action group C(flash).
seealso:
  - ref: ansible_collections.openflash.storage.docsite.guide_simulators
    description: Testing your own playbooks with the simulators
"""

EXAMPLES = r"""
- name: Lose the answer to the next request that creates a volume
  openflash.storage.flash_simulator:
    control: "{{ array_simulator_control }}"
    name: lab
    state: fault
    faults:
      - kind: reset_after
        match: {method: POST, path: /volumes}

- name: Remove all faults
  openflash.storage.flash_simulator:
    control: "{{ array_simulator_control }}"
    name: lab
    state: fault
    faults: []

- name: Check that one volume was made, although the answer was lost
  openflash.storage.flash_simulator:
    control: "{{ array_simulator_control }}"
    name: lab
    state: journal
    expect:
      - {kind: request, fault: reset_after, count: 1}
      - {kind: change, change: volume.create, about: {name: db1}, count: 1}

- name: Begin again with an empty array
  openflash.storage.flash_simulator:
    control: "{{ array_simulator_control }}"
    name: lab
    state: reset
"""

RETURN = r"""
faults:
  description:
    - The faults that are set, each with the fields of O(faults), C(count) as the number of requests that are still hit
      (null for all), and C(struck), the number that was hit.
  returned: success
  type: list
  elements: dict
entries:
  description:
    - The journal after O(since). Each entry has its number C(n), C(time) and C(kind). A request has C(method), C(path),
      C(status) (null when no answer was sent), C(write), C(body) and C(fault). A change has C(change) and C(about).
    - Secrets are masked.
  returned: when O(state=journal)
  type: list
  elements: dict
last:
  description: The number of the last entry, for O(since) of a later task.
  returned: when O(state=journal)
  type: int
requests:
  description: The number of requests after O(since).
  returned: when O(state=journal)
  type: int
writes:
  description: The number of those that asked for a change.
  returned: when O(state=journal)
  type: int
changes:
  description: The number of changes of the content of the array after O(since).
  returned: when O(state=journal)
  type: int
unmet:
  description: The expectations that the journal does not meet, each as a text with the entries that were found.
  returned: when O(state=journal)
  type: list
  elements: str
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.openflash.storage.plugins.module_utils import flash_simulator

MATCH: Dict[str, Any] = {"method": {"type": "str"}, "path": {"type": "str"}, "write": {"type": "bool"}}

FAULT: Dict[str, Any] = {
    "kind": {"type": "str", "required": True},
    "match": {"type": "dict", "options": MATCH},
    "skip": {"type": "int"},
    "count": {"type": "int"},
    "always": {"type": "bool"},
    "seconds": {"type": "float"},
    "status": {"type": "int"},
    "code": {"type": "str"},
}

EXPECTATION: Dict[str, Any] = {
    "kind": {"type": "str", "choices": ["request", "change"]},
    **MATCH,
    "status": {"type": "int"},
    "fault": {"type": "str"},
    "change": {"type": "str"},
    "about": {"type": "dict"},
    "count": {"type": "int"},
    "min": {"type": "int"},
    "max": {"type": "int"},
}

OPTIONS: Dict[str, Any] = {
    "control": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["fault", "reset", "journal"], "required": True},
    "faults": {
        "type": "list",
        "elements": "dict",
        "options": FAULT,
        "mutually_exclusive": [("count", "always")],
    },
    "since": {"type": "int", "default": 0},
    "expect": {"type": "list", "elements": "dict", "options": EXPECTATION},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=OPTIONS, required_if=[("state", "fault", ["faults"])], supports_check_mode=True
    )
    try:
        result = flash_simulator.run(module.params, module.check_mode)
    except flash_simulator.SimulatorError as error:
        module.fail_json(msg=str(error))
    if result.get("unmet"):
        text = "The journal of %s is not as expected:\n%s" % (module.params["name"], "\n".join(result["unmet"]))
        module.fail_json(msg=text, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
