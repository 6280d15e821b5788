# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for, as plain values made of the options that people write."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Dict, FrozenSet, List, Mapping as Map, Optional, Sequence, Tuple, TypeVar, Union

from ..errors import Invalid, Refused, context
from ..model import Chap, Initiator
from ..properties import requested
from ..units import TIME_LETTERS, parse_initiator, parse_size
from .backups import backup_of, backup_of_volume
from .identity import Identity, with_names
from .ranges import expanded, names_of

PRESENT, ABSENT, RESTORED, REFRESHED = "present", "absent", "restored", "refreshed"
DECLARED, GATHERED = "declared", "gathered"
ON_CREATE, ALWAYS = "on_create", "always"

VOLUMES, SNAPSHOTS, GROUPS, HOSTS, MAPPINGS = "volumes", "snapshots", "groups", "hosts", "mappings"
SECTIONS = (VOLUMES, SNAPSHOTS, GROUPS, HOSTS, MAPPINGS)
ONLY_GATHERED = ("gather_prefix", "gather_snapshots")
PRUNED_BY_DEFAULT = (VOLUMES, HOSTS)
"""Not snapshots: other tasks take them than the one that declares their volumes."""

SHORTEST_PREFIX = 3
"""The least length of a prefix of prune and retention. A shorter one may easily match every name."""

Options = Map[str, Any]

T = TypeVar("T")


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
    properties: Map[str, Any] = field(default_factory=dict, compare=False)
    """By the names of properties.py."""
    exact: bool = False
    """The array must make it of exactly this size, and round nothing."""
    backup: Optional[str] = None
    """The volume takes the content of its source, once: its present content is kept as this snapshot."""

    @classmethod
    def of(cls, options: Options, exact: bool = False) -> DesiredVolume:
        name, size = _name(options), options.get("size")
        with context(doing="read the options of volume %s" % name, target=name):
            size_in_bytes = None if size is None else parse_size(size)
            properties = requested(options)
        return cls(
            name=name,
            state=options.get("state") or PRESENT,
            size=size_in_bytes,
            pool=options.get("pool"),
            provisioning=options.get("provisioning"),
            source_volume=options.get("source_volume"),
            source_snapshot=options.get("source_snapshot"),
            rename_from=options.get("rename_from") if options.get("rename_from") != name else None,
            group=options.get("group"),
            options=dict(options.get("array_options") or {}),
            properties=properties,
            exact=exact,
            backup=backup_of_volume(name, options) if _is_overwritten(name, options) else None,
        )


def _is_overwritten(name: str, options: Options) -> bool:
    """Whether a volume that exists takes the content of its source.

    :raises Invalid: an option is given that is only for that.
    """
    if options.get("overwrite") and (options.get("state") or PRESENT) == PRESENT:
        return True
    for option in ("refresh_id", "backup"):
        if options.get(option) is not None:
            raise Invalid(
                "volume %s has a %s, which is used only with overwrite" % (name, option),
                target=name,
                hint="Set overwrite: true when the volume shall take the content of its source.",
            )
    return False


@dataclass(frozen=True)
class DesiredSnapshot:
    name: str
    volume: Optional[str] = None
    group: Optional[str] = None
    state: str = PRESENT
    backup: Optional[str] = None
    quiesced: bool = False
    """Nothing writes to the volume while the snapshot is taken, although it is mapped to a host."""
    target: Optional[str] = None
    """The volume that takes the content of the snapshot; only with REFRESHED."""

    @classmethod
    def of(cls, options: Options) -> DesiredSnapshot:
        snapshot = cls(
            name=_name(options) + _suffix(options),
            volume=options.get("volume"),
            group=options.get("group"),
            state=options.get("state") or PRESENT,
            backup=options.get("backup"),
            quiesced=bool(options.get("quiesced")),
        )
        if options.get("suffix") and snapshot.state != PRESENT:
            raise Invalid(
                "snapshot %s has a suffix, which is used only with state: present" % snapshot.name,
                hint="Give the complete name of a snapshot that exists.",
            )
        if snapshot.state == REFRESHED:
            return _refreshed(snapshot, options)
        for option in ("target", "refresh_id"):
            if options.get(option) is not None:
                raise Invalid(
                    "snapshot %s has a %s, which is used only with state: refreshed" % (snapshot.name, option)
                )
        if snapshot.volume and snapshot.group:
            raise Invalid("snapshot %s is given both a volume and a group" % snapshot.name, hint="Give one of the two.")
        if snapshot.state == PRESENT and not (snapshot.volume or snapshot.group):
            raise Invalid("snapshot %s needs the volume (or group) that it is taken of" % snapshot.name)
        if snapshot.state == RESTORED and not ((snapshot.volume or snapshot.group) and snapshot.backup):
            raise Invalid(
                "restoring snapshot %s needs volume and backup" % snapshot.name,
                hint="The present content of the volume is kept first, as a snapshot under the name given as backup.",
            )
        if snapshot.backup and snapshot.state != RESTORED:
            raise Invalid(
                "snapshot %s has a backup, which is used only with state: restored or refreshed" % snapshot.name
            )
        if snapshot.backup == snapshot.name:
            raise Invalid("the backup cannot have the name of snapshot %s itself" % snapshot.name)
        return snapshot


def _refreshed(snapshot: DesiredSnapshot, options: Options) -> DesiredSnapshot:
    """The snapshot with the volume that takes its content, and with the backup that proves it."""
    if snapshot.group or not snapshot.volume:
        raise Invalid(
            "refreshing a volume from snapshot %s needs volume, of which the snapshot was taken" % snapshot.name,
            hint="The option target is the volume that takes its content.",
        )
    target = options.get("target") or snapshot.volume
    backup = backup_of(target, options.get("refresh_id") or snapshot.name, snapshot.backup)
    return replace(snapshot, target=target, backup=backup)


@dataclass(frozen=True)
class Retention:
    """Keep the newest snapshots of a volume whose names begin with the prefix, and delete the others."""

    prefix: str
    keep: int
    volume: str

    def __post_init__(self) -> None:
        check_prefix(self.prefix)
        if self.keep < 1:
            raise Invalid("keep: %d would remove every snapshot" % self.keep, hint="Keep at least 1.")


@dataclass(frozen=True)
class DesiredGroup:
    """A consistency group."""

    name: str
    state: str = PRESENT
    volumes: Optional[Tuple[str, ...]] = None
    """Volumes that shall be in it; None for any."""
    exclusive_volumes: bool = False
    without: Tuple[str, ...] = ()
    """Volumes that shall not be in it."""

    @classmethod
    def of(cls, options: Options) -> DesiredGroup:
        name, volumes = _name(options), names_of(options, "volumes")
        without = tuple(dict.fromkeys(names_of(options, "remove_volumes") or ()))
        both = sorted(set(without) & set(volumes or ()))
        if both:
            raise Invalid(
                "volume %s shall be in consistency group %s, and shall not" % (both[0], name),
                target=name,
                hint="Name it in volumes or in remove_volumes.",
            )
        state = options.get("state") or PRESENT
        if options.get("exclusive_volumes") and volumes is None and state == PRESENT:
            raise Invalid(
                "the option exclusive_volumes needs volumes, those of consistency group %s that shall stay" % name,
                target=name,
                hint="Give them, or leave exclusive_volumes out.",
            )
        return cls(
            name=name,
            state=state,
            volumes=None if volumes is None else tuple(dict.fromkeys(volumes)),
            exclusive_volumes=bool(options.get("exclusive_volumes")),
            without=without,
        )


@dataclass(frozen=True)
class DesiredHost:
    name: str
    state: str = PRESENT
    initiators: Optional[Tuple[Initiator, ...]] = None
    exclusive_initiators: bool = False
    os: Optional[str] = None
    chap: Optional[Chap] = None
    update_secret: str = ON_CREATE
    rename_from: Optional[str] = None
    require_paths: Optional[int] = None
    """How many paths the host shall have to each of its volumes in the task."""

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
            rename_from=options.get("rename_from") if options.get("rename_from") != name else None,
            require_paths=_required_paths(options),
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
class Prune:
    """Remove objects that begin with the prefix and are not declared; none when they are more than the limit."""

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
    retentions: Tuple[Retention, ...] = ()
    groups: Tuple[DesiredGroup, ...] = ()
    hosts: Tuple[DesiredHost, ...] = ()
    mappings: Tuple[DesiredMapping, ...] = ()
    exclusive_hosts: FrozenSet[str] = frozenset()
    """Hosts that shall have the mappings of this task and no others."""
    prune: Optional[Prune] = None
    identities: Map[str, Identity] = field(default_factory=dict)
    """Volumes that the task chooses by their identity, by what it calls them."""


def volumes(items: Sequence[Options], params: Options) -> DesiredState:
    """flash_volume."""
    _check_not_empty("volumes", items, params)
    items, identities = with_names(items, "name")
    return DesiredState(volumes=_volumes("the task", items), identities=identities)


def _volumes(where: str, items: Sequence[Options], exact: bool = False) -> Tuple[DesiredVolume, ...]:
    found = unique(where, [DesiredVolume.of(item, exact) for item in items], "name")
    _check_renames("volumes", found)
    return found


def _check_renames(plural: str, objects: Sequence[Union[DesiredVolume, DesiredHost]]) -> None:
    """:raises Invalid: two of them are renamed from one, or they are renamed in a circle."""
    new_names: Dict[str, str] = {}
    for desired in objects:
        if desired.rename_from and desired.state == PRESENT:
            other = new_names.setdefault(desired.rename_from, desired.name)
            if other != desired.name:
                raise Invalid(
                    "%s %s and %s shall both be renamed from %s" % (plural, other, desired.name, desired.rename_from),
                    hint="Give rename_from to one of them.",
                )
    for name in new_names:
        passed = {name}
        while new_names.get(name) is not None:
            name = new_names[name]
            if name in passed:
                raise Invalid("%s %s shall be renamed in a circle" % (plural, " and ".join(sorted(passed))))
            passed.add(name)


def _mappings(where: str, mappings: Sequence[DesiredMapping]) -> Tuple[DesiredMapping, ...]:
    found = unique(where, mappings, "host", "volume")
    volume_at_lun: Dict[Tuple[str, int], str] = {}
    for mapping in found:
        if mapping.lun is not None and mapping.state == PRESENT:
            other = volume_at_lun.setdefault((mapping.host, mapping.lun), mapping.volume)
            if other != mapping.volume:
                raise Invalid(
                    "volumes %s and %s shall both be LUN %d of host %s"
                    % (other, mapping.volume, mapping.lun, mapping.host),
                    hint="Give each its own LUN, or leave lun out to get free ones.",
                )
    return found


def snapshots(items: Sequence[Options], params: Options) -> DesiredState:
    """flash_snapshot."""
    _check_not_empty("snapshots", items, params)
    items, identities = with_names(items, "volume", "volume_")
    found = unique("the task", [DesiredSnapshot.of(item) for item in items], "volume", "group", "name", "target")
    _check_snapshots(found)
    retentions: Dict[Tuple[str, str], Retention] = {}
    for item, snapshot in zip(items, found):
        keep, prefix = item.get("keep"), item.get("prefix")
        if keep is not None and prefix is None and item.get("suffix"):
            prefix = _name(item)
        if keep is None and prefix is None:
            continue
        volume, kept = snapshot.volume, snapshot.name
        if snapshot.state == REFRESHED:
            volume, kept = snapshot.target, snapshot.backup or ""
        if keep is None or prefix is None or volume is None or snapshot.state not in (PRESENT, REFRESHED):
            raise Invalid(
                "the options keep and prefix go together, with a volume and state: present or refreshed",
                hint="Without a prefix, the option suffix must be given: then keep counts what begins with name.",
            )
        if not kept.startswith(prefix):
            raise Invalid("snapshot %s does not begin with the prefix %r that keep counts" % (kept, prefix))
        first = retentions.setdefault((volume, prefix), Retention(prefix, keep, volume))
        if first.keep != keep:
            raise Invalid("the option keep is given as %d and %d for volume %s" % (first.keep, keep, volume))
    return DesiredState(
        snapshots=found,
        atomic=bool(params.get("atomic")),
        retentions=tuple(retentions.values()),
        identities=identities,
    )


def _check_snapshots(snapshots_of_task: Sequence[DesiredSnapshot]) -> None:
    without_volume = {snapshot.name for snapshot in snapshots_of_task if not snapshot.volume and not snapshot.group}
    restored: Dict[str, str] = {}
    for snapshot in snapshots_of_task:
        overwritten = snapshot.target if snapshot.state == REFRESHED else snapshot.group or snapshot.volume
        if snapshot.volume and snapshot.name in without_volume:
            raise Invalid(
                "the task names %s with its volume and without" % snapshot.name, hint="Give the volume in both."
            )
        if snapshot.state in (RESTORED, REFRESHED):
            source = "%s/%s" % (snapshot.volume, snapshot.name)
            other = restored.setdefault(str(overwritten), source)
            if other != source:
                raise Invalid("volume %s shall be restored from %s and from %s" % (overwritten, other, source))


def host_maps(items: Sequence[Options], params: Options) -> DesiredState:
    """flash_host_map: hosts with their initiators, and the volumes that are mapped to them."""
    _check_not_empty("maps", items, params)
    if not items and params.get("exclusive") and params.get("host"):
        items = [params]  # allow_empty permits it: the host shall have no volume
    items, identities = with_names(items, "volume", "volume_")
    hosts: Dict[str, DesiredHost] = {}
    mappings: List[DesiredMapping] = []
    exclusive = set()
    for item in items:
        name = _name(item, "host")
        has_volume = item.get("volume") is not None
        if has_volume:
            mappings.append(DesiredMapping.of(item))
        if item.get("exclusive"):
            if item.get("state") == ABSENT:
                raise Invalid("the option exclusive goes with state: present")
            exclusive.add(name)
        if has_volume and item.get("state") == ABSENT:
            _required_paths(item)
            continue  # it ends a mapping, and asks nothing of the host
        if item.get("lun") is not None and not has_volume:
            raise Invalid("the option lun needs the volume that it is for")
        host = DesiredHost.of(item, "host")
        known = hosts.setdefault(name, host)
        if known == DesiredHost(name):
            hosts[name] = host
        elif host not in (known, DesiredHost(name)):
            raise Invalid(
                "host %s is described in two ways in one task" % name,
                hint="Give its initiators and other properties once, or the same every time.",
            )
    _check_renames("hosts", tuple(hosts.values()))
    return DesiredState(
        hosts=tuple(hosts.values()),
        mappings=_mappings("the task", mappings),
        exclusive_hosts=frozenset(exclusive),
        identities=identities,
    )


def _hosts(items: Sequence[Options]) -> Tuple[DesiredHost, ...]:
    found = unique(HOSTS, [DesiredHost.of(item) for item in items], "name")
    _check_renames(HOSTS, found)
    return found


def groups(items: Sequence[Options], params: Options) -> DesiredState:
    """flash_group."""
    _check_not_empty("groups", items, params)
    return DesiredState(groups=unique("the task", [DesiredGroup.of(item) for item in items], "name"))


def document(params: Options) -> DesiredState:
    """flash_array: the content of an array as one document. Its sizes are exact: it may come from another array."""
    not_for_it = [name for name in ONLY_GATHERED if params.get(name)]
    if not_for_it:
        raise Invalid("the option %s is only for state: gathered" % " and ".join(not_for_it))
    prune = None
    if params.get("prune"):
        limit, kinds = params.get("prune_limit"), params.get("prune_kinds")
        prune = Prune(
            params.get("prune_prefix") or "",
            10 if limit is None else limit,
            PRUNED_BY_DEFAULT if kinds is None else tuple(dict.fromkeys(kinds)),
        )
    entries = {plural: expanded(params.get(plural) or (), plural) for plural in SECTIONS}
    return DesiredState(
        volumes=_volumes("volumes", entries[VOLUMES], exact=True),
        snapshots=unique(SNAPSHOTS, [DesiredSnapshot.of(item) for item in entries[SNAPSHOTS]], "volume", "name"),
        groups=unique(GROUPS, [DesiredGroup.of(item) for item in entries[GROUPS]], "name"),
        hosts=_hosts(entries[HOSTS]),
        mappings=_mappings(MAPPINGS, [DesiredMapping.of(item) for item in entries[MAPPINGS]]),
        prune=prune,
    )


def _check_not_empty(plural: str, items: Sequence[Options], params: Options) -> None:
    """:raises Refused: the list is empty in a task that removes something. Perhaps a look-up found nothing."""
    state = params.get("state") or PRESENT
    if items or params.get("allow_empty"):
        return
    if state != PRESENT or params.get("exclusive"):
        raise Refused(
            "the list %s is empty, with %s" % (plural, "exclusive: true" if state == PRESENT else "state: " + state),
            hint="Give the objects that are meant, or set allow_empty: true when there may be none.",
        )


def unique(where: str, objects: Sequence[T], *keys: str) -> Tuple[T, ...]:
    """The desired objects, unchanged.

    :raises Invalid: two of them are about the same object.
    """
    found = set()
    for desired in objects:
        key = tuple(getattr(desired, name) for name in keys)
        if key in found:
            raise Invalid("%s names %s twice" % (where, " / ".join(str(part) for part in key if part is not None)))
        found.add(key)
    return tuple(objects)


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


def _required_paths(options: Options) -> Optional[int]:
    paths: Optional[int] = options.get("require_paths")
    if paths is None:
        return None
    if paths < 1:
        raise Invalid("the option require_paths is %d" % paths, hint="It is 1 or more. To require none, leave it out.")
    if (options.get("state") or PRESENT) == ABSENT:
        raise Invalid("the option require_paths goes with state: present")
    return paths


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
            hint="Only names that begin with the prefix are ever removed, so choose one that nobody else uses.",
        )


def _name(options: Options, option: str = "name") -> str:
    name = options.get(option)
    if name is None or not str(name).strip():
        raise Invalid("the option %s is missing or empty" % option)
    return str(name)


def _suffix(options: Options) -> str:
    """What follows the name. The controller has put the time in, so a per cent sign is one that it does not know."""
    suffix = str(options.get("suffix") or "")
    if "%" in suffix:
        raise Invalid(
            "suffix: %s has a part of the time that is not known" % suffix,
            hint="These are known: %s." % " ".join("%" + letter for letter in TIME_LETTERS),
        )
    return suffix
