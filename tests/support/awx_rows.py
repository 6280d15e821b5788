# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the credential types of AWX from the connection options, so that a new option is in them by itself.

What AWX does with them (awx/main/models/credential.py and awx/main/fields.py of AWX 24.6.1):

- A boolean field that a credential leaves out is injected as "False". So an option of the type bool is a field with
  choices here: left out it stays unset, and certificates are verified.
- A field with choices that is saved empty gets its first choice. So the first choice is the option's default, or "".
- A text is a Jinja template, and a field that the credential leaves out renders as "", which counts as unset.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.openflash.storage.plugins.module_utils.flash_options import CONNECTION
from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import VENDORS

ROOT = Path(__file__).resolve().parents[2]
FRAGMENT = ROOT / "plugins/doc_fragments/connection.py"

HEAD = """\
---
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The credential types for AWX, under the name that infra.aap_configuration reads. `make rows` writes this file from the
# connection options. AWX renders the texts of the injectors when it starts a job: !unsafe keeps Ansible from doing so.
"""

CONTENTS = {"private_key_file", "ca_path", "known_hosts"}
"""Options that are a file: the field takes its content, and AWX writes the file for the job."""
SECRET = {"private_key_file", "proxy"}
"""Secrets besides those that are no_log: the content of a private key, and a URL that may have a password in it."""
REQUIRED = ["vendor", "address"]
LABELS = {"ca_path": "CA certificates", "private_key_file": "Private key"}
ABBREVIATIONS = {"ca": "CA", "tls": "TLS", "ssh": "SSH", "ldap": "LDAP", "api": "API", "certs": "certificates"}


class Unsafe(str):
    """A text that Ansible must not take for a template."""


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style='"'))


def _plain(text: str) -> str:
    """A paragraph of the documentation without its markup."""
    text = re.sub(r"[CV]\(([^)]*)\)", r"\1", text)
    return re.sub(r"O\((?:ignore:)?([^)=]*)(?:=([^)]*))?\)", lambda m: f"{m[1]} {m[2]}" if m[2] else m[1], text)


def _label(name: str) -> str:
    words = [ABBREVIATIONS.get(word, word) for word in name.split("_")]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])


def _field(name: str, documented: dict[str, Any]) -> dict[str, Any]:
    spec = CONNECTION[name]
    texts = documented["description"]
    paragraphs = [texts] if isinstance(texts, str) else list(texts)
    help_text = " ".join(map(_plain, paragraphs))
    label = LABELS.get(name) or _label(name)
    field: dict[str, Any] = {"id": name, "label": label, "type": "string"}
    if name in CONTENTS:
        help_text = f"The content of the file. {help_text}"
        field["multiline"] = True
    if spec["type"] == "list":
        help_text += " With commas between several."
    elif spec["type"] == "dict":
        help_text += " As NAME=ADDRESS, with commas between several."
    if name == "private_key_file":
        field["format"] = "ssh_private_key"
    field["help_text"] = help_text
    if spec.get("no_log") or name in SECRET:
        field["secret"] = True
    choices = spec.get("choices") or (["true", "false"] if spec["type"] == "bool" else [])
    if choices and name not in REQUIRED:
        default = str(spec["default"]).lower() if spec.get("default") is not None else ""
        field["choices"] = [default, *(choice for choice in choices if choice != default)]
    elif choices:
        field["choices"] = list(choices)
    return field


def _one_array(documented: dict[str, Any]) -> dict[str, Any]:
    files = [name for name in documented if name in CONTENTS]
    value = {name: f"{{{{ tower.filename.{name} if {name} else '' }}}}" for name in files}
    return {
        "name": "Flash array",
        "description": "One all-flash array, for the modules of openflash.storage",
        "kind": "cloud",
        "inputs": {"fields": [_field(name, documented[name]) for name in documented], "required": REQUIRED},
        "injectors": {
            "file": {f"template.{name}": Unsafe(f"{{{{ {name} }}}}") for name in files},
            "env": {f"FLASH_{name.upper()}": Unsafe(value.get(name, f"{{{{ {name} }}}}")) for name in documented},
        },
    }


def _fleet() -> dict[str, Any]:
    options = ", ".join(CONNECTION)
    return {
        "name": "Flash arrays",
        "description": "Several all-flash arrays in one credential, for openflash.storage",
        "kind": "cloud",
        "inputs": {
            "fields": [
                {
                    "id": "arrays",
                    "label": "Arrays",
                    "type": "string",
                    "multiline": True,
                    "secret": True,
                    "help_text": "A YAML list. Each entry has the name of the array in the inventory, and its "
                    f"connection options: {options}. Vendors: {', '.join(sorted(VENDORS))}.",
                }
            ],
            "required": ["arrays"],
        },
        "injectors": {
            "file": {"template": Unsafe("{{ arrays }}")},
            "env": {"FLASH_FLEET": Unsafe("{{ tower.filename }}")},
        },
    }


def documentation() -> dict[str, Any]:
    """The documented connection options, as the file has them now: it may just have been written."""
    text = FRAGMENT.read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text.split('r"""')[1].split('"""')[0])["options"]
    return found


def credential_types(_present: str) -> str:
    """The file playbooks/vars/awx_credential_types.yml."""
    data = {"controller_credential_types": [_one_array(documentation()), _fleet()]}
    return HEAD + yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=92, allow_unicode=True)
