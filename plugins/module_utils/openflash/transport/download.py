# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file from a web server, with bounds. Proxies are those of the environment, as any download has them."""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import urllib.error
import urllib.request
from typing import IO, Any, Callable, Optional

from ..errors import Conflict, FlashError, Invalid, NoSpace, NotFound, Timeout, Unauthorized, Unreachable
from ..units import format_size

_CHUNK = 1024**2


def public(url: str) -> str:
    """What of it may be told: no password, and no parameters that may be one."""
    return re.sub(r"//[^/@]*@", "//", url.split("?")[0])


def download(
    url: str,
    target: IO[bytes],
    largest: int,
    ca_path: Optional[str] = None,
    seconds: float = 30.0,
    tell: Optional[Callable[[float], None]] = None,
) -> int:
    """Write what the URL gives to the file, and return its length.

    :param ca_path: a file or folder of certificates to trust; by default the system's.
    :param seconds: for the connection, and for each piece.
    :raises Conflict: it ends before the length that the server told, or is larger than ``largest``.
    """
    shown = public(url)
    context = ssl.create_default_context()
    if ca_path is not None:
        if not os.path.exists(ca_path):
            raise Invalid("there is no image_ca_path %s on this host" % ca_path)
        is_folder = os.path.isdir(ca_path)
        context.load_verify_locations(capath=ca_path if is_folder else None, cafile=None if is_folder else ca_path)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _OnlyWeb())
    try:
        with opener.open(url, timeout=seconds) as answer:
            return _copy(answer, target, largest, shown, tell)
    except urllib.error.HTTPError as error:
        kind: Any = {401: Unauthorized, 403: Unauthorized, 404: NotFound, 410: NotFound}.get(error.code, FlashError)
        raise kind("the server answers %d (%s) for %s" % (error.code, error.reason, shown)) from None
    except (socket.timeout, TimeoutError):
        raise Timeout("%s did not answer within %g s" % (shown, seconds)) from None
    except urllib.error.URLError as error:
        raise Unreachable("%s cannot be fetched: %s" % (shown, error.reason)) from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise Unreachable("%s cannot be fetched: %s" % (shown, error)) from None


def _copy(answer: Any, target: IO[bytes], largest: int, shown: str, tell: Optional[Callable[[float], None]]) -> int:
    told = answer.headers.get("Content-Length")
    length = int(told) if told and told.isdigit() else None
    if length is not None and length > largest:
        raise _too_large(shown, largest)
    done = 0
    while True:
        try:
            chunk = answer.read(_CHUNK)
        except http.client.IncompleteRead as error:
            chunk, length = error.partial, length or -1
        if not chunk:
            break
        done += len(chunk)
        if done > largest:
            raise _too_large(shown, largest)
        try:
            target.write(chunk)
        except OSError as error:
            raise NoSpace("what is fetched cannot be written: %s" % error.strerror, hint="Set state_dir.") from None
        if tell is not None and length:
            tell(100.0 * done / length)
    if length is not None and done != length:
        raise Conflict("%s ends after %d of %d bytes" % (shown, done, length), hint="Run it again.")
    return done


def _too_large(shown: str, largest: int) -> Conflict:
    return Conflict("%s has more than %s" % (shown, format_size(largest)), hint="If you trust it, raise max_size.")


class _OnlyWeb(urllib.request.HTTPRedirectHandler):
    """A redirect may lead to another web server, but not from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.full_url.lower().startswith("https://") and not newurl.lower().startswith("https://"):
            raise urllib.error.URLError("the server redirects from https to %s" % newurl.split(":")[0])
        return super().redirect_request(req, fp, code, msg, headers, newurl)
