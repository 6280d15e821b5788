# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changes on an array between two polls, as events: a full pool, a lost path, an alert, drift, a finished copy.

Each change of state is one event, however often it is polled. What cannot be read keeps its last state, and is an event
itself: nothing that fails is silent, and nothing that fails is taken for good news.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Mapping as Map, Optional, Sequence, Set, Tuple
from uuid import uuid4

from .array import Array
from .connect import connect
from .errors import CONNECT, Busy, FlashError, Invalid, MissingLibrary, Timeout, Unauthorized, Unreachable, context
from .model import COPYING, READY, Connection, Listing, Pool, Volume
from .monitoring import CRITICAL, OK, WARNING, Alert, Connections, Health, HealthReport, Login
from .plan.desired import DesiredState, document
from .plan.planner import plan
from .plan.rules import Policy
from .printable import printable_data
from .read import read
from .unfinished import is_temporary
from .units import format_initiator, format_size

Event = Dict[str, Any]
Details = Dict[str, Any]

CAPACITY, PATHS, ALERTS, COPIES, DRIFT = "capacity", "paths", "alerts", "copies", "drift"
SUBJECTS = (CAPACITY, PATHS, ALERTS, COPIES, DRIFT)

_SECTIONS = ("volumes", "snapshots", "groups", "hosts", "mappings")

MARGIN = 1.0
"""Percentage points below a threshold at which it counts as left, so that a pool at its threshold is not two events in
every minute."""


@dataclass(frozen=True)
class Watched:
    """An array to watch. ``subjects`` is some of SUBJECTS."""

    name: str
    connection: Connection
    subjects: Tuple[str, ...] = (CAPACITY, COPIES)
    thresholds: Tuple[float, ...] = (80.0, 90.0)
    """Percentages of a pool's size, rising."""
    declared: DesiredState = field(default_factory=DesiredState)
    """For DRIFT."""
    interval: float = 60.0
    """Seconds between two polls of an array that answers."""
    longest: float = 900.0
    """The most seconds between two polls of an array that does not."""


def declared_by(content: Map[str, Any]) -> DesiredState:
    """The sections of a document of flash_array, for DRIFT. What a file of the playbook export has besides is left out.

    :raises Invalid: it has no section, or an entry that cannot be.
    """
    sections = {name: content[name] for name in _SECTIONS if content.get(name)}
    if not sections:
        raise Invalid("the document declares nothing", hint="Its sections are %s." % ", ".join(_SECTIONS))
    return document(sections)


class Watch:
    """The last state of one array. Not for several threads at a time."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._failures = 0
        self._problem: Optional[str] = None
        self._unreadable: Dict[str, str] = {}
        self._levels: Dict[str, float] = {}
        self._copying: Dict[str, Volume] = {}
        self._missed: Set[str] = set()
        self._best: Dict[str, int] = {}
        self._failed: Dict[str, Tuple[int, Tuple[str, ...]]] = {}
        self._alerts: Dict[str, Alert] = {}
        self._parts: Dict[str, str] = {}
        self._drift: Tuple[str, ...] = ()

    @property
    def pause(self) -> float:
        """The seconds until the next poll: twice as long after each failure, up to a limit."""
        watched = self._watched
        if not self._failures:
            return watched.interval
        # The exponent is limited, since an array may be away for weeks
        return min(watched.interval * 2.0 ** min(self._failures, 30), max(watched.longest, watched.interval))

    def poll(self) -> List[Event]:
        """Read the array once, and return what has changed since the last time.

        :raises Invalid, MissingLibrary: the connection can never work.
        """
        found: List[Tuple[str, Any]] = []
        try:
            with context(doing=CONNECT, array=self._watched.name):
                array = connect(self._watched.connection)
            with array:
                for subject in self._watched.subjects:
                    found.append((subject, self._read(subject, array)))
        except (Invalid, MissingLibrary):
            raise
        except FlashError as error:
            self._failures += 1
            return self._unreachable(error)
        self._failures = 0
        events = self._reachable()
        for subject, answer in found:
            events.extend(self._changes(subject, answer))
        return events

    # -- reachable or not ----------------------------------------------------------------------------------------------

    def _unreachable(self, error: FlashError) -> List[Event]:
        """One event for each kind of failure: a wrong password is other news than an array without power."""
        if self._problem == error.kind:
            return []
        self._problem = error.kind
        return [self._event("unreachable", None, str(error), error=error.kind)]

    def _reachable(self) -> List[Event]:
        if self._problem is None:
            return []
        before, self._problem = self._problem, None
        return [self._event("reachable", None, "%s can be read again." % self._watched.name, error=before)]

    # -- what is watched -----------------------------------------------------------------------------------------------

    def _read(self, subject: str, array: Array) -> Any:
        """What the array reports of the subject, or the error why it cannot be known now."""
        readers: Dict[str, Callable[[Array], Any]] = {
            CAPACITY: lambda array: array.pools(),
            PATHS: lambda array: Connections.of(array).logins(),
            ALERTS: lambda array: Health.of(array).health(),
            COPIES: lambda array: array.volumes(),
            DRIFT: self._plan,
        }
        try:
            with context(doing="read the %s" % subject, array=array.label):
                return readers[subject](array)
        except (Unreachable, Unauthorized, Timeout, Busy):
            raise
        except FlashError as error:
            return error

    def _plan(self, array: Array) -> Tuple[str, ...]:
        """What a run of flash_array would do, one line for each step, and what it would be refused."""
        actual = read(array, self._watched.declared)
        made = plan(self._watched.declared, actual, Policy(shared=True, openstack_owned=True), array.capabilities)
        refused = ["refused: %s" % error for error in made.errors]
        return tuple([step.line for step in made.steps] + refused)

    def _changes(self, subject: str, answer: Any) -> List[Event]:
        """The events of one subject. What cannot be read is one, and keeps its last state."""
        reason = str(answer) if isinstance(answer, FlashError) else _incomplete(answer)
        events = self._readable(subject, reason)
        if isinstance(answer, FlashError) or (isinstance(answer, Listing) and not answer.known):
            return events
        compare: Dict[str, Callable[[Any], List[Event]]] = {
            CAPACITY: self._capacity,
            PATHS: self._paths,
            ALERTS: self._alerted,
            COPIES: self._copies,
            DRIFT: self._drifted,
        }
        return events + compare[subject](answer)

    def _readable(self, subject: str, reason: Optional[str]) -> List[Event]:
        before = self._unreadable.pop(subject, None)
        if reason is not None:
            self._unreadable[subject] = reason
        if (before is None) == (reason is None):
            return []
        if reason is not None:
            return [self._event("unreadable", None, reason, subject=subject)]
        return [self._event("readable", None, "The %s can be read again." % subject, subject=subject)]

    def _capacity(self, pools: Listing[Pool]) -> List[Event]:
        events = []
        for pool in pools:
            if pool.size <= 0:
                continue
            used = pool.size - pool.free
            share = 100.0 * used / pool.size
            before = self._levels.get(pool.name, 0.0)
            reached = [threshold for threshold in self._watched.thresholds if share >= threshold]
            kept = [one for one in self._watched.thresholds if one <= before and share > one - MARGIN]
            level = max(reached + kept, default=0.0)
            self._levels[pool.name] = level
            if level == before:
                continue
            left = [threshold for threshold in self._watched.thresholds if level < threshold <= before]
            threshold = level if level > before else min(left)
            text = "Pool %s is %.1f %% full, with %s free: %s the threshold of %g %%." % (
                pool.name,
                share,
                format_size(pool.free),
                "above" if level > before else "below",
                threshold,
            )
            kind = "capacity_reached" if level > before else "capacity_cleared"
            figures = {"size": pool.size, "used": used, "free": pool.free, "provisioned": pool.provisioned}
            details = dict(figures, threshold=threshold, used_percent=round(share, 1))
            events.append(self._event(kind, pool.name, text, **details))
        return events

    def _paths(self, logins: Listing[Login]) -> List[Event]:
        """A host has failed paths while one of its initiators is not logged in, or while it has had more of them."""
        events = []
        for host in sorted({login.host for login in logins}):
            own = [login for login in logins if login.host == host]
            if any(login.paths is None for login in own):
                continue
            paths = sum(login.paths or 0 for login in own)
            absent = tuple(sorted({format_initiator(login.initiator) for login in own if not login.paths}))
            best = self._best[host] = max(paths, self._best.get(host, 0))
            state = (paths, absent) if absent or paths < best else None
            before = self._failed.pop(host, None)
            if state is not None:
                self._failed[host] = state
            if state == before:
                continue
            kind = "paths_restored" if state is None else "paths_failed"
            text = "Host %s has %d of %d paths" % (host, paths, best)
            text += "; not logged in: %s." % ", ".join(absent) if absent else "."
            events.append(self._event(kind, host, text, paths=paths, most=best, not_logged_in=list(absent)))
        return events

    def _alerted(self, health: HealthReport) -> List[Event]:
        """An alert counts until it is gone or somebody has acknowledged it. A part whose state is not clear keeps its
        last one."""
        events = []
        now = {_same_alert(alert): alert for alert in health.alerts if not alert.acknowledged}
        raised = [(key, alert) for key, alert in now.items() if key not in self._alerts]
        gone = [(key, alert) for key, alert in self._alerts.items() if key not in now and health.alerts.complete]
        for kind, changed in (("alert_raised", raised), ("alert_cleared", gone)):
            for key, alert in changed:
                details = {"severity": alert.severity, "code": alert.code, "raised": alert.time}
                events.append(self._event(kind, alert.object, alert.text, **details))
                if kind == "alert_raised":
                    self._alerts[key] = alert
                else:
                    del self._alerts[key]
        for part in [health.array, *health.nodes, *health.ports, *health.disks]:
            before = self._parts.get(part.name, OK)
            if part.state not in (OK, WARNING, CRITICAL) or part.state == before:
                continue
            self._parts[part.name] = part.state
            kind = "part_restored" if part.state == OK else "part_failed"
            text = "%s is %s, and was %s." % (part.name, part.state, before)
            events.append(self._event(kind, part.name, text, state=part.state, reported=part.reported))
        return events

    def _copies(self, volumes: Listing[Volume]) -> List[Event]:
        """A copy is known from the first poll that sees it. One that is over by then is no event.

        Under a temporary name a copy is not finished: the task that made it gives it its name at the end. A volume is
        gone when two polls in a row do not find it: it may be renamed while the volumes are read one after the other.
        """
        events = []
        present = {_key(volume): volume for volume in volumes}
        for key, before in sorted(self._copying.items()):
            now = present.get(key)
            waits = now is not None and (now.state == COPYING or is_temporary(now.name))
            missed = now is None and not volumes.unreadable and key not in self._missed
            self._missed.discard(key)
            if missed:
                self._missed.add(key)
            if waits or missed or (now is None and volumes.unreadable):
                continue
            good = now is not None and now.state == READY
            name = before.name if now is None else now.name
            text = "The copy into volume %s %s: the volume is %s." % (
                name,
                "is complete" if good else "has failed",
                "gone" if now is None else now.state,
            )
            details = {"size": before.size, "source": before.source, "state": "absent" if now is None else now.state}
            events.append(self._event("copy_finished" if good else "copy_failed", name, text, **details))
            del self._copying[key]
        self._copying.update({key: volume for key, volume in present.items() if volume.state == COPYING})
        return events

    def _drifted(self, lines: Tuple[str, ...]) -> List[Event]:
        if lines == self._drift:
            return []
        self._drift = lines
        if not lines:
            return [self._event("drift_resolved", None, "%s is as declared." % self._watched.name, plan=[])]
        text = "%s differs from what is declared: %d steps would change it." % (self._watched.name, len(lines))
        return [self._event("drift_found", None, text, plan=list(lines))]

    def _event(self, kind: str, about: Optional[str], message: str, **details: Any) -> Event:
        """Plain data: ``type``, ``array``, ``vendor``, ``object``, ``message``, ``time`` and what the type has.

        ``id`` is of this event alone, so that an approval of it is none of a later one. Control characters are escaped.
        """
        event: Event = {
            "id": uuid4().hex,
            "type": kind,
            "array": self._watched.name,
            "vendor": self._watched.connection.vendor,
            "object": about,
            "message": message,
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        event.update(details)
        safe: Event = printable_data(event)
        return safe


def _same_alert(alert: Alert) -> str:
    """What tells an alert from others. Where the array gives it no id, two of one text about one object are one."""
    return alert.id or "\n".join([alert.code or "", alert.object or "", alert.text])


def _key(volume: Volume) -> str:
    """What stays the same when the volume gets its name."""
    return volume.id or volume.name


def _incomplete(answer: Any) -> Optional[str]:
    """Why nothing, or not everything, is known; None where all is."""
    if isinstance(answer, HealthReport):
        answer = answer.alerts
    if not isinstance(answer, Listing) or answer.complete:
        return None
    if not answer.known:
        return "The array does not report it."
    named = ", ".join("%s %s: %s" % (entry.kind, entry.name, entry.reason) for entry in answer.unreadable)
    return "Not everything can be read: %s" % named


def subjects_of(names: Sequence[str]) -> Tuple[str, ...]:
    """:raises Invalid: there is no such subject, or none at all."""
    unknown = sorted(set(names) - set(SUBJECTS))
    if unknown or not names:
        raise Invalid(
            "there is nothing to watch" if not names else "the option watch has no %s" % ", ".join(unknown),
            hint="It takes %s." % ", ".join(SUBJECTS),
        )
    return tuple(subject for subject in SUBJECTS if subject in names)
