"""An app and its calls in every dialect, signed with the standard library alone."""

import base64
import hashlib
import hmac
import itertools
import json
import time
import urllib.parse
import zlib
from typing import NamedTuple

from harness import ADMIN_TOKEN, Answer, Server

IM_ADMIN = "administrator"
NONCES = itertools.count()


class Outcome(NamedTuple):
    """Outcome of a write. `is_done` is None without a whole answer: the write may or may not have been done."""

    is_done: bool | None
    data: object
    said: str


def outcome_of(answer: Answer, judge) -> Outcome:
    """Outcome by an answer; `judge` takes its JSON and returns success and data."""
    if answer.status == 0:
        return Outcome(None, None, "no answer")
    said = f"{answer.status} {answer.body[:300].decode(errors='replace')}"
    try:
        is_done, data = judge(answer.json())
        return Outcome(answer.status < 300 and is_done, data, said)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Outcome(False, None, said)


def quoted(text) -> str:
    return urllib.parse.quote(str(text), safe="-_.~")


def joined(pairs) -> str:
    """Parameters sorted by name and percent-encoded, as both clouds sign them."""
    return "&".join(f"{quoted(name)}={quoted(value)}" for name, value in sorted(pairs))


class App:
    """An app with a token and a key of each kind. It outlives restarts of the server."""

    def __init__(self, server: Server, name: str):
        self.server, self.name = server, name
        self.token = server.grant(name)
        self.jd_key, self.alibaba, self.tencent = (server.key(name, kind=kind) for kind in ("jdcloud", "alibaba", "tencent-im"))

    def aicp(self, path: str, **body) -> Outcome:
        """A call of the manual's sections 7 and 10."""
        answer = self.server.post(path, body, token=self.token)
        return outcome_of(answer, lambda json: (json["flag"], json["data"]))

    def face_api(self, path: str, **body) -> Outcome:
        answer = self.server.post(f"/face-api/v3/{path}", body, token=self.token)
        return outcome_of(answer, lambda json: (json["error_code"] == 0, json["result"]))

    def jd(self, api: str, query: dict, body: str = "") -> Outcome:
        """A call of JD Cloud's, signed by JDCLOUD2-HMAC-SHA256."""
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        query = joined(query.items())
        headers = {"host": self.server.address, "x-jdcloud-date": date, "x-jdcloud-nonce": f"n{next(NONCES)}"}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"POST\n/jdai/{api}\n{query}\n{lines}\n{names}\n{hashlib.sha256(body.encode()).hexdigest()}"
        scope = f"{date[:8]}/cn-north-1/aiapi/jdcloud2_request"
        signed = f"JDCLOUD2-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"JDCLOUD2{self.jd_key['secretKey']}".encode()
        for part in [*scope.split("/"), signed]:
            key = hmac.digest(key, part.encode(), "sha256")
        credential = f"{self.jd_key['accessKey']}/{scope}"
        authorization = f"JDCLOUD2-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={key.hex()}"
        answer = self.server.call("POST", f"/jdai/{api}?{query}", body.encode(), **headers, authorization=authorization)

        def judge(json_):
            result = json_["result"]
            return json_["code"] == "10000" and result["status"] == 0, result

        found = outcome_of(answer, judge)
        # What was given up for its slowness may be stored all the same.
        return found._replace(is_done=None) if '"status":13303' in found.said else found

    def linkvisual(self, action: str, **given) -> Outcome:
        """An action of LinkVisual's, signed by version 1."""
        pairs = {
            "Action": action,
            "Version": "2018-01-20",
            "AccessKeyId": self.alibaba["accessKeyId"],
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": f"{id(self)}-{time.time_ns()}-{next(NONCES)}",
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "Format": "JSON",
        } | given
        text = f"POST&%2F&{quoted(joined(pairs.items()))}"
        digest = hmac.digest(f"{self.alibaba['accessKeySecret']}&".encode(), text.encode(), "sha1")
        pairs["Signature"] = base64.b64encode(digest).decode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.server.call("POST", "/", joined(pairs.items()).encode(), **form)
        return outcome_of(answer, lambda json: (json["Success"], json.get("Data")))

    def user_sig(self) -> str:
        sdkappid, now, expire = self.tencent["sdkappid"], int(time.time()), 86400
        content = f"TLS.identifier:{IM_ADMIN}\nTLS.sdkappid:{sdkappid}\nTLS.time:{now}\nTLS.expire:{expire}\n"
        sig = base64.b64encode(hmac.digest(self.tencent["key"].encode(), content.encode(), "sha256")).decode()
        document = {"TLS.ver": "2.0", "TLS.identifier": IM_ADMIN, "TLS.sdkappid": sdkappid}
        document |= {"TLS.expire": expire, "TLS.time": now, "TLS.sig": sig}
        packed = base64.b64encode(zlib.compress(json.dumps(document).encode())).decode()
        return packed.translate(str.maketrans("+/=", "*-_"))

    def im(self, command: str, **body) -> Outcome:
        """A command of Tencent IM, `sns/…` or `im_open_login_svc/…`; done if all its items are."""
        query = {"sdkappid": self.tencent["sdkappid"], "identifier": IM_ADMIN, "usersig": self.user_sig()}
        query |= {"random": 1, "contenttype": "json"}
        answer = self.server.post(f"/v4/{command}?{joined(query.items())}", body)

        def judge(json_):
            items = json_.get("ResultItem") or []
            failed = [item for item in items if item.get("ResultCode")] or json_.get("FailAccounts")
            return json_["ActionStatus"] == "OK" and not failed, json_

        return outcome_of(answer, judge)

    def admin(self, path: str, **body) -> Outcome:
        """A call of the manual's section 6."""
        answer = self.server.post(path, body, token=ADMIN_TOKEN)
        return outcome_of(answer, lambda json: (json["flag"], json["data"]))

    def own(self, method: str, path: str, **body) -> Outcome:
        """A call of our own interface for this app."""
        sent = json.dumps(body).encode() if body else None
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {ADMIN_TOKEN}"}
        answer = self.server.call(method, f"/api/v1/apps/{self.name}{path}", sent, **headers)
        if answer.status == 204:
            return Outcome(True, None, "204")
        return outcome_of(answer, lambda json: (True, json))
