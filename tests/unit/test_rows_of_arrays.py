# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every array that can be connected to has its row in every table that the guide on adding an array names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
import yaml

from ansible_collections.openflash.storage.plugins.filter.cinder_backends import BUNDLED
from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import VENDORS
from openflash_simulator import vendors as simulator
from tests.bench import run as bench
from tests.e2e import test_cinder
from tests.images import lab
from tests.module import arrays

ROOT = Path(__file__).resolve().parents[2]
DOCSITE = ROOT / "docs/docsite"


def of_quickstart() -> set[str]:
    start = yaml.safe_load((ROOT / "playbooks/quickstart.yml").read_text())[0]
    return {row["vendor"] for row in start["vars"]["quickstart_arrays"]}


def of_readme() -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)) - {"vendor"}


def of_contents() -> set[str]:
    sections = yaml.safe_load((DOCSITE / "extra-docs.yml").read_text())["sections"]
    pages = [page for section in sections for page in section["toctree"]]
    return {page.removeprefix("array_") for page in pages if page.startswith("array_")}


TABLES: dict[str, Callable[[], Collection[str]]] = {
    "openflash_simulator/wires": lambda: simulator.VENDORS,
    "tests/module/arrays.py": lambda: {str(row.config["vendor"]) for row in arrays.ROWS},
    "tests/images/lab.py": lambda: {str(row.config["vendor"]) for row in lab.ROWS},
    "tests/bench/run.py": lambda: {str(vendor.row.config["vendor"]) for vendor in bench.VENDORS},
    "tests/e2e/test_cinder.py": lambda: {str(row["vendor"]) for row in test_cinder.ARRAYS},
    "plugins/filter/cinder_backends.py": lambda: {vendor for vendor, _protocol in BUNDLED},
    "playbooks/quickstart.yml": of_quickstart,
    "README": of_readme,
    "docs/docsite/extra-docs.yml": of_contents,
    "docs/docsite/rst/array_NAME.rst": lambda: {
        path.stem.removeprefix("array_") for path in DOCSITE.glob("rst/array_*.rst")
    },
}


@pytest.mark.parametrize("table", TABLES)
def test_every_array_has_a_row(table: str) -> None:
    assert sorted(TABLES[table]()) == sorted(VENDORS), f"{table} has not the arrays of connect.VENDORS"


def test_every_guide_is_in_the_contents() -> None:
    sections = yaml.safe_load((DOCSITE / "extra-docs.yml").read_text())["sections"]
    listed = [page for section in sections for page in section["toctree"]]
    assert sorted(listed) == sorted(path.stem for path in DOCSITE.glob("rst/*.rst"))
