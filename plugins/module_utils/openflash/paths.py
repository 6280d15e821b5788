# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many paths hosts have to their volumes, and whether these are as many as a task requires."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, Mapping as Map, Optional, Sequence, Tuple

from .array import Array
from .errors import Conflict, FlashError
from .model import EVERY_HOST, Listing, Mapping
from .monitoring import Connections, Login
from .plan.desired import PRESENT, DesiredState
from .units import format_initiator


def paths_of(mapping: Mapping, logins: Listing[Login]) -> Optional[int]:
    """How many paths the host of the mapping has to its volume; None where the array does not report it.

    A mapping for every host has the paths of all that are logged in to the volume.
    """
    if not logins.complete:
        return None
    counts = [
        login.paths
        for login in logins
        if mapping.host in (login.host, EVERY_HOST) and login.volume in (None, mapping.volume)
    ]
    return None if any(count is None for count in counts) else sum(count or 0 for count in counts)


@dataclass
class Check:
    """The paths that a task requires, and those that are there."""

    paths: Dict[Tuple[str, str], Optional[int]] = field(default_factory=dict)
    """By host and volume: the paths. The volume is empty for a host without a mapping in the task."""
    missing: List[str] = field(default_factory=list)
    """A sentence for each host, or volume of a host, with fewer paths than required."""
    unknown: List[str] = field(default_factory=list)
    """A sentence for each of which check mode cannot know it yet."""

    def error(self, label: str) -> FlashError:
        """The error of a task that fails for it. What the task has changed stays."""
        more = " (and %d more)" % (len(self.missing) - 1) if self.missing[1:] else ""
        return Conflict(
            self.missing[0] + more,
            doing="check the paths of the hosts",
            array=label,
            hint="Log the host in, and check cabling and zoning. The mappings stay as they are.",
        )


def check(array: Array, desired_state: DesiredState, check_mode: bool) -> Check:
    """Count the paths of each host that the task requires paths of. No request when it requires none."""
    required = {host.name: host.require_paths or 0 for host in desired_state.hosts if host.require_paths}
    found = Check()
    if not required:
        return found
    names = sorted(required)
    logins = Connections.of(array).logins(names)
    known = {login.host for login in logins}
    mappings = [one for one in desired_state.mappings if one.host in required and one.state == PRESENT]
    wanted = [(one.host, one.volume) for one in mappings]
    wanted += [(name, "") for name in names if name not in {host for host, _volume in wanted}]
    for host, volume in wanted:
        own = Listing(tuple(login for login in logins if login.host == host), logins.unreadable)
        paths = paths_of(Mapping(volume, host), own) if volume else _fewest(own)
        what = "host %s" % host + (" to volume %s" % volume if volume else "")
        # Where each volume is a target, nobody can log in before it is mapped
        mapped = not any(login.volume for login in own) or any(login.volume == volume for login in own)
        if check_mode and (host not in known or (volume and not mapped)):
            found.unknown.append("The paths of %s are not known before the task has been carried out." % what)
            paths = None
        elif paths is None:
            found.missing.append("the array does not report the paths of %s" % what)
        elif paths < required[host]:
            found.missing.append(
                "%s has %d of the %d paths that are required%s" % (what, paths, required[host], _absent(own, volume))
            )
        found.paths[host, volume] = paths
    return found


def enforce(
    array: Array,
    desired_state: DesiredState,
    shown: Sequence[Dict[str, Any]],
    params: Map[str, Any],
    check_mode: bool,
    warn: Callable[[str], None],
) -> Optional[FlashError]:
    """Check the paths that the task requires, and warn of what is missing, or return the error.

    :param shown: the mappings of the result, each of which gets its paths.
    :param params: the options of the task, of which ``paths_policy`` says what missing paths mean.
    """
    found = check(array, desired_state, check_mode)
    for mapping in shown:
        mapping["paths"] = found.paths.get((mapping["host"], mapping["volume"] or ""))
    for text in found.unknown:
        warn(text)
    if found.missing and params.get("paths_policy") != "warn":
        return found.error(array.label)
    for text in found.missing:
        warn(text[:1].upper() + text[1:] + ".")
    return None


def _fewest(logins: Listing[Login]) -> Optional[int]:
    """The paths of a host: where each volume is a target of its own, those of the volume with the fewest."""
    volumes = {login.volume for login in logins if login.volume is not None}
    if not volumes:
        return paths_of(Mapping("", EVERY_HOST), logins)
    counts = [paths_of(Mapping(volume, EVERY_HOST), logins) for volume in volumes]
    return None if None in counts else min(count or 0 for count in counts)


def _absent(logins: Iterable[Login], volume: str) -> str:
    """The initiators that are not logged in, as the end of a sentence."""
    absent = sorted(
        {
            format_initiator(login.initiator)
            for login in logins
            if login.paths == 0 and login.volume in (None, volume or login.volume)
        }
    )
    return "; not logged in: %s" % ", ".join(absent) if absent else ""
