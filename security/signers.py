"""Signatures of the cloud dialects, made with the standard library. Each part can be given, to create invalid ones."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import time
import urllib.parse
import zlib

IM_ADMIN = "administrator"
NONCES = itertools.count()
# Distinct for every run.
RUN = os.urandom(6).hex()


def nonce() -> str:
    return f"{RUN}{next(NONCES)}"


def quoted(text) -> str:
    data = text if isinstance(text, bytes) else str(text).encode(errors="surrogatepass")
    return urllib.parse.quote(data, safe="-_.~")


def joined(pairs) -> str:
    """Parameters sorted by name and encoded, as both clouds sign them."""
    return "&".join(f"{quoted(name)}={quoted(value)}" for name, value in sorted(pairs))


def jdcloud(key: dict, host: str, api: str, query: dict, body: bytes, method: str = "POST", **given) -> tuple[str, dict]:
    """Target and headers of a call signed with JDCLOUD2-HMAC-SHA256. `given`: `seconds` (clock), `once` (nonce)."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(given.get("seconds", time.time())))
    text = joined(query.items())
    headers = {"host": host, "x-jdcloud-date": date, "x-jdcloud-nonce": given.get("once") or nonce()}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"{method}\n/jdai/{api}\n{text}\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{date[:8]}/cn-north-1/aiapi/jdcloud2_request"
    signed = f"JDCLOUD2-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    secret = f"JDCLOUD2{key['secretKey']}".encode()
    for part in [*scope.split("/"), signed]:
        secret = hmac.digest(secret, part.encode(), "sha256")
    credential = f"{key['accessKey']}/{scope}"
    headers["authorization"] = f"JDCLOUD2-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={secret.hex()}"
    return f"/jdai/{api}" + (f"?{text}" if text else ""), headers


def linkvisual(key: dict, action: str, pairs: dict, method: str = "POST", **given) -> dict:
    """All parameters of an action signed with version 1. `given`: `seconds`, `once`."""
    pairs = {
        "Action": action,
        "Version": "2018-01-20",
        "AccessKeyId": key["accessKeyId"],
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": given.get("once") or nonce(),
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(given.get("seconds", time.time()))),
        "Format": "JSON",
    } | pairs
    text = f"{method}&%2F&{quoted(joined(pairs.items()))}"
    digest = hmac.digest(f"{key['accessKeySecret']}&".encode(), text.encode(), "sha1")
    return pairs | {"Signature": base64.b64encode(digest).decode()}


def document(key: dict, identifier: str = IM_ADMIN, seconds: float | None = None, expire: int = 86400) -> dict:
    """The content of a UserSig."""
    now = int(time.time() if seconds is None else seconds)
    content = f"TLS.identifier:{identifier}\nTLS.sdkappid:{key['sdkappid']}\nTLS.time:{now}\nTLS.expire:{expire}\n"
    sig = base64.b64encode(hmac.digest(key["key"].encode(), content.encode(), "sha256")).decode()
    named = {"TLS.ver": "2.0", "TLS.identifier": identifier, "TLS.sdkappid": key["sdkappid"]}
    return named | {"TLS.expire": expire, "TLS.time": now, "TLS.sig": sig}


def packed(data: bytes) -> str:
    """Encodes bytes as the text of a UserSig."""
    return base64.b64encode(data).decode().translate(str.maketrans("+/=", "*-_"))


def tencent_im(key: dict, command: str, identifier: str = IM_ADMIN, usersig: str | None = None, **given) -> str:
    """The target of a command, `sns/…` or `im_open_login_svc/…`. `given`: as for `document`."""
    if usersig is None:
        usersig = packed(zlib.compress(json.dumps(document(key, identifier, **given)).encode()))
    query = {"sdkappid": key["sdkappid"], "identifier": identifier, "usersig": usersig, "random": 1, "contenttype": "json"}
    return f"/v4/{command}?{joined(query.items())}"
