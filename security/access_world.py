"""Apps with every kind of right and without any, for the access harnesses."""

import http.client
import json
from typing import NamedTuple

import signers
from access_rules import CAPABILITIES
from harness import ADMIN_TOKEN, Answer, Server

KINDS = ("jdcloud", "alibaba", "tencent-im")
FUTURE, PAST = "2099-12-31 23:59:59", "2020-01-01 00:00:00"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class App(NamedTuple):
    """An app with its token, a key of each kind, and its granted areas."""

    name: str
    token: str
    keys: dict[str, dict]
    areas: frozenset[str]


class World:
    """A server, its apps, and calls on their behalf."""

    def __init__(self, server: Server):
        self.server = server
        everything = frozenset().union(*CAPABILITIES.values())
        self.alpha, self.beta = (self.app(name, list(CAPABILITIES), everything) for name in ("alpha", "beta"))
        self.single = {one: self.app(f"only{one[-1]}", [one], frozenset(areas)) for one, areas in CAPABILITIES.items()}
        self.expired, self.revoked = (self.app(name, list(CAPABILITIES), everything) for name in ("expired", "revoked"))
        body = {"appId": "expired", "dueTime": PAST, "capabilityIdArray": list(CAPABILITIES)}
        self.must(server.post("/authorize/updateAuthorize", body, token=ADMIN_TOKEN))
        self.must(server.post("/authorize/deleteAuthorizedUser", {"appId": "revoked"}, token=ADMIN_TOKEN))
        # Revoked keys of an app that has valid ones.
        self.gone = {kind: server.key("alpha", kind=kind) for kind in KINDS}
        for key in self.gone.values():
            self.revoke("alpha", key)

    @staticmethod
    def must(answer: Answer) -> Answer:
        if answer.status >= 300 or b'"flag":false' in answer.body:
            raise SystemExit(f"error: {answer.status} {answer.body[:300]!r}")
        return answer

    @staticmethod
    def id_of(key: dict) -> str:
        return str(key.get("accessKey") or key.get("accessKeyId") or key.get("sdkappid"))

    @staticmethod
    def secret_of(key: dict) -> str:
        return key.get("secretKey") or key.get("accessKeySecret") or key["key"]

    def app(self, name: str, capabilities: list[str], areas: frozenset[str]) -> App:
        token = self.server.grant(name, capabilities)
        return App(name, token, {kind: self.server.key(name, kind=kind) for kind in KINDS}, areas)

    def revoke(self, app: str, key: dict) -> None:
        self.must(self.own("DELETE", f"/apps/{app}/keys/{self.id_of(key)}", ADMIN_TOKEN))

    def manual(self, path: str, token: str | None, body: dict | list | None = None, **headers: str) -> Answer:
        sent = headers if token is None else {"token": token} | headers
        return self.server.call("POST", path, json.dumps(body if body is not None else {}).encode(), **JSON | sent)

    def jd(self, key: dict, api: str, query: dict | None = None, body: dict | None = None, **given) -> Answer:
        data = json.dumps(body).encode() if body else b""
        target, headers = signers.jdcloud(key, self.server.address, api, query or {}, data, **given)
        return self.server.call("POST", target, data, **headers)

    def visual(self, key: dict, action: str, pairs: dict | None = None, **given) -> Answer:
        signed = signers.linkvisual(key, action, pairs or {}, **given)
        return self.server.call("POST", "/", signers.joined(signed.items()).encode(), **FORM)

    def im(self, key: dict, command: str, body: dict | None = None, **given) -> Answer:
        return self.server.call("POST", signers.tencent_im(key, command, **given), json.dumps(body or {}).encode())

    def own(self, method: str, path: str, token: str | None, body: dict | None = None) -> Answer:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.server.call(method, f"/api/v1{path}", json.dumps(body).encode() if body else None, **JSON | headers)

    def raw(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[Answer, dict]:
        """Makes a call with the given `Host`; returns the answer and its headers."""
        connection = http.client.HTTPConnection(self.server.address, timeout=30)
        try:
            connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, response.read()), {name.lower(): value for name, value in response.getheaders()}
        except (OSError, http.client.HTTPException):
            return Answer(0, b""), {}
        finally:
            connection.close()
