# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Input that came out empty, such as a look-up that found nothing, never widens, strips or deletes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest
from tests.module.playbooks import Player

pytestmark = pytest.mark.wire

ALL_PERMITS = {"force": True, "openstack_owned": True}


@pytest.fixture
def used(array: ArrayUnderTest) -> ArrayUnderTest:
    """The array with volumes, a snapshot, and where it knows hosts, one that has volumes and one that has none."""
    array.done("flash_volume", volumes=[{"name": "web-data"}, {"name": "web-logs"}], size="10GiB")
    array.done("flash_snapshot", name="web-monday", volume="web-data")
    if array.row.hosts:
        initiators = list(array.row.initiators[:2])
        maps = [{"volume": "web-data", **array.lun(1)}, {"volume": "web-logs", **array.lun(2)}]
        array.done("flash_host_map", host="web-server", initiators=initiators, maps=maps)
        array.done("flash_host_map", host="web-spare", initiators=[array.row.initiators[2]])
    return array


def refuses_unasked(array: ArrayUnderTest, module: str, *words: str, **args: Any) -> None:
    """Refused because of its options alone: nothing is asked of the array."""
    mark = array.mark()
    array.refuses(module, *words, **args)
    assert array.requests(mark) == []


# ---- prune -----------------------------------------------------------------------------------------------------------

PRUNE = {"prune": True, "prune_prefix": "web-"}
VOLUMES = [{"name": "web-data", "size": "10GiB"}]


@pytest.mark.hosts
@pytest.mark.parametrize("volumes", [{"volumes": []}, {"volumes": None}, {}])
def test_volumes_are_not_pruned_by_a_document_that_declares_none(used: ArrayUnderTest, volumes: dict[str, Any]) -> None:
    content = {"hosts": [{"name": "web-server"}, {"name": "web-spare"}], **volumes, **PRUNE}
    words = ("the section volumes is missing or empty", "prune_kinds: [hosts]", "allow_empty: true")
    used.refuses("flash_array", *words, **content, **ALL_PERMITS, kind="refused")
    assert not used.done("flash_array", **content, prune_kinds=["hosts"]).changed


@pytest.mark.hosts
@pytest.mark.parametrize("hosts", [{"hosts": []}, {"hosts": None}, {}])
def test_hosts_are_not_pruned_by_a_document_that_declares_none(used: ArrayUnderTest, hosts: dict[str, Any]) -> None:
    content = {"volumes": [*VOLUMES, {"name": "web-logs"}], **hosts, **PRUNE}
    used.refuses("flash_array", "the section hosts is missing or empty", "prune_kinds: [volumes]", **content)
    assert not used.done("flash_array", **content, prune_kinds=["volumes"]).changed
    used.converges("flash_array", **content, allow_empty=True)
    assert set(used.hosts()) == {"web-server"}


@pytest.mark.hosts
def test_snapshots_are_pruned_only_where_the_document_declares_some(used: ArrayUnderTest) -> None:
    content: dict[str, Any] = {"volumes": VOLUMES, **PRUNE, "prune_kinds": ["snapshots"]}
    used.refuses("flash_array", "the section snapshots is missing or empty", **content, kind="refused")
    content["snapshots"] = [{"name": "web-monday", "volume": "web-data"}]
    assert not used.done("flash_array", **content).changed


@pytest.mark.parametrize("limit", [-1, -10])
def test_a_negative_prune_limit_is_no_value(xtremio: ArrayUnderTest, limit: int) -> None:
    content = {"volumes": VOLUMES, **PRUNE, "prune_kinds": ["volumes"]}
    xtremio.done("flash_volume", **VOLUMES[0])
    refuses_unasked(xtremio, "flash_array", "prune_limit", **content, prune_limit=limit, kind="invalid")
    assert not xtremio.done("flash_array", **content, prune_limit=0).changed, "nothing to remove, and nothing removed"


# ---- names -----------------------------------------------------------------------------------------------------------

NOTHING: list[Any] = [None, "", "  "]


@pytest.mark.hosts
@pytest.mark.parametrize("task", [{"exclusive": True}, {"state": "absent"}])
def test_no_volume_is_not_every_volume_nor_the_host(used: ArrayUnderTest, task: dict[str, Any]) -> None:
    for host in ("web-server", "web-spare"):
        words = ("the option volume is null", "default(omit)")
        refuses_unasked(used, "flash_host_map", *words, host=host, volume=None, **task, **ALL_PERMITS)


@pytest.mark.parametrize("task", [{"exclusive": True}, {"state": "absent"}, {"initiators": [], "state": "present"}])
def test_no_volume_is_refused_in_every_form_and_never_permitted(xtremio: ArrayUnderTest, task: dict[str, Any]) -> None:
    for nothing in NOTHING:
        what = "null" if nothing is None else f"empty: {nothing!r}"
        for args, words in (
            ({"host": "spare", "volume": nothing, **task}, f"the option volume is {what}"),
            ({"maps": [{"host": "spare", "volume": nothing, **task}]}, "the option volume of entry 1 of maps"),
            ({"host": "spare", "maps": [{"volume": nothing}], **task}, "the option volume of entry 1 of maps"),
        ):
            refuses_unasked(xtremio, "flash_host_map", words, allow_empty=True, **args, **ALL_PERMITS, kind="invalid")


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
def test_a_name_that_came_out_empty(xtremio: ArrayUnderTest, module: str, option: str, task: dict[str, Any]) -> None:
    many = {"flash_volume": "volumes", "flash_snapshot": "snapshots", "flash_host_map": "maps"}.get(module)
    other = {"name": "other"} if module != "flash_host_map" else {"host": "other", "volume": "other"}
    permits = {name: task[name] for name in ("unmap",) if name in task}
    for nothing in NOTHING:
        args = {**task, option: nothing}
        refuses_unasked(xtremio, module, f"the option {option} is", **args, kind="invalid")
        if many is not None:
            item = {name: value for name, value in args.items() if name not in permits}
            words = f"the option {option} of entry 2 of {many} is"
            refuses_unasked(xtremio, module, words, **{many: [other, item]}, **permits, kind="invalid")


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
def test_a_name_that_came_out_empty_in_a_document(
    xtremio: ArrayUnderTest, section: str, option: str, item: dict[str, Any]
) -> None:
    words = f"the option {option} of entry 1 of {section} is"
    for nothing in NOTHING:
        refuses_unasked(xtremio, "flash_array", words, **{section: [{**item, option: nothing}]}, kind="invalid")


def test_a_pool_of_null_leaves_the_choice_to_the_array(xtremio: ArrayUnderTest) -> None:
    xtremio.converges("flash_volume", name="db1", size="10GiB", pool=None)
    refuses_unasked(xtremio, "flash_volume", "the option pool is empty", name="db2", size="10GiB", pool="")


@pytest.mark.parametrize("entry", [None, ""])
def test_an_initiator_that_came_out_empty(xtremio: ArrayUnderTest, entry: Any) -> None:
    initiators = [xtremio.row.initiators[0], entry]
    for task in ({"host": "h", "initiators": initiators}, {"maps": [{"host": "h", "initiators": initiators}]}):
        refuses_unasked(xtremio, "flash_host_map", "entry 2 of the option initiators", **task, kind="invalid")


@pytest.mark.parametrize("expression", ["{{ nothing | default(none) }}", "{{ nothing | default('') }}", "{{ none }}"])
def test_a_look_up_of_a_play_that_found_nothing(xtremio: ArrayUnderTest, tmp_path: Path, expression: str) -> None:
    """Null, or with an older ansible-core an empty text, is what becomes of it on the way to the module."""
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
    assert played.rc == 0, "left out, which is how the host is meant"
    assert xtremio.hosts() == {}, "left out, which is how the host is meant"


# ---- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [[], None])
@pytest.mark.parametrize(
    ("module", "many", "task"),
    [
        ("flash_volume", "volumes", {"unmap": True, "delete_snapshots": True}),
        ("flash_snapshot", "snapshots", {"volume": "web-data", "unmap": True}),
        ("flash_host_map", "maps", {"host": "web-spare"}),
    ],
)
def test_an_empty_list_takes_nothing_away(
    used: ArrayUnderTest, module: str, many: str, task: dict[str, Any], nothing: Any
) -> None:
    task = {**task, "state": "absent", many: nothing}
    refuses_unasked(used, module, f"the list {many} is empty", "allow_empty: true", **task, kind="refused")
    before = used.state()
    meant = used.done(module, **task, allow_empty=True)
    assert not meant.changed
    assert meant[many] == []
    assert used.state() == before


@pytest.mark.hosts
@pytest.mark.parametrize("nothing", [[], None])
def test_an_empty_list_makes_nothing(used: ArrayUnderTest, nothing: Any) -> None:
    mark = used.mark()
    for module, many, task in (
        ("flash_volume", "volumes", {"size": "1GiB"}),
        ("flash_snapshot", "snapshots", {"volume": "web-data", "keep": 1, "prefix": "web-"}),
        ("flash_host_map", "maps", {"host": "new", "initiators": ["iqn.2026-01.org.example:new"]}),
    ):
        assert not used.done(module, **task, **{many: nothing}).changed
    assert used.writes(mark) == []


@pytest.mark.hosts
def test_exclusive_leaves_a_host_without_volumes_only_when_that_is_meant(used: ArrayUnderTest) -> None:
    without_maps: tuple[dict[str, Any], ...] = ({}, {"maps": []}, {"maps": None})
    for nothing in without_maps:
        task = {"host": "web-server", "exclusive": True, **nothing}
        used.refuses("flash_host_map", "allow_empty: true", **task, **ALL_PERMITS, kind="refused")
    assert len(used.luns()) == 2
    used.converges("flash_host_map", host="web-server", exclusive=True, maps=[], allow_empty=True)
    assert used.luns() == {}
    assert set(used.hosts()) == {"web-server", "web-spare"}


# ---- initiators ------------------------------------------------------------------------------------------------------


@pytest.mark.hosts
def test_an_empty_list_of_initiators_takes_none_away_unless_that_is_meant(used: ArrayUnderTest) -> None:
    why = used.cannot("remove_last_initiator")
    for name, words in (
        ("web-server", ("allow_empty: true", "force: true", "volume web-data, volume web-logs")),
        ("web-spare", ("allow_empty: true",)),
    ):
        task: dict[str, Any] = {"initiators": [], "exclusive_initiators": True}
        said = (why,) if why else words
        used.refuses("flash_host_map", *said, host=name, **task)
        used.refuses("flash_array", *said, hosts=[{"name": name, **task}])
        if name == "web-server":
            used.refuses("flash_host_map", why or "force: true", host=name, **task, allow_empty=True)
            used.refuses("flash_host_map", why or "allow_empty: true", host=name, **task, force=True)
        permits = {"allow_empty": True, "force": name == "web-server"}
        if why is None:
            used.converges("flash_host_map", host=name, **task, **permits)
            assert used.hosts()[name] == []
        else:
            used.refuses("flash_host_map", why, host=name, **task, **permits, kind="unsupported")


@pytest.mark.hosts
def test_the_initiators_of_a_host_with_volumes_are_all_replaced_only_with_force(used: ArrayUnderTest) -> None:
    kept, gone = used.row.initiators[:2]
    task = {"host": "web-server", "exclusive_initiators": True}
    words = ("none of the initiators that it has now would stay", "force: true")
    used.refuses("flash_host_map", *words, **task, initiators=[used.initiator(9)], kind="refused")
    used.converges("flash_host_map", **task, initiators=[kept])
    used.converges("flash_host_map", **task, initiators=[used.initiator(9)], force=True)
    assert gone not in used.hosts()["web-server"]
    assert len(used.luns()) == 2


# ---- facts -----------------------------------------------------------------------------------------------------------

CHOOSABLE = ["volumes", "snapshots", "hosts", "mappings"]


@pytest.mark.parametrize("key", ["volumes", "snapshots", "hosts"])
def test_a_filter_without_a_name_chooses_nothing(used: ArrayUnderTest, key: str) -> None:
    everything = used.facts(gather_subset=CHOOSABLE)
    chosen = used.facts(gather_subset=CHOOSABLE, filters={key: []})
    narrowed = {"volumes": CHOOSABLE, "snapshots": ["snapshots"], "hosts": ["hosts", "mappings"]}[key]
    for subset in CHOOSABLE:
        none = subset in narrowed and (subset != "hosts" or key == "hosts")
        assert chosen[subset] == ([] if none else everything[subset])
    for no_filter in (None, {}, {key: None}):
        again = used.facts(gather_subset=CHOOSABLE, filters=no_filter)
        assert {subset: again[subset] for subset in CHOOSABLE} == {name: everything[name] for name in CHOOSABLE}


@pytest.mark.parametrize("key", ["volumes", "snapshots", "hosts"])
def test_a_filter_by_an_empty_name(xtremio: ArrayUnderTest, key: str) -> None:
    for entry in NOTHING:
        words = f"entry 2 of the option {key} of filters is"
        refuses_unasked(xtremio, "flash_facts", words, filters={key: ["web-data", entry]}, kind="invalid")


@pytest.mark.parametrize("option", ["cluster", "tenant", "storage_pools", "target_ports"])
def test_what_narrows_a_connection_does_not_widen_it_when_it_is_empty(array: ArrayUnderTest, option: str) -> None:
    if not array.takes(option):
        return
    chooses = option in ("storage_pools", "target_ports")
    for nothing in [[], ""] if chooses else NOTHING:
        words = f"the option {option} is"
        refuses_unasked(array, "flash_facts", words, **{option: nothing}, kind="invalid")


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
def test_a_property_that_cannot_be_meant(arrays: dict[str, ArrayUnderTest], option: str, value: Any) -> None:
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
def test_a_number_that_cannot_be_meant(
    xtremio: ArrayUnderTest, module: str, option: str, values: list[float], task: dict[str, Any]
) -> None:
    for value in values:
        given: dict[str, Any] = {**task, option: value}
        refuses_unasked(xtremio, module, option, **given, kind="invalid")
        items = {"flash_host_map": "maps", "flash_snapshot": "snapshots"}.get(module)
        if items:
            refuses_unasked(xtremio, module, option, **{items: [given]}, kind="invalid")


@pytest.mark.parametrize("option", ["path", "size", "max_size", "state_dir", "chap_username", "chap_password"])
def test_a_text_of_an_image_task_that_came_out_empty(xtremio: ArrayUnderTest, option: str) -> None:
    """None of them is then taken for left out: not for any size, any image, or no CHAP."""
    refuses_unasked(xtremio, "flash_image", f"the option {option} is empty", **{**IMAGE, option: ""}, kind="invalid")


# ---- the library -----------------------------------------------------------------------------------------------------


def test_the_library_too_reads_nothing_by_a_list_without_a_name(used: ArrayUnderTest) -> None:
    with used.library() as client:
        assert client.volumes([]).items == client.volumes_in_full([]).items == ()
        assert client.snapshots([]).items == client.snapshots(None, []).items == client.snapshots([], []).items == ()
        if used.row.hosts:
            assert client.hosts([]).items == client.find_hosts([]).items == ()
            assert client.mappings([]).items == client.mappings(None, []).items == client.mappings([], []).items == ()
        if used.cannot("groups") is None:
            assert client.groups([]).items == ()
