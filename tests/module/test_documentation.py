# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation promises: options, results, the action group, and the snippets of the guides."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.openflash.storage.plugins.doc_fragments import connection as fragment
from ansible_collections.openflash.storage.plugins.module_utils import flash_options
from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import VENDORS
from tests.module.arrays import ArrayUnderTest

pytestmark = pytest.mark.wire

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if path.stem != "__init__")
LOCAL = ["oslo_conf"]  # talks to no array
GUIDES = sorted((ROOT / "docs/docsite/rst").glob("*.rst"))
CONNECTION = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]


def source(module: str) -> str:
    return (ROOT / f"plugins/modules/{module}.py").read_text(encoding="utf-8")


def section(module: str, name: str) -> Any:
    found = re.search(rf'^{name} = r"""\n(.*?)^"""', source(module), re.MULTILINE | re.DOTALL)
    assert found, f"{module} has no {name}"
    return yaml.safe_load(found[1])


@pytest.fixture(scope="module")
def docs() -> dict[str, Any]:
    """The modules as ansible-doc shows them, fragments merged."""
    shown = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-doc"),
            "--json",
            *(f"openflash.storage.{name}" for name in MODULES),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        },
    )
    return {name.rsplit(".", 1)[1]: entry for name, entry in json.loads(shown.stdout).items()}


# ---- options ---------------------------------------------------------------------------------------------------------


def test_the_action_group_is_the_modules_that_connect_to_an_array() -> None:
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    connecting = [
        name
        for name in MODULES
        if "openflash.storage.connection" in section(name, "DOCUMENTATION").get("extends_documentation_fragment", ())
    ]
    assert groups == {"flash": connecting}
    assert connecting == [name for name in MODULES if name not in LOCAL]


def test_the_vendors_of_the_documentation_are_those_that_can_be_connected_to() -> None:
    assert CONNECTION["vendor"]["choices"] == sorted(VENDORS)


def test_the_documented_connection_options_are_those_of_the_code() -> None:
    assert set(CONNECTION) == set(flash_options.CONNECTION)
    for name, spec in flash_options.CONNECTION.items():
        told = CONNECTION[name]
        assert told.get("type", "str") == spec.get("type", "str"), name
        assert told.get("default") == spec.get("default"), name
        assert told.get("choices") == spec.get("choices"), name
        assert told.get("elements") == spec.get("elements"), name
        assert told.get("required", False) == spec.get("required", False), name


def test_an_option_of_some_vendors_says_which() -> None:
    for name in flash_options.VENDOR_OPTIONS:
        users = [vendor for vendor in sorted(VENDORS) if name in VENDORS[vendor].options]
        assert users, f"no vendor uses {name}"
        words = " ".join(CONNECTION[name]["description"])
        assert [vendor for vendor in sorted(VENDORS) if f"O(vendor={vendor})" in words] == users
    known = {name for vendor in VENDORS.values() for name in vendor.options}
    assert known == set(flash_options.VENDOR_OPTIONS)


def secrets_in(options: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, spec in options.items():
        if re.search(r"passw|passphrase|secret|token|key", name):
            yield f"{path}{name}", spec
        yield from secrets_in(spec.get("options") or {}, f"{path}{name}.")


@pytest.mark.parametrize("module", MODULES)
def test_every_option_with_a_secret_is_hidden(module: str) -> None:
    loaded = __import__(f"ansible_collections.openflash.storage.plugins.modules.{module}", fromlist=["OPTIONS"])
    options = {**loaded.OPTIONS, **flash_options.CONNECTION}
    found = dict(secrets_in(options))
    assert {"password", "private_key_file", "private_key_passphrase"} <= set(found)
    for name, spec in found.items():
        assert "no_log" in spec or name == "private_key_file", name
        assert spec.get("no_log") is not False or not re.search(r"passw|passphrase", name), name


@pytest.mark.parametrize("module", MODULES)
def test_suboptions_have_no_defaults_of_their_own(docs: dict[str, Any], module: str) -> None:
    for name, option in docs[module]["doc"]["options"].items():
        for sub, told in (option.get("suboptions") or {}).items():
            assert "default" not in told, f"{name}.{sub}"


# ---- results ---------------------------------------------------------------------------------------------------------


def undocumented(value: Any, told: Mapping[str, Any], path: str) -> list[str]:
    """Keys of a result that RETURN does not tell, where it tells the keys at all."""
    if isinstance(value, list):
        return [text for item in value[:1] for text in undocumented(item, told, path)]
    contains = told.get("contains")
    if not isinstance(value, dict) or not contains:
        return []
    found = [f"{path}.{key}" for key in value if key not in contains]
    return found + [
        text for key in value if key in contains for text in undocumented(value[key], contains[key], f"{path}.{key}")
    ]


ENTRY: dict[str, Any] = {"changed": {}, "error": {}}
COMMON = {"changed", "invocation", "diff", "warnings", "failed", "msg"}


def test_results_are_what_the_documentation_tells(array: ArrayUnderTest, docs: dict[str, Any]) -> None:
    initiators = [array.row.initiators[0]]
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("flash_volume", {"name": "db1", "size": "10GiB"}),
        ("flash_volume", {"name": "db1", "size": "1GiB"}),
        ("flash_volume", {"name": "gone", "state": "absent"}),
        ("flash_volume", {"volumes": [{"name": "db2", "size": "1GiB"}]}),
        ("flash_snapshot", {"name": "monday", "volume": "db1"}),
        ("flash_snapshot", {"snapshots": [{"name": "tuesday", "volume": "db1"}]}),
        ("flash_host_map", {"host": "server", "initiators": initiators, "volume": "db1"}),
        ("flash_host_map", {"host": "server", "maps": [{"volume": "db2"}]}),
        ("flash_array", {"volumes": [{"name": "db1"}], "hosts": [{"name": "server"}]}),
        ("flash_facts", {"gather_subset": ["all"], "query": "volumes[].name"}),
    ]
    for module, args in tasks:
        result = array.task(module, verbosity=2, diff=True, **args)
        told = docs[module]["return"]
        missing = sorted(set(result) - set(told) - COMMON)
        for key in set(result) & set(told):
            # An entry of a list is the single object, and what became of it.
            single = told.get(key[:-1], {}).get("contains", {})
            entry = {**told[key], "contains": {**single, **told[key].get("contains", ENTRY)}} if single else told[key]
            missing += undocumented(result[key], entry, key)
        assert not missing, f"{module} {args}"


# ---- examples and guides ---------------------------------------------------------------------------------------------


def snippets() -> Iterator[Any]:
    for module in MODULES:
        yield pytest.param(section(module, "EXAMPLES"), id=module)
    for guide in GUIDES:
        text = guide.read_text(encoding="utf-8")
        for number, block in enumerate(
            re.findall(r"^\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)", text, re.MULTILINE), 1
        ):
            yield pytest.param(
                yaml.safe_load(re.sub("^    ", "", block, flags=re.MULTILINE)), id=f"{guide.stem}-{number}"
            )


def tasks_of(data: Any) -> Iterator[tuple[str, Any]]:
    """Every use of a module of this collection, at any depth."""
    if isinstance(data, list):
        for item in data:
            yield from tasks_of(item)
    elif isinstance(data, dict):
        for key, value in data.items():
            if str(key).removeprefix("openflash.storage.") in MODULES:
                yield str(key), value
            elif key == "module_defaults":
                yield "defaults", value.get("group/openflash.storage.flash", {})
            else:
                yield from tasks_of(value)


def wrong_options(args: Mapping[str, Any], options: Mapping[str, Any], path: str = "") -> list[str]:
    wrong = [f"{path}{name}" for name in args if name not in options]
    for name, value in args.items():
        told = options.get(name, {})
        if told.get("choices") and isinstance(value, str) and "{{" not in value and value not in told["choices"]:
            wrong.append(f"{path}{name}: {value}")
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and told.get("suboptions"):
                wrong += wrong_options(item, told["suboptions"], f"{path}{name}.")
    return wrong


@pytest.mark.parametrize("snippet", list(snippets()))
def test_examples_use_options_that_exist(snippet: Any, docs: dict[str, Any]) -> None:
    for name, args in tasks_of(snippet):
        if name == "defaults":
            assert isinstance(args, str) or wrong_options(args, CONNECTION) == []
            continue
        assert wrong_options(args or {}, docs[name.rsplit(".", 1)[1]]["doc"]["options"]) == []


def test_there_are_guides_and_they_have_snippets() -> None:
    index = yaml.safe_load((ROOT / "docs/docsite/extra-docs.yml").read_text(encoding="utf-8"))
    listed = [name for part in index["sections"] for name in part["toctree"]]
    assert sorted(listed) == [guide.stem for guide in GUIDES]
    assert sum(1 for _ in snippets()) > len(MODULES) + len(GUIDES)
