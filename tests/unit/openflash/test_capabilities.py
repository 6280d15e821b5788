# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capabilities of each array: what it refuses before any request, and how it copies."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    AGENT,
    DEDUP,
    FC,
    ISCSI,
    THICK,
    THIN,
    Capabilities,
    Host,
    Initiator,
    Snapshot,
    Volume,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera import (
    capabilities as datera,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware import (
    capabilities as dsware,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.ledger import REST, SOCKET
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.flashsystem import (
    capabilities as flashsystem,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.violin import (
    capabilities as violin,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio import (
    capabilities as xtremio,
)

FC_PORT, IQN = Initiator("5001438000000001", FC), Initiator("iqn.2026-01.org.example:a", ISCSI)


def violin_7300(dedup: bool = True) -> Capabilities:
    return violin.capabilities((7, 5, 6), False, dedup)


def violin_7700() -> Capabilities:
    return violin.capabilities((7, 5, 6), True, True)


def dsware_rest(*agents: str) -> Capabilities:
    return dsware.capabilities(REST, False, frozenset({"here"}), agents)


def dsware_socket(*agents: str, by_tool: bool = False) -> Capabilities:
    return dsware.capabilities(SOCKET, False, frozenset({"here"}), agents, by_tool)


def refusal_text(capabilities: Capabilities, operation: str, obj: Any = None, **details: Any) -> str:
    """The reason of the refusal, or an empty text."""
    refusal = capabilities.refusal(operation, obj, **details)
    assert refusal is None or len(refusal.split()) > 3
    return refusal or ""


# -- operations that an array lacks ------------------------------------------------------------------------------------

REFUSED: list[tuple[Callable[[], Capabilities], str]] = [
    (
        lambda: violin_7300(),
        "restore_snapshot refresh_volume atomic_snapshots groups metadata chap set_volume map_snapshot set_host_os "
        "host_without_initiators remove_last_initiator rename_host qos replicas placement description",
    ),
    (
        lambda: datera.capabilities(True),
        "chap refresh_volume atomic_snapshots groups host_os map_snapshot explicit_lun rename_host",
    ),
    (
        lambda: dsware_rest(),
        "rename_volume rename_host explicit_lun chap groups atomic_snapshots metadata map_snapshot host_os replicas "
        "placement description host_without_initiators",
    ),
    (
        lambda: dsware_socket(),
        "rename_volume rename_host explicit_lun chap groups atomic_snapshots metadata map_snapshot host_os set_volume "
        "qos replicas placement description restore_snapshot refresh_volume create_host add_initiators "
        "remove_initiators delete_host",
    ),
    (
        lambda: flashsystem.capabilities(lambda: None),
        "atomic_snapshots restore_snapshot refresh_volume groups chap host_os metadata host_without_initiators "
        "qos replicas placement description",
    ),
    (
        lambda: xtremio.capabilities(False),
        "atomic_snapshots restore_snapshot refresh_volume groups metadata qos replicas placement description",
    ),
    (lambda: xtremio.capabilities(True), "qos replicas placement description"),
]
OPERATIONS = sorted({operation for _make, refused_operations in REFUSED for operation in refused_operations.split()})


@pytest.mark.parametrize(("make", "refused_operations"), REFUSED)
def test_the_operations_that_an_array_refuses(make: Callable[[], Capabilities], refused_operations: str) -> None:
    capabilities = make()
    assert [operation for operation in OPERATIONS if refusal_text(capabilities, operation)] == sorted(
        refused_operations.split()
    )


def test_which_arrays_prove_that_an_object_is_a_snapshot() -> None:
    assert violin_7300().proves_snapshots
    assert violin_7300().clones_depend
    assert datera.capabilities(True).proves_snapshots
    assert not flashsystem.capabilities(lambda: None).proves_snapshots
    assert xtremio.capabilities(True).proves_snapshots
    assert not xtremio.capabilities(False).proves_snapshots
    for is_v2 in (False, True):
        assert xtremio.capabilities(is_v2).finishes_snapshot_sets
        assert (xtremio.capabilities(is_v2).group_name is not None) is is_v2
    for capabilities, proves in ((dsware_rest(), True), (dsware_socket(), False)):
        assert capabilities.proves_snapshots is proves
        assert capabilities.guards_snapshots


# -- violin ------------------------------------------------------------------------------------------------------------


def test_iscsi_and_encryption_of_violin_depend_on_its_version() -> None:
    assert violin.capabilities((7, 5, 3), False, False).protocols == (FC,)
    assert violin.capabilities((7, 5, 4), False, False).protocols == (FC, ISCSI)
    assert not violin.capabilities((7, 5, 5), False, False).volume_options
    encrypted = violin_7300().volume_options["encrypted"]
    assert encrypted.create_only
    assert encrypted.type is bool


def test_violin_has_dedup_volumes_where_the_array_reports_them() -> None:
    assert violin_7300(dedup=False).provisioning == (THICK, THIN)
    assert violin_7300().provisioning == (THICK, THIN, DEDUP)
    name = violin_7300().volume_name
    assert not violin.ConcertoCapabilities("violin", name, name, name).external


def test_clones_of_a_thin_or_dedup_volume_of_violin_are_like_their_source() -> None:
    capabilities = violin_7300()
    clone = Volume("c", GIB, provisioning=THIN, independent=False)
    snapshot = Snapshot("s", "v", GIB)
    for operation in ("clone_volume", "volume_from_snapshot"):
        for kind in (THIN, DEDUP):
            source = Volume("v", GIB, provisioning=kind)
            assert refusal_text(capabilities, operation, source, spec=VolumeSpec("w", GIB, provisioning=kind)) == ""
            text = f"a copy of a {kind} volume is a thin clone"
            assert text in refusal_text(capabilities, operation, source, spec=VolumeSpec("w", 2 * GIB))
            assert refusal_text(capabilities, operation, source, spec=VolumeSpec("w", 2 * GIB)).endswith(
                "copy and extend as thick"
            )
            assert refusal_text(
                capabilities, operation, source, spec=VolumeSpec("w", GIB, provisioning=THICK)
            ).endswith("leave provisioning out")
            assert refusal_text(capabilities, operation, source, spec=VolumeSpec("w", GIB, pool="p")).endswith(
                "leave pool out"
            )
            assert refusal_text(capabilities, operation, source) == ""
        assert "thin or dedup volume" in refusal_text(capabilities, operation, clone, spec=VolumeSpec("w", pool="p"))
        assert refusal_text(capabilities, operation, snapshot, spec=VolumeSpec("w", pool="p")) == ""
        assert refusal_text(capabilities, operation, None, spec=VolumeSpec("w", pool="p")) == ""
    assert refusal_text(capabilities, "rename_volume", clone, spec=VolumeSpec("w", pool="p")) == ""


def test_a_thick_volume_of_violin_has_thick_copies() -> None:
    thick = Volume("v", GIB, provisioning=THICK)
    for provisioning in (None, THICK):
        spec = VolumeSpec("w", 2 * GIB, "p", provisioning)
        assert refusal_text(violin_7300(), "clone_volume", thick, spec=spec) == ""
    assert "a copy of a thick volume is thick" in refusal_text(
        violin_7300(), "clone_volume", thick, spec=VolumeSpec("w", provisioning=THIN)
    )
    for source in (thick, Snapshot("s", "v", GIB)):
        assert violin_7300().method("clone_volume", source).kind == "array_copy"
        assert violin_7300().method("clone_volume", source).independent
    for kind in (THIN, DEDUP):
        method = violin_7300().method("clone_volume", Volume("v", GIB, provisioning=kind))
        assert (method.kind, method.independent) == ("instant", False)


def test_violin_extends_no_thin_clone_and_a_dedup_volume_only_on_7700() -> None:
    dedup, clone = Volume("v", GIB, provisioning=DEDUP), Volume("v", GIB, provisioning=THIN, independent=False)
    assert "cannot extend a dedup volume" in refusal_text(violin_7300(), "extend_volume", dedup)
    assert refusal_text(violin_7700(), "extend_volume", dedup) == ""
    for capabilities in (violin_7300(), violin_7700()):
        assert "keeps the size of its source" in refusal_text(capabilities, "extend_volume", clone)
        assert refusal_text(capabilities, "extend_volume", Volume("v", GIB, provisioning=THICK)) == ""
        assert refusal_text(capabilities, "extend_volume") == ""
        assert refusal_text(capabilities, "delete_volume", clone) == ""


def test_a_host_of_violin_has_one_protocol() -> None:
    capabilities = violin_7300()
    assert refusal_text(capabilities, "create_host", None, initiators=[FC_PORT]) == ""
    assert "declare two hosts" in refusal_text(capabilities, "create_host", None, initiators=[FC_PORT, IQN])
    assert "declare two hosts" in refusal_text(
        capabilities, "add_initiators", Host("h", initiators=(FC_PORT,)), initiators=[IQN]
    )
    assert refusal_text(capabilities, "add_initiators", Host("h", initiators=(IQN,)), initiators=[IQN]) == ""
    assert refusal_text(capabilities, "add_initiators", Host("h")) == ""
    assert refusal_text(capabilities, "delete_host", Host("h", initiators=(FC_PORT, IQN))) == ""


# -- datera ------------------------------------------------------------------------------------------------------------


def test_a_volume_of_datera_that_shares_its_app_instance_is_not_changed() -> None:
    capabilities = datera.capabilities(True)
    shared = Volume("v", GIB, siblings=("w", "x"))
    for operation, reason in (
        ("map_volume", "the access list is"),
        ("delete_volume", "going offline"),
        ("rename_volume", "the name is"),
    ):
        assert reason in refusal_text(capabilities, operation, shared)
        assert "which has w, x as well" in refusal_text(capabilities, operation, shared)
        assert refusal_text(capabilities, operation, Volume("v", GIB)) == ""
        assert refusal_text(capabilities, operation) == ""
    assert refusal_text(capabilities, "extend_volume", shared) == ""
    assert "the IP pool is" in refusal_text(capabilities, "set_volume", shared, options={"ip_pool": "p"})
    assert refusal_text(capabilities, "set_volume", shared, options={"replica_count": 1}) == ""
    assert refusal_text(capabilities, "set_volume", shared) == ""
    assert refusal_text(capabilities, "extend_volume", shared, options={"ip_pool": "p"}) == ""
    assert refusal_text(capabilities, "set_volume", Volume("v", GIB), options={"ip_pool": "p"}) == ""
    assert refusal_text(capabilities, "explicit_lun", shared)


@pytest.mark.parametrize(
    ("present", "requested", "refused"),
    [(3, 2, True), (3, 3, False), (3, 4, False), (None, 2, False), (3, None, False), ("3", 2, False), (3, "2", False)],
)
def test_datera_never_lowers_the_number_of_replicas(present: Any, requested: Any, refused: bool) -> None:
    volume = Volume("v", GIB, options={"replica_count": present})
    text = refusal_text(datera.capabilities(True), "set_volume", volume, options={"replica_count": requested})
    assert ("never lowers replica_count, which is 3" in text) is refused
    assert bool(text) is refused


@pytest.mark.parametrize("operation", ["restore_snapshot", "volume_from_snapshot"])
def test_a_snapshot_of_a_complete_app_instance_of_datera_is_not_used(operation: str) -> None:
    capabilities = datera.capabilities(True)
    for identifier, refused in (("/app_instances/a/snapshots/1", True), ("/a/storage_instances/s/snapshots/1", False)):
        snapshot = Snapshot("s", "a/v", GIB, id=identifier, group="a")
        assert ("complete app instance a" in refusal_text(capabilities, operation, snapshot)) is refused
        assert refusal_text(capabilities, operation, Snapshot("s", "v", GIB, id=identifier)) == ""
        assert refusal_text(capabilities, "map_snapshot", snapshot), "no snapshot of Datera can be mapped"


def test_a_snapshot_of_several_volumes_of_datera_is_not_deleted_for_one() -> None:
    capabilities = datera.capabilities(True)
    for volume, refused in (("a/v", True), ("v", False), (None, False)):
        snapshot = Snapshot("s", volume, GIB, group="a")
        assert ("for its other volumes too" in refusal_text(capabilities, "delete_snapshot", snapshot)) is refused
    assert refusal_text(capabilities, "delete_snapshot", Snapshot("s", "a/v", GIB)) == ""
    assert refusal_text(capabilities, "delete_snapshot", Volume("a/v", GIB)) == ""


def test_the_options_of_a_datera_volume_depend_on_the_version() -> None:
    assert "placement_policy" in datera.capabilities(True).volume_options
    options = datera.capabilities(False).volume_options
    assert sorted(options) == sorted(
        (*datera.QOS, "replica_count", "placement_mode", "ip_pool", "template", "description")
    )
    assert {name for name, rule in options.items() if rule.create_only} == {"template"}
    assert options["total_bandwidth_max"].description == "KiB per second, 0 for no limit"
    assert options["total_iops_max"].description == "requests per second, 0 for no limit"
    assert options["replica_count"].choices == (1, 2, 3, 4, 5)
    assert options["placement_mode"].choices == ("hybrid", "single_flash", "all_flash")
    assert len(datera.QOS) == 6
    method = datera.capabilities(True).method("clone_volume")
    assert (method.kind, method.independent) == ("array_copy", True)


def test_which_names_datera_accepts() -> None:
    assert datera.may_be_named("db1")
    assert not datera.may_be_named("bad/name")
    assert not datera.may_be_named("db1\n")


# -- dsware ------------------------------------------------------------------------------------------------------------


def test_a_host_of_dsware_without_initiators_must_have_an_agent_or_be_this_host() -> None:
    both = dsware.capabilities(REST, False, frozenset({"here", "h.example"}), ["a", "b"], True)
    text = refusal_text(both, "create_host", None, host="x", initiators=())
    assert "nothing attaches volumes to host x" in text
    assert "agents has a, b, and this host is called h.example, here. " in text
    assert text.endswith("or give its initiators")
    assert refusal_text(both, "create_host", None, host=Host("x")) == text
    assert refusal_text(both, "create_host", None, host="x", initiators=[IQN]) == ""
    assert refusal_text(both, "create_host") == ""
    assert refusal_text(dsware_rest(), "create_host", None, host="x") == ""
    socket = refusal_text(dsware_socket(by_tool=True), "create_host", None, host="x")
    assert socket.endswith("this host is called here. Use one of these names")
    assert refusal_text(dsware_socket("a"), "create_host", None, host="x").endswith(
        "agents has a. Use one of these names"
    )
    assert "attach_tool" in refusal_text(dsware_socket(), "create_host", None, host="x")
    assert "attach_tool" in refusal_text(dsware_socket("a"), "create_host")
    assert "nothing attaches" not in refusal_text(both, "delete_host", None, host="x")


def test_the_attachments_of_a_dsware_agent_are_managed_on_its_host_only() -> None:
    capabilities = dsware_rest("a")
    here, elsewhere, initiators = Host("HERE", kind=AGENT), Host("a", kind=AGENT), Host("a")
    assert refusal_text(capabilities, "map_volume", None, host=here) == ""
    assert "delegate it there" in refusal_text(capabilities, "map_volume", None, host=elsewhere)
    assert refusal_text(capabilities, "map_volume", None, host=initiators) == ""
    assert refusal_text(capabilities, "map_volume", None, host="a") == ""
    assert refusal_text(capabilities, "delete_volume", None, host=elsewhere) == ""
    for host in (elsewhere, initiators, "a"):
        assert "attached to host a," in refusal_text(capabilities, "unmap_volume", None, host=host)
    assert refusal_text(capabilities, "unmap_volume", None, host=here) == ""
    assert refusal_text(capabilities, "unmap_volume", None, host="here") == ""
    assert refusal_text(capabilities, "unmap_volume") == ""
    for operation in ("add_initiators", "remove_initiators", "delete_host"):
        assert "attached to by an agent" in refusal_text(capabilities, operation, elsewhere)
        assert refusal_text(capabilities, operation, initiators) == ""
        assert refusal_text(capabilities, operation) == ""
    assert refusal_text(capabilities, "chap_of_nothing", elsewhere) == ""
    assert capabilities.sees_mappings_of("here")
    assert not dsware_rest("here", "a").sees_mappings_of("a")


def test_of_which_hosts_dsware_reports_mappings() -> None:
    def mappings_known(transport: str, names: Any, agents: Any = (), by_tool: bool = False) -> str:
        return dsware.capabilities(transport, False, frozenset(names), agents, by_tool).mappings_known

    assert mappings_known(REST, ["here"]) == "of_all_hosts"
    assert mappings_known(REST, ["here"], ["a"]) == "of_this_host"
    assert mappings_known(REST, ["here"], by_tool=True) == "of_this_host"
    assert mappings_known(REST, [], ["a"]) == "of_no_host"
    assert mappings_known(SOCKET, ["here"]) == "of_this_host"
    assert mappings_known(SOCKET, []) == "of_no_host"


def test_protocols_and_options_of_dsware_depend_on_the_interface() -> None:
    assert dsware_rest().protocols == (ISCSI,)
    assert dsware_socket().protocols == ()
    assert not dsware_socket().volume_options
    assert set(dsware_rest().volume_options) == {"full_clone", "total_iops_max", "total_bandwidth_max"}
    for capabilities in (dsware_rest(), dsware.capabilities(SOCKET, True, frozenset())):
        rule = capabilities.volume_options["full_clone"]
        assert rule.create_only
        assert not rule.reported
        method = capabilities.method("clone_volume")
        assert (method.kind, method.independent) == ("instant", True)
    name = dsware_rest().volume_name
    assert not dsware.DswareCapabilities("dsware", name, name, name).by_tool
    assert dsware.capabilities(REST, False, frozenset(), by_tool=True).by_tool
    assert dsware_rest().refusal("create_host", None, host="x") is None


# -- flashsystem -------------------------------------------------------------------------------------------------------


def test_flashsystem_copies_only_on_a_host_with_a_path() -> None:
    capabilities, without_path = (
        flashsystem.capabilities(lambda: None),
        flashsystem.capabilities(lambda: "no port is logged in"),
    )
    for operation in ("create_snapshots", "clone_volume", "volume_from_snapshot"):
        assert refusal_text(capabilities, operation) == ""
        assert "no path to the array: no port is logged in; delegate" in refusal_text(without_path, operation)
    assert refusal_text(without_path, "extend_volume") == ""
    assert "no CHAP" in refusal_text(without_path, "chap")
    method = capabilities.method("clone_volume")
    assert (method.kind, method.independent) == ("host_copy", True)
    assert capabilities == without_path, "the path is a property of the host and not of the array"


# -- xtremio -----------------------------------------------------------------------------------------------------------


def test_the_name_of_a_volume_of_xtremio_has_room_for_a_suffix() -> None:
    capabilities = xtremio.capabilities(True)
    assert capabilities.volume_name.longest < capabilities.host_name.longest
    assert capabilities.snapshot_name == capabilities.volume_name
    assert re.match(capabilities.volume_name.pattern, "db1")
