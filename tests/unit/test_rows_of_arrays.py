# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything about an array outside its folders agrees with its description, vendors/NAME/vendor.py.

A failure names the place that disagrees.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.openflash.storage.plugins.filter.cinder_backends import KEYS
from ansible_collections.openflash.storage.plugins.module_utils.flash_options import CONNECTION, VENDOR_OPTIONS
from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import VENDORS
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendor import Option
from openflash_simulator import vendors as simulator
from tests.bench import run as bench
from tests.e2e import test_cinder
from tests.images import lab
from tests.module import arrays
from tests.module.abilities import OPERATIONS
from tests.support import matrix, rows

ROOT = Path(__file__).resolve().parents[2]
DOCSITE = ROOT / "docs/docsite"
LIBRARY = ROOT / "plugins/module_utils/openflash"
DRIVERS = ROOT / "roles/openstack_drivers/files/openflash_openstack"
ARGUMENT_SPECS = "roles/cinder_backend/meta/argument_specs.yml"


def of_quickstart() -> set[str]:
    start = yaml.safe_load((ROOT / "playbooks/quickstart.yml").read_text())[0]
    return {row["vendor"] for row in start["vars"]["quickstart_arrays"]}


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
    "playbooks/quickstart.yml": of_quickstart,
    "docs/docsite/extra-docs.yml": of_contents,
    "docs/docsite/rst/array_NAME.rst": lambda: {
        path.stem.removeprefix("array_") for path in DOCSITE.glob("rst/array_*.rst")
    },
}


@pytest.mark.parametrize("table", TABLES)
def test_every_array_has_a_row(table: str) -> None:
    assert sorted(TABLES[table]()) == sorted(VENDORS), f"{table} does not have the arrays of connect.VENDORS"


@pytest.mark.parametrize("name", rows.WRITTEN)
def test_a_file_is_what_make_rows_writes(name: str) -> None:
    """Files with literals for Ansible's tools, which follow from the descriptions."""
    present = (ROOT / name).read_text(encoding="utf-8")
    assert present == rows.WRITTEN[name](present), f"{name} is not what the descriptions say: run make rows"


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_folder_has_the_name_of_the_vendor(vendor: str) -> None:
    described = VENDORS[vendor]
    assert described.name == vendor
    assert (LIBRARY / "vendors" / vendor / "vendor.py").is_file()
    assert described.load.__module__.endswith(f".vendors.{vendor}.vendor")


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_description_does_not_import_the_client(vendor: str) -> None:
    """Every task imports all descriptions."""
    tree = ast.parse((LIBRARY / "vendors" / vendor / "vendor.py").read_text(encoding="utf-8"))
    imported = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert imported <= {"__future__", "typing", "model", "vendor"}


def test_an_option_of_several_arrays_is_the_same_for_all() -> None:
    options: dict[str, Option] = {}
    for vendor in VENDORS.values():
        for name, option in vendor.options.items():
            assert options.setdefault(name, option) == option, f"vendors/{vendor.name}/vendor.py: {name}"
    assert not set(options) & (set(CONNECTION) - set(VENDOR_OPTIONS)), "an option of one array and of all"


LIBRARIES = {
    "meta/ee-requirements.txt": r"^{}>=",
    "roles/array_simulator/files/requirements.txt": r"^{}>=",
    "roles/openstack_drivers/files/build_wheel.py": r"^Requires-Dist: {}$",
    "plugins/doc_fragments/connection.py": r"^  - {}, for arrays",
    "README.md": r"`{}`",
}
"""By file, how it names a Python library that a client needs."""


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_file_names_the_libraries_of_every_client(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for library in {library for vendor in VENDORS.values() for library in vendor.libraries}:
        assert re.search(LIBRARIES[name].format(library), text, re.MULTILINE), f"{name} does not name {library}"


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_client_imports_the_transport_of_its_libraries(vendor: str) -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (LIBRARY / "vendors" / vendor).glob("*.py"))
    used = {
        library
        for transport, library in {"http": "requests", "ssh": "paramiko"}.items()
        if f"from ...transport.{transport} import" in source
    }
    assert used == set(VENDORS[vendor].libraries), f"libraries of vendors/{vendor}/vendor.py"


# ---- OpenStack -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_driver_classes_exist_and_are_documented(vendor: str) -> None:
    pages = "".join((DOCSITE / f"rst/{page}.rst").read_text() for page in ("guide_cinder", f"array_{vendor}"))
    for driver in VENDORS[vendor].cinder.drivers.values():
        module, _dot, name = driver.bundled.rpartition(".")
        assert module == f"openflash_openstack.cinder.{vendor}"
        source = (DRIVERS / f"cinder/{vendor}.py").read_text(encoding="utf-8")
        assert f"class {name}(" in source, f"cinder/{vendor}.py has no class {name}"
        assert f'VENDOR = "{vendor}"' in source, f"cinder/{vendor}.py"
        assert name in pages, f"neither guide_cinder.rst nor array_{vendor}.rst names {name}"


def entry_options() -> dict[str, Any]:
    specs = yaml.safe_load((ROOT / ARGUMENT_SPECS).read_text(encoding="utf-8"))
    options: dict[str, Any] = specs["argument_specs"]["main"]["options"]["cinder_backend_backends"]["options"]
    return options


def test_the_description_of_a_key_names_the_arrays_that_use_it() -> None:
    options = entry_options()
    for key, vendors in KEYS.items():
        texts = options[key]["description"]
        first = texts if isinstance(texts, str) else texts[0]
        assert first.startswith(f"For {rows.listed(f'V({vendor})' for vendor in vendors)},"), f"{ARGUMENT_SPECS}: {key}"


def test_keys_that_are_connection_options_have_their_type_and_choices() -> None:
    for key, spec in entry_options().items():
        if key in CONNECTION and key not in ("vendor", "address"):
            expected = CONNECTION[key]
            place = f"{ARGUMENT_SPECS}: {key}"
            assert spec["type"] == expected["type"], place
            assert spec.get("choices") == expected.get("choices"), place


def test_packages_of_the_drivers_of_cinder_can_be_chosen() -> None:
    name = "roles/cinder_backend/defaults/main.yml"
    defaults = yaml.safe_load((ROOT / name).read_text())
    tasks = (ROOT / "roles/cinder_backend/tasks/packages.yml").read_text()
    for package in filter(None, (vendor.cinder.in_tree_package for vendor in VENDORS.values())):
        assert defaults[f"cinder_backend_{package}"].startswith(f"{package}=="), (
            "roles/cinder_backend/defaults/main.yml"
        )
        assert f"name: {package}," in tasks, "roles/cinder_backend/tasks/packages.yml"


# ---- documentation ---------------------------------------------------------------------------------------------------


def test_every_guide_is_in_the_contents() -> None:
    sections = yaml.safe_load((DOCSITE / "extra-docs.yml").read_text())["sections"]
    listed = [page for section in sections for page in section["toctree"]]
    assert sorted(listed) == sorted(path.stem for path in DOCSITE.glob("rst/*.rst"))


def test_the_table_of_capabilities_has_every_operation() -> None:
    assert set(matrix.TITLES) == set(OPERATIONS)
