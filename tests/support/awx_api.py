# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the API of AWX 24.6.1 that the modules of awx.awx 24.6.1 use: lists with filters, objects, associations.

It refuses what AWX refuses: a credential type by its schemas, a survey (awx/api/views/__init__.py), a schedule without
DTSTART or INTERVAL (awx/api/serializers.py), and a playbook that the project does not have.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.awx import Data, check_type
from tests.support.running import join

TYPES = {
    "inventories": "inventory",
    "workflow_job_template_nodes": "workflow_job_template_node",
    "workflow_approval_templates": "workflow_approval",
}
UNIFIED = ("job_templates", "workflow_job_templates", "projects", "workflow_approval_templates")
QUESTIONS = ("text", "textarea", "password", "integer", "float", "multiplechoice", "multiselect")


class Refused(Exception):
    """An answer with the status 400."""


class Api:
    """The objects of an AWX, by kind and number. ``requests`` has each one that changes something."""

    def __init__(self, playbooks: Collection[str]) -> None:
        self.playbooks = playbooks
        self.objects: dict[str, dict[int, Data]] = {"organizations": {}}
        self.members: dict[str, list[int]] = {}
        self.surveys: dict[str, Data] = {}
        self.requests: list[str] = []
        self.secrets: list[str] = []
        self.create("organizations", {"name": "Default"})

    # ---- what a test reads -----------------------------------------------------------------------------------------

    def names(self, kind: str) -> set[str]:
        return {entry["name"] for entry in self.objects.get(kind, {}).values()}

    def named(self, kind: str, name: str) -> Data:
        (found,) = (entry for entry in self.objects[kind].values() if entry["name"] == name)
        return found

    # ---- requests --------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: Data, body: Data) -> tuple[int, Any]:
        parts = path.strip("/").split("/")[2:]
        if method != "GET":
            self.requests.append(f"{method} {path}")
        kind = parts[0]
        if len(parts) == 1:
            return (201, self.create(kind, body)) if method == "POST" else (200, self.listed(kind, query))
        number = int(parts[1])
        if len(parts) == 2:
            if method == "PATCH":
                self.objects[kind][number].update(self.checked(kind, body))
            return 200, self.shown(kind, number)
        if parts[2] == "survey_spec":
            if method == "POST":
                check_survey(body)
                self.surveys[path] = body
            return 200, self.surveys.get(path, {})
        if parts[2] == "create_approval_template":
            approval = self.create("workflow_approval_templates", body)
            self.objects[kind][number]["unified_job_template"] = approval["id"]
            return 201, approval
        return self.associated(parts[2], path, method, body)

    def associated(self, kind: str, path: str, method: str, body: Data) -> tuple[int, Any]:
        members = self.members.setdefault(path, [])
        if method == "GET":
            found = [{"id": number} for number in members]
            return 200, {"count": len(found), "next": None, "results": found}
        if body.get("disassociate"):
            members.remove(body["id"])
        else:
            members.append(body["id"])
        return 204, None

    def listed(self, kind: str, query: Data) -> Data:
        kinds = UNIFIED if kind == "unified_job_templates" else (kind,)
        found = [self.shown(one, number) for one in kinds for number in self.objects.get(one, {})]
        wanted = {name.removeprefix("or__"): value for name, value in query.items()}
        found = [entry for entry in found if all(str(entry.get(name)) == value for name, value in wanted.items())]
        return {"count": len(found), "next": None, "results": found}

    def create(self, kind: str, body: Data) -> Data:
        number = 1 + sum(map(len, self.objects.values()))
        self.objects.setdefault(kind, {})[number] = self.checked(kind, body)
        return self.shown(kind, number)

    def shown(self, kind: str, number: int) -> Data:
        url = f"/api/v2/{kind}/{number}/"
        entry = self.objects[kind][number]
        related = {name: f"{url}{name}/" for name in ("survey_spec", "hosts", "children", "credentials")}
        if kind == "workflow_job_template_nodes" and entry.get("unified_job_template"):
            for one in UNIFIED:
                if entry["unified_job_template"] in self.objects.get(one, {}):
                    related["unified_job_template"] = f"/api/v2/{one}/{entry['unified_job_template']}/"
        kind_of_one = TYPES.get(kind, kind.removesuffix("s"))
        shown = {**entry, "id": number, "url": url, "type": kind_of_one, "related": related, "summary_fields": {}}
        if kind == "projects":
            shown |= {"scm_revision": "0123abc", "status": "successful"}
        if kind == "credentials":
            shown["inputs"] = dict.fromkeys(entry["inputs"], "$encrypted$")
        return shown

    def checked(self, kind: str, body: Data) -> Data:
        if kind == "credential_types":
            check_type(body)
        elif kind == "credentials" and body.get("inputs"):
            self.secrets += body["inputs"].values()
        elif kind == "job_templates" and body["playbook"] not in self.playbooks:
            raise Refused("Playbook not found for project.")
        elif kind == "schedules":
            rule = body["rrule"]
            if not rule.startswith("DTSTART") or "INTERVAL=" not in rule or rule.count("RRULE") != 1:
                raise Refused("DTSTART, one RRULE and INTERVAL are required")
        return dict(body)


def check_survey(spec: Data) -> None:
    """:raises Refused: AWX does not accept the survey."""
    if set(spec) != {"name", "description", "spec"} or not spec["spec"]:
        raise Refused("a survey has a name, a description and a spec")
    variables = set()
    for question in spec["spec"]:
        if missing := {"question_name", "type", "variable", "required"} - set(question):
            raise Refused(f"missing {missing}")
        if question["type"] not in QUESTIONS or question["variable"] in variables:
            raise Refused(f"{question}")
        variables.add(question["variable"])
        default, choices = question.get("default", ""), question.get("choices")
        if question["type"] == "multiplechoice" and (not choices or default and default not in choices):
            raise Refused(f"{default} is none of {choices}")
        if any(not isinstance(question.get(name, 0), int) for name in ("min", "max")):
            raise Refused("min and max are numbers")
        if question["type"] == "integer" and default and not isinstance(default, int):
            raise Refused("the default of an integer is one")


class Server:
    """The API on a port of its own: ``with Server(api) as url``."""

    def __init__(self, api: Api) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self) -> None:
                address = urlsplit(self.path)
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                if self.headers.get("Authorization") != "Bearer a-token":
                    status, answer = 401, {"detail": "Authentication credentials were not provided."}
                else:
                    try:
                        status, answer = api.answer(self.command, address.path, dict(parse_qsl(address.query)), body)
                    except Refused as error:
                        status, answer = 400, {"detail": str(error)}
                text = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("X-API-Product-Name", "AWX")
                self.send_header("X-API-Product-Version", "24.6.1")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_DELETE = respond

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        join(self._thread)
