# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the literal texts that follow from the descriptions of the arrays. `make rows` runs it.

Ansible's tools read documentation and argument specifications as text, so these cannot be computed when they are read.
tests/unit/test_rows_of_arrays.py fails when a file differs from what this writes.
"""

from __future__ import annotations

import importlib
import json
import re
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ansible_collections.openflash.storage.plugins.module_utils.openflash import properties, vendors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.assumption import Assumption, Ledger
from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import VENDORS
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import OptionRule
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import format_size
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendor import Option
from tests.support import awx_rows, matrix

ROOT = Path(__file__).resolve().parents[2]
MARK = "  # The options that only some arrays have: `make rows` writes them from vendors/NAME/vendor.py\n"
WIDTH = 120


def replaced(text: str, pattern: str, written: str) -> str:
    """The text with the only match of the pattern replaced; the pattern's group is kept before the replacement."""
    matches = re.findall(pattern, text, re.MULTILINE | re.DOTALL)
    if len(matches) != 1:
        raise SystemExit(f"{len(matches)} matches of {pattern!r} instead of one")
    return re.sub(pattern, lambda match: match[1] + written, text, flags=re.MULTILINE | re.DOTALL)


def listed(values: Iterable[str]) -> str:
    """The values joined as in a sentence: with commas, and "and" before the last."""
    *first, last = list(values)
    return f"{', '.join(first)} and {last}" if first else last


def paragraphs(texts: Iterable[str], indent: int) -> str:
    """A YAML list of texts."""
    wrapper = textwrap.TextWrapper(
        WIDTH, initial_indent=" " * indent + "- ", subsequent_indent=" " * indent + "  ", break_on_hyphens=False
    )
    # In YAML, a colon or a number sign would end a text without quotes.
    quoted = (json.dumps(text) if ": " in text or " #" in text else text for text in texts)
    return "".join(wrapper.fill(text) + "\n" for text in quoted)


def documented(name: str, option: Option) -> str:
    users = listed(f"O(vendor={vendor.name})" for vendor in VENDORS.values() if name in vendor.options)
    used_with = f"Used with {users}{f' and {option.needs}' if option.needs else ''}."
    lines = f"  {name}:\n    description:\n{paragraphs((*option.description, used_with), 6)}    type: {option.type}\n"
    if option.elements:
        lines += f"    elements: {option.elements}\n"
    if option.choices:
        lines += f"    choices: [{', '.join(option.choices)}]\n"
    return lines


def fragment(text: str) -> str:
    """The documentation of the connection options."""
    options = {name: option for vendor in VENDORS.values() for name, option in vendor.options.items()}
    text = replaced(text, r"^(    description: The family of the array\.\n.*?choices: )\[[^]]*\]", names())
    written = "".join(documented(name, option) for name, option in options.items())
    return replaced(text, rf'^({re.escape(MARK)}).*?(?="""$)', written)


def argument_specs(text: str) -> str:
    """The options vendor and protocol of cinder_backend_backends."""
    defaults: dict[str, list[str]] = {}
    for vendor in VENDORS.values():
        protocol = next(iter(vendor.cinder.drivers))
        defaults.setdefault(protocol or "", []).append(f"V({vendor.name})")
    without_protocol = defaults.pop("", [])
    chosen = ", ".join(f"V({protocol}) for {listed(vendors)}" for protocol, vendors in sorted(defaults.items()))
    texts = [f"How hosts reach the volumes. By default {chosen}."]
    if without_protocol:
        texts.append(f"Leave it out with {listed(without_protocol)}, which has a data path of its own.")
    text = replaced(text, r"^(          vendor:\n.*?choices: )\[[^]]*\]", names())
    return replaced(
        text, r"^(          protocol:\n            description:\n).*?(?=^            type)", paragraphs(texts, 14)
    )


def readme(text: str) -> str:
    """The table of supported arrays."""
    written = "".join(
        f"| `{vendor.name}` | {vendor.product} | {vendor.management} | {vendor.since} |\n"
        for vendor in VENDORS.values()
    )
    return replaced(text, r"^(\| `vendor` \|[^\n]*\n\|[-|]*\n)(?:\|[^\n]*\n)*", written)


def simulator_readme(text: str) -> str:
    """The key ``vendor`` of a simulated array."""
    return replaced(
        text, r"^(\| `vendor` \| required[^|]*\| )[^|]*(?=\|)", f"{', '.join(f'`{name}`' for name in VENDORS)} "
    )


def ledger(vendor: str) -> Ledger:
    """What is assumed of an array."""
    found: Ledger = importlib.import_module(f"{vendors.__name__}.{vendor}.ledger").LEDGER
    return found


INTRODUCTION = (
    "No public source proves what follows. If a task fails because one of these is wrong, ``error.assumption`` has its "
    "id. The simulator plays other values (``assume``), and tests prove that no data is lost then: see "
    ":ref:`ansible_collections.openflash.storage.docsite.reliability`. If your array shows something else, please "
    "report it."
)


def assumption(entry: Assumption[Any]) -> str:
    value = ", ".join(map(str, entry.value)) if isinstance(entry.value, tuple) else str(entry.value)
    shown = f"``{value}``" if value else "an empty text"
    text = f"{entry.states} *Assumed:* {shown}. *Source:* {entry.source}. *If it is wrong:* {entry.if_wrong} "
    wrapper = textwrap.TextWrapper(
        WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
    return f"``{entry.id}``\n{wrapper.fill(text + f'*How the array would show it:* {entry.shown_by}')}\n"


def volume_options(vendor: str) -> dict[str, OptionRule]:
    """Every option of a volume that a release of the array has, over one of its interfaces."""
    try:
        found = importlib.import_module(f"{vendors.__name__}.{vendor}.capabilities")
    except ModuleNotFoundError:
        return {}
    options: dict[str, OptionRule] = getattr(found, "VOLUME_OPTIONS", {})
    return options


def volume_properties(vendor: str) -> str:
    """What the page of an array says of the properties that a volume may have."""
    options = volume_options(vendor)
    lines = []
    for kind in properties.LACKING:
        having = {name: one for name, one in properties.PROPERTIES.items() if one.option in options}
        texts = [
            f"``{name.partition('.')[2]}``: {described(options[one.option], one)}"
            if "." in name
            else described(options[one.option], one)
            for name, one in having.items()
            if properties.kind_of(name) == kind
        ]
        lines.append(entry(kind, "; ".join(texts) or "Refused: the array does not have it"))
    for name, rule in options.items():
        if properties.name_of(name) is None:
            when = ", when the volume is created" if rule.create_only else ""
            lines.append(entry(f"array_options.{name}", f"{rule.description}{when}"))
    return "".join(lines)


def described(rule: OptionRule, known: properties.Property) -> str:
    """The values that the property takes."""
    if known.is_rate:
        return f"a multiple of {format_size(known.unit * rule.granularity)}, 0 for no limit"
    return rule.description


def entry(name: str, text: str) -> str:
    wrapper = textwrap.TextWrapper(WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return f"``{name}``\n{wrapper.fill(text[0].upper() + text[1:] if text[0] != '`' else text)}.\n"


PROPERTIES_INTRODUCTION = (
    "Of the options of ``flash_volume``, and of the volumes of ``flash_array``, that only some arrays have, this one "
    "takes:"
)


def page(vendor: str) -> Callable[[str], str]:
    """The page of an array, with the properties of its volumes, which ends in what is assumed of it."""
    introduction = textwrap.fill(INTRODUCTION, WIDTH, break_on_hyphens=False, break_long_words=False)
    written = f"{introduction}\n\n{''.join(map(assumption, ledger(vendor)))}"
    options = f"{PROPERTIES_INTRODUCTION}\n\n{volume_properties(vendor)}\n"

    def write(text: str) -> str:
        text = replaced(text, r"^(Properties of volumes\n-+\n\n).*?(?=^\S[^\n]*\n-{3,}\n)", options)
        return replaced(text, r"^(What is assumed\n-+\n\n).*\Z", written)

    return write


def names() -> str:
    return f"[{', '.join(sorted(VENDORS))}]"


WRITTEN: dict[str, Callable[[str], str]] = {
    "README.md": readme,
    "plugins/doc_fragments/connection.py": fragment,
    # After the documentation of the options, which it reads
    "playbooks/vars/awx_credential_types.yml": awx_rows.credential_types,
    "roles/array_simulator/README.md": simulator_readme,
    "roles/cinder_backend/meta/argument_specs.yml": argument_specs,
    "docs/docsite/rst/capabilities.rst": matrix.page,
    **{f"docs/docsite/rst/array_{vendor}.rst": page(vendor) for vendor in VENDORS},
}
"""For each file, the function that returns its correct text from its present text."""


def main() -> None:
    for name, write in WRITTEN.items():
        path = ROOT / name
        path.write_text(write(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
