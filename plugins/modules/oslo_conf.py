#!/usr/bin/python
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: oslo_conf
short_description: Options in a configuration file of an OpenStack service
version_added: 0.1.0
description:
  - Sets and removes options, members of lists with commas, and complete sections in a file such as C(cinder.conf).
  - Supports the grammar of oslo.config, namely repeated options, values over several lines, C(:) instead of C(=), a
    section in several places, and section names that are not case-sensitive except C(DEFAULT).
  - Everything else in the file is kept byte for byte, including comments, order and line ends. A value that is correct
    already is not written again.
  - No secret is shown. The difference shows the sections that change, with asterisks for everything that O(secrets)
    gives, for every option whose name says that it is a secret, and for passwords in URLs.
  - It talks to no array.
author:
  - The openflash.storage contributors (@openflash)
extends_documentation_fragment:
  - openflash.storage.attributes.local
  - ansible.builtin.files
options:
  path:
    description: The file. A symbolic link is followed.
    type: path
    required: true
  create:
    description: Whether to create a missing file. Without O(mode) only its owner can read it then.
    type: bool
    default: false
  backup:
    description: Keep a copy of the file as it was, beside it, whenever it is changed.
    type: bool
    default: false
  validate:
    description:
      - Command that validates the new file before it replaces the old one. C(%s) in it is the path of the new file.
      - It also runs in check mode. It does not run when nothing changes.
    type: str
  section:
    description: The section. Either this or O(sections) is needed.
    type: str
  state:
    description: Whether the section is there. V(absent) removes it with all that is in it.
    type: str
    choices: [present, absent]
    default: present
  options:
    description:
      - Values by names. A list makes an option that is repeated, null or an empty list removes the option. Booleans are
        written as C(true) and C(false).
      - They are written as they are given. C($name) in a value stands for the value of another option, as always in
        such a file.
    type: dict
  secrets:
    description:
      - Values by names, as O(options), for options that are secret, such as passwords.
      - They are taken literally. A dollar sign in a value is escaped, so that it does not refer to another option.
    type: dict
  members:
    description: Members of values that are lists with commas, such as C(enabled_backends).
    type: list
    elements: dict
    suboptions: &member
      name:
        description: Name of the option.
        type: str
        required: true
      present:
        description: Members to add at the end where they are missing.
        type: list
        elements: str
      absent:
        description: Members to remove. The option goes with its last member.
        type: list
        elements: str
  exclusive:
    description:
      - Remove the options of the section that none of O(options), O(secrets) and O(members) names.
      - Refused when these give no value that stays.
    type: bool
    default: false
  sections:
    description: Many sections, all of them written at once. Excludes O(section).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the section.
        type: str
        required: true
      state:
        description: As O(state).
        type: str
        choices: [present, absent]
      options:
        description: As O(options).
        type: dict
      secrets:
        description: As O(secrets).
        type: dict
      members:
        description: As O(members).
        type: list
        elements: dict
        suboptions: *member
      exclusive:
        description: As O(exclusive).
        type: bool
notes:
  - A blank line goes before a section that the module adds, and goes again with it.
seealso:
  - name: Configuration file format of oslo.config
    description: What the services read.
    link: https://docs.openstack.org/oslo.config/latest/configuration/format.html
"""

EXAMPLES = r"""
- name: A backend of Cinder
  openflash.storage.oslo_conf:
    path: /etc/cinder/cinder.conf
    sections:
      - name: xtremio
        options:
          volume_driver: openflash_openstack.cinder.xtremio.XtremIOISCSIDriver
          san_ip: xms.example.com
          san_login: cinder
          driver_ssl_cert_verify: true
        secrets:
          san_password: "{{ vault_xms_password }}"
      - name: DEFAULT
        members:
          - name: enabled_backends
            present: [xtremio]
  notify: Restart cinder-volume

- name: A section that is not needed any more
  openflash.storage.oslo_conf:
    path: /etc/glance/glance-api.conf
    section: old_store
    state: absent
"""

RETURN = r"""
path:
  description: The file, with symbolic links followed.
  returned: always
  type: str
changes:
  description: The names of the options that changed, by section. A section that was added or removed is listed too.
  returned: success
  type: dict
  sample: {"DEFAULT": ["enabled_backends"]}
backup_file:
  description: The copy of the file as it was.
  returned: when O(backup=true) and the file changed
  type: str
"""

import os
import tempfile
from typing import Any, Dict, List, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.openflash.storage.plugins.module_utils import oslo_conf

MEMBER = {
    "name": {"type": "str", "required": True},
    "present": {"type": "list", "elements": "str"},
    "absent": {"type": "list", "elements": "str"},
}

SECTION: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"]},
    "options": {"type": "dict"},
    "secrets": {"type": "dict", "no_log": True},
    "members": {"type": "list", "elements": "dict", "options": MEMBER},
    "exclusive": {"type": "bool"},
}

OPTIONS: Dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "create": {"type": "bool", "default": False},
    "backup": {"type": "bool", "default": False},
    "validate": {"type": "str"},
    "section": {"type": "str"},
    "state": dict(SECTION["state"], default="present"),
    "options": SECTION["options"],
    "secrets": SECTION["secrets"],
    "members": SECTION["members"],
    "exclusive": dict(SECTION["exclusive"], default=False),
    "sections": {"type": "list", "elements": "dict", "options": SECTION},
}

Section = Dict[str, Any]

_SHORTEST = 4
"""A secret with fewer characters is not looked for in what others print: it would be found in every word."""


def main() -> None:
    module = AnsibleModule(
        argument_spec=OPTIONS,
        mutually_exclusive=[("section", "sections")],
        required_one_of=[("section", "sections")],
        add_file_common_args=True,
        supports_check_mode=True,
    )
    path = os.path.realpath(module.params["path"])
    wanted: List[Section] = module.params["sections"]
    if wanted is None:
        wanted = [{name: module.params["section" if name == "name" else name] for name in SECTION}]
    try:
        for section in wanted:
            _check(section)
        result = _run(module, path, wanted)
    except oslo_conf.ConfError as error:
        module.fail_json(msg="Editing %s: %s" % (path, error), path=path)
    except (OSError, UnicodeError) as error:
        module.fail_json(msg="Editing %s: %s" % (path, getattr(error, "strerror", None) or error), path=path)
    module.exit_json(**result)


def _check(section: Section) -> None:
    """ConfError when the name is empty, or when an empty value would remove every option of a section."""
    name = section["name"]
    if name is None or not name.strip():
        raise oslo_conf.ConfError("the name of a section is null or empty")
    values = list((section["options"] or {}).values()) + list((section["secrets"] or {}).values())
    stays = section["members"] or any(value not in (None, []) for value in values)
    if section["exclusive"] and section["state"] != "absent" and not stays:
        raise oslo_conf.ConfError(
            "exclusive would remove every option of section %s, because none is given; give those that shall stay, or "
            "set state to absent to remove the section" % name
        )


def _run(module: AnsibleModule, path: str, wanted: List[Section]) -> Dict[str, Any]:
    text = _read(module, path)
    before, after = oslo_conf.Document(text or ""), oslo_conf.Document(text or "")
    for section in wanted:
        _apply(after, section)
    changed = str(after) != (text or "")
    names = [section["name"] for section in wanted]
    result: Dict[str, Any] = {
        "changed": changed,
        "path": path,
        "changes": oslo_conf.differing(before, after, names),
    }
    if changed:
        backup = _write(module, path, str(after), text is None)
        if backup:
            result["backup_file"] = backup
    if module._diff:
        secrets = [name for section in wanted for name in section["secrets"] or ()]
        touched = list(result["changes"]) if changed else []
        result["diff"] = {
            "before": before.shown(touched, secrets),
            "after": after.shown(touched, secrets, before),
            "before_header": path,
            "after_header": path,
        }
    if os.path.exists(path):
        given = module.load_file_common_arguments(module.params, path=path)
        result["changed"] = module.set_fs_attributes_if_different(given, result["changed"])
    return result


def _read(module: AnsibleModule, path: str) -> Optional[str]:
    if not os.path.exists(path) and module.params["create"]:
        return None
    with open(path, "rb") as file:
        # Bytes that are no UTF-8, as in an old comment, come out as they went in.
        return file.read().decode("utf-8", "surrogateescape")


def _apply(document: oslo_conf.Document, section: Section) -> None:
    name = section["name"]
    if section["state"] == "absent":
        document.remove_section(name)
        return
    options = {key: _values(key, value) for key, value in (section["options"] or {}).items()}
    for key, value in (section["secrets"] or {}).items():
        if key in options:
            raise oslo_conf.ConfError("%s is in options and in secrets" % key)
        options[key] = [oslo_conf.escaped(one) for one in _values(key, value)]
    members = section["members"] or []
    for one in members:
        if one["name"] in options:
            raise oslo_conf.ConfError("%s is in members and in options or secrets" % one["name"])
    if section["exclusive"]:
        for key in document.keys(name):
            if key not in options and key not in [one["name"] for one in members]:
                document.set(name, key, [])
    for key, values in options.items():
        document.set(name, key, values)
    for one in members:
        for member in one["absent"] or ():
            document.remove_member(name, one["name"], member)
        for member in one["present"] or ():
            document.add_member(name, one["name"], member)


def _values(key: str, value: Any) -> List[str]:
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return [one for item in value for one in _values(key, item)]
    if isinstance(value, dict):
        raise oslo_conf.ConfError("the value of %s is a dictionary; write it as the option takes it" % key)
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def _write(module: AnsibleModule, path: str, text: str, is_new: bool) -> Optional[str]:
    """Put the new file in the place of the old one, all at once; in check mode have it judged only."""
    handle, draft = tempfile.mkstemp(dir=module.tmpdir, prefix="oslo-conf-", suffix=".conf")
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
    try:
        _judge(module, path, draft, text)
        if module.check_mode:
            return None
        backup = None
        if is_new:
            # It is never there with the secrets in it and open to all.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        elif module.params["backup"]:
            backup = str(module.backup_local(path))
        module.atomic_move(draft, path)
        return backup
    finally:
        if os.path.exists(draft):
            os.unlink(draft)


def _judge(module: AnsibleModule, path: str, draft: str, text: str) -> None:
    command = module.params["validate"]
    if not command:
        return
    if "%s" not in command:
        raise oslo_conf.ConfError("validate has no %s for the path of the new file")
    done: Tuple[int, str, str] = module.run_command(command.replace("%s", draft))
    if done[0]:
        said = (done[1] + done[2]).strip().replace(draft, path)
        for secret in oslo_conf.Document(text).secret_values(()):
            if len(secret) >= _SHORTEST:
                said = said.replace(secret, oslo_conf.MASK)
        module.fail_json(
            msg="Editing %s: the new file is refused, and the old one stays as it is: %s" % (path, said), path=path
        )


if __name__ == "__main__":
    main()
