# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m openflash_simulator``: serve in the foreground; start, stop, status in the background."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from . import daemon, rundir
from .cache import cache_dir
from .errors import ConfigError, SimulatorError

# What init scripts answer when a service does not run.
NOT_RUNNING = 3


def default_run_dir() -> Path:
    try:
        return cache_dir() / "openflash" / "simulator"
    except OSError as error:
        raise SimulatorError(f"there is no folder for the simulator's files: {error}") from error


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="openflash_simulator", description="Simulated all-flash arrays, spoken to as the real ones are."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    helps = {
        "serve": "run in the foreground until SIGTERM",
        "start": "run in the background; restarted only when the configuration has changed",
        "stop": "end what start began",
        "status": f"print the endpoints file, or leave with {NOT_RUNNING} when nothing runs",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--run-dir",
            type=Path,
            help="folder for endpoints.json (default: openflash/simulator in the user's cache folder)",
        )
        if name in ("serve", "start"):
            command.add_argument("--config", type=Path, help="YAML file with a list of arrays")
            command.add_argument(
                "--array", action="append", default=[], metavar="VENDOR[:PORT]", help="one array; may be repeated"
            )
            command.add_argument(
                "--from",
                dest="documents",
                type=Path,
                action="append",
                default=[],
                metavar="FILE",
                help="one array that begins with what this YAML file declares; may be repeated",
            )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 2 for a wrong configuration, 1 for anything else that went wrong."""
    command = parser()
    options = command.parse_args(arguments)
    if options.command in ("serve", "start") and bool(options.config) == bool(options.array or options.documents):
        command.error("give either --config, or any number of --array and --from")
    try:
        return _run(options)
    except ConfigError as error:
        print(f"openflash_simulator: {error}", file=sys.stderr)
        return 2
    except SimulatorError as error:
        print(f"openflash_simulator: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    options.run_dir = options.run_dir or default_run_dir()
    if options.command == "stop":
        stopped = daemon.stop(options.run_dir)
        print("stopped" if stopped else "not running", file=sys.stderr)
        return 0
    if options.command == "status":
        run_dir = options.run_dir.expanduser().absolute()
        path = daemon.endpoints(run_dir) if daemon.running(run_dir) else None
        if path is None:
            print("not running", file=sys.stderr)
            return NOT_RUNNING
        print(path)
        return 0
    # Stopping and asking must work with any Python; only from here on are other packages needed.
    from . import config, server

    if options.config:
        arrays = config.load(options.config)
    else:
        arrays = config.from_arguments(options.array, options.documents)
    given = daemon.Arguments(options.config, options.array, options.documents)
    files = [array.document.path for array in arrays if array.document is not None]
    if options.command == "start":
        path, outcome = daemon.start(options.run_dir, given, files)
        print(outcome, file=sys.stderr)
        print(path)
        return 0
    run_dir = rundir.prepare(options.run_dir)
    with daemon.claimed(run_dir, daemon.digest_of(given, files)):
        asyncio.run(server.run(arrays, run_dir))
    return 0


if __name__ == "__main__":
    sys.exit(main())
