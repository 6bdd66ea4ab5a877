"""Malformed bodies, derived from the bodies of valid calls."""

import base64
import gzip
import json
import random
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import signers

DEEP = 100_000
MEGABYTE = 1_000_000
# JSON text that replaces a field.
VALUES = {
    "null": b"null",
    "a list": b"[]",
    "an object": b"{}",
    "nothing": b'""',
    "-1": b"-1",
    "1e400": b"1e400",
    "a megabyte": b'"' + b"a" * MEGABYTE + b'"',
    "true": b"true",
    "nested": b'[{"a":' * 20 + b"1" + b"}]" * 20,
    "2^64": b"18446744073709551616",
    "-2^63 - 1": b"-9223372036854775809",
    "0.1": b"0.1",
    "-0.0": b"-0.0",
    "1e-400": b"1e-400",
    "10,000 digits": b"9" * 10_000,
    "NaN": b"NaN",
    "NUL": b'"a\\u0000b"',
    "half a pair": b'"\\ud800"',
    "bytes that are no UTF-8": b'"\xff\xfe\xc0\x80"',
    "a raw control byte": b'"a\x01b"',
    "blanks": b'" \\t\\n"',
    "list of null": b"[null]",
    "list of everything": b'[1,"a",{},[],null,true]',
    "markup": b'"<a>&\\"\']]>"',
    "a path": b'"../../../etc/passwd"',
    "of another alphabet": '"張\u202e\ufffe\U0001f600"'.encode(),
}
# JSON text that replaces base64.
PICTURES = {
    "a data address alone": b'"data:image/jpeg;base64,"',
    "padding alone": b'"===="',
    "a character of no alphabet": b'"AAA*AAAA"',
    "escapes": b'"%2B%2b%zz%"',
    "zeros": b'"' + b"A" * MEGABYTE + b'"',
    "3 MB": b'"' + b"A" * 3 * MEGABYTE + b'"',
    "blanks all over": b'"' + b"/ 9 j \\n" * 50_000 + b'"',
    "no picture": b'"bm8gcGljdHVyZQ=="',
}
# Values that replace a form parameter.
TEXTS = (
    "",
    " ",
    "-1",
    "0",
    "1e400",
    "99999999999999999999",
    "1.5",
    "null",
    "[]",
    "{}",
    "[" * 16_000,
    '["' + '","'.join(map(str, range(60))) + '"]',
)
TEXTS += (
    "a" * 20_000,
    "a" * MEGABYTE,
    "a" * 2 * MEGABYTE,
    "a\0b",
    "a\x01\x1fb",
    "<a>&\"']]>",
    "\ufffe\uffff",
    "張\u202e\U0001f600",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    "../../etc/passwd",
    "%2e%00",
)


class Spoilt(NamedTuple):
    """A body with its headers; or the parameters of a form."""

    name: str
    body: bytes | dict
    headers: dict = {}


def paths(value, here: tuple = ()) -> Iterator[tuple]:
    """The path of every nested value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield (*here, key)
        yield from paths(one, (*here, key))


def rendered(value, path: tuple, raw: bytes) -> bytes:
    """JSON in which `raw` replaces the value at a path."""
    if not path:
        return raw
    head, *rest = path

    def part(key, one) -> bytes:
        return rendered(one, tuple(rest), raw) if key == head else json.dumps(one).encode()

    if isinstance(value, dict):
        return b"{" + b",".join(json.dumps(key).encode() + b":" + part(key, one) for key, one in value.items()) + b"}"
    return b"[" + b",".join(part(key, one) for key, one in enumerate(value)) + b"]"


def without(value, path: tuple):
    head, *rest = path
    if isinstance(value, dict):
        return {key: without(one, tuple(rest)) if key == head else one for key, one in value.items() if key != head or rest}
    return [without(one, tuple(rest)) if key == head else one for key, one in enumerate(value) if key != head or rest]


def of_fields(body: dict | list) -> Iterator[Spoilt]:
    """Bodies with each field replaced, missing, or duplicated."""
    for path in paths(body):
        name = ".".join(map(str, path))
        is_picture = "im" in str(path[-1]).lower() and "type" not in str(path[-1])
        for what, raw in (VALUES | PICTURES if is_picture else VALUES).items():
            yield Spoilt(f"{name}: {what}", rendered(body, path, raw))
        yield Spoilt(f"{name}: missing", json.dumps(without(body, path)).encode())
        if isinstance(body, dict) and len(path) == 1:
            again = json.dumps({path[0]: body[path[0]]}).encode()[1:-1]
            yield Spoilt(f"{name}: twice", rendered(body, path, b"null")[:-1] + b"," + again + b"}")
            yield Spoilt(f"{name}: twice, the last wrong", json.dumps(body).encode()[:-1] + b"," + again.split(b":")[0] + b":[[]]}")


def of_wholes(body: dict | list) -> Iterator[Spoilt]:
    """Bodies that are not JSON, or JSON of the wrong kind."""
    data = json.dumps(body).encode()
    for eighth in range(8):
        yield Spoilt(f"{eighth} eighths of it", data[: len(data) * eighth // 8])
    wholes = {
        "null": b"null",
        "a number": b"1",
        "a text": b'"x"',
        "true": b"true",
        "an empty list": b"[]",
        "a list of a list": b"[[]]",
        "lists all the way down": b"[" * DEEP,
        "lists all the way down and up": b"[" * DEEP + b"]" * DEEP,
        "objects all the way down": b'{"a":' * DEEP,
        "deep in a field": b'{"groupId":' + b"[" * 120 + b"]" * 120 + b"}",
        "100,000 fields": b"{" + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}",
        "the same field 100,000 times": b"{" + b",".join([b'"groupId":1'] * 100_000) + b"}",
        "a list of 500,000 numbers": b"[" + b",".join([b"0"] * 500_000) + b"]",
        "something after it": data + b"x",
        "it twice": data + data,
        "a comma too many": data[:-1] + b"," + data[-1:],
        "a remark": b"/* x */" + data,
        "single quotes": data.replace(b'"', b"'"),
        "a mark before it": b"\xef\xbb\xbf" + data,
        "two marks before it": b"\xef\xbb\xbf" * 2 + data,
        "NUL before it": b"\0" + data,
        "NUL after it": data + b"\0",
        "UTF-16": data.decode().encode("utf-16"),
        "no UTF-8": data.replace(b":", b":\xff", 1),
        "blanks alone": b" \n\t" * 1000,
        "a megabyte of blanks": b" " * MEGABYTE + data,
        "nine megabytes": b'{"image":"' + b"A" * 9 * MEGABYTE + b'"}',
        "infinity": b'{"groupId":-Infinity}',
        "a form": b"groupId=%ff%zz&image=+/=&&==&a",
        "a text that holds it": json.dumps(data.decode()).encode(),
        "a text that holds a text": json.dumps(json.dumps("x" * 10)).encode(),
    }
    for name, whole in wholes.items():
        yield Spoilt(name, whole)
    yield Spoilt("GBK that is none", data[:-1] + b',"name":"\xff\x80"}', {"Content-Type": "application/json;charset=gbk"})
    yield Spoilt("an unknown alphabet", data, {"Content-Type": "application/json;charset=klingon"})
    yield Spoilt("a form that is none", data, {"Content-Type": "application/x-www-form-urlencoded"})
    yield Spoilt("many parts", data, {"Content-Type": "multipart/form-data; boundary=x"})
    yield Spoilt("packed", gzip.compress(data), {"Content-Encoding": "gzip"})
    yield Spoilt("packed, half of it", gzip.compress(data)[:-12], {"Content-Encoding": "gzip"})
    yield Spoilt("packed, but it is not", data, {"Content-Encoding": "gzip"})
    yield Spoilt("a packed bomb", BOMB, {"Content-Encoding": "gzip"})
    yield Spoilt("packed in another way", zlib.compress(data), {"Content-Encoding": "deflate"})
    yield Spoilt("packed by what nobody has", data, {"Content-Encoding": "br, zstd"})


BOMB = gzip.compress(bytes(200_000_000), 6)


def of_forms(body: dict) -> Iterator[Spoilt]:
    """LinkVisual's parameters, which are all text; half of the answers are requested as XML."""
    for number, name in enumerate(
        [*body, "Action", "Version", "Format", "Timestamp", "SignatureNonce", "SignatureMethod", "Nobody", "AccessKeyId"]
    ):
        for at, value in enumerate(TEXTS):
            form = {"Format": "XML"} if (number + at) % 2 and name != "Format" else {}
            shown = value[:20] if isinstance(value, str) else value
            yield Spoilt(f"{name}: {shown!r}", body | form | {name: value})
    for name in body:
        yield Spoilt(f"{name}: missing", {key: value for key, value in body.items() if key != name})
    yield Spoilt("3,000 parameters", body | {f"X{n}": "y" for n in range(3000)})
    yield Spoilt("10,000 of a list", body | {f"UserIdList.{n}": "y" for n in range(10_000)})
    yield Spoilt(
        "a list numbered by rubbish",
        body | {"UserIdList.0": "a", "UserIdList.-1": "b", "UserIdList.99999999999999999999": "c", "UserIdList.": "d"},
    )


def unpacked(data: bytes) -> bytes | None:
    """Returns what was compressed; None if the data are damaged."""
    try:
        return zlib.decompress(data)
    except zlib.error:
        return None


def user_sigs(key: dict, chance: random.Random) -> Iterator[tuple[str, str]]:
    """UserSigs that must be refused."""
    right = signers.document(key)
    whole = zlib.compress(json.dumps(right).encode())
    for name in right:
        for what, raw in VALUES.items():
            yield f"UserSig, {name}: {what}", signers.packed(zlib.compress(rendered(right, (name,), raw)))
        yield f"UserSig, {name}: missing", signers.packed(zlib.compress(json.dumps(without(right, (name,))).encode()))
    for size in (5_000, 100_000, 1_000_000, 1_400_000, 100_000_000):
        yield f"UserSig, a bomb of {size:,}", signers.packed(zlib.compress(bytes(size), 9))
    yield "UserSig, deep", signers.packed(zlib.compress(b"[" * 4000))
    yield "UserSig, bytes after its end", signers.packed(whole + b"x")
    yield "UserSig, blanks after it", signers.packed(zlib.compress(json.dumps(right).encode() + b" " * 5000))
    for length in range(1, len(whole), 7):
        yield f"UserSig, {length} bytes of it", signers.packed(whole[:length])
    for number in range(60):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        # Bits that fill up the last byte of the compressed data mean nothing: such a UserSig is right.
        if unpacked(bytes(data)) != unpacked(whole):
            yield f"UserSig, a bit flipped ({number})", signers.packed(bytes(data))
    for number in range(20):
        yield f"UserSig, rubbish ({number})", base64.b64encode(chance.randbytes(100)).decode()[: 1 + 5 * number]
    yield "UserSig, 100 KB", "A" * 60_000
