"""An app and its calls in every dialect."""

import json
from typing import NamedTuple

import signers
from harness import ADMIN_TOKEN, Answer, Server


class Outcome(NamedTuple):
    """Outcome of a write. `is_done` is None without a complete answer: the write may or may not have been done."""

    is_done: bool | None
    data: object
    said: str


def outcome_of(answer: Answer, judge) -> Outcome:
    """Derives the outcome from an answer; `judge` takes its JSON and returns success and data."""
    if answer.status == 0:
        return Outcome(None, None, "no answer")
    said = f"{answer.status} {answer.body[:300].decode(errors='replace')}"
    try:
        is_done, data = judge(answer.json())
        return Outcome(answer.status < 300 and is_done, data, said)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Outcome(False, None, said)


class App:
    """An app with a token and a key of each kind. It outlives restarts of the server."""

    def __init__(self, server: Server, name: str):
        self.server, self.name = server, name
        self.token = server.grant(name)
        self.jd_key, self.alibaba, self.tencent = (server.key(name, kind=kind) for kind in ("jdcloud", "alibaba", "tencent-im"))

    def aicp(self, path: str, **body) -> Outcome:
        """Makes a call of the manual's sections 7 and 10."""
        answer = self.server.post(path, body, token=self.token)
        return outcome_of(answer, lambda json: (json["flag"], json["data"]))

    def face_api(self, path: str, **body) -> Outcome:
        answer = self.server.post(f"/face-api/v3/{path}", body, token=self.token)
        return outcome_of(answer, lambda json: (json["error_code"] == 0, json["result"]))

    def jd(self, api: str, query: dict, body: str = "") -> Outcome:
        """Makes a call of JD Cloud's dialect."""
        target, headers = signers.jdcloud(self.jd_key, self.server.address, api, query, body.encode())
        answer = self.server.call("POST", target, body.encode(), **headers)

        def judge(json_):
            result = json_["result"]
            return json_["code"] == "10000" and result["status"] == 0, result

        found = outcome_of(answer, judge)
        # A write that timed out at the server may have been stored.
        return found._replace(is_done=None) if '"status":13303' in found.said else found

    def linkvisual(self, action: str, **given) -> Outcome:
        """Makes a LinkVisual action."""
        pairs = signers.linkvisual(self.alibaba, action, given)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.server.call("POST", "/", signers.joined(pairs.items()).encode(), **form)
        return outcome_of(answer, lambda json: (json["Success"], json.get("Data")))

    def im(self, command: str, **body) -> Outcome:
        """Makes a Tencent IM command, `sns/…` or `im_open_login_svc/…`; it is done if all its items are."""
        answer = self.server.post(signers.tencent_im(self.tencent, command), body)

        def judge(json_):
            items = json_.get("ResultItem") or []
            failed = [item for item in items if item.get("ResultCode")] or json_.get("FailAccounts")
            return json_["ActionStatus"] == "OK" and not failed, json_

        return outcome_of(answer, judge)

    def admin(self, path: str, **body) -> Outcome:
        """Makes a call of the manual's section 6."""
        answer = self.server.post(path, body, token=ADMIN_TOKEN)
        return outcome_of(answer, lambda json: (json["flag"], json["data"]))

    def own(self, method: str, path: str, **body) -> Outcome:
        """Makes a call of our own API for this app."""
        sent = json.dumps(body).encode() if body else None
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {ADMIN_TOKEN}"}
        answer = self.server.call(method, f"/api/v1/apps/{self.name}{path}", sent, **headers)
        if answer.status == 204:
            return Outcome(True, None, "204")
        return outcome_of(answer, lambda json: (True, json))
