# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation agrees with the code: options, results, the action group, and the snippets of the guides."""

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
LOCAL = ["flash_simulator", "oslo_conf"]  # connect to no array
GUIDES = sorted((ROOT / "docs/docsite/rst").glob("*.rst"))
CONNECTION = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]


def source(module: str) -> str:
    return (ROOT / f"plugins/modules/{module}.py").read_text(encoding="utf-8")


def section(module: str, name: str) -> Any:
    match = re.search(rf'^{name} = r"""\n(.*?)^"""', source(module), re.MULTILINE | re.DOTALL)
    assert match, f"{module} has no {name}"
    return yaml.safe_load(match[1])


@pytest.fixture(scope="module")
def docs() -> dict[str, Any]:
    """The documentation of the modules as ansible-doc shows it, with the fragments merged."""
    completed = subprocess.run(
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
    return {name.rsplit(".", 1)[1]: entry for name, entry in json.loads(completed.stdout).items()}


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


def test_the_documented_vendors_are_those_of_the_library() -> None:
    assert CONNECTION["vendor"]["choices"] == sorted(VENDORS)


def test_the_documented_connection_options_are_those_of_the_code() -> None:
    assert set(CONNECTION) == set(flash_options.CONNECTION)
    for name, spec in flash_options.CONNECTION.items():
        documented = CONNECTION[name]
        assert documented.get("type", "str") == spec.get("type", "str"), name
        assert documented.get("default") == spec.get("default"), name
        assert documented.get("choices") == spec.get("choices"), name
        assert documented.get("elements") == spec.get("elements"), name
        assert documented.get("required", False) == spec.get("required", False), name


def test_an_option_of_some_vendors_names_them() -> None:
    for name in flash_options.VENDOR_OPTIONS:
        users = [vendor for vendor in sorted(VENDORS) if name in VENDORS[vendor].options]
        assert users, f"no vendor uses {name}"
        description = " ".join(CONNECTION[name]["description"])
        assert [vendor for vendor in sorted(VENDORS) if f"O(vendor={vendor})" in description] == users
    known = {name for vendor in VENDORS.values() for name in vendor.options}
    assert known == set(flash_options.VENDOR_OPTIONS)


def secrets_in(options: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, spec in options.items():
        if re.search(r"passw|passphrase|secret|token|key", name):
            yield f"{path}{name}", spec
        yield from secrets_in(spec.get("options") or {}, f"{path}{name}.")


@pytest.mark.parametrize("module", MODULES)
def test_every_option_with_a_secret_has_no_log(module: str) -> None:
    loaded = __import__(f"ansible_collections.openflash.storage.plugins.modules.{module}", fromlist=["OPTIONS"])
    options = {**loaded.OPTIONS, **flash_options.CONNECTION}
    secrets = dict(secrets_in(options))
    assert {"password", "private_key_file", "private_key_passphrase"} <= set(secrets)
    for name, spec in secrets.items():
        assert "no_log" in spec or name == "private_key_file", name
        assert spec.get("no_log") is not False or not re.search(r"passw|passphrase", name), name


@pytest.mark.parametrize("module", MODULES)
def test_suboptions_have_no_defaults(docs: dict[str, Any], module: str) -> None:
    for name, option in docs[module]["doc"]["options"].items():
        for suboption, documented in (option.get("suboptions") or {}).items():
            assert "default" not in documented, f"{name}.{suboption}"


# ---- results ---------------------------------------------------------------------------------------------------------


def undocumented(value: Any, documented: Mapping[str, Any], path: str) -> list[str]:
    """Keys of a result that RETURN does not document, where it documents the keys of that value."""
    if isinstance(value, list):
        return [text for item in value[:1] for text in undocumented(item, documented, path)]
    contains = documented.get("contains")
    if not isinstance(value, dict) or not contains:
        return []
    missing = [f"{path}.{key}" for key in value if key not in contains]
    return missing + [
        text for key in value if key in contains for text in undocumented(value[key], contains[key], f"{path}.{key}")
    ]


ENTRY: dict[str, Any] = {"changed": {}, "error": {}}
COMMON = {"changed", "invocation", "diff", "warnings", "failed", "msg"}


def test_results_have_only_documented_keys(array: ArrayUnderTest, docs: dict[str, Any]) -> None:
    initiators = [array.row.initiators[0]]
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("flash_volume", {"name": "db1", "size": "10GiB"}),
        ("flash_volume", {"name": "db1", "size": "1GiB"}),
        ("flash_volume", {"name": "absent", "state": "absent"}),
        ("flash_volume", {"volumes": [{"name": "db2", "size": "1GiB"}]}),
        ("flash_snapshot", {"name": "monday", "volume": "db1"}),
        ("flash_snapshot", {"snapshots": [{"name": "tuesday", "volume": "db1"}]}),
        ("flash_group", {"name": "group1", "volumes": ["db1"]}),
        ("flash_group", {"groups": [{"name": "group2"}]}),
        ("flash_host_map", {"host": "server", "initiators": initiators, "volume": "db1"}),
        ("flash_host_map", {"host": "server", "maps": [{"volume": "db2"}]}),
        ("flash_array", {"volumes": [{"name": "db1"}], "hosts": [{"name": "server"}]}),
        ("flash_array", {"state": "gathered", "gather_snapshots": True}),
        ("flash_facts", {"gather_subset": ["all"], "query": "volumes[].name"}),
        ("flash_info", {"gather_subset": ["all"], "query": "volumes[].name"}),
    ]
    checked: list[tuple[str, dict[str, Any]]] = [
        ("flash_volume", {"name": "copy", "source_volume": "missing"}),
        ("flash_snapshot", {"name": "missed", "volume": "missing"}),
    ]
    for module, args in tasks + checked:
        result = array.task(module, verbosity=2, diff=True, check=(module, args) in checked, **args)
        assert ("assumes" in result) == ((module, args) in checked)
        documented = docs[module]["return"]
        missing = sorted(set(result) - set(documented) - COMMON)
        for key in set(result) & set(documented):
            # An entry of a list is the single object with changed and error.
            single = documented.get(key[:-1], {}).get("contains", {})
            entry = (
                {**documented[key], "contains": {**single, **documented[key].get("contains", ENTRY)}}
                if single
                else documented[key]
            )
            missing += undocumented(result[key], entry, key)
        assert not missing, f"{module} {args}"


# ---- attributes ------------------------------------------------------------------------------------------------------


def test_the_attributes_of_a_module_are_what_it_does(xtremio: ArrayUnderTest, docs: dict[str, Any]) -> None:
    """For flash_image, flash_simulator and oslo_conf tests/images and their own tests show it."""
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("flash_volume", {"name": "db1", "size": "10GiB"}),
        ("flash_snapshot", {"name": "monday", "volume": "db1"}),
        ("flash_host_map", {"host": "server", "initiators": [xtremio.row.initiators[0]], "volume": "db1"}),
        ("flash_group", {"name": "group1", "volumes": ["db1"]}),
        ("flash_array", {"volumes": [{"name": "db2", "size": "1GiB"}]}),
        ("flash_facts", {}),
        ("flash_info", {}),
    ]
    for module, args in tasks:
        state, mark = xtremio.state(), xtremio.mark()
        checked = xtremio.task(module, check=True, diff=True, **args)
        assert not checked.failed, checked.msg
        assert xtremio.writes(mark) == []
        assert xtremio.state() == state
        first, again = (xtremio.task(module, diff=True, **args) for _ in range(2))
        found = {
            "check_mode": checked.changed == first.changed,
            "diff_mode": "diff" in first,
            "idempotent": not again.changed and not again.failed,
            "facts": "ansible_facts" in first,
        }
        attributes = docs[module]["doc"]["attributes"]
        assert found == {name: attributes.get(name, {}).get("support") == "full" for name in found}, module


def test_a_module_names_the_action_group_and_the_platform(docs: dict[str, Any]) -> None:
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    for module in MODULES:
        attributes = docs[module]["doc"]["attributes"]
        named = attributes.get("action_group", {}).get("membership", [])
        assert named == [f"openflash.storage.{group}" for group, members in groups.items() if module in members]
        assert attributes["platform"]["platforms"] == "posix"


# ---- examples and guides ---------------------------------------------------------------------------------------------


def snippets() -> Iterator[Any]:
    for module in MODULES:
        yield pytest.param(section(module, "EXAMPLES"), id=module)
    for guide in GUIDES:
        text = guide.read_text(encoding="utf-8")
        for number, block in enumerate(
            re.findall(r"^\.\. code-block:: yaml\n(?:    :caption: .*\n)?\n((?:    .*\n|\n)+)", text, re.MULTILINE), 1
        ):
            yield pytest.param(
                yaml.safe_load(re.sub("^    ", "", block, flags=re.MULTILINE)), id=f"{guide.stem}-{number}"
            )


def tasks_of(data: Any) -> Iterator[tuple[str, Any]]:
    """Every use of a module of this collection, at any depth, as its name and arguments."""
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
        documented = options.get(name, {})
        if (
            documented.get("choices")
            and isinstance(value, str)
            and "{{" not in value
            and value not in documented["choices"]
        ):
            wrong.append(f"{path}{name}: {value}")
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and documented.get("suboptions"):
                wrong += wrong_options(item, documented["suboptions"], f"{path}{name}.")
    return wrong


@pytest.mark.parametrize("snippet", list(snippets()))
def test_examples_use_options_that_exist(snippet: Any, docs: dict[str, Any]) -> None:
    for name, args in tasks_of(snippet):
        if name == "defaults":
            assert isinstance(args, str) or wrong_options(args, CONNECTION) == []
            continue
        assert wrong_options(args or {}, docs[name.rsplit(".", 1)[1]]["doc"]["options"]) == []


def test_the_guides_have_snippets() -> None:
    assert sum(1 for _ in snippets()) > len(MODULES) + len(GUIDES)


def test_every_play_of_a_guide_that_uses_an_array_has_a_connection() -> None:
    plays = [
        (snippet.id, play)
        for snippet in snippets()
        if isinstance(snippet.values[0], list)
        for play in snippet.values[0]
    ]
    plays = [(name, play) for name, play in plays if isinstance(play, dict) and "hosts" in play]
    assert len(plays) > 5
    for name, play in plays:
        uses = list(tasks_of(play))
        connects = [used for used, _ in uses if used != "defaults" and used.rsplit(".", 1)[1] not in LOCAL]
        with_vendor = [args for _, args in uses if isinstance(args, dict) and "vendor" in args]
        from_credential = name.startswith("guide_awx-")
        assert not connects or with_vendor or from_credential or any(used == "defaults" for used, _ in uses), name


def test_the_injector_in_the_awx_guide_is_one_of_the_credential_type() -> None:
    guide = (ROOT / "docs/docsite/rst/guide_awx.rst").read_text(encoding="utf-8")
    (shown,) = re.findall(r"``(FLASH_\w+: !unsafe .*?)``", guide)
    assert f"        {shown}\n" in (ROOT / "playbooks/vars/awx_credential_types.yml").read_text(encoding="utf-8")
