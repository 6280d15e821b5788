# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options become desired objects, and contradicting options are an error before any request."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Invalid, Refused
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.desired import (
    ABSENT,
    PRESENT,
    DesiredHost,
    DesiredMapping,
    Prune,
    Retention,
)

IQN = "iqn.2026-01.org.example:h1"
GIB = 1024**3


def test_a_desired_volume_has_all_its_options() -> None:
    (volume,) = desired.volumes(
        [{"name": "a", "size": "1.5GiB", "pool": "p", "provisioning": "thick", "array_options": {"iops": 1}}], {}
    ).volumes
    assert (volume.size, volume.pool, volume.provisioning, volume.state) == (3 * GIB // 2, "p", "thick", PRESENT)
    assert volume.options == {"iops": 1}


@pytest.mark.parametrize("size", ["10XB", "ten", "-1GiB", "0", "10", "1e3GiB"])
def test_the_error_of_an_invalid_size_names_its_volume(size: str) -> None:
    with pytest.raises(Invalid, match="Cannot read the options of volume db1: ") as caught:
        desired.volumes([{"name": "db1", "size": size}], {})
    assert caught.value.target == "db1"


@pytest.mark.parametrize("name", [None, "", "  "])
def test_an_empty_name_is_refused(name: Any) -> None:
    with pytest.raises(Invalid, match="[Nn]ame is missing or empty"):
        desired.volumes([{"name": name}], {})


CONTRADICTIONS: list[Any] = [
    (desired.volumes, [{"name": "a"}, {"name": "a"}], "names a twice"),
    (
        desired.volumes,
        [{"name": "b", "rename_from": "a"}, {"name": "c", "rename_from": "a"}],
        "olumes b and c shall both be renamed from a",
    ),
    (
        desired.volumes,
        [{"name": "b", "rename_from": "a"}, {"name": "a", "rename_from": "b"}],
        "renamed in a circle",
    ),
    (desired.snapshots, [{"name": "s", "volume": "a"}, {"name": "s", "volume": "a"}], "names a / s twice"),
    (desired.snapshots, [{"name": "s"}], "needs the volume"),
    (desired.snapshots, [{"name": "s", "volume": "a", "group": "g"}], "both a volume and a group"),
    (desired.snapshots, [{"name": "s", "state": "restored", "volume": "a"}], "needs volume and backup"),
    (desired.snapshots, [{"name": "s", "state": "restored", "backup": "b"}], "needs volume and backup"),
    (desired.snapshots, [{"name": "s", "volume": "a", "backup": "b"}], "only with state: restored"),
    (
        desired.snapshots,
        [{"name": "s", "volume": "a", "state": "restored", "backup": "s"}],
        "cannot have the name of snapshot s itself",
    ),
    (
        desired.snapshots,
        [{"name": name, "volume": "a", "state": "restored", "backup": "b" + name} for name in ("s", "t")],
        "restored from a/s and from a/t",
    ),
    (
        desired.snapshots,
        [{"name": "s", "state": "absent"}, {"name": "s", "volume": "a"}],
        "with its volume and without",
    ),
    (desired.snapshots, [{"name": "s", "volume": "a", "keep": 1}], "options keep and prefix go together"),
    (desired.snapshots, [{"name": "s", "volume": "a", "prefix": "pre-"}], "options keep and prefix go together"),
    (
        desired.snapshots,
        [{"name": "pre-s", "volume": "a", "prefix": "pre-", "keep": 1, "state": "absent"}],
        "options keep and prefix go together",
    ),
    (desired.snapshots, [{"name": "s", "volume": "a", "prefix": "pre-", "keep": 1}], "does not begin with the prefix"),
    (desired.snapshots, [{"name": "pre-s", "volume": "a", "prefix": "pr", "keep": 1}], "shorter than 3 characters"),
    (desired.snapshots, [{"name": "pre-s", "volume": "a", "prefix": "pre", "keep": 0}], "remove every snapshot"),
    (
        desired.snapshots,
        [{"name": f"pre-{keep}", "volume": "a", "prefix": "pre-", "keep": keep} for keep in (1, 2)],
        "keep is given as 1 and 2",
    ),
    (desired.host_maps, [{"host": "h", "volume": "a"}, {"host": "h", "volume": "a", "lun": 1}], "names h / a twice"),
    (
        desired.host_maps,
        [{"host": "h", "volume": "a", "lun": 1}, {"host": "h", "volume": "b", "lun": 1}],
        "olumes a and b shall both be LUN 1 of host h",
    ),
    (desired.host_maps, [{"host": "h", "lun": 1}], "lun needs the volume"),
    (desired.host_maps, [{"host": "h", "volume": "a", "lun": -1}], "LUN -1 is not possible"),
    (desired.host_maps, [{"host": "h", "volume": "a", "exclusive": True, "state": "absent"}], "state: present"),
    (desired.host_maps, [{"host": "h", "os": "linux"}, {"host": "h", "os": "esx"}], "described in two ways"),
    (desired.host_maps, [{"host": "h", "initiators": ["banana"]}], "Cannot read the initiators of host h: 'banana'"),
    (desired.host_maps, [{"host": "h", "chap_username": "u"}], "chap_username and chap_password go together"),
    (
        desired.host_maps,
        [{"host": "h", "chap_discovery_username": "u", "chap_discovery_password": "p"}],
        "needs chap_username",
    ),
]


@pytest.mark.parametrize(("build", "items", "message"), CONTRADICTIONS)
def test_contradicting_options_are_refused(build: Any, items: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(Invalid) as caught:
        build(items, {})
    assert message in str(caught.value)


def test_a_rename_to_the_same_name_is_ignored() -> None:
    assert desired.volumes([{"name": "a", "rename_from": "a"}], {}).volumes[0].rename_from is None


def test_there_is_one_retention_for_each_volume_and_prefix() -> None:
    items = [{"name": "pre-" + name, "volume": "a", "prefix": "pre-", "keep": 2} for name in ("1", "2")]
    desired_state = desired.snapshots(items, {"atomic": True})
    assert desired_state.retentions == (Retention("pre-", 2, "a"),)
    assert desired_state.atomic


def test_initiators_are_canonical_and_without_duplicates() -> None:
    item = {"host": "h", "initiators": ["10:00:00:00:C9:00:00:07", "10000000c9000007"]}
    (host,) = desired.host_maps([item], {}).hosts
    assert [initiator.address for initiator in host.initiators or ()] == ["10000000c9000007"]


def test_one_entry_describes_the_host_for_all_its_mappings() -> None:
    for described in (0, 1):
        items: list[dict[str, Any]] = [{"host": "h", "volume": "a"}, {"host": "h", "volume": "b"}]
        items[described]["initiators"] = [IQN]
        desired_state = desired.host_maps(items, {})
        assert [len(host.initiators or ()) for host in desired_state.hosts] == [1]
        assert [desired.volume for desired in desired_state.mappings] == ["a", "b"]


def test_an_absent_mapping_needs_no_desired_host() -> None:
    desired_state = desired.host_maps([{"host": "h", "volume": "a", "state": "absent"}], {})
    assert desired_state.hosts == ()
    assert desired_state.mappings == (DesiredMapping("a", "h", state=ABSENT),)


def test_exclusive_applies_to_the_host() -> None:
    desired_state = desired.host_maps(
        [{"host": "h", "volume": "a", "exclusive": True}, {"host": "i", "volume": "a"}], {}
    )
    assert desired_state.exclusive_hosts == frozenset({"h"})


def test_the_text_of_desired_objects_has_no_secret() -> None:
    desired_state = desired.host_maps([{"host": "h", "chap_username": "u", "chap_password": "hunter2hunter2"}], {})
    assert desired_state.hosts[0].chap is not None
    assert desired_state.hosts[0].chap.password == "hunter2hunter2"
    assert "hunter2" not in repr(desired_state)


def test_a_document_has_objects_of_every_kind() -> None:
    desired_state = desired.document(
        {
            "volumes": [{"name": "a", "size": "1GiB"}],
            "snapshots": [{"name": "s", "volume": "a"}],
            "hosts": [{"name": "h", "initiators": [IQN]}],
            "mappings": [{"volume": "a", "host": "h", "lun": 0}],
            "prune": True,
            "prune_prefix": "web-",
            "prune_limit": 0,
        }
    )
    assert desired_state.prune == Prune("web-", 0)
    assert desired_state.mappings == (DesiredMapping("a", "h", 0),)
    assert isinstance(desired_state.hosts[0], DesiredHost)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"prune_limit": -1}, "prune_limit cannot be less than 0"),
        ({"prune_prefix": None}, "shorter than 3 characters"),
    ],
)
def test_an_invalid_prune_option_is_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        desired.document({"volumes": [{"name": "web-a"}], "prune": True, "prune_prefix": "web-", **params})


@pytest.mark.parametrize(("build", "state"), [(desired.volumes, "absent"), (desired.host_maps, "absent")])
@pytest.mark.parametrize("options", [{}, {"host": "h"}])
def test_an_empty_list_with_state_absent_needs_allow_empty(build: Any, state: str, options: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="is empty, with state: absent.*allow_empty"):
        build([], {"state": state, **options})
    assert build([], {"state": state, "allow_empty": True, **options}) == desired.DesiredState()
    assert build([], {"state": "present", **options}) == desired.DesiredState()


@pytest.mark.parametrize("state", ["absent", "restored"])
def test_an_empty_list_of_snapshots_to_delete_or_restore_needs_allow_empty(state: str) -> None:
    with pytest.raises(Refused, match=f"list snapshots is empty, with state: {state}"):
        desired.snapshots([], {"state": state})
    assert desired.snapshots([], {"state": state, "allow_empty": True}) == desired.DesiredState()


def test_an_empty_document_requests_nothing() -> None:
    assert desired.document({}) == desired.DesiredState()


@pytest.mark.parametrize(
    ("section", "items"),
    [
        ("volumes", [{"name": "a"}] * 2),
        ("snapshots", [{"name": "s", "volume": "a"}] * 2),
        ("hosts", [{"name": "h"}] * 2),
        ("mappings", [{"volume": "a", "host": "h"}] * 2),
        ("mappings", [{"volume": "a", "host": "h", "lun": 1}, {"volume": "b", "host": "h", "lun": 1}]),
    ],
)
def test_a_contradicting_document_is_refused(section: str, items: list[dict[str, Any]]) -> None:
    with pytest.raises(Invalid):
        desired.document({section: items})
