# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each array refuses before anything is sent, and how it copies."""

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


def no(capabilities: Capabilities, operation: str, obj: Any = None, **details: Any) -> str:
    """The refusal, "" when there is none."""
    refusal = capabilities.refusal(operation, obj, **details)
    assert refusal is None or len(refusal.split()) > 3
    return refusal or ""


# -- what an array never does ------------------------------------------------------------------------------------------

NEVER: list[tuple[Callable[[], Capabilities], str]] = [
    (
        lambda: violin_7300(),
        "restore_snapshot atomic_snapshots groups metadata chap set_volume map_snapshot set_host_os "
        "host_without_initiators remove_last_initiator",
    ),
    (lambda: datera.capabilities(True), "chap atomic_snapshots groups host_os map_snapshot explicit_lun"),
    (
        lambda: dsware_rest(),
        "rename_volume explicit_lun chap groups atomic_snapshots metadata map_snapshot host_os set_volume "
        "host_without_initiators",
    ),
    (
        lambda: dsware_socket(),
        "rename_volume explicit_lun chap groups atomic_snapshots metadata map_snapshot host_os set_volume "
        "restore_snapshot create_host add_initiators remove_initiators delete_host",
    ),
    (
        lambda: flashsystem.capabilities(lambda: None),
        "atomic_snapshots restore_snapshot groups chap host_os metadata host_without_initiators",
    ),
    (lambda: xtremio.capabilities(False), "atomic_snapshots restore_snapshot groups metadata"),
    (lambda: xtremio.capabilities(True), ""),
]
OPERATIONS = sorted({operation for _made, never in NEVER for operation in never.split()})


@pytest.mark.parametrize(("made", "never"), NEVER)
def test_what_an_array_never_does(made: Callable[[], Capabilities], never: str) -> None:
    capabilities = made()
    assert [operation for operation in OPERATIONS if no(capabilities, operation)] == sorted(never.split())


def test_what_an_array_reports_of_its_snapshots_and_mappings() -> None:
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


def test_an_old_violin_has_neither_iscsi_nor_encryption() -> None:
    assert violin.capabilities((7, 5, 3), False, False).protocols == (FC,)
    assert violin.capabilities((7, 5, 4), False, False).protocols == (FC, ISCSI)
    assert not violin.capabilities((7, 5, 5), False, False).volume_options
    encrypted = violin_7300().volume_options["encrypted"]
    assert encrypted.create_only
    assert encrypted.type is bool


def test_violin_has_dedup_volumes_where_it_reports_them() -> None:
    assert violin_7300(dedup=False).provisioning == (THICK, THIN)
    assert violin_7300().provisioning == (THICK, THIN, DEDUP)
    name = violin_7300().volume_name
    assert not violin.ConcertoCapabilities("violin", name, name, name).external


def test_a_thin_or_dedup_volume_of_violin_has_clones_like_itself() -> None:
    can = violin_7300()
    clone = Volume("c", GIB, provisioning=THIN, independent=False)
    snapshot = Snapshot("s", "v", GIB)
    for operation in ("clone_volume", "volume_from_snapshot"):
        for kind in (THIN, DEDUP):
            source = Volume("v", GIB, provisioning=kind)
            assert no(can, operation, source, spec=VolumeSpec("w", GIB, provisioning=kind)) == ""
            text = f"a copy of a {kind} volume is a thin clone"
            assert text in no(can, operation, source, spec=VolumeSpec("w", 2 * GIB))
            assert no(can, operation, source, spec=VolumeSpec("w", 2 * GIB)).endswith("copy and extend as thick")
            assert no(can, operation, source, spec=VolumeSpec("w", GIB, provisioning=THICK)).endswith(
                "leave provisioning out"
            )
            assert no(can, operation, source, spec=VolumeSpec("w", GIB, pool="p")).endswith("leave pool out")
            assert no(can, operation, source) == ""
        assert "thin or dedup volume" in no(can, operation, clone, spec=VolumeSpec("w", pool="p"))
        assert no(can, operation, snapshot, spec=VolumeSpec("w", pool="p")) == ""
        assert no(can, operation, None, spec=VolumeSpec("w", pool="p")) == ""
    assert no(can, "rename_volume", clone, spec=VolumeSpec("w", pool="p")) == ""


def test_a_thick_volume_of_violin_has_thick_copies() -> None:
    thick = Volume("v", GIB, provisioning=THICK)
    for provisioning in (None, THICK):
        spec = VolumeSpec("w", 2 * GIB, "p", provisioning)
        assert no(violin_7300(), "clone_volume", thick, spec=spec) == ""
    assert "a copy of a thick volume is thick" in no(
        violin_7300(), "clone_volume", thick, spec=VolumeSpec("w", provisioning=THIN)
    )
    for source in (thick, Snapshot("s", "v", GIB)):
        assert violin_7300().method("clone_volume", source).kind == "array_copy"
        assert violin_7300().method("clone_volume", source).independent
    for kind in (THIN, DEDUP):
        method = violin_7300().method("clone_volume", Volume("v", GIB, provisioning=kind))
        assert (method.kind, method.independent) == ("instant", False)


def test_which_volumes_violin_extends() -> None:
    dedup, clone = Volume("v", GIB, provisioning=DEDUP), Volume("v", GIB, provisioning=THIN, independent=False)
    assert "cannot extend a dedup volume" in no(violin_7300(), "extend_volume", dedup)
    assert no(violin_7700(), "extend_volume", dedup) == ""
    for can in (violin_7300(), violin_7700()):
        assert "keeps the size of its source" in no(can, "extend_volume", clone)
        assert no(can, "extend_volume", Volume("v", GIB, provisioning=THICK)) == ""
        assert no(can, "extend_volume") == ""
        assert no(can, "delete_volume", clone) == ""


def test_a_host_of_violin_has_one_protocol() -> None:
    can = violin_7300()
    assert no(can, "create_host", None, initiators=[FC_PORT]) == ""
    assert "declare two hosts" in no(can, "create_host", None, initiators=[FC_PORT, IQN])
    assert "declare two hosts" in no(can, "add_initiators", Host("h", initiators=(FC_PORT,)), initiators=[IQN])
    assert no(can, "add_initiators", Host("h", initiators=(IQN,)), initiators=[IQN]) == ""
    assert no(can, "add_initiators", Host("h")) == ""
    assert no(can, "delete_host", Host("h", initiators=(FC_PORT, IQN))) == ""


# -- datera ------------------------------------------------------------------------------------------------------------


def test_volumes_of_datera_that_share_an_app_instance_are_left_alone() -> None:
    can = datera.capabilities(True)
    shared = Volume("v", GIB, siblings=("w", "x"))
    for operation, what in (
        ("map_volume", "the access list is"),
        ("delete_volume", "going offline"),
        ("rename_volume", "the name is"),
    ):
        assert what in no(can, operation, shared)
        assert "which has w, x as well" in no(can, operation, shared)
        assert no(can, operation, Volume("v", GIB)) == ""
        assert no(can, operation) == ""
    assert no(can, "extend_volume", shared) == ""
    assert "the IP pool is" in no(can, "set_volume", shared, options={"ip_pool": "p"})
    assert no(can, "set_volume", shared, options={"replica_count": 1}) == ""
    assert no(can, "set_volume", shared) == ""
    assert no(can, "extend_volume", shared, options={"ip_pool": "p"}) == ""
    assert no(can, "set_volume", Volume("v", GIB), options={"ip_pool": "p"}) == ""
    assert no(can, "explicit_lun", shared)


@pytest.mark.parametrize(
    ("present", "requested", "refused"),
    [(3, 2, True), (3, 3, False), (3, 4, False), (None, 2, False), (3, None, False), ("3", 2, False), (3, "2", False)],
)
def test_datera_never_lowers_the_number_of_replicas(present: Any, requested: Any, refused: bool) -> None:
    volume = Volume("v", GIB, options={"replica_count": present})
    text = no(datera.capabilities(True), "set_volume", volume, options={"replica_count": requested})
    assert ("never lowers replica_count, which is 3" in text) is refused
    assert bool(text) is refused


@pytest.mark.parametrize("operation", ["restore_snapshot", "volume_from_snapshot"])
def test_a_snapshot_of_an_app_instance_of_datera_is_used_where_the_volume_has_it(operation: str) -> None:
    can = datera.capabilities(True)
    for identifier, refused in (("/app_instances/a/snapshots/1", True), ("/a/storage_instances/s/snapshots/1", False)):
        snapshot = Snapshot("s", "a/v", GIB, id=identifier, group="a")
        assert ("complete app instance a" in no(can, operation, snapshot)) is refused
        assert no(can, operation, Snapshot("s", "v", GIB, id=identifier)) == ""
        assert no(can, "map_snapshot", snapshot), "what is refused for every snapshot is refused for this one"


def test_a_snapshot_of_several_volumes_of_datera_is_not_deleted_for_one() -> None:
    can = datera.capabilities(True)
    for volume, refused in (("a/v", True), ("v", False), (None, False)):
        snapshot = Snapshot("s", volume, GIB, group="a")
        assert ("for its other volumes too" in no(can, "delete_snapshot", snapshot)) is refused
    assert no(can, "delete_snapshot", Snapshot("s", "a/v", GIB)) == ""
    assert no(can, "delete_snapshot", Volume("a/v", GIB)) == ""


def test_options_of_volumes_of_datera() -> None:
    assert "placement_policy" in datera.capabilities(True).volume_options
    options = datera.capabilities(False).volume_options
    assert sorted(options) == sorted((*datera.QOS, "replica_count", "placement_mode", "ip_pool", "template"))
    assert {name for name, rule in options.items() if rule.create_only} == {"template"}
    assert options["total_bandwidth_max"].description == "KiB per second, 0 for no limit"
    assert options["total_iops_max"].description == "requests per second, 0 for no limit"
    assert options["replica_count"].choices == (1, 2, 3, 4, 5)
    assert options["placement_mode"].choices == ("hybrid", "single_flash", "all_flash")
    assert len(datera.QOS) == 6
    method = datera.capabilities(True).method("clone_volume")
    assert (method.kind, method.independent) == ("array_copy", True)


def test_names_that_datera_can_have() -> None:
    assert datera.may_be_named("db1")
    assert not datera.may_be_named("bad/name")
    assert not datera.may_be_named("db1\n")


# -- dsware ------------------------------------------------------------------------------------------------------------


def test_a_host_of_dsware_without_initiators_must_have_an_agent_or_be_this_host() -> None:
    both = dsware.capabilities(REST, False, frozenset({"here", "h.example"}), ["a", "b"], True)
    text = no(both, "create_host", None, host="x", initiators=())
    assert "nothing attaches volumes to host x" in text
    assert "agents has a, b, and this host is called h.example, here. " in text
    assert text.endswith("or give its initiators")
    assert no(both, "create_host", None, host=Host("x")) == text
    assert no(both, "create_host", None, host="x", initiators=[IQN]) == ""
    assert no(both, "create_host") == ""
    assert no(dsware_rest(), "create_host", None, host="x") == ""
    socket = no(dsware_socket(by_tool=True), "create_host", None, host="x")
    assert socket.endswith("this host is called here. Use one of these names")
    assert no(dsware_socket("a"), "create_host", None, host="x").endswith("agents has a. Use one of these names")
    assert "attach_tool" in no(dsware_socket(), "create_host", None, host="x")
    assert "attach_tool" in no(dsware_socket("a"), "create_host")
    assert "nothing attaches" not in no(both, "delete_host", None, host="x")


def test_what_an_agent_of_dsware_attaches_is_known_on_its_host_only() -> None:
    can = dsware_rest("a")
    here, elsewhere, initiators = Host("HERE", kind=AGENT), Host("a", kind=AGENT), Host("a")
    assert no(can, "map_volume", None, host=here) == ""
    assert "delegate it there" in no(can, "map_volume", None, host=elsewhere)
    assert no(can, "map_volume", None, host=initiators) == ""
    assert no(can, "map_volume", None, host="a") == ""
    assert no(can, "delete_volume", None, host=elsewhere) == ""
    for host in (elsewhere, initiators, "a"):
        assert "attached to host a," in no(can, "unmap_volume", None, host=host)
    assert no(can, "unmap_volume", None, host=here) == ""
    assert no(can, "unmap_volume", None, host="here") == ""
    assert no(can, "unmap_volume") == ""
    for operation in ("add_initiators", "remove_initiators", "delete_host"):
        assert "attached to by an agent" in no(can, operation, elsewhere)
        assert no(can, operation, initiators) == ""
        assert no(can, operation) == ""
    assert no(can, "chap_of_nothing", elsewhere) == ""


def test_whose_mappings_dsware_reports() -> None:
    def known(transport: str, names: Any, agents: Any = (), by_tool: bool = False) -> str:
        return dsware.capabilities(transport, False, frozenset(names), agents, by_tool).mappings_known

    assert known(REST, ["here"]) == "of_all_hosts"
    assert known(REST, ["here"], ["a"]) == "of_this_host"
    assert known(REST, ["here"], by_tool=True) == "of_this_host"
    assert known(REST, [], ["a"]) == "of_no_host"
    assert known(SOCKET, ["here"]) == "of_this_host"
    assert known(SOCKET, []) == "of_no_host"


def test_what_dsware_offers_over_each_interface() -> None:
    assert dsware_rest().protocols == (ISCSI,)
    assert dsware_socket().protocols == ()
    assert not dsware_socket().volume_options
    for can in (dsware_rest(), dsware.capabilities(SOCKET, True, frozenset())):
        rule = can.volume_options["full_clone"]
        assert rule.create_only
        assert not rule.reported
        method = can.method("clone_volume")
        assert (method.kind, method.independent) == ("instant", True)
    name = dsware_rest().volume_name
    assert not dsware.DswareCapabilities("dsware", name, name, name).by_tool
    assert dsware.capabilities(REST, False, frozenset(), by_tool=True).by_tool
    assert dsware_rest().refusal("create_host", None, host="x") is None


# -- flashsystem -------------------------------------------------------------------------------------------------------


def test_flashsystem_copies_only_where_the_host_has_a_path() -> None:
    can, cannot = flashsystem.capabilities(lambda: None), flashsystem.capabilities(lambda: "no port is logged in")
    for operation in ("create_snapshots", "clone_volume", "volume_from_snapshot"):
        assert no(can, operation) == ""
        assert "no path to the array: no port is logged in; delegate" in no(cannot, operation)
    assert no(cannot, "extend_volume") == ""
    assert "no CHAP" in no(cannot, "chap")
    method = can.method("clone_volume")
    assert (method.kind, method.independent) == ("host_copy", True)
    assert can == cannot, "the path is no property of the array"


# -- xtremio -----------------------------------------------------------------------------------------------------------


def test_the_name_of_a_volume_of_xtremio_has_room_for_a_suffix() -> None:
    can = xtremio.capabilities(True)
    assert can.volume_name.longest < can.host_name.longest
    assert can.snapshot_name == can.volume_name
    assert re.match(can.volume_name.pattern, "db1")
