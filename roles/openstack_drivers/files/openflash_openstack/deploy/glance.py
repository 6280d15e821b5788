# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads stores and images from Glance's configuration and database, and edits the one line of glance_store."""

from __future__ import annotations

import json
import re
from typing import Any, Optional

from oslo_config import cfg

from . import sections
from .installed import Edit, Installed

KIND = "datera"
# The values that glance_store permits for the default of a single store
_CHOICES = re.compile(r"(cfg\.StrOpt\(\s*'default_store',.*?choices=\()(.*?)(\))", re.DOTALL)
_CHOICE = "'%s', " % KIND


def images(path: str, folder: Optional[str], store: Optional[str]) -> int:
    """The number of images that Glance has in a store; None means the single one, without a name."""
    rows = _locations(_configuration(path, folder), path)
    metadata = [data for scheme, data in rows if scheme == KIND]
    return sum(1 for data in metadata if store is None or _data(data).get("store") in (None, store))


def stores(path: str, folder: Optional[str]) -> dict[str, Any]:
    """The stores in Glance's configuration, and the number of images in those of a single configuration.

    :return: ``enabled`` is the value of ``enabled_backends``, None where Glance has a single configuration; ``stores``
        is the list of those in ``[glance_store]``; ``images`` counts the images outside Datera by the scheme of their
        location (``{"file": 3}``), and is empty where ``enabled`` is not None.
    """
    conf = _configuration(path, folder)
    counted: dict[str, int] = {}
    if not conf.enabled_backends:
        for scheme, _meta in _locations(conf, path):
            if scheme != KIND:
                counted[scheme] = counted.get(scheme, 0) + 1
    return {"enabled": conf.enabled_backends or None, "stores": conf.glance_store.stores, "images": counted}


def _configuration(path: str, folder: Optional[str]) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt("enabled_backends"))
    conf.register_opt(cfg.ListOpt("stores", default=["file", "http"]), group="glance_store")
    conf.register_opt(cfg.StrOpt("connection", secret=True), group="database")
    conf([], default_config_files=[path], default_config_dirs=[folder] if folder else [])
    return conf


def _locations(conf: cfg.ConfigOpts, path: str) -> list[tuple[str, Any]]:
    """Scheme and metadata of every location of an image; none where the database has no tables yet."""
    import sqlalchemy

    if not conf.database.connection:
        raise ValueError("%s has no connection in [database]" % path)
    question = "SELECT value, meta_data FROM image_locations WHERE deleted = :no"
    engine = sqlalchemy.create_engine(conf.database.connection)
    try:
        with engine.connect() as connection:
            if not sqlalchemy.inspect(connection).has_table("image_locations"):
                return []
            rows = connection.execute(sqlalchemy.text(question), {"no": False}).fetchall()
    finally:
        engine.dispose()
    return [(str(value).partition(":")[0], data) for value, data in rows]


def _data(text: Any) -> dict[str, Any]:
    found: dict[str, Any] = (json.loads(text) if isinstance(text, str) else text) or {}
    return found


def choices(state: str, write: bool) -> bool:
    """Permit ``datera`` as the default of a single store, or undo that. Returns whether anything changes.

    An upgrade of glance_store undoes it too.

    :param state: present or absent.
    :raises ValueError: glance_store has no such line.
    """
    installed = Installed("glance_store")
    path = installed.package / "backend.py"
    text = path.read_bytes().decode("utf-8")
    match = _CHOICES.search(text)
    if match is None and state == "absent":
        return False
    if match is None:
        raise ValueError(
            "%s has no list of values of default_store that can be edited. Set glance_datera_stores to multiple." % path
        )
    without = match.group(2).replace(_CHOICE, "")
    if re.search(r"['\"]%s['\"]" % KIND, without) is not None:
        # It has been permitted by another tool.
        return False
    parts = [text[: match.start(2)], text[match.end(2) :]]
    edit = Edit(path, without.join(parts).encode(), (_CHOICE + without).join(parts).encode())
    return bool(installed.bring([edit], state == "present", write))


def values(path: str, names: list[str]) -> dict[str, Optional[str]]:
    """The values that count in one file, by the requested SECTION:OPTION; None for an option that is not set."""
    parsed = sections.parse(path)
    found: dict[str, Optional[str]] = {}
    for name in names:
        section, _colon, option = name.partition(":")
        given: list[Optional[str]] = [None, *parsed.get(sections.normal(section), {}).get(option, [])]
        found[name] = given[-1]
    return found
