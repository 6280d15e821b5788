# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control API of a running simulator, the faults that a task sets, and what it expects of the journal."""

from __future__ import annotations

import json
import re
from http.client import HTTPException
from typing import Any, Dict, List, Mapping, Optional, Sequence
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit

from ansible.module_utils.urls import open_url

Entry = Dict[str, Any]

PROGRAM = "openflash_simulator"
"""What the index of the API gives as the program. Nothing else is sent a change."""

TIMEOUT = 300
"""Seconds: with real bytes the state needs the checksums of all volumes."""

SHOWN = 20
"""The most entries of the journal that a message lists."""

_FAULT = {"kind": None, "count": 1, "skip": 0, "seconds": 0.0, "status": 503, "code": ""}
"""The defaults of the simulator, for the comparison with what it reports."""

_CONTENT = ("volumes", "hosts", "mappings", "groups")


class SimulatorError(Exception):
    """What is wrong and what to do, as a sentence."""


class Simulator:
    """One array of a simulator. The constructor asks whether the address is a simulator's and has that array.

    :raises SimulatorError: from every method, when the simulator does not answer or refuses.
    """

    def __init__(self, control: str, name: str) -> None:
        self._control = control.rstrip("/")
        parts = urlsplit(self._control)
        if parts.scheme != "http" or not parts.netloc:
            raise SimulatorError(
                "control is %r, and not a URL such as http://127.0.0.1:40000. The role array_simulator returns it as "
                "array_simulator_control" % control
            )
        index = self._ask("GET", "/")
        if not isinstance(index, dict) or index.get("program") != PROGRAM:
            raise self._no_simulator()
        if name not in index["arrays"]:
            raise SimulatorError(
                "The simulator at %s has no array %s; it has %s" % (self._control, name, ", ".join(index["arrays"]))
            )
        self._array = "/arrays/" + quote(name, safe="")

    def faults(self) -> List[Entry]:
        """The faults that are set, those that have struck included."""
        faults: List[Entry] = self._ask("GET", self._array + "/faults")
        return faults

    def set_faults(self, faults: Sequence[Mapping[str, Any]]) -> List[Entry]:
        """Set these in place of all others. Refused as a whole when one of them is refused."""
        reported: List[Entry] = self._ask("PUT", self._array + "/faults", list(faults))
        return reported

    def holds_anything(self) -> bool:
        state = self._ask("GET", self._array + "/state")
        return any(state[kind] for kind in _CONTENT)

    def reset(self) -> None:
        self._ask("POST", self._array + "/reset")

    def journal(self, since: int) -> Dict[str, Any]:
        """``last``, the number of the last entry, and ``entries`` after number ``since``."""
        journal: Dict[str, Any] = self._ask("GET", "%s/journal?since=%d" % (self._array, since))
        return journal

    def _ask(self, method: str, path: str, document: Any = None) -> Any:
        try:
            answer = open_url(
                self._control + path,
                method=method,
                data=None if document is None else json.dumps(document).encode("utf-8"),
                headers={"Content-Type": "application/json"},
                use_proxy=False,
                follow_redirects="no",
                timeout=TIMEOUT,
            )
            return json.loads(answer.read().decode("utf-8"))
        except HTTPError as error:
            raise self._refused(error) from None
        except OSError as error:
            raise SimulatorError(
                "No simulator answers at %s: %s. It listens on the host where it runs, and only while it runs"
                % (self._control, getattr(error, "reason", None) or error)
            ) from None
        except (HTTPException, ValueError):
            raise self._no_simulator() from None

    def _refused(self, error: HTTPError) -> SimulatorError:
        try:
            return SimulatorError("The simulator refuses: %s" % json.loads(error.read().decode("utf-8"))["error"])
        except (ValueError, KeyError, TypeError):
            return self._no_simulator()

    def _no_simulator(self) -> SimulatorError:
        return SimulatorError(
            "What answers at %s is no simulator of this collection. Its address is array_simulator_control, not the "
            "address of an array" % self._control
        )


# -- faults ------------------------------------------------------------------------------------------------------------


def fault_of(option: Mapping[str, Any]) -> Dict[str, Any]:
    """An entry of the option ``faults`` as the simulator describes it while nothing has met it."""
    given = {name: value for name, value in option.items() if value is not None}
    fault = dict(_FAULT, **{name: given[name] for name in _FAULT if name in given})
    if given.get("always"):
        fault["count"] = None
    match = given.get("match") or {}
    fault["match"] = {name: match.get(name) for name in ("method", "path", "write")}
    return fault


def same_faults(desired: Sequence[Mapping[str, Any]], reported: Sequence[Mapping[str, Any]]) -> bool:
    """Whether exactly these are set, and no request has met one of them."""
    untouched = [dict(fault, struck=0) for fault in desired]
    return untouched == list(reported)


# -- the journal -------------------------------------------------------------------------------------------------------


def unmet(expected: Sequence[Mapping[str, Any]], entries: Sequence[Entry]) -> List[str]:
    """A sentence for each expectation that the entries do not meet.

    :raises SimulatorError: an expectation is no regular expression, or asks for what no entry can have.
    """
    return [text for text in (_unmet(number, one, entries) for number, one in enumerate(expected, 1)) if text]


def _unmet(number: int, expectation: Mapping[str, Any], entries: Sequence[Entry]) -> Optional[str]:
    given = {name: value for name, value in expectation.items() if value is not None}
    exactly, least, most = given.pop("count", None), given.pop("min", None), given.pop("max", None)
    if exactly is not None and (least is not None or most is not None):
        raise SimulatorError("Expectation %d has count, which excludes min and max" % number)
    if exactly is not None:
        least = most = exactly
    if least is None and most is None:
        least = 1
    found = [entry for entry in entries if _matches(number, given, entry)]
    if len(found) >= (least or 0) and (most is None or len(found) <= most):
        return None
    wanted = "%d" % least if least == most and least is not None else _range(least, most)
    return "expectation %d (%s): %d found, %s expected%s" % (
        number,
        ", ".join("%s: %s" % (name, json.dumps(given[name])) for name in sorted(given)),
        len(found),
        wanted,
        "".join("\n  " + in_a_line(entry) for entry in found[:SHOWN]),
    )


def _range(least: Optional[int], most: Optional[int]) -> str:
    parts = ["at least %d" % least] if least is not None else []
    return " and ".join(parts + (["at most %d" % most] if most is not None else []))


def _matches(number: int, expectation: Mapping[str, Any], entry: Entry) -> bool:
    for name, value in expectation.items():
        if name == "path":
            try:
                if not re.search(value, entry.get("path") or ""):
                    return False
            except re.error as error:
                raise SimulatorError(
                    "path %r of expectation %d is no regular expression: %s" % (value, number, error)
                ) from None
        elif name == "about":
            about = entry.get("about") or {}
            if any(about.get(key) != part for key, part in value.items()):
                return False
        elif name == "method":
            if str(entry.get("method", "")).lower() != value.lower():
                return False
        elif entry.get(name) != value:
            return False
    return True


def in_a_line(entry: Entry) -> str:
    """An entry of the journal, for a message."""
    if entry["kind"] == "change":
        return "%d change %s %s" % (entry["n"], entry["change"], json.dumps(entry["about"], sort_keys=True))
    fault = ", fault %s" % entry["fault"] if entry.get("fault") else ""
    return "%d %s %s: %s%s" % (entry["n"], entry["method"], entry["path"], entry["status"] or "no answer", fault)


# -- the task ----------------------------------------------------------------------------------------------------------


def run(params: Mapping[str, Any], check_mode: bool) -> Dict[str, Any]:
    """The result of the module for its options.

    :raises SimulatorError: no simulator answers, or it refuses, or an expectation is impossible.
    """
    for state, options in (("fault", ["faults"]), ("journal", ["expect"])):
        given = [name for name in options if params[name] is not None]
        if given and params["state"] != state:
            raise SimulatorError("The option %s is for state: %s" % (given[0], state))
    simulator = Simulator(params["control"], params["name"])
    if params["state"] == "fault":
        return _set_faults(simulator, [fault_of(option) for option in params["faults"]], check_mode)
    if params["state"] == "reset":
        return _reset(simulator, check_mode)
    return _read_journal(simulator, params["since"], params["expect"] or [])


def _set_faults(simulator: Simulator, desired: List[Entry], check_mode: bool) -> Dict[str, Any]:
    before = simulator.faults()
    changed = not same_faults(desired, before)
    predicted = [dict(fault, struck=0) for fault in desired]
    after = predicted if check_mode or not changed else simulator.set_faults(desired)
    return {"changed": changed, "faults": after, "diff": {"before": {"faults": before}, "after": {"faults": after}}}


def _reset(simulator: Simulator, check_mode: bool) -> Dict[str, Any]:
    changed = simulator.holds_anything() or bool(simulator.faults())
    if not check_mode:
        # Also where nothing is seen: requests may wait for their answers, and an array has more than the state shows
        simulator.reset()
    return {"changed": changed, "faults": []}


def _read_journal(simulator: Simulator, since: int, expected: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    journal = simulator.journal(since)
    entries: List[Entry] = journal["entries"]
    return {
        "changed": False,
        "faults": simulator.faults(),
        "entries": entries,
        "last": journal["last"],
        "requests": sum(entry["kind"] == "request" for entry in entries),
        "writes": sum(bool(entry.get("write")) for entry in entries),
        "changes": sum(entry["kind"] == "change" for entry in entries),
        "unmet": unmet(expected, entries),
    }
