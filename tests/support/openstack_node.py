# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes of OpenStack nodes before their configuration: the services' Python in /opt/openstack, and users without
rights who become root by sudo and rootwrap only.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.debian import Recipe

REQUIREMENTS = Path(__file__).parent / "requirements-openstack.txt"
PLACE = "/opt/openstack"
# As the packages of a distribution do: users, configuration that belongs to root, and one command that sudo permits
COMMANDS = f"""
for service in cinder glance; do
    useradd --system --create-home --home-dir /var/lib/$service $service
    mkdir -p /etc/$service /var/log/$service
    chown $service /var/log/$service
    cp -r {PLACE}/etc/$service/. /etc/$service
    # The helper of privsep is where the services are.
    sed -i 's,^exec_dirs=,exec_dirs={PLACE}/bin\\,,' /etc/$service/rootwrap.conf
    echo "Defaults:$service !requiretty, secure_path=\\"{PLACE}/bin:/usr/sbin:/usr/bin:/sbin:/bin\\"
$service ALL = (root) NOPASSWD: {PLACE}/bin/$service-rootwrap /etc/$service/rootwrap.conf *" > /etc/sudoers.d/$service
    chmod 0440 /etc/sudoers.d/$service
done
printf 'defaults {{\\n    user_friendly_names no\\n    find_multipaths yes\\n}}\\n' > /etc/multipath.conf
"""
ENVIRONMENTS = {"openstack": REQUIREMENTS}
EMULATED = Recipe(
    packages=("open-iscsi", "multipath-tools", "qemu-utils", "sudo"), environments=ENVIRONMENTS, commands=COMMANDS
)
# Without a kernel of its own, the host uses QEMU's initiator
ISOLATED = Recipe(packages=("qemu-utils", "qemu-block-extra", "sudo"), environments=ENVIRONMENTS, commands=COMMANDS)
