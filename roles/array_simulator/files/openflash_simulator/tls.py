# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for the simulated arrays: one authority per run, one certificate per array."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import trustme


class Authority:
    """Signs for every array of one run. Its key lives in this process only; its certificate is the clients' CA file."""

    def __init__(self, run_dir: Path) -> None:
        self._ca = trustme.CA(organization_name="openflash simulator")
        self.path = run_dir / "ca.pem"
        self.path.unlink(missing_ok=True)
        self._ca.cert_pem.write_to_path(str(self.path))
        self.path.chmod(0o644)

    def context(self, address: str, name: str) -> ssl.SSLContext:
        """A server context whose certificate names the address, ``localhost`` and the array."""
        # An underscore may stand in an array's name here, but in no host name.
        host = re.sub(r"[^a-z0-9.-]", "-", name.lower()).strip("-.")
        names = dict.fromkeys(one for one in (address, "localhost", host) if one)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._ca.issue_cert(*names, common_name=address).configure_cert(context)
        return context
