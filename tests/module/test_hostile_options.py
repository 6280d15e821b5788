# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option that takes text, with what a shell, a line, a path or a terminal would understand as something else.

The options are those of the modules' argument specifications, connection included. A value is refused, or it is used
as it is: no command is run, no other object is touched, and nothing on the array has any other name.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils import flash_module
from ansible_collections.openflash.storage.plugins.module_utils.flash_options import CONNECTION
from tests.module.arrays import ONE_OF_EACH_WIRE, ArrayUnderTest
from tests.support.oracle import HELPER, TEMPORARY

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted({path.stem for path in (ROOT / "plugins/modules").glob("*.py")} - {"__init__", "flash_simulator"})
"""Without the one that connects to no array and runs no program: it only sends its options to a simulator."""
MARK = "MARK"
"""Stands for a file that no task may make."""
VALUES = {
    "a command": f"db1; touch {MARK}",
    "a substitution": f"$(touch {MARK})",
    "backticks": f"`touch {MARK}`",
    "a pipe and an and": f"a|touch {MARK}&&touch {MARK}",
    "quotes": "'\"\\",
    "an option": "-delim",
    "a wildcard": "*",
    "NUL": "db\x001",
    "line breaks": "db1\nname=db2\r\n[other]",
    "a header": "db1\r\nX-Injected: yes",
    "not ASCII": "\u0434\u0431\u540d\U0001f600e\u0301",
    "a terminal": "\x1b[2Jdb\u202e1",
    "a path": "../../../etc/passwd",
    "a query": "db1&name=keep1?x=1#y%2e%2f",
    "a format": "%s%n{0}{{ 7 * 7 }}",
    "brackets": "a],[name=keep1",
    "long": "x" * 10_000,
    "spaces": "  ",
}


TAKE_TEXT = {"str", "path", "dict"}
"""Types of an option, or of the elements of a list."""


class _Captured(Exception):
    """Has the arguments of AnsibleModule."""


def argument_spec(module: str, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    def capture(**arguments: Any) -> None:
        raise _Captured(arguments)

    loaded = importlib.import_module(f"ansible_collections.openflash.storage.plugins.modules.{module}")
    with patch.context() as patched:
        patched.setattr(loaded if module == "oslo_conf" else flash_module, CLASSES.get(module, "Module"), capture)
        with pytest.raises(_Captured) as caught:
            loaded.main()
    spec: dict[str, Any] = caught.value.args[0]["argument_spec"]
    return spec


CLASSES = {"oslo_conf": "AnsibleModule"}


def texts(spec: Mapping[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """The options that take text, each with its place and its specification."""
    for name, option in spec.items():
        here = (*place, name)
        if "options" in option:
            yield from texts(option["options"], here)
        elif not option.get("choices") and TAKE_TEXT & {option.get("type", "str"), option.get("elements")}:
            yield here, option


def shaped(option: Mapping[str, Any], value: str, folder: Path) -> Any:
    kind = option.get("type", "str")
    if kind == "path":
        return f"{folder}/{value}"
    if kind == "dict":
        return {value: value}
    return [value] if kind == "list" else value


DICTIONARIES = ("filters", "placement", "qos")
"""Options that are one dictionary with options of its own."""


def arguments(module: str, place: tuple[str, ...], value: Any, array: ArrayUnderTest, folder: Path) -> dict[str, Any]:
    """A task that would be right but for this value."""
    iqn = list(array.row.initiators[:1])
    snapshot = {"name": "s1", "volume": "keep1"}
    host: dict[str, Any] = {"host": "web1", "initiators": iqn}
    section: dict[str, Any] = {"name": "backend"}
    lists: dict[str, Any] = {
        "volumes": {"name": "db1", "size": "1GiB"},
        "snapshots": snapshot,
        "groups": {"name": "g1"},
        "hosts": {"name": "web1", "initiators": iqn},
        "mappings": {"volume": "keep1", "host": "web1"},
        "maps": host,
        "sections": section,
        "members": {"name": "enabled"},
    }
    single: dict[str, dict[str, Any]] = {
        "flash_array": {},
        "flash_facts": {},
        "flash_group": {"name": "g1"},
        "flash_host_map": host,
        "flash_image": {"name": "img1", "path": str(folder / "none.raw"), "state_dir": str(folder / "state")},
        "flash_snapshot": snapshot,
        "flash_volume": lists["volumes"],
        "oslo_conf": {"path": str(folder / "cinder.conf"), "create": True, "section": "backend"},
    }
    own = dict(single.get(module, {}))
    if module == "oslo_conf" and place[0] == "sections":
        del own["section"]
    if len(place) > 1 and place[0] not in (*DICTIONARIES, "members"):
        own = {} if module != "oslo_conf" else own
    if module == "flash_snapshot" and place[-1] == "group":
        own.pop("volume", None)
    inner: Any = own
    for step in place[:-1]:
        item = {} if step in DICTIONARIES else dict(lists[step])
        inner[step] = item if step in DICTIONARIES else [item]
        inner = item
    if place[-1] == "group":
        inner.pop("volume", None)
    inner[place[-1]] = value
    return own


def names(array: ArrayUnderTest) -> set[str]:
    state = array.state()
    return {array.row.requested_name(row["name"]) for row in state["volumes"]} | {row["name"] for row in state["hosts"]}


def check(array: ArrayUnderTest, module: str, place: tuple[str, ...], value: Any, folder: Path, where: str) -> None:
    kept = {row["name"]: row["content"] for row in array.state()["volumes"]}
    connection: dict[str, Any] = {"timeout": 2.0, "wait_timeout": 2.0}
    options = arguments(module, place, value, array, folder)
    if place[0] in CONNECTION:
        connection[place[0]] = options.pop(place[0])
    if module == "oslo_conf":
        result = array.modules.run(module, options)
    else:
        result = array.task(module, connection=connection, check=False, diff=True, **options)
    shown = result.stdout + result.stderr
    assert "Traceback" not in shown, f"{where}: {shown}"
    assert not result.failed or result.msg, where
    assert not list(folder.glob("**/mark*")), f"{where}: a command was run"
    held = {row["name"]: row["content"] for row in array.state()["volumes"]}
    assert kept.items() <= held.items(), f"{where}: another volume was changed"
    literal = {str(text) for text in (value if isinstance(value, list) else [value])}
    known = {"keep1", "db1", "s1", "web1", "img1", *array.row.initiators}
    new = {name for name in names(array) if not TEMPORARY.search(name) and not HELPER.search(name)} - known - literal
    if array.row.connection.get("cluster") is None:
        assert new == set(), f"{where}: {new}"


@pytest.fixture
def folder(tmp_path: Path, arrays: dict[str, ArrayUnderTest]) -> Iterator[Path]:
    yield tmp_path
    modules = next(iter(arrays.values())).modules
    assert not list(modules.folder.glob("mark*")), "a command was run"


def every_option(patch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...], Mapping[str, Any]]]:
    """Module, place and specification. Those of the connection once, since all modules share them."""
    found = []
    for module in MODULES:
        for place, option in texts(argument_spec(module, patch)):
            if place[0] not in CONNECTION or module == "flash_volume":
                found.append((module, place, option))
    return found


def carry_out(array: ArrayUnderTest, chosen: list[Any], titles: list[list[str]], folder: Path) -> None:
    array.reset()
    array.done("flash_volume", name="keep1", size="1GiB")
    for (module, place, option), own in zip(chosen, titles, strict=True):
        for title in own:
            value = shaped(option, VALUES[title].replace(MARK, str(folder / "mark1")), folder)
            where = f"{array.row.name}, {module}, {'.'.join(place)}: {title}"
            check(array, module, place, value, folder, where)


@pytest.mark.parametrize("row", [row.name for row in ONE_OF_EACH_WIRE])
def test_an_option_with_hostile_text_is_refused_or_used_as_it_is(
    arrays: dict[str, ArrayUnderTest], monkeypatch: pytest.MonkeyPatch, folder: Path, row: str
) -> None:
    """Each option on one wire, with one of the values. The next test has all of them on each."""
    at = [one.name for one in ONE_OF_EACH_WIRE].index(row)
    titles = list(VALUES)
    chosen = list(enumerate(every_option(monkeypatch)))[at :: len(ONE_OF_EACH_WIRE)]
    own = [[titles[number * 5 % len(titles)]] for number, _option in chosen]
    carry_out(arrays[row], [option for _number, option in chosen], own, folder)


@pytest.mark.slow
@pytest.mark.parametrize("title", VALUES)
@pytest.mark.parametrize("row", [row.name for row in ONE_OF_EACH_WIRE])
def test_every_option_with_every_hostile_text_on_each_wire(
    arrays: dict[str, ArrayUnderTest], monkeypatch: pytest.MonkeyPatch, folder: Path, row: str, title: str
) -> None:
    chosen = every_option(monkeypatch)
    carry_out(arrays[row], chosen, [[title] for _option in chosen], folder)
