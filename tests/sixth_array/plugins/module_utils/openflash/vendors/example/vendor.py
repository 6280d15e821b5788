# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Example 100, described for everything outside this folder."""

from __future__ import annotations

from ...model import ISCSI
from ...vendor import Cinder, CinderOption, Connect, Driver, Option, Vendor


def _load() -> Connect:
    from . import client

    return client.connect


EXAMPLE = Vendor(
    name="example",
    title="Example 100",
    product="Example 100 (API 1)",
    management="HTTPS",
    since="0.2.0",
    load=_load,
    libraries=("requests",),
    options={
        "api_root": Option(("Path of the API, where the array is behind a gateway. The default is V(/api).",)),
    },
    cinder=Cinder(
        drivers={ISCSI: Driver("openflash_openstack.cinder.example.ExampleISCSIDriver")},
        options=(CinderOption("example_api_root", "Path of the API, where the array is behind a gateway."),),
    ),
)
