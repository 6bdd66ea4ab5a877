"""Malformed and unusual HTTP requests, with the valid statuses for each (RFC 9112; 0: closed without an answer)."""

from typing import NamedTuple

BAD = frozenset({400})
FINE = frozenset({200})
# An error status, or closed without an answer.
REFUSED = frozenset({0, 400, 404, 405, 414, 417, 431, 501, 505})
EITHER = FINE | BAD
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-Smuggled: yes\r\nConnection: close\r\n\r\n"


class Shape(NamedTuple):
    """Bytes, in which `{host}` and `{token}` are filled in, the valid statuses, and the maximum number of answers."""

    name: str
    bytes: bytes
    right: frozenset[int]
    answers: int = 1


def get(
    name: str, right: frozenset[int], *lines: bytes, line: bytes = b"GET /healthz HTTP/1.1", host: bytes = b"Host: {host}", **more
) -> Shape:
    parts = [line, *([host] if host else []), *lines, b"Connection: close", b"", b""]
    return Shape(name, b"\r\n".join(parts), right, **more)


def post(name: str, right: frozenset[int], *lines: bytes, body: bytes = b"{}") -> Shape:
    """A call that reads its body. Bytes after the body's end, as the server sees it, would be a second request."""
    parts = [b"POST /aicp/face/queryBaseAll HTTP/1.1", b"Host: {host}", b"token: {token}", *lines, b"", body]
    return Shape(name, b"\r\n".join(parts), right)


def length(value: bytes, right: frozenset[int], body: bytes = b"{}") -> Shape:
    return post(f"Content-Length {value!r}", right, b"Content-Length: " + value, b"Connection: close", body=body)


def coding(value: bytes, right: frozenset[int]) -> Shape:
    return post(f"Transfer-Encoding {value!r}", right, b"Transfer-Encoding: " + value, b"Connection: close", body=b"2\r\n{}\r\n0\r\n\r\n")


def chunks(name: str, right: frozenset[int], body: bytes) -> Shape:
    return post(f"chunks: {name}", right, b"Transfer-Encoding: chunked", b"Connection: close", body=body)


def named(name: str, header: bytes, right: frozenset[int] = BAD) -> Shape:
    return get(f"field {name}", right, header)


def asked(line: bytes, right: frozenset[int], **more) -> Shape:
    return get(f"line {line[:40]!r}", right, line=line, **more)


SHAPES = [
    get("plain", FINE),
    get("no Host", BAD, host=b""),
    get("two Hosts", BAD, b"Host: other"),
    get("two Hosts that are equal", BAD, b"Host: {host}"),
    get("empty Host", EITHER, host=b"Host:"),
    *(get(f"Host {value!r}", BAD, host=b"Host: " + value) for value in (b"a b", b"a/b", b"[::1", b"a:b:c", b"a\x00b")),
    get("no Host, HTTP/1.0", FINE, line=b"GET /healthz HTTP/1.0", host=b""),
    Shape("bare line feeds", b"GET /healthz HTTP/1.1\nHost: {host}\nConnection: close\n\n", BAD),
    Shape("a bare line feed in the head", b"GET /healthz HTTP/1.1\r\nHost: {host}\nConnection: close\r\n\r\n", BAD),
    Shape("a bare line feed at the end", b"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\n", BAD),
    Shape("an empty line before", b"\r\nGET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", EITHER),
    Shape("a space before the first field", b"GET /healthz HTTP/1.1\r\n X: y\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    named("folded", b"X: a\r\n b", EITHER),
    named("with a bare carriage return", b"X: a\rb"),
    named("with NUL", b"X: a\x00b"),
    named("with a control byte", b"X: a\x01b"),
    named("with DEL", b"X: a\x7fb"),
    named("with bytes over 127", b"X: \xff\xfe", EITHER),
    *(named(f"name {name!r}", name + b": y") for name in (b"X\x00", b"X Y", b"X(", b"", b"X\xff", b"X\t", b"X\x01", b"X ")),
    named("without a colon", b"nothing"),
    named("of 70 KB", b"X: " + b"y" * 70_000, REFUSED),
    named("5,000 times", b"\r\n".join(b"X%d: %s" % (n, b"y" * 10) for n in range(5000)), REFUSED),
    named("200 times", b"\r\n".join(b"X%d: y" % n for n in range(200)), REFUSED | FINE),
    asked(b"GET /" + b"a" * 70_000 + b" HTTP/1.1", REFUSED),
    asked(b"GET /healthz?" + b"a=b&" * 10_000 + b" HTTP/1.1", REFUSED | FINE),
    asked(b"A" * 60_000 + b" / HTTP/1.1", REFUSED),
    asked(b"GET http://{host}/healthz HTTP/1.1", FINE),
    asked(b"GET http://localhost/healthz HTTP/1.1", EITHER),
    asked(b"GET http://{host}/healthz HTTP/1.1", BAD, host=b""),
    asked(b"CONNECT {host} HTTP/1.1", REFUSED),
    asked(b"GET {host} HTTP/1.1", REFUSED),
    asked(b"OPTIONS * HTTP/1.1", REFUSED | FINE | {204}),
    asked(b"GET * HTTP/1.1", REFUSED),
    asked(b"GET healthz HTTP/1.1", REFUSED),
    asked(b"GET  /healthz HTTP/1.1", BAD),
    asked(b"GET\t/healthz\tHTTP/1.1", BAD),
    asked(b"GET /healthz  HTTP/1.1", BAD),
    asked(b"GET /health z HTTP/1.1", BAD),
    asked(b"GET /healthz\x00 HTTP/1.1", BAD),
    asked(b"GET /\xff\xfe HTTP/1.1", REFUSED),
    asked(b"GET /%00%zz%ff HTTP/1.1", REFUSED),
    asked(b"GET /healthz#x HTTP/1.1", REFUSED | FINE),
    asked(b"GET //healthz HTTP/1.1", REFUSED),
    asked(b"GET /healthz", REFUSED),
    asked(b"GET /healthz HTTP/1.2", REFUSED | FINE),
    asked(b"GET /healthz HTTP/2.0", REFUSED),
    asked(b"GET /healthz HTTP/9.9", REFUSED),
    asked(b"GET /healthz http/1.1", BAD),
    asked(b"GET /healthz HTTP/1.1 x", BAD),
    asked(b"G@T /healthz HTTP/1.1", REFUSED),
    asked(b" GET /healthz HTTP/1.1", BAD),
    asked(b"get /aicp/face/queryBaseAll HTTP/1.1", REFUSED),
    asked(b"BREW /aicp/face/queryBaseAll HTTP/1.1", REFUSED),
    Shape(
        "lower-case post",
        b"post /aicp/face/queryBaseAll HTTP/1.1\r\nHost: {host}\r\ntoken: {token}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        REFUSED,
    ),
    Shape("HTTP/0.9", b"GET /healthz\r\n\r\n", REFUSED),
    Shape("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), REFUSED),
    Shape("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), REFUSED),
    Shape("a megabyte of nothing", bytes(1_000_000), REFUSED),
    Shape("a megabyte of line ends", b"\r\n" * 500_000, REFUSED),
    post("length and chunks", frozenset({200, 400}), b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    post(
        "chunks and length",
        frozenset({200, 400}),
        b"Transfer-Encoding: chunked",
        b"Content-Length: 200",
        body=b"2\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
    ),
    post("two lengths", BAD, b"Content-Length: 2", b"Content-Length: 20", body=b"{}" + SMUGGLED),
    post("two lengths that are equal", EITHER, b"Content-Length: 2", b"Content-Length: 2", b"Connection: close"),
    length(b"2", FINE),
    length(b" 2 ", FINE),
    length(b"2, 2", EITHER),
    *(
        length(value, BAD, b"{}" + SMUGGLED)
        for value in (b"2, 20", b"+2", b"-1", b"0x2", b"2 2", b"", b"2.0", b"\xc2\xb2", b"2;", b"0b10", b"1e1")
    ),
    *(
        length(value, frozenset({400, 413, 431}))
        for value in (b"99999999999999999999", b"18446744073709551615", b"9223372036854775807", b"8388609")
    ),
    coding(b"Chunked", FINE),
    *(
        coding(value, frozenset({400, 501}))
        for value in (b"xchunked", b"identity", b"chunked, gzip", b"", b"chunked;q=1", b"gzip", b"\x0bchunked")
    ),
    # 501 is the proper status; a server that applies only the last coding reads no second request from it either.
    *(coding(value, frozenset({200, 400, 501})) for value in (b"gzip, chunked", b"chunked, chunked", b"identity, chunked")),
    post(
        "two codings",
        frozenset({200, 400, 501}),
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        body=b"2\r\n{}\r\n0\r\n\r\n",
    ),
    post("a space before the colon", BAD, b"Transfer-Encoding : chunked", b"Content-Length: 2", body=b"{}" + SMUGGLED),
    Shape(
        "chunks of HTTP/1.0",
        b"POST /aicp/face/queryBaseAll HTTP/1.0\r\nHost: {host}\r\ntoken: {token}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        + SMUGGLED,
        EITHER,
    ),
    chunks("right", FINE, b"2\r\n{}\r\n0\r\n\r\n"),
    chunks("an extension", FINE, b'2;a="b;c";d\r\n{}\r\n0;x\r\n\r\n'),
    chunks("an extension of 100 KB", EITHER | {413, 431}, b"2;" + b"a" * 100_000 + b"\r\n{}\r\n0\r\n\r\n"),
    chunks("a trailer", EITHER, b"2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n"),
    chunks("a trailer of 100 KB", EITHER | {413, 431}, b"2\r\n{}\r\n0\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"),
    chunks("zeros before the size", EITHER, b"00000002\r\n{}\r\n0\r\n\r\n"),
    chunks("1,000,000 of one byte", EITHER, b"1\r\n \r\n" * 1_000_000 + b"2\r\n{}\r\n0\r\n\r\n"),
    *(
        chunks(f"size {size!r}", BAD, size + b"\r\n{}\r\n0\r\n\r\n" + SMUGGLED)
        for size in (b"g", b"-2", b"0x2", b"", b"+2", b"fffffffffffffffff", b"2\x00", b"2_", b"\xc2\xb2")
    ),
    chunks("a size of 2^63", BAD | {413}, b"7fffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    chunks("no line end after the data", BAD, b"2\r\n{}0\r\n\r\n" + SMUGGLED),
    chunks("more data than the size", BAD, b"1\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    chunks("bare line feeds", BAD, b"2\n{}\n0\n\n" + SMUGGLED),
    chunks("a bare line feed after the size", BAD, b"2\n{}\r\n0\r\n\r\n"),
    chunks("an extension with a bare line feed", BAD, b"2;\n{}\r\n0\r\n\r\n" + SMUGGLED),
    Shape(
        "two in a row",
        b"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\nGET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        FINE,
        2,
    ),
    Shape(
        "200 in a row",
        b"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n" * 199 + b"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        FINE,
        200,
    ),
    get("a body with GET", FINE | BAD, b"Content-Length: 77", host=b"Host: {host}"),
    get("two in a row, the second bad", FINE, b"", b"GET x y z", b"", line=b"GET /healthz HTTP/1.1", answers=2),
    post("expects to go on", FINE, b"Expect: 100-continue", b"Content-Length: 2", b"Connection: close"),
    post("expects a miracle", FINE | {417}, b"Expect: miracle", b"Content-Length: 2", b"Connection: close"),
    get("wants HTTP/2", FINE, b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    get("wants a socket", FINE, b"Upgrade: websocket", b"Sec-WebSocket-Key: x"),
    # Incomplete requests: the server must time out.
    Shape("half a line", b"GET /heal", REFUSED | {408}),
    Shape("half a head", b"GET /healthz HTTP/1.1\r\nHo", REFUSED | {408}),
    Shape("a head without its end", b"GET /healthz HTTP/1.1\r\nHost: {host}\r\n", REFUSED | {408}),
    post("half a body", BAD | {408, 0}, b"Content-Length: 200", body=b'{"pageNo":'),
    post("no body", BAD | {408, 0}, b"Content-Length: 200", body=b""),
    post("half a chunk", BAD | {408, 0}, b"Transfer-Encoding: chunked", body=b"ff\r\n{"),
    post("chunks without their end", BAD | {408, 0}, b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n"),
    Shape(
        "half a body, no credentials",
        b"POST /aicp/face/detect HTTP/1.1\r\nHost: {host}\r\ntoken: x\r\nContent-Length: 200\r\n\r\n{",
        frozenset({0, 400, 401, 408}),
    ),
    Shape(
        "half a body for nobody", b"POST /jdai/x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 200\r\n\r\n{", frozenset({0, 400, 404, 408})
    ),
    Shape("half of the second", b"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\nGET /hea", FINE),
]
