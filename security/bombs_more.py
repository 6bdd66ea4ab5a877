"""Pictures that cost more to process than their size suggests: WebP, BMP, GIF and TIFF; and the list of all bombs."""

import struct
import zlib
from collections.abc import Callable

from bombs import EXIFS, JPEGS, MOST_BYTES, PNGS, SIDE, Bomb, directory, entry, exif, filled, flat, many_scans, zeros

# WebP.


class Bits:
    """A bit writer, lowest bit first, as in VP8L."""

    def __init__(self):
        self.value = self.count = 0

    def put(self, value: int, count: int) -> "Bits":
        self.value |= value << self.count
        self.count += count
        return self

    def bytes(self) -> bytes:
        return self.value.to_bytes(-(-self.count // 8), "little")


def one_symbol(bits: Bits, symbol: int = 0) -> None:
    """Writes a code of one symbol, which takes no bits."""
    bits.put(1, 1).put(0, 1).put(1, 1).put(symbol, 8)


def sub_image(bits: Bits, green: int = 0, cache: int = 0) -> None:
    """Writes an image of equal pixels, of any size."""
    bits.put(1, 1).put(cache, 4) if cache else bits.put(0, 1)
    for symbol in (green, 0, 0, 255, 0):
        one_symbol(bits, symbol)


def lossless(width: int, height: int, transforms: str = "", cache: int = 0, groups: int = 0) -> bytes:
    """A VP8L picture of one colour in about 40 bytes. Transforms by first letter: predictor, colour, green, indexed."""
    bits = Bits().put(0x2F, 8).put(width - 1, 14).put(height - 1, 14).put(1, 1).put(0, 3)
    for letter in transforms:
        bits.put(1, 1).put("pcgi".index(letter), 2)
        if letter in "pc":
            bits.put(0, 3)
            sub_image(bits, green=11)
        elif letter == "i":
            bits.put(255, 8)
            sub_image(bits)
    bits.put(0, 1)
    bits.put(1, 1).put(cache, 4) if cache else bits.put(0, 1)
    if groups:
        # An image of code groups; every pixel selects the last one.
        bits.put(1, 1).put(0, 3)
        sub_image(bits, green=groups - 1)
    else:
        bits.put(0, 1)
    for _ in range(max(groups, 1)):
        for symbol in (0, 0, 0, 255, 0):
            one_symbol(bits, symbol)
    return bits.bytes() + bytes(8)


def piece(name: bytes, data: bytes, length: int | None = None) -> bytes:
    length = len(data) if length is None else length
    return name + struct.pack("<I", length) + data + b"\0" * (len(data) % 2)


def webp(*pieces: bytes) -> bytes:
    return piece(b"RIFF", b"WEBP" + b"".join(pieces))


def lossy(width: int, height: int, data: bytes) -> bytes:
    """A key frame; the decoder may read missing parts of its partitions as zeros."""
    # The first partition is half of the data.
    tag = (1 << 4 | min(len(data) // 2, 0x7FFFF) << 5).to_bytes(3, "little")
    return tag + b"\x9d\x01\x2a" + struct.pack("<HH", width, height) + data


def extended(flags: int, width: int, height: int, *pieces: bytes) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(piece(b"VP8X", struct.pack("<I", flags) + sides), *pieces)


def animation_frame(width: int, height: int, picture: bytes) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return piece(b"ANMF", bytes(6) + sides + bytes(4) + picture)


TINY = piece(b"VP8L", lossless(64, 64))
ANIMATED = piece(b"ANIM", bytes(6))


# BMP.


def bmp(width: int, height: int, bits: int, compression: int, data: bytes, colours: int = 0, size: int = 40) -> bytes:
    palette = bytes(1024) if bits <= 8 else b""
    head = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(data), 0, 0, colours, 0)
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + palette + data


def run_lengths(width: int, height: int) -> bytes:
    """A picture of runs of maximum length."""
    row = b"\xff\1" * (width // 255) + bytes([width % 255, 1]) + b"\0\0"
    return row * height


# GIF.


def lzw(pixels: int) -> bytes:
    """The shortest LZW data for `pixels` pixels of one colour."""
    value = at = 0
    words, left, following, width = [], pixels, 258, 9

    def put(code: int) -> None:
        nonlocal value, at
        value |= code << at
        at += width
        while at >= 8:
            words.append(value & 0xFF)
            value >>= 8
            at -= 8

    put(256)
    put(0)
    left -= 1
    while left > 0:
        length = following - 256 if following < 4096 else 3838
        if length > left:
            put(0 if left == 1 else 256 + left)
            break
        put(min(following, 4095))
        left -= length
        if following < 4096:
            following += 1
            width = min(max(following.bit_length(), 9), 12)
    put(257)
    return bytes(words) + bytes([value & 0xFF])


def blocks(data: bytes, size: int = 255) -> bytes:
    parts = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def gif(width: int, height: int, *parts: bytes) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + bytes(768) + b"".join(parts) + b";"


def image(width: int, height: int, data: bytes, is_interlaced: bool = False, least: int = 8, size: int = 255) -> bytes:
    return b"," + struct.pack("<HHHHBB", 0, 0, width, height, 0x40 * is_interlaced, least) + blocks(data, size)


PIXEL = image(1, 1, lzw(1))


# TIFF.

SHORT, LONG = 3, 4


def tiff(width: int, height: int, compression: int, data: bytes, strips: int = 1, bits: int = 8, samples: int = 3, **more: int) -> bytes:
    """A TIFF with the same bytes in all strips (or tiles). `more` gives further tags as `t` and the number."""
    per_strip = -(-height // strips)
    photometric = {1: 1, 3: 2, 4: 5}.get(samples, 1)
    tags = {256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [bits] * min(samples, 4)), 259: (SHORT, [compression])}
    tags |= {262: (SHORT, [photometric]), 277: (SHORT, [samples]), 284: (SHORT, [1])}
    tags |= {int(name[1:]): (LONG, [value]) for name, value in more.items()}
    places, lengths = (324, 325) if 322 in tags else (273, 279)
    tags |= {places: (LONG, [0] * strips), lengths: (LONG, [len(data)] * strips)}
    if 322 not in tags:
        tags[278] = (LONG, [per_strip])
    start = 8 + 2 + 12 * len(tags) + 4
    outside = sum(len(values) * (4 if kind == LONG else 2) for kind, values in tags.values() if len(values) > 1)
    tags[places] = (LONG, [start + outside] * strips)
    entries, further = [], b""
    for tag, (kind, values) in sorted(tags.items()):
        if len(values) == 1:
            entries.append(entry(tag, kind, 1, values[0]))
        else:
            entries.append(entry(tag, kind, len(values), start + len(further)))
            further += struct.pack(f"<{len(values)}{'I' if kind == LONG else 'H'}", *values)
    return b"II*\0" + struct.pack("<I", 8) + directory(entries, 0) + further + data


def chain(count: int) -> bytes:
    """A small TIFF with `count` further directories."""
    body = bytearray(tiff(16, 16, 1, bytes(768)))
    at = 8 + 2 + 12 * 10
    body[at : at + 4] = struct.pack("<I", len(body))
    for number in range(count):
        start = len(body)
        body += directory([entry(256, LONG, 1, 16)], start + 18 if number + 1 < count else 8)
    return bytes(body)


def w(name: str, make: Callable[..., bytes], is_healthy: bool = False) -> Bomb:
    return Bomb("WebP", name, make, is_healthy)


def b(name: str, make: Callable[..., bytes], is_healthy: bool = False) -> Bomb:
    return Bomb("BMP", name, make, is_healthy)


def g(name: str, make: Callable[..., bytes], is_healthy: bool = False) -> Bomb:
    return Bomb("GIF", name, make, is_healthy)


def t(name: str, make: Callable[..., bytes], is_healthy: bool = False) -> Bomb:
    return Bomb("TIFF", name, make, is_healthy)


WEBPS = [
    w("25 MP in 40 bytes", lambda side=SIDE: webp(piece(b"VP8L", lossless(side, side))), is_healthy=True),
    *(
        w(f"25 MP through {name}", lambda name=name: webp(piece(b"VP8L", lossless(SIDE, SIDE, name))))
        for name in ("p", "c", "g", "i", "pcg", "gcp", "pp")
    ),
    w("25 MP, a cache of colours", lambda: webp(piece(b"VP8L", lossless(SIDE, SIDE, "", 11)))),
    w("25 MP in 256 groups of codes", lambda: webp(piece(b"VP8L", lossless(SIDE, SIDE, "p", 0, 256)))),
    w("16,383 squared", lambda: webp(piece(b"VP8L", lossless(16383, 16383)))),
    w("25 MP, 16,383 wide", lambda: webp(piece(b"VP8L", lossless(16383, 1525)))),
    w("25 MP of lossy zeros", lambda: webp(piece(b"VP8 ", lossy(SIDE, SIDE, bytes(200_000))))),
    w("25 MP of lossy ones", lambda: webp(piece(b"VP8 ", lossy(SIDE, SIDE, b"\xff" * 500_000)))),
    w("lossy, its data missing", lambda: webp(piece(b"VP8 ", lossy(16383, 1525, bytes(10))))),
    w("lossy, 16,383 squared", lambda: webp(piece(b"VP8 ", lossy(16383, 16383, bytes(1000))))),
    w("10,000 frames", lambda: extended(2, 64, 64, ANIMATED, animation_frame(64, 64, TINY) * 10_000)),
    w("25 MP of a frame", lambda: extended(2, SIDE, SIDE, ANIMATED, animation_frame(SIDE, SIDE, piece(b"VP8L", lossless(SIDE, SIDE))))),
    w("a canvas of 2^24", lambda: extended(0, 1 << 24, 1 << 24, TINY)),
    w("25 MP of canvas, a frame of 1", lambda: extended(2, SIDE, SIDE, ANIMATED, animation_frame(1, 1, piece(b"VP8L", lossless(1, 1))))),
    w(
        "25 MP of transparency apart",
        lambda: extended(
            16, SIDE, SIDE, piece(b"ALPH", b"\1" + lossless(SIDE, SIDE)[5:]), piece(b"VP8 ", lossy(SIDE, SIDE, bytes(200_000)))
        ),
    ),
    w("100,000 unknown pieces", lambda: extended(0, 64, 64, filled(piece(b"JUNK", b"")), TINY)),
    w("a piece of 4 GiB", lambda: extended(0, 64, 64, piece(b"EXIF", b"", 2**32 - 1), TINY)),
    *(w(f"Exif: {name}", lambda data=data: extended(8, 64, 64, TINY, piece(b"EXIF", data))) for name, data in EXIFS.items()),
    w("1.4 MB of XMP", lambda: extended(4, 64, 64, TINY, piece(b"XMP ", b"<tiff:Orientation" * 80_000))),
]

BMPS = [
    b("25 MP of runs", lambda side=SIDE: bmp(side, side, 8, 1, run_lengths(side, side)), is_healthy=True),
    b("25 MP that end at once", lambda: bmp(SIDE, SIDE, 8, 1, b"\0\1")),
    b("25 MP of runs of no length", lambda: bmp(SIDE, SIDE, 8, 1, filled(b"\0\0"))),
    b("steps to nowhere", lambda: bmp(SIDE, SIDE, 8, 1, filled(b"\0\2\0\0"))),
    b("steps of 255", lambda: bmp(SIDE, SIDE, 8, 1, filled(b"\0\2\xff\xff"))),
    b("runs beyond the row", lambda: bmp(16, 16, 8, 1, filled(b"\xff\1"))),
    b("25 MP of half bytes", lambda: bmp(SIDE, SIDE, 4, 2, run_lengths(SIDE, SIDE))),
    b("runs of single pixels", lambda: bmp(SIDE, SIDE, 4, 2, filled(b"\1\1"))),
    b("runs of bits of 3", lambda: bmp(SIDE, SIDE, 3, 1, filled(b"\1\1"))),
    b("runs from the top", lambda: bmp(SIDE, -SIDE, 8, 1, run_lengths(SIDE, SIDE))),
    *(b(f"25 MP of {bits} bits, data missing", lambda bits=bits: bmp(SIDE, SIDE, bits, 0, bytes(1000))) for bits in (1, 4, 8, 16, 24, 32)),
    *(
        b(f"{width:,} x {height:,}", lambda width=width, height=height: bmp(width, height, 24, 0, bytes(1000)))
        for width, height in ((2**31 - 1, 2**31 - 1), (1, -(2**31)), (-1, 1), (0, 0), (65_536, 1), (40_000_000, 1))
    ),
    b("4 billion colours", lambda: bmp(64, 64, 8, 0, bytes(4096), 2**32 - 1)),
    b("masks of fields", lambda: bmp(SIDE, SIDE, 32, 3, b"\xff" * 12 + bytes(1000))),
    *(
        b(f"a head of {size:,} bytes", lambda size=size: bmp(64, 64, 24, 0, bytes(20_000), size=size))
        for size in (0, 12, 16, 64, 108, 124, 2**32 - 1)
    ),
    b("JPEG within", lambda: bmp(SIDE, SIDE, 0, 4, flat(SIDE, SIDE, 1))),
    b("PNG within", lambda: bmp(SIDE, SIDE, 0, 5, bytes(1000))),
]

GIFS = [
    g("25 MP in 16 KB", lambda side=SIDE: gif(side, side, image(side, side, lzw(side * side))), is_healthy=True),
    g("25 MP interlaced", lambda: gif(SIDE, SIDE, image(SIDE, SIDE, lzw(SIDE * SIDE), is_interlaced=True))),
    g("25 MP in blocks of 1", lambda: gif(SIDE, SIDE, image(SIDE, SIDE, lzw(SIDE * SIDE), size=1))),
    g("more than fits", lambda: gif(64, 64, image(64, 64, lzw(1_000_000_000)))),
    g("begins again and again", lambda: gif(SIDE, SIDE, image(SIDE, SIDE, filled(b"\0\3\4\x08\x10\x20\x40\x80\0")[:1_500_000]))),
    g("100,000 frames", lambda: gif(64, 64, PIXEL * 90_000)),
    g("25 MP, a frame of 1", lambda: gif(SIDE, SIDE, PIXEL)),
    g("65,535 squared, a frame of 1", lambda: gif(65535, 65535, PIXEL)),
    g("65,535 squared, the frame too", lambda: gif(65535, 65535, image(65535, 65535, lzw(10_000_000)))),
    g("a frame beyond", lambda: gif(16, 16, image(SIDE, SIDE, lzw(SIDE * SIDE)))),
    g("no width", lambda: gif(0, 64, image(0, 64, lzw(1)))),
    g("a canvas of no width", lambda: gif(0, 64, PIXEL)),
    g("a canvas of no height", lambda: gif(64, 0, PIXEL)),
    g("a canvas of nothing, a frame of nothing", lambda: gif(0, 0, image(0, 0, b""))),
    g("1.5 MB of remarks", lambda: gif(64, 64, b"!\xfe" + blocks(bytes(1_500_000)), PIXEL)),
    g("300,000 remarks", lambda: gif(64, 64, filled(b"!\xfe\0"), PIXEL)),
    g("no frame", lambda: gif(SIDE, SIDE)),
    *(
        g(f"codes of {least} bits", lambda least=least: gif(SIDE, SIDE, image(SIDE, SIDE, lzw(10_000), least=least)))
        for least in (0, 1, 11, 12, 255)
    ),
]

BYTES = SIDE * SIDE * 3
TIFFS = [
    t("25 MP of one strip", lambda side=SIDE: tiff(side, side, 8, zeros(3 * side * side)), is_healthy=True),
    t("25 MP of 6,320 strips", lambda: tiff(SIDE, SIDE, 8, zeros(SIDE * 3), strips=SIDE)),
    t("a bomb of 1.4 GB", lambda: tiff(64, 64, 8, zeros(1_400_000_000))),
    t("64 times a bomb of 1.4 GB", lambda: tiff(64, 64, 8, zeros(1_400_000_000), strips=64)),
    t("4,000 strips of 1 MB of noise", lambda: tiff(64, 4000, 5, zlib.compress(bytes(1000)) * 80_000, strips=4000)),
    t("LZW that clears", lambda: tiff(SIDE, SIDE, 5, filled(b"\x80\x20\x08\x02\x00\x80\x20\x08\x02"))),
    t("25 MP packed by bits", lambda: tiff(SIDE, SIDE, 32773, (b"\x81\0" * (BYTES // 128 + 1))[: MOST_BYTES - 1000])),
    t("packed by bits, all no-ops", lambda: tiff(64, 4000, 32773, filled(b"\x80")[:1_500_000], strips=4000)),
    t("25 MP of fax", lambda: tiff(SIDE, SIDE, 4, b"\xff" * 1000, bits=1, samples=1)),
    t("fax of zeros", lambda: tiff(SIDE, SIDE, 4, filled(b"\0"), bits=1, samples=1)),
    *(
        t(f"{count // 65_000} MP in {count:,} strips", lambda count=count: tiff(16, count, 8, zlib.compress(bytes(48)), strips=count))
        for count in (65_535, 65_536, 65_537, 180_000)
    ),
    t("17 MP in tiles of 16 x 16", lambda: tiff(4096, 4096, 8, zeros(768), strips=65_536, t322=16, t323=16)),
    t("one tile of 2^31", lambda: tiff(64, 64, 8, zeros(768), t322=2**31, t323=2**31)),
    t("tiles of nothing", lambda: tiff(64, 64, 8, zeros(768), t322=0, t323=0)),
    t("a tile of 25 MP for 16 x 16", lambda: tiff(16, 16, 8, zeros(BYTES), t322=SIDE, t323=SIDE)),
    t("a loop of directories", lambda: chain(1)),
    t("80,000 directories", lambda: chain(80_000)),
    t("65,535 entries", lambda: b"II*\0" + struct.pack("<I", 8) + directory([entry(1000 + n, LONG, 1, 0) for n in range(64_535)], 0)),
    t("65,535 times the same entry", lambda: b"II*\0" + struct.pack("<I", 8) + directory([entry(273, LONG, 2**32 - 1, 8)] * 65_535, 0)),
    *(
        t(f"25 MP of {bits} bits a sample", lambda bits=bits: tiff(SIDE, SIDE, 8, zeros(SIDE * SIDE * bits // 8), bits=bits, samples=1))
        for bits in (2, 16, 32, 64, 255)
    ),
    t("32-bit floats, 10 MP of 4", lambda: tiff(3160, 3160, 8, zeros(160_000_000), bits=32, samples=4, t339=3)),
    t("65,535 samples", lambda: tiff(1000, 1000, 8, zeros(1_000_000), samples=65_535)),
    *(t(f"25 MP, predictor {kind}", lambda kind=kind: tiff(SIDE, SIDE, 8, zeros(BYTES), t317=kind)) for kind in (2, 3, 9)),
    *(
        t(f"{width:,} x {height:,}", lambda width=width, height=height: tiff(width, height, 1, bytes(1000)))
        for width, height in ((2**32 - 1, 2**32 - 1), (40_000_000, 1), (65_536, 1), (0, 0), (4000, 6251))
    ),
    t("a JPEG bomb within", lambda: tiff(64, 64, 7, many_scans(SIDE, 63))),
    t("an old JPEG within", lambda: tiff(64, 64, 6, flat(SIDE, SIDE, 3))),
    t("BigTIFF", lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**63)),
    t("planes apart", lambda: tiff(SIDE, SIDE, 8, zeros(SIDE * SIDE), strips=3, t284=2, t278=SIDE)),
    *(t(f"Exif: {name}", lambda data=data: data) for name, data in EXIFS.items()),
    t("no pixels", lambda: exif([entry(256, LONG, 1, 64), entry(257, LONG, 1, 64)])),
]

BOMBS = [*JPEGS, *PNGS, *WEBPS, *BMPS, *GIFS, *TIFFS]
