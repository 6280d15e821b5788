# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of every task on every array: random contents, tasks, permissions and kills."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, assume, event, given, settings, strategies as st

from ansible_collections.openflash.storage.plugins.module_utils.openflash import report
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    FlashError,
    Invalid,
    Refused,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Capabilities,
    Host,
    Initiator,
    Listing,
    Mapping,
    Snapshot,
    Unreadable,
    Volume,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import (
    desired as requested,
    steps as s,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.desired import DesiredState
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.planner import plan
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.rules import Policy
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.world import Actual
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import is_openstack_name
from tests.support.memory_array import GIB, MemoryArray, MemoryCapabilities
from tests.support.planning import Task

UUID = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"
VOLUMES = ["v1", "v2", "v3", "v4", "volume-" + UUID]
SNAPSHOTS = ["s1", "s2", "pre-1", "pre-2", "v1"]
HOSTS = ["h1", "h2", "Managed by OpenStack h"]
IQN = "iqn.2026-01.org.example:"
ADDRESSES = [IQN + name for name in ("i1", "i2", "i3")]
LUNS = st.one_of(st.none(), st.integers(0, 4))
SIZES = [GIB, 2 * GIB, 3 * GIB]

WITHOUT_DEADLINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
volume_names, snapshot_names, host_names = (st.sampled_from(names) for names in (VOLUMES, SNAPSHOTS, HOSTS))


# -- random arrays -----------------------------------------------------------------------------------------------------


@dataclass
class Content:
    """The content of an array, as a list of calls that Hypothesis can shrink."""

    capabilities: dict[str, Any]
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def array(self) -> MemoryArray:
        array = MemoryArray(**copy.deepcopy(self.capabilities))
        for method, args, fields in self.calls:
            try:
                getattr(array, method)(*args, **fields)
            except (FlashError, KeyError, IndexError):
                pass  # the calls are random, and an impossible one adds nothing
        return array


@st.composite
def contents(draw: Any) -> Content:
    content = Content(
        {
            "snapshot_names": draw(st.sampled_from(["per_volume", "with_volumes"])),
            "clones_depend": draw(st.booleans()),
            "reports_mappings": draw(st.booleans()),
            "refusals": draw(
                st.dictionaries(
                    st.sampled_from(["rename_volume", "clone_volume", "groups", "extend_volume", "explicit_lun"]),
                    st.just("this array cannot do that"),
                    max_size=1,
                )
            ),
        }
    )
    used_names = set()
    for name in draw(st.lists(volume_names, unique=True)):
        content.calls.append(("volume", (name, draw(st.sampled_from(SIZES))), {}))
        used_names.add(name)
    pairs = st.tuples(volume_names, snapshot_names)
    for volume, name in draw(st.lists(pairs, unique=True, max_size=5)):
        if content.capabilities["snapshot_names"] == "with_volumes" and name in used_names:
            continue
        used_names.add(name)
        proven = draw(st.sampled_from([True, True, False]))
        content.calls.append(("snapshot", (volume, name), {"proven": proven}))
    for name in draw(st.lists(st.sampled_from(["c1", "c2"]), unique=True)):
        content.calls.append(("clone", (draw(st.one_of(volume_names, snapshot_names)), name), {}))
    for name, address in zip(draw(st.lists(host_names, unique=True)), ADDRESSES):
        content.calls.append(("host", (name, address), {}))
    for volume, host in draw(st.lists(st.tuples(volume_names, host_names), unique=True, max_size=5)):
        content.calls.append(("map", (volume, host, draw(LUNS)), {"open": draw(st.sampled_from([None, False, True]))}))
    return content


# -- random tasks ------------------------------------------------------------------------------------------------------


def drop_none(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


volume_items = st.fixed_dictionaries(
    {
        "name": st.one_of(volume_names, st.sampled_from(["c1", "n1", "bad/name"])),
        "state": st.sampled_from(["present", "present", "absent"]),
        "size": st.sampled_from([None, "1GiB", "2GiB", "1500MiB", "4GiB"]),
        "source_volume": st.one_of(st.none(), volume_names),
        "source_snapshot": st.one_of(st.none(), st.none(), snapshot_names),
        "rename_from": st.one_of(st.none(), st.none(), volume_names),
        "group": st.sampled_from([None, None, "g1"]),
    }
).map(drop_none)

snapshot_items = st.fixed_dictionaries(
    {
        "name": snapshot_names,
        "volume": st.one_of(volume_names, volume_names, st.none()),
        "state": st.sampled_from(["present", "present", "absent", "restored"]),
        "backup": st.sampled_from([None, "b1", "s2"]),
        "keep": st.sampled_from([None, 1, 2]),
        "prefix": st.sampled_from([None, "pre-"]),
    }
).map(drop_none)

map_items = st.fixed_dictionaries(
    {
        "host": st.one_of(host_names, st.just("n1")),
        "volume": st.one_of(volume_names, st.none()),
        "lun": LUNS,
        "state": st.sampled_from(["present", "present", "absent"]),
        "initiators": st.one_of(st.none(), st.lists(st.sampled_from(ADDRESSES + [IQN + "new"]), unique=True)),
        "exclusive": st.sampled_from([None, None, True]),
        "exclusive_initiators": st.sampled_from([None, None, True]),
    }
).map(drop_none)

host_items = st.fixed_dictionaries(
    {
        "name": st.one_of(host_names, st.just("n1")),
        "initiators": st.one_of(st.none(), st.lists(st.sampled_from(ADDRESSES), unique=True, max_size=2)),
        "exclusive_initiators": st.booleans(),
        "state": st.sampled_from(["present", "present", "present", "absent"]),
    }
).map(drop_none)

documents = st.fixed_dictionaries(
    {
        "volumes": st.lists(volume_items.map(lambda item: dict(item, state="present")), max_size=4),
        "snapshots": st.lists(st.fixed_dictionaries({"name": snapshot_names, "volume": volume_names}), max_size=3),
        "hosts": st.lists(host_items, max_size=3, unique_by=lambda item: item["name"]),
        "mappings": st.lists(
            st.fixed_dictionaries({"volume": volume_names, "host": host_names, "lun": LUNS}).map(drop_none), max_size=4
        ),
        "prune": st.booleans(),
        "prune_prefix": st.sampled_from(["volume-", "pre-", "Managed"]),
        "prune_limit": st.sampled_from([0, 1, 10]),
        "prune_kinds": st.lists(st.sampled_from(["volumes", "hosts", "snapshots"]), unique=True),
    }
)


def _tasks() -> Any:
    def accepted(build: Any, *args: Any) -> DesiredState | None:
        try:
            return build(*args)  # type: ignore[no-any-return]
        except (Invalid, Refused):
            return None

    return st.one_of(
        st.lists(volume_items, min_size=1, max_size=5).map(lambda items: accepted(requested.volumes, items, {})),
        st.tuples(st.lists(snapshot_items, min_size=1, max_size=4), st.booleans()).map(
            lambda drawn: accepted(requested.snapshots, drawn[0], {"atomic": drawn[1]})
        ),
        st.lists(map_items, min_size=1, max_size=5).map(lambda items: accepted(requested.host_maps, items, {})),
        documents.map(lambda options: accepted(requested.document, options)),
    ).filter(lambda desired_state: desired_state is not None)


tasks = _tasks()

policies = st.fixed_dictionaries({name: st.booleans() for name in Policy.__dataclass_fields__})


# -- properties --------------------------------------------------------------------------------------------------------

DESTRUCTIVE = (
    *(
        s.DeleteVolume,
        s.DeleteSnapshot,
        s.DeleteGroup,
        s.DeleteHost,
        s.RestoreSnapshot,
        s.RefreshVolume,
        s.RestoreGroup,
    ),
    *(s.RemoveFromGroup, s.RemoveInitiators, s.UnmapVolume),
)


@WITHOUT_DEADLINE
@given(contents(), tasks, policies)
def test_a_task_that_was_carried_out_changes_nothing_when_repeated(
    content: Content, desired_state: DesiredState, policy: dict[str, bool]
) -> None:
    array = content.array()
    task = Task(array, desired_state, **policy)
    event(f"{min(len(task.lines), 5)} steps, {min(len(task.errors), 3)} errors")
    applied = task.run(continue_on_error=True)
    assert applied.errors == {}, "the plan has a step that the array refuses"
    assert applied.not_done == ()
    repeated = Task(array, desired_state, **policy)
    for _run in range(4 if task.errors else 0):  # what was refused may be possible after the other steps
        assert repeated.run(continue_on_error=True).errors == {}
        repeated = Task(array, desired_state, **policy)
    assert repeated.lines == []
    assert set(repeated.plan.outcomes) == set(task.plan.outcomes)


CHOSEN_BY_THE_ARRAY = ("id", "created", "pool", "serial", "used", "lun", "size_text")


def comparable(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: comparable(value) for key, value in data.items() if key not in CHOSEN_BY_THE_ARRAY}
    return [comparable(item) for item in data] if isinstance(data, list) else data


def entry_data(task: Task) -> list[tuple[str, str, bool, Any]]:
    reporter, desired_state = task.reporter, task.desired
    entries = (
        report.volumes(reporter, desired_state)
        + report.snapshots(reporter, desired_state)
        + report.host_maps(reporter, desired_state)
    )
    return [(entry.kind, entry.name, entry.changed, entry.after) for entry in entries]


@WITHOUT_DEADLINE
@given(contents(), tasks, policies)
def test_the_prediction_is_the_result(content: Content, desired_state: DesiredState, policy: dict[str, bool]) -> None:
    array = content.array()
    task = Task(array, desired_state, **policy)
    predicted = entry_data(task)
    assert array.writes == []
    task.run(continue_on_error=True)
    result = entry_data(task)
    assert comparable([list(entry) for entry in predicted]) == comparable([list(entry) for entry in result])
    if task.errors:
        return  # what was refused may be planned next time
    # What the array reports afterwards is what was predicted, where the prediction has a value
    read_again = entry_data(Task(array, desired_state, **policy))
    for (kind, name, _changed, reported), (_kind, _name, _none, actual) in zip(result, read_again):
        for key, value in comparable(reported).items():
            if value is not None and comparable(actual)[key] is not None and key not in ("initiators", "snapshots"):
                assert comparable(actual)[key] == value, (kind, name, key)


@WITHOUT_DEADLINE
@given(contents(), tasks, policies)
def test_destructive_steps_come_last(content: Content, desired_state: DesiredState, policy: dict[str, bool]) -> None:
    batches = Task(content.array(), desired_state, **policy).plan.batches
    assert [batch.destructive for batch in batches] == sorted(batch.destructive for batch in batches)
    for batch in batches:
        for chain in batch.chains.values():
            kinds = [type(step) for step in chain]
            if not batch.destructive:
                assert not set(kinds) & set(DESTRUCTIVE)
            else:
                # also steps that wait for the removal of a mapping, or of an initiator of another host
                waiting = {s.MapVolume, s.CreateHost, s.AddInitiators}
                assert set(kinds) <= set(DESTRUCTIVE) | waiting
    assert {kind for kind in vars(s).values() if getattr(kind, "destructive", False)} == set(DESTRUCTIVE)


@WITHOUT_DEADLINE
@given(contents(), tasks, policies)
def test_a_plan_with_a_refusal_has_no_destructive_step(
    content: Content, desired_state: DesiredState, policy: dict[str, bool]
) -> None:
    plan_made = Task(content.array(), desired_state, **policy).plan
    if plan_made.errors:
        assert not any(step.destructive for step in plan_made.steps)
        assert not any(batch.destructive for batch in plan_made.batches)
    else:
        assert plan_made.withheld == ()


HOST_NAMES = ["h1", "h2", "h3", "n1"]
nodes = st.fixed_dictionaries(
    {
        "initiators": st.lists(st.sampled_from(ADDRESSES), unique=True, max_size=2),
        "exclusive_initiators": st.booleans(),
        "state": st.sampled_from(["present", "present", "present", "absent"]),
    }
)


@settings(WITHOUT_DEADLINE, max_examples=300)
@given(
    st.lists(st.sampled_from(HOST_NAMES[:3]), min_size=3, max_size=3),
    st.lists(st.tuples(st.sampled_from(["v1", "v2"]), st.sampled_from(HOST_NAMES[:3])), max_size=2, unique=True),
    st.dictionaries(st.sampled_from(HOST_NAMES), nodes, min_size=2),
    st.lists(st.tuples(st.sampled_from(["v1", "v2"]), st.sampled_from(HOST_NAMES)), max_size=2, unique=True),
    policies,
    st.randoms(use_true_random=False),
)
def test_every_accepted_plan_of_hosts_can_be_carried_out(
    owners: list[str],
    mapped: list[tuple[str, str]],
    hosts: dict[str, dict[str, Any]],
    mappings: list[tuple[str, str]],
    policy: dict[str, bool],
    order: Any,
) -> None:
    """Random owners of initiators before and in the document, in any order of its hosts."""
    array = MemoryArray()
    for name in HOST_NAMES[:3]:
        array.host(name, *[address for address, owner in zip(ADDRESSES, owners) if owner == name])
    for name in ("v1", "v2"):
        array.volume(name)
    for volume, host in mapped:
        array.map(volume, host)
    described = [{"name": name, **options} for name, options in hosts.items()]
    order.shuffle(described)
    desired_state = requested.document(
        {"hosts": described, "mappings": [{"volume": volume, "host": host} for volume, host in mappings]}
    )
    task = Task(array, desired_state, **policy)
    event("refused" if task.errors else "accepted")
    applied = task.run(continue_on_error=True)
    assert (applied.errors, applied.not_done) == ({}, ())
    assert applied.done == task.plan.steps
    for desired in desired_state.hosts if not task.errors else ():
        existing = array.hosts([desired.name]).named(desired.name)
        assert (existing is None) == (desired.state == "absent")
        if existing is not None:
            requested_addresses = {initiator.address for initiator in desired.initiators or ()}
            assert requested_addresses <= set(existing.addresses)
            assert not desired.exclusive_initiators or requested_addresses == set(existing.addresses)


def removals_of(task: Task) -> tuple[set[str], set[tuple[str, str]], set[tuple[str, str]], set[str]]:
    """The volumes, snapshots, mappings and hosts that the plan removes."""
    volumes, snapshots, mappings, hosts = set(), set(), set(), set()
    for step in task.plan.steps:
        if isinstance(step, s.DeleteVolume):
            volumes.add(step.name)
        elif isinstance(step, s.DeleteSnapshot):
            snapshots.add(step.snapshot[1:3])
        elif isinstance(step, s.UnmapVolume):
            mappings.add((step.host, step.volume))
        elif isinstance(step, s.DeleteHost):
            hosts.add(step.name)
    return volumes, snapshots, mappings, hosts  # type: ignore[return-value]


@WITHOUT_DEADLINE
@given(contents(), tasks, policies)
def test_nothing_is_removed_without_the_option_that_permits_it(
    content: Content, desired_state: DesiredState, policy: dict[str, bool]
) -> None:
    array = content.array()
    task = Task(array, desired_state, **policy)
    volumes, snapshots, mappings, hosts = removals_of(task)
    renamed = {step.name: step.to for step in task.plan.steps if isinstance(step, s.RenameVolume)}
    declared_absent = {desired.name for desired in desired_state.volumes if desired.state == "absent"}
    named_mappings = {(desired.host, desired.volume) for desired in desired_state.mappings}
    exclusive = desired_state.exclusive_hosts
    for volume in array.volumes():
        if renamed.get(volume.name, volume.name) not in volumes:
            continue
        if not policy["openstack_owned"]:
            assert not is_openstack_name(volume.name) or volume.name in renamed
        if array._maps_of(volume.id) and not policy["unmap"]:
            remaining = {mapping.host for mapping in array._maps_of(volume.id)} - {host for host, _volume in mappings}
            assert not remaining
        if volume.name not in declared_absent and volume.name not in renamed:
            assert desired_state.prune is not None
            assert volume.name.startswith(desired_state.prune.prefix)
            assert "volumes" in desired_state.prune.kinds
            assert desired_state.volumes or policy["allow_empty"]
            assert not array._maps_of(volume.id), "pruned although mapped"
    for snapshot in array.snapshots():
        if (snapshot.volume or "", snapshot.name) not in snapshots:
            continue
        named = any(desired.name == snapshot.name and desired.state == "absent" for desired in desired_state.snapshots)
        with_volume = snapshot.volume in declared_absent and policy["delete_snapshots"]
        if not named:
            assert snapshot.proven
        if not (named or with_volume):
            assert not snapshot.children
            assert not array._maps_of(snapshot.id)
            assert desired_state.prune is not None or desired_state.retentions
            if not desired_state.retentions:
                assert desired_state.prune is not None
                assert "snapshots" in desired_state.prune.kinds
                assert desired_state.snapshots or policy["allow_empty"]
                assert snapshot.volume not in {desired.name for desired in desired_state.volumes}
        if is_openstack_name(snapshot.name):
            assert policy["openstack_owned"]
    for mapping in array.mappings():
        volume_name = renamed.get(mapping.volume, mapping.volume)
        if (mapping.host, volume_name) not in mappings:
            continue
        assert not mapping.open or policy["force"]
        if is_openstack_name(mapping.host) or is_openstack_name(volume_name):
            assert policy["openstack_owned"]
        if (mapping.host, volume_name) not in named_mappings and mapping.host not in exclusive:
            assert policy["unmap"]
    for host in array.hosts():
        if host.name in hosts:
            present = {mapping.volume for mapping in array.mappings(hosts=[host.name])}
            assert present <= {volume_name for host_name, volume_name in mappings if host_name == host.name}
            assert not is_openstack_name(host.name) or policy["openstack_owned"]
            if desired_state.prune is not None:
                assert "hosts" in desired_state.prune.kinds
                assert desired_state.hosts or policy["allow_empty"]
    for step in task.plan.steps:
        if isinstance(step, s.RemoveInitiators) and set(array._hosts[step.name].addresses) == set(step.addresses):
            assert policy["force"] or not array.mappings(hosts=[step.name]).items
            assert policy["allow_empty"] or any(
                desired.name == step.name and desired.initiators for desired in desired_state.hosts
            )
    for host_name in exclusive:
        if not policy["allow_empty"] and {volume for host, volume in mappings if host == host_name}:
            assert any(desired.host == host_name for desired in desired_state.mappings)


class Killed(BaseException):
    pass


@WITHOUT_DEADLINE
@given(contents(), tasks, policies, st.integers(0, 6))
def test_a_killed_task_comes_to_the_same_state_when_it_is_repeated(
    content: Content, desired_state: DesiredState, policy: dict[str, bool], writes_before_kill: int
) -> None:
    undisturbed, array = content.array(), content.array()
    complete = Task(undisturbed, desired_state, **policy)
    # What is refused may depend on what exists, so with a refusal there is no single final state
    assume(not complete.errors)
    complete.run()
    write = array._write

    def write_until_killed(method: str, *args: Any) -> None:
        if len(array.writes) == writes_before_kill:
            raise Killed
        write(method, *args)

    try:
        with mock.patch.object(array, "_write", write_until_killed):
            Task(array, desired_state, **policy).run()
    except Killed:
        event("killed")
    repeated = Task(array, desired_state, **policy)
    assert repeated.errors == []
    assert repeated.run().errors == {}
    expected, actual = undisturbed.names(), array.names()
    if any(desired.lun is None for desired in desired_state.mappings):
        expected["mappings"], actual["mappings"] = (
            [text.rsplit(" ", 1)[0] for text in names["mappings"]] for names in (expected, actual)
        )
    assert actual == expected


# -- no exception ------------------------------------------------------------------------------------------------------

names = st.sampled_from(["v1", "v2", "s1", "h1", "pre-1", "OS-" + UUID, "", "volume-" + UUID])
optional_names = st.one_of(st.none(), names)
mappings = st.builds(Mapping, names, names, LUNS, open=st.sampled_from([None, True, False]))
maybe_mappings = st.one_of(st.none(), st.lists(mappings, max_size=2).map(tuple))
unreadables = st.lists(
    st.builds(Unreadable, st.sampled_from(["volume", "snapshot", "host", "mapping"]), names, st.just("why")), max_size=1
).map(tuple)


def listings(items: Any) -> Any:
    return st.builds(Listing, st.lists(items, max_size=4).map(tuple), unreadables, st.booleans())


actuals = st.builds(
    Actual,
    volumes=listings(
        st.builds(
            Volume,
            names,
            st.sampled_from(SIZES),
            state=st.sampled_from(["ready", "copying", "deleting", "error"]),
            source=optional_names,
            independent=st.booleans(),
            mappings=maybe_mappings,
            snapshots=st.one_of(st.none(), st.just(()), st.just(("s1",))),
            groups=st.sampled_from([None, (), ("g1",)]),
            siblings=st.sampled_from([(), ("v9",)]),
        )
    ),
    snapshots=listings(
        st.builds(
            Snapshot,
            names,
            optional_names,
            st.just(GIB),
            created=st.sampled_from([None, "1", "2"]),
            proven=st.booleans(),
            mappings=maybe_mappings,
            children=st.one_of(st.none(), st.lists(names, max_size=1).map(tuple)),
        )
    ),
    hosts=listings(
        st.builds(
            Host,
            names,
            initiators=st.lists(
                st.builds(Initiator, st.sampled_from(ADDRESSES), st.just("iscsi"), logged_in=st.booleans()), max_size=2
            ).map(tuple),
            volumes=st.sampled_from([None, 0, 1]),
        )
    ),
    mappings=listings(mappings),
    hosts_asked=st.one_of(st.none(), st.frozensets(names)),
)

capabilities = st.builds(
    MemoryCapabilities,
    snapshot_names=st.sampled_from(["per_volume", "per_array", "with_volumes"]),
    clones_depend=st.booleans(),
    proves_snapshots=st.booleans(),
    mappings_known=st.sampled_from(["of_all_hosts", "of_this_host", "of_no_host"]),
)


@WITHOUT_DEADLINE
@given(tasks, actuals, policies, capabilities)
def test_planning_raises_no_exception_whatever_was_read(
    desired_state: DesiredState, actual: Actual, policy: dict[str, bool], capabilities_of_array: Capabilities
) -> None:
    plan_made = plan(desired_state, actual, Policy(**policy), capabilities_of_array)
    for outcome in plan_made.outcomes.values():
        assert outcome.error is None or outcome.error.doing or len(plan_made.outcomes) > 1
        assert outcome.error is None or outcome.steps == []
    planned = {id(step) for step in plan_made.steps}
    assert planned == {id(step) for outcome in plan_made.outcomes.values() for step in outcome.steps}
    keys = {("volume", desired.name) for desired in desired_state.volumes} | {
        ("host", desired.name) for desired in desired_state.hosts
    }
    assert keys <= set(plan_made.outcomes)
    reporter = report.Reporter(plan_made, None)
    for entry in report.volumes(reporter, desired_state) + report.snapshots(reporter, desired_state):
        assert entry.as_data()["state"]
    assert all(entry.before["state"] for entry in report.host_maps(reporter, desired_state) + reporter.removed())
