# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glance's WSGI application without Keystone's middleware: every request is an administrator's and a service's.

Runs in the environment of a Glance.
"""

from __future__ import annotations

from typing import Any

from glance.wsgi import api

WHO = {"IDENTITY_STATUS": "Confirmed", "USER_ID": "u", "PROJECT_ID": "0" * 32, "ROLES": "admin,member,reader,service"}


def application(environ: dict[str, Any], start_response: Any) -> Any:
    environ.update({f"HTTP_X_{name}": value for name, value in WHO.items()})
    return api.application(environ, start_response)
