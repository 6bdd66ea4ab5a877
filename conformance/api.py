#!/usr/bin/env python3
"""Start a server, and make requests from the OpenAPI document of its REST API.

Usage: conformance/api.py PATH_OF_THE_AICP_BINARY

Schemathesis makes valid and invalid requests for every operation of the document. It compares each answer with the
document: status, content type, headers and body. First, the server gets data of every kind. Most requests then use the
ids of that data, and pictures with a face. The others keep what was made up. Prints one line of counts, and before it
a report with a curl command for each failure. Ends with 1 if an answer failed, or if an operation never succeeded.
"""

import base64
import contextlib
import io
import json
import pathlib
import random
import re
import sys
import tempfile
import time
import time
import zipfile
from typing import NamedTuple

import click.testing
import requests
import schemathesis
from schemathesis.cli import schemathesis as command_line
from schemathesis.transport.serialization import Binary

from run import ADMIN_TOKEN, ROOT, SECONDS, Server

PICTURES = [path.read_bytes() for path in sorted((ROOT / "samples/people/obama").glob("*.jpg"))]
# Share of the ids and pictures that are real.
REAL = 0.85
# Number of things of each kind that requests may remove.
SPARE = 10
# Fields of requests, by the name of the parameter with the same ids.
ALIASES = {"appId": "app", "libraryIds": "library", "libraryId": "spare target", "capabilities": "capability"}
ALIASES |= {"groups": "group", "members": "friend", "image": "picture", "a": "picture", "b": "picture"}
ALIASES |= {"fromEventId": "event", "personId": "person"}
# Kinds of data, each made of those before.
KINDS = ["app", "key", "library", "target", "person", "face", "account", "friend", "group", "webhook", "delivery", "entry"]
KINDS += ["operator", "faced", "session", "token", "setting", "change"]
# Settings that may change to what they are already, without an effect on other requests: for `setting` and `change`.
CHANGEABLE = [
    *("webhooks.keep_deliveries", "webhooks.max_failures", "webhooks.retry_s", "webhooks.give_up_after_s"),
    *("webhooks.timeout_s", "webhooks.at_once", "events.max_events", "events.max_streams", "events.max_streams_per_app"),
    *("events.heartbeat_s", "events.retention_days", "jobs.export_hours", "jobs.max_files", "jobs.max_unpacked_mib"),
    *("jobs.retention_days", "jobs.max_upload_mib", "console.max_users", "console.attempts_per_minute"),
    *("statistics.max_rows", "statistics.retention_days", "recognition_log.max_entries", "fetch.at_once"),
]
# The operator who has sessions and tokens.
OPERATOR = {"name": "operator-0", "password": "a pass phrase of some length"}
# Operations that remove something, or forbid more of it, with the parameter that names it.
REMOVES = re.compile(r"DELETE .*\{(\w+)\}|PUT .*\{(\w+)\}/(?:faces|quota)|POST .*\{(\w+)\}/(?:drop|undo)")
# Operations after which a person is not where they were.
TAKES_PEOPLE = re.compile(r"POST (/erasures|.*/(move|merge|bulk-delete))$")
# Operations that only an operator can succeed with, not the holder of the admin token, or that need a password.
OF_OPERATORS = {"POST /session", "DELETE /session", "PUT /session/password", "POST /tokens"}
OF_OPERATORS |= {"PUT /session/face", "DELETE /session/face"}
# Operations that this server refuses: a setting has its admin token.
OF_OTHERS = {"POST /admin-token"}
BEARER = f"Bearer {ADMIN_TOKEN}"

# Values come from the document and from the data alone, so that each run makes the same requests.
CONFIG = """
phases.examples.extra-data-sources.responses = false
phases.coverage.extra-data-sources.responses = false
phases.fuzzing.extra-data-sources.responses = false
checks.response_schema_conformance.validate-formats = true
"""
OPTIONS = [
    "--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance",
    # Random requests for each operation, besides those for each limit in the document.
    "--max-examples=25",
    "--generation-deterministic",
    "--no-shrink",
    "--continue-on-failure",
    "--suppress-health-check=all",
    "--warnings=off",
    "--no-color",
    "--report=json",
    "--report-json-path=report.json",
]

# Operations on a job, and the kind of job that they need.
JOBS = {
    "POST /jobs/{job}/pause": "paused",
    "POST /jobs/{job}/resume": "resumed",
    "POST /jobs/{job}/cancel": "cancelled",
    "GET /jobs/{job}/file": "exported",
}
# Folder that the server may import.
FOLDER = tempfile.TemporaryDirectory()

# Ids by the name of their parameter. Requests may remove those named `spare`.
Ids = dict[str, list[str]]


class ApiServer(Server):
    """With an engine that never answers, so that writes wait in the outbox."""

    SETTINGS = {
        "AICP_ENGINES__CLOUDWALK__URL": "http://127.0.0.1:9/",
        "AICP_JOBS__IMPORT_ROOTS": FOLDER.name,
        "AICP_JOBS__MAX_OPEN": "10000",
    }

    def call(self, method: str, path: str, **content: object) -> dict:
        """Returns the body of the answer."""
        url = f"{self.base}/api/v1{path}"
        answer = requests.request(method, url, headers={"Authorization": BEARER}, timeout=SECONDS, **content)
        answer.raise_for_status()
        return answer.json() if answer.content else {}


def create_token(server: ApiServer, name: str) -> str:
    """Makes a token of the operator, in a session of theirs. Returns its id."""
    with requests.Session() as browser:
        url = f"{server.base}/api/v1"
        opened = browser.post(f"{url}/session", json=OPERATOR, timeout=SECONDS)
        opened.raise_for_status()
        made = browser.post(
            f"{url}/tokens",
            json={"name": name, "expiresAt": "2099-12-31T00:00:00Z"},
            headers={"X-CSRF-Token": opened.json()["csrfToken"]},
            timeout=SECONDS,
        )
        made.raise_for_status()
        return made.json()["id"]


def archive(name: str) -> bytes:
    """An archive with one picture of a person."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as written:
        written.writestr(f"{name}/1.jpg", PICTURES[0] + name.encode())
    return content.getvalue()


@schemathesis.serializer("application/zip")
def serialize_archive(_: object, value: object) -> bytes:
    """Writes what was made up as it is. Most requests get an archive in its place."""
    return value if isinstance(value, bytes) else str(value).encode()


def finish(server: ApiServer, job: str) -> str:
    """Waits until a job has ended. Returns its id."""
    while server.call("GET", f"/jobs/{job}")["state"] not in ("done", "failed"):
        time.sleep(0.05)
    return job


def create_export(server: ApiServer) -> str:
    """Exports a library of its own: an erasure withdraws the exports of the library."""
    library = server.call("POST", "/libraries", json={"name": "exported"})["id"]
    return finish(server, server.call("POST", f"/libraries/{library}/exports", json={})["id"])


def create_job(server: ApiServer, library: str, name: str, action: str | None) -> str:
    """Imports a picture. Without an action, the job is done on return."""
    url, headers = f"{server.base}/api/v1{library}/imports", {"Authorization": BEARER, "Content-Type": "application/zip"}
    answer = requests.post(url, archive(name), headers=headers, timeout=SECONDS)
    answer.raise_for_status()
    job = answer.json()["id"]
    if action is None:
        return finish(server, job)
    server.call("POST", f"/jobs/{job}/{action}")
    return job


def create(server: ApiServer, kind: str, name: str, ids: Ids) -> str:
    """Creates one thing of a kind, inside the first of the kinds before. Returns its id."""
    first = {known: values[0] for known, values in ids.items()}
    app, library = f"/apps/{first.get('app')}", f"/libraries/{first.get('library')}"
    account = f"{app}/accounts/{first.get('account')}"
    match kind:
        case "app":
            body = {"appId": name, "capabilities": ids["capability"], "dueAt": "2099-12-31T00:00:00Z"}
            server.call("POST", "/apps", json=body)
        case "key":
            return server.call("POST", f"{app}/keys", json={"kind": "jdcloud"})["accessKey"]
        case "operator":
            return server.call("POST", "/operators", json={**OPERATOR, "name": name, "role": "operator"})["id"]
        case "faced":
            operator = server.call("POST", "/operators", json={"name": name, "role": "viewer"})["id"]
            server.call("PUT", f"/operators/{operator}/face", files={"file": PICTURES[0]})
            return operator
        case "session":
            return server.call("POST", "/session", json=OPERATOR)["signIn"]["id"]
        case "token":
            return create_token(server, name)
        case "library" | "target":
            return server.call("POST", "/libraries", json={"appId": first["app"], "name": name})["id"]
        case "person":
            data, files = {"name": name, "externalId": name}, {"file": PICTURES[0]}
            return server.call("POST", f"{library}/people", data=data, files=files)["id"]
        case "face":
            # The name makes it another file.
            files = {"file": PICTURES[0] + name.encode()}
            return server.call("POST", f"{library}/people/{first['person']}/faces", files=files)["id"]
        case "account" | "friend":
            server.call("PUT", f"{app}/accounts/{name}", json={"nick": name})
            if kind == "friend":
                server.call("PUT", f"{account}/friends/{name}", json={"remark": name})
        case "group":
            server.call("PUT", f"{account}/friend-groups/{name}", json={"members": ids["friend"]})
        case "webhook":
            body = {"url": f"https://example.com/{name}", "kinds": ["job"]}
            return server.call("POST", "/webhooks", json=body)["id"]
        case "delivery":
            return server.call("POST", f"/webhooks/{first['webhook']}/test", json={})["id"]
        case "entry":
            return create_entry(server, library)
        case "setting" | "change":
            return change_setting(server, CHANGEABLE[int(name.split("-")[1]) + (1 + SPARE) * (kind == "change")], kind)
    return name


def change_setting(server: ApiServer, name: str, kind: str) -> str:
    """Gives a setting the value that it has. Returns its name, or the number of the change."""
    value = server.call("GET", f"/settings/{name}")["value"]
    changed = server.call("PUT", f"/settings/{name}", json={"value": value, "reason": "a test"})
    return name if kind == "setting" else changed["stored"]["change"]


def create_entry(server: ApiServer, library: str) -> str:
    """Logs a recognition of an unknown face. Returns its id."""
    server.call("PATCH", f"{library}/recognition-log", json={"enabled": True})
    known = len(server.call("GET", f"{library}/recognitions")["items"])
    # Nobody is so similar to another picture.
    server.call("POST", f"{library}/identify", data={"threshold": "1"}, files={"file": PICTURES[1]})
    deadline = time.monotonic() + SECONDS
    while len(items := server.call("GET", f"{library}/recognitions")["items"]) == known:
        if time.monotonic() > deadline:
            raise SystemExit("error: a recognition was not logged")
        time.sleep(0.05)
    return items[0]["id"]


def create_waiting(server: ApiServer, name: str = "remote") -> str:
    """Makes writes wait in the outbox. Returns the library with the engine that never answers."""
    library = server.call("POST", "/libraries", json={"name": name, "engine": "cloudwalk"})["id"]
    server.call("POST", f"/libraries/{library}/people", files={"file": PICTURES[0]})
    return library


def prepare(server: ApiServer) -> Ids:
    """Creates data of every kind. All but the first of a kind are spare."""
    ids = {"If-Match": ["*"], "picture": [base64.b64encode(picture).decode() for picture in PICTURES]}
    ids["capability"] = [row["id"] for row in server.call("GET", "/capabilities")["items"]]
    for kind in KINDS:
        created = [create(server, kind, f"{kind}-{number}", ids) for number in range(1 + SPARE)]
        ids |= {kind: created[:1], f"spare {kind}": created[1:]}
    library = f"/libraries/{ids['library'][0]}"
    done = [create_job(server, library, f"job-{number}", None) for number in range(1 + SPARE)]
    # A number that `webhooks.keep_deliveries`, the first setting, may have.
    ids["value"] = [1000]
    ids |= {"job": done[:1], "spare job": done[1:], "folder": [FOLDER.name]}
    ids["exported"] = [create_export(server)]
    for kind in ("paused", "resumed", "cancelled"):
        # What was cancelled can be cancelled once more; a job that goes on ends sooner or later.
        action = "cancel" if kind == "cancelled" else "pause"
        ids[kind] = [create_job(server, library, f"{kind}-{number}", action) for number in range(SPARE)]
    ids["remote"] = [create_waiting(server)]
    ids["event"] = [row["id"] for row in server.call("GET", "/events/log")["items"]]
    ids["write"] = [row["id"] for row in server.call("GET", "/outbox")["items"]]
    create_waiting(server, "spare")
    ids["spare write"] = [row["id"] for row in server.call("GET", "/outbox")["items"] if row["id"] not in ids["write"]]
    return ids


def with_real(name: str, value: object, ids: Ids, choice: random.Random) -> object:
    """The value of a field or parameter, with most of its ids and pictures replaced by real ones."""
    real = ids.get(ALIASES.get(name, name), [])
    if isinstance(value, dict):
        return {key: with_real(key, one, ids, choice) for key, one in value.items()}
    if isinstance(value, list):
        return [with_real(name, one, ids, choice) for one in value or real[:1]]
    # Recognition rightly fails while an engine does not answer.
    if value not in ids["remote"] and choice.random() >= REAL:
        return value
    if isinstance(value, Binary):
        return Binary(choice.choice(PICTURES))
    return choice.choice(real) if real and (value is None or isinstance(value, str)) else value


def insert_real(case: schemathesis.Case, ids: Ids) -> None:
    """Replaces ids and pictures of a request. The same request gets the same ones each time."""
    body = case.body if isinstance(case.body, dict) else {}
    choice = random.Random(f"{case.operation.label} {case.path_parameters} {case.query} {body}")
    if found := REMOVES.fullmatch(case.operation.label):
        removed = found[found.lastindex]
        ids = ids | {removed: ids[f"spare {removed}"]}
    if case.operation.label == "DELETE /operators/{operator}/face":
        ids = ids | {"operator": ids["spare faced"]}
    if TAKES_PEOPLE.search(case.operation.label):
        ids = ids | {"person": ids["spare person"]}
    if kind := JOBS.get(case.operation.label):
        ids = ids | {"job": ids[kind]}
    if case.path == "/apps":
        # A new app needs a new id.
        ids = ids | {"app": []}
    case.path_parameters = with_real("", case.path_parameters, ids, choice)
    case.headers.update(with_real("", dict(case.headers), ids, choice))
    case.query = with_real("", case.query, ids, choice)
    case.body = with_real("", case.body, ids, choice)
    if case.operation.path.endswith("/imports") and choice.random() < REAL:
        case.body = archive("made-up")


class Result(NamedTuple):
    """What Schemathesis found."""

    is_fine: bool
    # For people, with a curl command for each failure.
    text: str
    # Its counts.
    report: dict
    # Operations that never succeeded.
    failed: list[str]


def examine(server: ApiServer, ids: Ids) -> Result:
    """Runs Schemathesis."""
    succeeded = set()

    @schemathesis.hook
    def before_call(_: schemathesis.HookContext, case: schemathesis.Case, _kwargs: dict) -> None:
        insert_real(case, ids)

    @schemathesis.hook
    def after_call(_: schemathesis.HookContext, case: schemathesis.Case, response: schemathesis.Response) -> None:
        if response.status_code < 300:
            succeeded.add(case.operation.label)

    document = server.call("GET", "/openapi.json")
    # Its answer never ends.
    del document["paths"]["/events"]
    operations = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    # Schemathesis reads and writes files where it runs.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        pathlib.Path("schemathesis.toml").write_text(CONFIG)
        pathlib.Path("openapi.json").write_text(json.dumps(document))
        arguments = ["run", "openapi.json", "--url", f"{server.base}/api/v1", "--header", f"Authorization: {BEARER}"]
        ran = click.testing.CliRunner().invoke(command_line, [*arguments, *OPTIONS])
        if ran.exit_code not in (0, 1):
            raise SystemExit(f"error: Schemathesis did not run: {ran.output}")
        report = json.loads(pathlib.Path("report.json").read_text())
    return Result(ran.exit_code == 0, ran.output, report, sorted(operations - succeeded - OF_OPERATORS - OF_OTHERS))


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with ApiServer(sys.argv[1]) as server:
        result = examine(server, prepare(server))
    if not result.is_fine:
        print(result.text)
        print("the end of the server's log:", *server.log, sep="\n", file=sys.stderr)
    operations, cases = result.report["operations"], result.report["test_cases"]
    print(
        f"REST API: {operations['tested']} of {operations['total']} operations, {cases['generated']} cases, "
        f"{cases['with_failures']} failures, {cases['errored']} errors, {len(result.failed)} operations without success"
    )
    if result.failed:
        print("without success:", *result.failed, sep="\n  ")
    return 0 if result.is_fine and not result.failed else 1


if __name__ == "__main__":
    sys.exit(main())
