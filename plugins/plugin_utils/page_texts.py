# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes, parts, numbers and dates as texts of a page."""

from __future__ import annotations

import calendar
import html
import time
from typing import Any, Mapping, Optional

from ansible_collections.openflash.storage.plugins.filter.fleet_report import seconds
from ansible_collections.openflash.storage.plugins.module_utils.openflash.printable import in_line

NOT_KNOWN = "\u2013"
SPACE = "\u00a0"


def escaped(data: Any) -> Any:
    """The data with each text safe in HTML. Its keys are not changed."""
    if isinstance(data, str):
        return html.escape(in_line(data), quote=True)
    if isinstance(data, Mapping):
        return {key: escaped(value) for key, value in data.items()}
    return [escaped(value) for value in data] if isinstance(data, (list, tuple)) else data


def size_text(size: Optional[float]) -> str:
    """Three digits and a unit: 1.24 TiB."""
    if size is None:
        return NOT_KNOWN
    amount = float(size)
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    number = 0
    while amount >= 999.5 and number < len(units) - 1:
        amount /= 1024
        number += 1
    decimals = 0 if not number or amount >= 99.95 else 1 if amount >= 9.995 else 2
    text = "%.*f" % (decimals, amount)
    return "%s%s%s" % (text.rstrip("0").rstrip(".") if "." in text else text, SPACE, units[number])


def percent(part: Optional[float]) -> str:
    if part is None:
        return NOT_KNOWN
    return "under 1%s%%" % SPACE if 0 < part < 0.01 else "%.0f%s%%" % (part * 100, SPACE)


def ratio_text(value: Optional[float]) -> str:
    """N : 1, with two digits."""
    if value is None:
        return NOT_KNOWN
    if 0 < value < 0.01:
        return "under 0.01%s:%s1" % (SPACE, SPACE)
    return "%.*f%s:%s1" % (0 if value >= 10 else 1 if value >= 1 else 2, value, SPACE, SPACE)


def count(number: Optional[int], one: str = "", many: str = "") -> str:
    """The number, with the word for one or for many if there is one."""
    if number is None:
        return NOT_KNOWN
    return ("%d%s%s" % (number, SPACE, one if number == 1 else many)) if one else str(number)


def full_text(forecast: Mapping[str, Any]) -> str:
    if forecast["full"] is None:
        return str(forecast["reason"])
    if forecast["precision"] == "month":
        year, month = forecast["full"].split("-")
        return "about %s %s" % (calendar.month_name[int(month)], year)
    day = time.strptime(forecast["full"], "%Y-%m-%d")
    return "week of %d %s %d" % (day.tm_mday, calendar.month_abbr[day.tm_mon], day.tm_year)


def date_text(text: str) -> str:
    """A time such as 2026-12-01T07:30:00Z for people."""
    moment = time.gmtime(seconds(text))
    day = "%d %s %d" % (moment.tm_mday, calendar.month_name[moment.tm_mon], moment.tm_year)
    return "%s, %s" % (day, time.strftime("%H:%M UTC", moment))
