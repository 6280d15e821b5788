# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What shall be on the array, as plain values, built from the options that people write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, List, Mapping as Map, Optional, Sequence, Tuple, TypeVar

from ..errors import Invalid, Refused, context
from ..model import Chap, Initiator
from ..units import parse_initiator, parse_size

PRESENT, ABSENT, RESTORED = "present", "absent", "restored"
ON_CREATE, ALWAYS = "on_create", "always"

VOLUMES, SNAPSHOTS, HOSTS = "volumes", "snapshots", "hosts"
PRUNED_BY_DEFAULT = (VOLUMES, HOSTS)
"""Not snapshots: they are taken by other tasks than the one that declares their volumes."""

SHORTEST_PREFIX = 3
"""Prune and retention act on names that begin so; shorter is too easily everything."""

Options = Map[str, Any]

W = TypeVar("W")


@dataclass(frozen=True)
class DesiredVolume:
    name: str
    state: str = PRESENT
    size: Optional[int] = None
    pool: Optional[str] = None
    provisioning: Optional[str] = None
    source_volume: Optional[str] = None
    source_snapshot: Optional[str] = None
    rename_from: Optional[str] = None
    group: Optional[str] = None
    options: Map[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, options: Options) -> DesiredVolume:
        name, size = _name(options), options.get("size")
        with context(doing="read the options of volume %s" % name, target=name):
            wanted = None if size is None else parse_size(size)
        return cls(
            name=name,
            state=options.get("state") or PRESENT,
            size=wanted,
            pool=options.get("pool"),
            provisioning=options.get("provisioning"),
            source_volume=options.get("source_volume"),
            source_snapshot=options.get("source_snapshot"),
            rename_from=options.get("rename_from") if options.get("rename_from") != name else None,
            group=options.get("group"),
            options=dict(options.get("array_options") or {}),
        )


@dataclass(frozen=True)
class DesiredSnapshot:
    name: str
    volume: Optional[str] = None
    group: Optional[str] = None
    state: str = PRESENT
    backup: Optional[str] = None
    quiesced: bool = False
    """Nothing writes to the volume, though a host has it."""

    @classmethod
    def of(cls, options: Options) -> DesiredSnapshot:
        desired = cls(
            name=_name(options),
            volume=options.get("volume"),
            group=options.get("group"),
            state=options.get("state") or PRESENT,
            backup=options.get("backup"),
            quiesced=bool(options.get("quiesced")),
        )
        if desired.volume and desired.group:
            raise Invalid("snapshot %s is given both a volume and a group" % desired.name, hint="Give one of the two.")
        if desired.state == PRESENT and not (desired.volume or desired.group):
            raise Invalid("snapshot %s needs the volume (or group) that it is taken of" % desired.name)
        if desired.state == RESTORED and not (desired.volume and desired.backup):
            raise Invalid(
                "restoring snapshot %s needs volume and backup" % desired.name,
                hint="The present content of the volume is kept first, as a snapshot under the name given as backup.",
            )
        if desired.backup and desired.state != RESTORED:
            raise Invalid("snapshot %s has a backup, which is used only with state: restored" % desired.name)
        if desired.backup == desired.name:
            raise Invalid("the backup cannot have the name of snapshot %s itself" % desired.name)
        return desired


@dataclass(frozen=True)
class DesiredRetention:
    """Keep the newest snapshots of a volume whose name begins with the prefix."""

    prefix: str
    keep: int
    volume: str

    def __post_init__(self) -> None:
        check_prefix(self.prefix)
        if self.keep < 1:
            raise Invalid("keep: %d would remove every snapshot" % self.keep, hint="Keep at least 1.")


@dataclass(frozen=True)
class DesiredHost:
    name: str
    state: str = PRESENT
    initiators: Optional[Tuple[Initiator, ...]] = None
    exclusive_initiators: bool = False
    os: Optional[str] = None
    chap: Optional[Chap] = None
    update_secret: str = ON_CREATE

    @classmethod
    def of(cls, options: Options, name_option: str = "name") -> DesiredHost:
        name = _name(options, name_option)
        return cls(
            name=name,
            state=options.get("state") or PRESENT,
            initiators=initiators_of(name, options.get("initiators")),
            exclusive_initiators=_exclusive_initiators(name, options),
            os=options.get("os"),
            chap=chap_of(options),
            update_secret=options.get("update_secret") or ON_CREATE,
        )


@dataclass(frozen=True)
class DesiredMapping:
    volume: str
    host: str
    lun: Optional[int] = None
    state: str = PRESENT

    @classmethod
    def of(cls, options: Options) -> DesiredMapping:
        lun = options.get("lun")
        if lun is not None and lun < 0:
            raise Invalid("LUN %d is not possible" % lun, hint="The option lun is 0 or more.")
        return cls(
            volume=_name(options, "volume"), host=_name(options, "host"), lun=lun, state=options.get("state") or PRESENT
        )


@dataclass(frozen=True)
class DesiredPrune:
    """Remove what begins with the prefix and is not declared; at most so many objects, or none."""

    prefix: str
    limit: int = 10
    kinds: Tuple[str, ...] = PRUNED_BY_DEFAULT

    def __post_init__(self) -> None:
        check_prefix(self.prefix)
        if self.limit < 0:
            raise Invalid("the option prune_limit cannot be less than 0", hint="With 0, prune removes nothing at all.")


@dataclass(frozen=True)
class DesiredState:
    """Everything that one task asks for."""

    volumes: Tuple[DesiredVolume, ...] = ()
    snapshots: Tuple[DesiredSnapshot, ...] = ()
    atomic: bool = False
    """Take all snapshots of the task at one instant, or none."""
    retentions: Tuple[DesiredRetention, ...] = ()
    hosts: Tuple[DesiredHost, ...] = ()
    maps: Tuple[DesiredMapping, ...] = ()
    exclusive_maps: FrozenSet[str] = frozenset()
    """Hosts that shall have the mappings of this task and no others."""
    prune: Optional[DesiredPrune] = None


def volumes(items: Sequence[Options], params: Options) -> DesiredState:
    """flash_volume."""
    _check_not_empty("volumes", items, params)
    return DesiredState(volumes=_volumes("the task", items))


def _volumes(where: str, items: Sequence[Options]) -> Tuple[DesiredVolume, ...]:
    desired_items = unique(where, [DesiredVolume.of(item) for item in items], "name")
    new_names: Dict[str, str] = {}
    for desired in desired_items:
        if desired.rename_from and desired.state == PRESENT:
            if desired.rename_from in new_names:
                raise Invalid(
                    "volumes %s and %s shall both be renamed from %s"
                    % (new_names[desired.rename_from], desired.name, desired.rename_from),
                    hint="Give rename_from to one of them.",
                )
            new_names[desired.rename_from] = desired.name
    for name in new_names:
        seen = {name}
        while new_names.get(name) is not None:
            name = new_names[name]
            if name in seen:
                raise Invalid("volumes %s shall be renamed in a circle" % " and ".join(sorted(seen)))
            seen.add(name)
    return desired_items


def _maps(where: str, desired_items: Sequence[DesiredMapping]) -> Tuple[DesiredMapping, ...]:
    found = unique(where, desired_items, "host", "volume")
    taken: Dict[Tuple[str, Optional[int]], str] = {}
    for desired in found:
        if desired.lun is not None and desired.state == PRESENT:
            other = taken.setdefault((desired.host, desired.lun), desired.volume)
            if other != desired.volume:
                raise Invalid(
                    "volumes %s and %s shall both be LUN %d of host %s"
                    % (other, desired.volume, desired.lun, desired.host),
                    hint="Give each its own LUN, or leave lun out to get free ones.",
                )
    return found


def snapshots(items: Sequence[Options], params: Options) -> DesiredState:
    """flash_snapshot."""
    _check_not_empty("snapshots", items, params)
    desired_items = unique("the task", [DesiredSnapshot.of(item) for item in items], "volume", "group", "name")
    _check_snapshots(desired_items)
    retentions: Dict[Tuple[str, str], DesiredRetention] = {}
    for item, desired in zip(items, desired_items):
        keep, prefix = item.get("keep"), item.get("prefix")
        if keep is None and prefix is None:
            continue
        if keep is None or prefix is None or desired.volume is None or desired.state != PRESENT:
            raise Invalid("the options keep and prefix go together, with a volume and state: present")
        if not desired.name.startswith(prefix):
            raise Invalid("snapshot %s does not begin with the prefix %r that keep counts" % (desired.name, prefix))
        known = retentions.setdefault((desired.volume, prefix), DesiredRetention(prefix, keep, desired.volume))
        if known.keep != keep:
            raise Invalid("the option keep is given as %d and %d for volume %s" % (known.keep, keep, desired.volume))
    return DesiredState(
        snapshots=desired_items, atomic=bool(params.get("atomic")), retentions=tuple(retentions.values())
    )


def _check_snapshots(desired_items: Sequence[DesiredSnapshot]) -> None:
    anywhere = {desired.name for desired in desired_items if not desired.volume and not desired.group}
    restored: Dict[str, str] = {}
    for desired in desired_items:
        if desired.volume and desired.name in anywhere:
            raise Invalid(
                "the task names %s with its volume and without" % desired.name, hint="Give the volume in both."
            )
        if desired.state == RESTORED and restored.setdefault(str(desired.volume), desired.name) != desired.name:
            raise Invalid(
                "volume %s shall be restored from %s and from %s"
                % (desired.volume, restored[str(desired.volume)], desired.name)
            )


def host_maps(items: Sequence[Options], params: Options) -> DesiredState:
    """flash_host_map: hosts with their initiators, and what is mapped to them."""
    _check_not_empty("maps", items, params)
    if not items and params.get("exclusive") and params.get("host"):
        items = [params]  # allow_empty permits it: the host shall have no volume
    hosts: Dict[str, DesiredHost] = {}
    maps: List[DesiredMapping] = []
    exclusive = set()
    for item in items:
        name = _name(item, "host")
        mapped = item.get("volume") is not None
        if mapped:
            maps.append(DesiredMapping.of(item))
        if item.get("exclusive"):
            if item.get("state") == ABSENT:
                raise Invalid("the option exclusive goes with state: present")
            exclusive.add(name)
        if mapped and item.get("state") == ABSENT:
            continue  # taking a mapping away says nothing about the host
        if item.get("lun") is not None and not mapped:
            raise Invalid("the option lun needs the volume that it is for")
        desired = DesiredHost.of(item, "host")
        known = hosts.setdefault(name, desired)
        if known == DesiredHost(name):
            hosts[name] = desired
        elif desired not in (known, DesiredHost(name)):
            raise Invalid(
                "host %s is described in two ways in one task" % name,
                hint="Give its initiators and other properties once, or the same every time.",
            )
    return DesiredState(
        hosts=tuple(hosts.values()),
        maps=_maps("the task", maps),
        exclusive_maps=frozenset(exclusive),
    )


def document(params: Options) -> DesiredState:
    """flash_array: the content of an array as one document."""
    prune = None
    if params.get("prune"):
        limit, kinds = params.get("prune_limit"), params.get("prune_kinds")
        prune = DesiredPrune(
            params.get("prune_prefix") or "",
            10 if limit is None else limit,
            PRUNED_BY_DEFAULT if kinds is None else tuple(dict.fromkeys(kinds)),
        )
    return DesiredState(
        volumes=_volumes("volumes", params.get("volumes") or ()),
        snapshots=unique("snapshots", [DesiredSnapshot.of(i) for i in params.get("snapshots") or ()], "volume", "name"),
        hosts=unique("hosts", [DesiredHost.of(item) for item in params.get("hosts") or ()], "name"),
        maps=_maps("mappings", [DesiredMapping.of(item) for item in params.get("mappings") or ()]),
        prune=prune,
    )


def _check_not_empty(plural: str, items: Sequence[Options], params: Options) -> None:
    """Refused when the list of a task that takes away is empty, which is a look-up that found nothing, or is meant."""
    state = params.get("state") or PRESENT
    if items or params.get("allow_empty"):
        return
    if state != PRESENT or params.get("exclusive"):
        raise Refused(
            "the list %s is empty, with %s" % (plural, "exclusive: true" if state == PRESENT else "state: " + state),
            hint="Give the objects that are meant, or set allow_empty: true when there may be none.",
        )


def unique(where: str, desired_items: Sequence[W], *keys: str) -> Tuple[W, ...]:
    """The desired objects as they are, or Invalid when two of them are about the same object."""
    seen = set()
    for desired in desired_items:
        key = tuple(getattr(desired, name) for name in keys)
        if key in seen:
            raise Invalid("%s names %s twice" % (where, " / ".join(str(part) for part in key if part is not None)))
        seen.add(key)
    return tuple(desired_items)


def initiators_of(host: str, texts: Optional[Sequence[str]]) -> Optional[Tuple[Initiator, ...]]:
    if texts is None:
        return None
    found: Dict[str, Initiator] = {}
    for text in texts:
        with context(doing="read the initiators of host %s" % host, target=host):
            protocol, address = parse_initiator(text)
        found.setdefault(address, Initiator(address, protocol))
    return tuple(found.values())


def _exclusive_initiators(host: str, options: Options) -> bool:
    state = options.get("state") or PRESENT
    if options.get("exclusive_initiators") and options.get("initiators") is None and state == PRESENT:
        raise Invalid(
            "the option exclusive_initiators needs initiators, those of host %s that shall stay" % host,
            target=host,
            hint="Give them, or leave exclusive_initiators out.",
        )
    return bool(options.get("exclusive_initiators"))


def chap_of(options: Options) -> Optional[Chap]:
    given = {key: options.get("chap_" + key) for key in ("username", "password")}
    discovery = {key: options.get("chap_discovery_" + key) for key in ("username", "password")}
    for part, values in (("chap", given), ("chap_discovery", discovery)):
        if (values["username"] is None) != (values["password"] is None):
            raise Invalid("the options %s_username and %s_password go together" % (part, part))
    if given["username"] is None:
        if discovery["username"] is not None:
            raise Invalid("the option chap_discovery_username needs chap_username")
        return None
    return Chap(given["username"], str(given["password"]), discovery["username"], discovery["password"])


def check_prefix(prefix: str) -> None:
    if len(prefix) < SHORTEST_PREFIX:
        raise Invalid(
            "the prefix %r is shorter than %d characters" % (prefix, SHORTEST_PREFIX),
            hint="Only names that begin with the prefix are ever removed, so make it yours alone.",
        )


def _name(options: Options, option: str = "name") -> str:
    name = options.get(option)
    if name is None or not str(name).strip():
        raise Invalid("the option %s is missing or empty" % option)
    return str(name)
