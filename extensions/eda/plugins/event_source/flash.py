# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
short_description: What changes on all-flash arrays.
description:
  - An ansible-rulebook event source that polls arrays and reports what has changed since the last poll. Each change of
    state is one event. What cannot be read is an event too, and never silence.
  - Every event has C(id), C(type), C(array), C(vendor), C(object), C(message) and C(time). No event has a secret.
  - The types are C(unreachable) and C(reachable); C(unreadable) and C(readable) for one subject of an array that
    answers; C(capacity_reached) and C(capacity_cleared) for a pool; C(paths_failed) and C(paths_restored) for a host;
    C(alert_raised) and C(alert_cleared); C(part_failed) and C(part_restored) for the array, a node, a port or a disk;
    C(copy_finished) and C(copy_failed) for a volume; C(drift_found) and C(drift_resolved).
options:
  arrays:
    description:
      - The arrays. Each entry has the connection options of the modules of openflash.storage, and may have C(name) (by
        default its address), C(document), and any of the other options here, which go before those of the source.
    type: list
    elements: dict
    required: true
  watch:
    description:
      - What is reported beside whether an array can be read, some of C(capacity), C(paths), C(alerts), C(copies)
        and C(drift).
      - C(paths) needs an array that reports who is logged in, and C(alerts) one that reports its health.
    type: list
    elements: str
    default: [capacity, copies]
  thresholds:
    description: Percentages of the size of a pool. A pool reaches one when it is that full, and leaves it 1 below.
    type: list
    elements: float
    default: [80, 90]
  document:
    description:
      - For C(drift) what is declared for the array, as openflash.storage.flash_array takes it, or the path of a file
        with it.
    type: raw
  interval:
    description: Seconds between two polls of an array that answers.
    type: float
    default: 60
  longest_interval:
    description:
      - Seconds. While an array does not answer the time between two polls doubles up to this.
    type: float
    default: 900
"""

EXAMPLES = r"""
- openflash.storage.flash:
    interval: 120
    watch: [capacity, paths, copies]
    thresholds: [75, 85, 95]
    arrays:
      - name: flash1
        vendor: xtremio
        address: xms1.example.com
        username: events
        password: "{{ flash_password }}"
"""

import asyncio
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

# The library of the collection. It needs nothing of Ansible.
sys.path.insert(0, str(Path(__file__).absolute().parents[4] / "plugins/module_utils"))

from openflash import watch
from openflash.connect import VENDORS
from openflash.errors import Invalid
from openflash.model import Connection

OF_SOURCE = ("watch", "thresholds", "document", "interval", "longest_interval")
OF_CONNECTION = tuple(name for name in Connection.__dataclass_fields__ if name not in ("options", "withheld"))


async def main(queue: asyncio.Queue, args: dict[str, Any]) -> None:
    """Put events into the queue until it is cancelled.

    :raises ValueError: the options are wrong, or a connection can never work. ansible-rulebook reports it and ends.
    """
    watches = watches_of(args)
    # A thread for each array, so that one that does not answer keeps none waiting
    threads = ThreadPoolExecutor(max_workers=len(watches), thread_name_prefix="flash")
    tasks = [asyncio.ensure_future(_follow(queue, one, threads)) for one in watches]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        threads.shutdown(wait=False)


async def _follow(queue: asyncio.Queue, one: watch.Watch, threads: ThreadPoolExecutor) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            events = await loop.run_in_executor(threads, one.poll)
        except Invalid as error:
            raise ValueError(str(error)) from None
        for event in events:
            await queue.put(event)
        await asyncio.sleep(one.pause)


def watches_of(args: Mapping[str, Any]) -> list[watch.Watch]:
    """:raises ValueError: which option of which array is wrong."""
    arrays = args.get("arrays")
    if not isinstance(arrays, list) or not arrays:
        raise ValueError("the option arrays needs at least one array: a list of connection options")
    # ansible-rulebook adds some of its own
    unknown = sorted(name for name in set(args) - {"arrays", *OF_SOURCE} if not name.startswith("eda_"))
    if unknown:
        raise ValueError("there is no option %s; there are arrays, %s" % (unknown[0], ", ".join(OF_SOURCE)))
    common = {name: args[name] for name in OF_SOURCE if name in args}
    watched = []
    for number, entry in enumerate(arrays, 1):
        if not isinstance(entry, dict):
            raise ValueError("array %d is no mapping of connection options" % number)
        try:
            watched.append(_watched({**common, **entry}))
        except (Invalid, ValueError) as error:
            raise ValueError("array %s: %s" % (entry.get("name") or number, error)) from None
    names = [one.name for one in watched]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError("two arrays have the name %s, which events could not tell apart" % repeated[0])
    return [watch.Watch(one) for one in watched]


def _watched(options: Mapping[str, Any]) -> watch.Watched:
    connection = _connection({name: value for name, value in options.items() if name not in ("name", *OF_SOURCE)})
    subjects = watch.subjects_of(_texts(options.get("watch", ["capacity", "copies"]), "watch"))
    document = options.get("document")
    if (document is None) == (watch.DRIFT in subjects):
        raise ValueError("watch with drift needs a document, and a document is of no use without drift")
    return watch.Watched(
        name=str(options.get("name") or connection.address[0]),
        connection=connection,
        subjects=subjects,
        thresholds=_thresholds(options.get("thresholds", [80, 90])),
        interval=_seconds(options, "interval", 60.0),
        longest=_seconds(options, "longest_interval", 900.0),
        **({} if document is None else {"declared": watch.declared_by(_document(document))}),
    )


def _connection(given: Mapping[str, Any]) -> Connection:
    vendor = VENDORS.get(given.get("vendor", ""))
    if vendor is None:
        raise ValueError("vendor %r is not one of %s" % (given.get("vendor"), ", ".join(sorted(VENDORS))))
    unknown = sorted(set(given) - set(OF_CONNECTION) - set(vendor.options))
    if unknown:
        raise ValueError("vendor %s has no connection option %s" % (vendor.name, ", ".join(unknown)))
    address = tuple(_texts(given.get("address"), "address"))
    # The address is in messages, and so would be the password of a URL
    if not address or any("@" in text or "/" in text for text in address):
        raise ValueError("address is not the host name or IP address of an array")
    common = {name: given[name] for name in OF_CONNECTION if given.get(name) is not None}
    own = {name: given[name] for name in vendor.options if given.get(name) is not None}
    return Connection(**{**common, "address": address, "options": own})


def _texts(value: Any, option: str) -> tuple[str, ...]:
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("%s is not a list of texts" % option)
    return tuple(text.strip() for text in texts)


def _thresholds(value: Any) -> tuple[float, ...]:
    try:
        percentages = sorted({float(one) for one in value})
    except (TypeError, ValueError):
        raise ValueError("thresholds is not a list of percentages") from None
    if not percentages or not 0 < percentages[0] <= percentages[-1] <= 100:
        raise ValueError("thresholds are percentages above 0 and up to 100")
    return tuple(percentages)


def _seconds(options: Mapping[str, Any], name: str, default: float) -> float:
    try:
        seconds = float(options.get(name, default))
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise ValueError("%s is not a number of seconds above 0 and up to a day" % name)
    return seconds


def _document(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = yaml.safe_load(Path(value).expanduser().read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise ValueError("the document cannot be read: %s" % error) from None
    if not isinstance(value, dict):
        raise ValueError("the document is no mapping with sections such as volumes")
    return value
