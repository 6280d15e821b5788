# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Empty input, such as the result of a lookup without a match, never widens a selection or removes anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest
from tests.module.playbooks import Player

pytestmark = [pytest.mark.wire, pytest.mark.common]

ALL_PERMISSIONS = {"force": True, "openstack_owned": True}


@pytest.fixture
def filled(array: ArrayUnderTest) -> ArrayUnderTest:
    """The array with volumes and a snapshot and, where it has hosts, a host with volumes and a host without."""
    array.done("flash_volume", volumes=[{"name": "web-data"}, {"name": "web-logs"}], size="10GiB")
    array.done("flash_snapshot", name="web-monday", volume="web-data")
    if array.row.hosts:
        initiators = list(array.row.initiators[:2])
        maps = [{"volume": "web-data", **array.lun(1)}, {"volume": "web-logs", **array.lun(2)}]
        array.done("flash_host_map", host="web-server", initiators=initiators, maps=maps)
        array.done("flash_host_map", host="web-spare", initiators=[array.row.initiators[2]])
    return array


def refuses_without_requests(array: ArrayUnderTest, module: str, *texts: str, **args: Any) -> None:
    """A task that is refused because of its options alone, without a request to the array."""
    mark = array.mark()
    array.refuses(module, *texts, **args)
    assert array.requests(mark) == []


# ---- prune -----------------------------------------------------------------------------------------------------------

PRUNE = {"prune": True, "prune_prefix": "web-"}
VOLUMES = [{"name": "web-data", "size": "10GiB"}]


@pytest.mark.hosts
@pytest.mark.parametrize("volumes", [{"volumes": []}, {"volumes": None}, {}])
def test_a_document_without_volumes_prunes_no_volumes(filled: ArrayUnderTest, volumes: dict[str, Any]) -> None:
    content = {"hosts": [{"name": "web-server"}, {"name": "web-spare"}], **volumes, **PRUNE}
    texts = ("the section volumes is missing or empty", "prune_kinds: [hosts]", "allow_empty: true")
    filled.refuses("flash_array", *texts, **content, **ALL_PERMISSIONS, kind="refused")
    assert not filled.done("flash_array", **content, prune_kinds=["hosts"]).changed


@pytest.mark.hosts
@pytest.mark.parametrize("hosts", [{"hosts": []}, {"hosts": None}, {}])
def test_a_document_without_hosts_prunes_no_hosts(filled: ArrayUnderTest, hosts: dict[str, Any]) -> None:
    content = {"volumes": [*VOLUMES, {"name": "web-logs"}], **hosts, **PRUNE}
    filled.refuses("flash_array", "the section hosts is missing or empty", "prune_kinds: [volumes]", **content)
    assert not filled.done("flash_array", **content, prune_kinds=["volumes"]).changed
    filled.converges("flash_array", **content, allow_empty=True)
    assert set(filled.hosts()) == {"web-server"}


@pytest.mark.hosts
def test_a_document_without_snapshots_prunes_no_snapshots(filled: ArrayUnderTest) -> None:
    content: dict[str, Any] = {"volumes": VOLUMES, **PRUNE, "prune_kinds": ["snapshots"]}
    filled.refuses("flash_array", "the section snapshots is missing or empty", **content, kind="refused")
    content["snapshots"] = [{"name": "web-monday", "volume": "web-data"}]
    assert not filled.done("flash_array", **content).changed


@pytest.mark.parametrize("limit", [-1, -10])
def test_a_negative_prune_limit_is_refused(xtremio: ArrayUnderTest, limit: int) -> None:
    content = {"volumes": VOLUMES, **PRUNE, "prune_kinds": ["volumes"]}
    xtremio.done("flash_volume", **VOLUMES[0])
    refuses_without_requests(xtremio, "flash_array", "prune_limit", **content, prune_limit=limit, kind="invalid")
    assert not xtremio.done("flash_array", **content, prune_limit=0).changed, "there is nothing to remove"


# ---- names -----------------------------------------------------------------------------------------------------------

EMPTY: list[Any] = [None, "", "  "]


@pytest.mark.hosts
@pytest.mark.parametrize("task", [{"exclusive": True}, {"state": "absent"}])
def test_a_volume_of_null_means_neither_every_volume_nor_the_host(filled: ArrayUnderTest, task: dict[str, Any]) -> None:
    for host in ("web-server", "web-spare"):
        texts = ("the option volume is null", "default(omit)")
        refuses_without_requests(filled, "flash_host_map", *texts, host=host, volume=None, **task, **ALL_PERMISSIONS)


@pytest.mark.parametrize("task", [{"exclusive": True}, {"state": "absent"}, {"initiators": [], "state": "present"}])
def test_an_empty_volume_is_refused_in_every_form_even_with_allow_empty(
    xtremio: ArrayUnderTest, task: dict[str, Any]
) -> None:
    for empty in EMPTY:
        shown = "null" if empty is None else f"empty: {empty!r}"
        for args, message in (
            ({"host": "spare", "volume": empty, **task}, f"the option volume is {shown}"),
            ({"maps": [{"host": "spare", "volume": empty, **task}]}, "the option volume of entry 1 of maps"),
            ({"host": "spare", "maps": [{"volume": empty}], **task}, "the option volume of entry 1 of maps"),
        ):
            refuses_without_requests(
                xtremio, "flash_host_map", message, allow_empty=True, **args, **ALL_PERMISSIONS, kind="invalid"
            )


@pytest.mark.parametrize(
    ("module", "option", "task"),
    [
        ("flash_volume", "name", {"state": "absent"}),
        ("flash_volume", "name", {"size": "1GiB"}),
        ("flash_volume", "source_volume", {"name": "new", "size": "10GiB"}),
        ("flash_volume", "source_snapshot", {"name": "new", "source_volume": "web-data"}),
        ("flash_volume", "rename_from", {"name": "new", "size": "10GiB"}),
        ("flash_volume", "group", {"name": "new", "size": "10GiB"}),
        ("flash_snapshot", "name", {"volume": "web-data", "state": "absent"}),
        ("flash_snapshot", "volume", {"name": "web-monday", "state": "absent"}),
        ("flash_snapshot", "group", {"name": "web-monday", "state": "absent"}),
        ("flash_snapshot", "backup", {"name": "web-monday", "volume": "web-data", "state": "restored", "unmap": True}),
        ("flash_host_map", "host", {"volume": "web-data", "state": "absent"}),
        ("flash_host_map", "host", {"state": "absent"}),
        ("flash_image", "name", {"path": "/nowhere/image.raw"}),
        ("flash_image", "checksum", {"name": "web-data", "path": "/nowhere/image.raw"}),
        ("flash_image", "snapshot", {"name": "web-data", "path": "/nowhere/image.raw", "state": "exported"}),
    ],
)
def test_an_empty_name_is_refused(xtremio: ArrayUnderTest, module: str, option: str, task: dict[str, Any]) -> None:
    list_option = {"flash_volume": "volumes", "flash_snapshot": "snapshots", "flash_host_map": "maps"}.get(module)
    other = {"name": "other"} if module != "flash_host_map" else {"host": "other", "volume": "other"}
    permits = {name: task[name] for name in ("unmap",) if name in task}
    for empty in EMPTY:
        args = {**task, option: empty}
        refuses_without_requests(xtremio, module, f"the option {option} is", **args, kind="invalid")
        if list_option is not None:
            item = {name: value for name, value in args.items() if name not in permits}
            message = f"the option {option} of entry 2 of {list_option} is"
            refuses_without_requests(
                xtremio, module, message, **{list_option: [other, item]}, **permits, kind="invalid"
            )


@pytest.mark.parametrize(
    ("section", "option", "item"),
    [
        ("volumes", "name", {}),
        ("volumes", "source_volume", {"name": "web-data"}),
        ("volumes", "rename_from", {"name": "web-data", "size": "1GiB"}),
        ("snapshots", "volume", {"name": "web-monday"}),
        ("hosts", "name", {}),
        ("mappings", "volume", {"host": "web-server"}),
        ("mappings", "host", {"volume": "web-data"}),
    ],
)
def test_an_empty_name_in_a_document_is_refused(
    xtremio: ArrayUnderTest, section: str, option: str, item: dict[str, Any]
) -> None:
    message = f"the option {option} of entry 1 of {section} is"
    for empty in EMPTY:
        refuses_without_requests(
            xtremio, "flash_array", message, **{section: [{**item, option: empty}]}, kind="invalid"
        )


def test_with_a_pool_of_null_the_array_chooses_the_pool(xtremio: ArrayUnderTest) -> None:
    xtremio.converges("flash_volume", name="db1", size="10GiB", pool=None)
    refuses_without_requests(xtremio, "flash_volume", "the option pool is empty", name="db2", size="10GiB", pool="")


@pytest.mark.parametrize("entry", [None, ""])
def test_an_empty_initiator_is_refused(xtremio: ArrayUnderTest, entry: Any) -> None:
    initiators = [xtremio.row.initiators[0], entry]
    for task in ({"host": "h", "initiators": initiators}, {"maps": [{"host": "h", "initiators": initiators}]}):
        refuses_without_requests(xtremio, "flash_host_map", "entry 2 of the option initiators", **task, kind="invalid")


@pytest.mark.parametrize("expression", ["{{ nothing | default(none) }}", "{{ nothing | default('') }}", "{{ none }}"])
def test_an_empty_template_of_a_play_is_refused(xtremio: ArrayUnderTest, tmp_path: Path, expression: str) -> None:
    """The module gets null, or with an older ansible-core an empty text."""
    xtremio.done("flash_host_map", host="spare", initiators=[xtremio.row.initiators[0]])
    before = xtremio.state()
    for args in (
        {"host": "spare", "state": "absent", "volume": expression},
        {"state": "absent", "maps": [{"host": "spare", "volume": expression}]},
    ):
        played = Player(tmp_path).play([{"openflash.storage.flash_host_map": args}], xtremio.connection)
        assert played.rc == 2, played.output
        assert "he option volume" in played.output, played.output
        assert xtremio.state() == before
    omitted = {"host": "spare", "state": "absent", "volume": "{{ nothing | default(omit) }}"}
    played = Player(tmp_path).play([{"openflash.storage.flash_host_map": omitted}], xtremio.connection)
    assert played.rc == 0, "an omitted volume means the host itself"
    assert xtremio.hosts() == {}, "an omitted volume means the host itself"


# ---- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", [[], None])
@pytest.mark.parametrize(
    ("module", "list_option", "task"),
    [
        ("flash_volume", "volumes", {"unmap": True, "delete_snapshots": True}),
        ("flash_snapshot", "snapshots", {"volume": "web-data", "unmap": True}),
        ("flash_host_map", "maps", {"host": "web-spare"}),
    ],
)
def test_an_empty_list_removes_nothing(
    filled: ArrayUnderTest, module: str, list_option: str, task: dict[str, Any], empty: Any
) -> None:
    task = {**task, "state": "absent", list_option: empty}
    refuses_without_requests(
        filled, module, f"the list {list_option} is empty", "allow_empty: true", **task, kind="refused"
    )
    before = filled.state()
    permitted = filled.done(module, **task, allow_empty=True)
    assert not permitted.changed
    assert permitted[list_option] == []
    assert filled.state() == before


@pytest.mark.hosts
@pytest.mark.parametrize("empty", [[], None])
def test_an_empty_list_creates_nothing(filled: ArrayUnderTest, empty: Any) -> None:
    mark = filled.mark()
    for module, list_option, task in (
        ("flash_volume", "volumes", {"size": "1GiB"}),
        ("flash_snapshot", "snapshots", {"volume": "web-data", "keep": 1, "prefix": "web-"}),
        ("flash_host_map", "maps", {"host": "new", "initiators": ["iqn.2026-01.org.example:new"]}),
    ):
        assert not filled.done(module, **task, **{list_option: empty}).changed
    assert filled.writes(mark) == []


@pytest.mark.hosts
def test_exclusive_unmaps_every_volume_only_with_allow_empty(filled: ArrayUnderTest) -> None:
    without_maps: tuple[dict[str, Any], ...] = ({}, {"maps": []}, {"maps": None})
    for empty in without_maps:
        task = {"host": "web-server", "exclusive": True, **empty}
        filled.refuses("flash_host_map", "allow_empty: true", **task, **ALL_PERMISSIONS, kind="refused")
    assert len(filled.luns()) == 2
    filled.converges("flash_host_map", host="web-server", exclusive=True, maps=[], allow_empty=True)
    assert filled.luns() == {}
    assert set(filled.hosts()) == {"web-server", "web-spare"}


# ---- initiators ------------------------------------------------------------------------------------------------------


@pytest.mark.hosts
def test_an_empty_list_of_initiators_removes_none_without_allow_empty(filled: ArrayUnderTest) -> None:
    reason = filled.cannot("remove_last_initiator")
    for name, hints in (
        ("web-server", ("allow_empty: true", "force: true", "volume web-data, volume web-logs")),
        ("web-spare", ("allow_empty: true",)),
    ):
        task: dict[str, Any] = {"initiators": [], "exclusive_initiators": True}
        texts = (reason,) if reason else hints
        filled.refuses("flash_host_map", *texts, host=name, **task)
        filled.refuses("flash_array", *texts, hosts=[{"name": name, **task}])
        if name == "web-server":
            filled.refuses("flash_host_map", reason or "force: true", host=name, **task, allow_empty=True)
            filled.refuses("flash_host_map", reason or "allow_empty: true", host=name, **task, force=True)
        permits = {"allow_empty": True, "force": name == "web-server"}
        if reason is None:
            filled.converges("flash_host_map", host=name, **task, **permits)
            assert filled.hosts()[name] == []
        else:
            filled.refuses("flash_host_map", reason, host=name, **task, **permits, kind="unsupported")


@pytest.mark.hosts
def test_all_initiators_of_a_host_with_volumes_are_replaced_only_with_force(filled: ArrayUnderTest) -> None:
    kept, removed = filled.row.initiators[:2]
    task = {"host": "web-server", "exclusive_initiators": True}
    texts = ("none of the initiators that it has now would stay", "force: true")
    filled.refuses("flash_host_map", *texts, **task, initiators=[filled.initiator(9)], kind="refused")
    filled.converges("flash_host_map", **task, initiators=[kept])
    filled.converges("flash_host_map", **task, initiators=[filled.initiator(9)], force=True)
    assert removed not in filled.hosts()["web-server"]
    assert len(filled.luns()) == 2


# ---- facts -----------------------------------------------------------------------------------------------------------

FILTERED = ["volumes", "snapshots", "hosts", "mappings"]


@pytest.mark.parametrize("key", ["volumes", "snapshots", "hosts"])
def test_a_filter_without_a_name_selects_nothing(filled: ArrayUnderTest, key: str) -> None:
    everything = filled.facts(gather_subset=FILTERED)
    selected = filled.facts(gather_subset=FILTERED, filters={key: []})
    narrowed = {"volumes": FILTERED, "snapshots": ["snapshots"], "hosts": ["hosts", "mappings"]}[key]
    for subset in FILTERED:
        is_empty = subset in narrowed and (subset != "hosts" or key == "hosts")
        assert selected[subset] == ([] if is_empty else everything[subset])
    for no_filter in (None, {}, {key: None}):
        repeated = filled.facts(gather_subset=FILTERED, filters=no_filter)
        assert {subset: repeated[subset] for subset in FILTERED} == {name: everything[name] for name in FILTERED}


@pytest.mark.parametrize("key", ["volumes", "snapshots", "hosts"])
def test_a_filter_with_an_empty_name_is_refused(xtremio: ArrayUnderTest, key: str) -> None:
    for entry in EMPTY:
        message = f"entry 2 of the option {key} of filters is"
        refuses_without_requests(xtremio, "flash_facts", message, filters={key: ["web-data", entry]}, kind="invalid")


@pytest.mark.parametrize("option", ["cluster", "tenant", "storage_pools", "target_ports"])
def test_an_empty_option_that_narrows_a_connection_is_refused(array: ArrayUnderTest, option: str) -> None:
    if not array.has_option(option):
        return
    is_list = option in ("storage_pools", "target_ports")
    for empty in [[], ""] if is_list else EMPTY:
        message = f"the option {option} is"
        refuses_without_requests(array, "flash_facts", message, **{option: empty}, kind="invalid")


def test_an_empty_subset_reads_nothing_and_null_is_the_default(xtremio: ArrayUnderTest) -> None:
    assert set(xtremio.facts(gather_subset=[])) == {"unreadable", "api"}
    assert set(xtremio.facts(gather_subset=None)) == set(xtremio.facts())


# ---- null for what has a default, and numbers ------------------------------------------------------------------------


@pytest.mark.trust("tls")
def test_null_does_not_turn_off_the_verification_of_a_certificate(array: ArrayUnderTest) -> None:
    array.refuses("flash_facts", "its certificate is not trusted", connection={"ca_path": None}, validate_certs=None)


@pytest.mark.trust("ssh")
def test_null_does_not_turn_off_the_verification_of_a_host_key(array: ArrayUnderTest) -> None:
    connection = {"host_key": None}
    array.refuses("flash_facts", "its host key is not known", connection=connection, host_key_policy=None)


def test_null_is_the_default_of_every_option_that_has_one(xtremio: ArrayUnderTest) -> None:
    nulls = dict.fromkeys(("timeout", "wait_timeout", "max_concurrency", "state", "unmap", "continue_on_error"))
    xtremio.converges("flash_volume", name="db1", size="10GiB", **nulls)
    content: dict[str, Any] = {"volumes": VOLUMES, "prune_prefix": "web-", "prune_kinds": None, "prune_limit": None}
    xtremio.refuses("flash_array", "the section hosts is missing", **content, prune=True)
    result = xtremio.task("flash_facts", connection={"vendor": None}, vendor=None)
    assert result.failed
    assert "missing required arguments: vendor" in result.msg


@pytest.mark.parametrize(("option", "value"), [("total_iops_max", -1), ("ip_pool", ""), ("template", "  ")])
def test_an_impossible_property_is_refused(arrays: dict[str, ArrayUnderTest], option: str, value: Any) -> None:
    datera = arrays["datera-2.2"]
    datera.reset()
    options = {option: value}
    datera.refuses("flash_volume", f"is not a value for {option}", name="db1", size="1GiB", array_options=options)


IMAGE = {"name": "db1", "path": "/nowhere/image.raw"}


@pytest.mark.parametrize(
    ("module", "option", "values", "task"),
    [
        ("flash_facts", "timeout", [0, -1, float("inf"), float("nan"), 1e12], {}),
        ("flash_facts", "wait_timeout", [0, -1, float("inf"), 1e12], {}),
        ("flash_volume", "max_concurrency", [0, -1], {"name": "db1", "size": "1GiB"}),
        ("flash_facts", "port", [0, -1, 65536], {}),
        ("flash_snapshot", "keep", [0, -1], {"name": "web-1", "volume": "db1", "prefix": "web-"}),
        ("flash_host_map", "lun", [-1], {"host": "h", "volume": "db1"}),
        ("flash_image", "copy_timeout", [0, -1, float("inf"), float("nan")], IMAGE),
        ("flash_image", "keep_old", [-1], IMAGE),
    ],
)
def test_an_impossible_number_is_refused(
    xtremio: ArrayUnderTest, module: str, option: str, values: list[float], task: dict[str, Any]
) -> None:
    for value in values:
        args: dict[str, Any] = {**task, option: value}
        refuses_without_requests(xtremio, module, option, **args, kind="invalid")
        list_option = {"flash_host_map": "maps", "flash_snapshot": "snapshots"}.get(module)
        if list_option:
            refuses_without_requests(xtremio, module, option, **{list_option: [args]}, kind="invalid")


@pytest.mark.parametrize("option", ["path", "size", "max_size", "state_dir", "chap_username", "chap_password"])
def test_an_empty_text_of_an_image_task_is_refused(xtremio: ArrayUnderTest, option: str) -> None:
    """It does not count as omitted, which would mean any size, any image, or no CHAP."""
    refuses_without_requests(
        xtremio, "flash_image", f"the option {option} is empty", **{**IMAGE, option: ""}, kind="invalid"
    )


# ---- the library -----------------------------------------------------------------------------------------------------


def test_the_library_reads_nothing_for_an_empty_list_of_names(filled: ArrayUnderTest) -> None:
    with filled.library() as client:
        assert client.volumes([]).items == client.volumes_in_full([]).items == ()
        assert client.snapshots([]).items == client.snapshots(None, []).items == client.snapshots([], []).items == ()
        if filled.row.hosts:
            assert client.hosts([]).items == client.find_hosts([]).items == ()
            assert client.mappings([]).items == client.mappings(None, []).items == client.mappings([], []).items == ()
        if filled.cannot("groups") is None:
            assert client.groups([]).items == ()
