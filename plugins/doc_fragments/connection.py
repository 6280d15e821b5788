# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where the array is and how to log in to it: the same options in every module."""

    DOCUMENTATION = r"""
notes:
  - Every option below can be set once for all modules with C(module_defaults) for the action group
    C(group/openflash.storage.flash).
  - Every option below, and no other, can also come from the environment as C(FLASH_) followed by its name in capitals,
    such as C(FLASH_ADDRESS). An empty variable counts as unset.
  - C(FLASH_PASSWORD) and C(FLASH_PRIVATE_KEY_PASSPHRASE) are used only where C(FLASH_ADDRESS) and C(FLASH_VENDOR) are
    unset or mean the same array as the task.
requirements:
  - requests, for arrays that are managed over HTTPS
  - paramiko, for arrays that are managed over SSH
options:
  vendor:
    description: The family of the array.
    type: str
    required: true
    choices: [datera, dsware, flashsystem, violin, xtremio]
  address:
    description:
      - Host name or IP address of the array's management service, with or without a port, such as V(192.0.2.7:443),
        V(2001:db8::7) or V([2001:db8::7]:443). A user name or password in it is refused.
      - Several, where the array has several controllers that answer; they are tried in order.
    type: list
    elements: str
    required: true
  port:
    description: Port of the management service. The default is the one that the array uses.
    type: int
  username:
    description: Account on the array.
    type: str
  password:
    description: Password of the account.
    type: str
  private_key_file:
    description: Private key for arrays that are managed over SSH, instead of O(password).
    type: path
  private_key_passphrase:
    description: Passphrase of O(private_key_file).
    type: str
  validate_certs:
    description: Verify the TLS certificate of the array. V(false) leaves the password open to anyone on the way.
    type: bool
    default: true
  ca_path:
    description:
      - File or directory with the certificates of authorities to trust, instead of those that the Python library
        C(requests) brings.
    type: path
  tls_server_name:
    description:
      - The name that the array's certificate carries, where that is not O(address).
      - It must be in the C(subjectAltName) of the certificate. A name in the subject (CN) alone is not accepted.
    type: str
  proxy:
    description:
      - URL of an HTTP proxy on the way to the array, such as V(http://user:password@proxy.example.org:3128). SOCKS
        proxies are not supported.
      - Characters such as C(/), C(?), C(#) and C(%) in the user name and password are encoded (C(%2F)). The password is
        not shown. It is masked wherever else it occurs, unless it has fewer than four characters.
      - The proxy variables of the environment are not used.
    type: str
  host_key:
    description: The SSH host key of the array, as C(TYPE BASE64), such as a line of C(ssh-keyscan) without the host.
    type: str
  known_hosts:
    description: File of known SSH host keys.
    type: path
  host_key_policy:
    description:
      - V(strict) refuses an SSH host key that is not known.
      - V(accept_new) remembers the key of a host that is seen for the first time, and refuses a changed one.
    type: str
    choices: [strict, accept_new]
    default: strict
  timeout:
    description:
      - Seconds that one request may take, from its connection to the last byte of its answer.
      - A connection that does not come about within 15 seconds is given up, whatever this says.
    type: float
    default: 30.0
  wait_timeout:
    description: Seconds to wait, in all, for what the array does in the background and while it is busy.
    type: float
    default: 600.0
  max_concurrency:
    description: How many independent steps of one task may run at the same time.
    type: int
    default: 4
  # The options that only some arrays have: `make rows` writes them from vendors/NAME/vendor.py
  tenant:
    description:
      - The tenant to work in, as its path such as V(/root/acme) or as its name. By default V(/root).
      - Used with O(vendor=datera).
    type: str
  create_tenant:
    description:
      - Create the tenant, with the tenants above it, before the first change, if it does not exist. By default a
        missing tenant is an error.
      - Used with O(vendor=datera).
    type: bool
  ldap_server:
    description:
      - The LDAP server that has the account, by the name that the array has for it.
      - Used with O(vendor=datera).
    type: str
  api_version:
    description:
      - Version of the API, V(2.1) or V(2.2). By default the newest that the array offers.
      - Used with O(vendor=datera).
    type: str
  scheme:
    description:
      - V(http) connects without TLS, so anyone on the network can read the password. By default V(https).
      - Used with O(vendor=datera).
    type: str
    choices: [http, https]
  offline_changes:
    description:
      - Take a volume offline for a moment where the array requires it for a change, such as an extension. It is never
        done while a host has the volume open. By default the change is refused.
      - Used with O(vendor=datera).
    type: bool
  transport:
    description:
      - V(rest) uses the HTTPS interface of current releases, V(socket) the text socket of older ones.
      - The default is V(rest).
      - Used with O(vendor=dsware).
    type: str
    choices: [rest, socket]
  storage_pools:
    description:
      - Names or numbers of the pools to use. The text socket cannot list its pools, so these are the ones that it is
        asked about.
      - Used with O(vendor=dsware).
    type: list
    elements: str
  agents:
    description:
      - Hosts whose block client attaches volumes, by name, each with the address of its agent. The name is the one that
        O(ignore:host) has in a task.
      - Only the host itself knows what is attached to it. So a task that attaches or detaches must run on that host.
      - Used with O(vendor=dsware) and O(transport=rest).
    type: dict
  attach_tool:
    description:
      - Path of C(vbs_cli) or C(sds_cli) on the host that the task runs on, to attach volumes there.
      - Used with O(vendor=dsware).
    type: path
  device_root:
    description:
      - Where this host has its devices. Only needed with simulated arrays. With O(vendor=dsware) the folder to use
        instead of C(/dev), otherwise the folder that holds C(dev) and C(sys).
      - Used with O(vendor=dsware), O(vendor=flashsystem), O(vendor=violin) and O(vendor=xtremio).
    type: path
  wire_extensions:
    description:
      - "Also send requests over the text socket that no published client sends: lists of volumes and snapshots, and
        full copies. Set it only for an array that is known to answer them."
      - Used with O(vendor=dsware) and O(transport=socket).
    type: bool
  ssh_agent:
    description:
      - Offer the keys of the SSH agent too.
      - Used with O(vendor=flashsystem).
    type: bool
  copy_checksum:
    description:
      - Read every copy that this host makes back from the array and compare it with what was written.
      - Used with O(vendor=flashsystem).
    type: bool
  target_ports:
    description:
      - Report to hosts only these target ports, as WWN or portal IP address. By default all that are up.
      - Used with O(vendor=violin) and O(vendor=xtremio).
    type: list
    elements: str
  pool_selection:
    description:
      - "Which pool gets a new volume that names none: of those with enough free space, the one with the most or the one
        with the least. The default is V(largest)."
      - Used with O(vendor=violin).
    type: str
    choices: [largest, smallest]
  dedup_only_pools:
    description:
      - Names of the pools of a 7700 that hold dedup volumes only. The array does not report which they are.
      - Used with O(vendor=violin).
    type: list
    elements: str
  dedup_capable_pools:
    description:
      - Names of the pools of a 7700 that hold volumes of any kind, dedup included. The array does not report which they
        are.
      - Used with O(vendor=violin).
    type: list
    elements: str
  remove_empty_hosts:
    description:
      - Delete a host from the array when its last volume is unmapped.
      - Used with O(vendor=violin).
    type: bool
  allow_untested_version:
    description:
      - Continue with a version of the array's software that this collection does not know.
      - Used with O(vendor=violin).
    type: bool
  cluster:
    description:
      - Name of the cluster, where one management service manages several.
      - Used with O(vendor=xtremio).
    type: str
  array_version:
    description:
      - Version of the management software, such as V(4.2.0-33). Saves the requests that read it.
      - Used with O(vendor=xtremio).
    type: str
"""
