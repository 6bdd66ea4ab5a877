"""Pictures that cost more to process than their size suggests: JPEG, PNG, and Exif in both. None exceeds the 1.5 MB
limit of a call.

`bombs_more.py` has the other formats, and the list of all.
"""

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

# Three quarters of 2 MiB of base64.
MOST_BYTES = 1_572_000
# Largest squares within the pixel limits: of callers without credentials, and of all callers (in whole JPEG blocks).
SIDE, SIDE_KNOWN = 5000, 6320
# The same for four 16-bit samples per pixel, for which the bytes are limited too.
SIDE_WIDE = 4472
ADLER = 65521


class Bomb(NamedTuple):
    """A bomb; or a healthy picture, which is the reference for its format and can be made with another side."""

    format: str
    name: str
    make: Callable[..., bytes]
    is_healthy: bool = False

    def is_large(self) -> bool:
        """Whether the picture may decode to megapixels, which take a second to process; the name says so."""
        return " MP" in self.name[:5]


def packed(unit: bytes, times: int) -> bytes:
    """The zlib stream of `times` copies of a unit. Only the first is compressed, the others are copies of its
    blocks."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    blocks = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
    once = zlib.adler32(unit)
    sum_of_unit, weighted = (once & 0xFFFF) - 1, (once >> 16) - len(unit)
    low, high = 1, 0
    for _ in range(times):
        low, high = (low + sum_of_unit) % ADLER, (high + len(unit) * low + weighted) % ADLER
    return b"\x78\xda" + blocks * times + b"\x03\0" + struct.pack(">HH", high, low)


def zeros(count: int) -> bytes:
    """The zlib stream of at least `count` zero bytes."""
    unit = 1 << 22 if count > 1 << 22 else count
    return packed(bytes(unit), -(-count // unit))


# JPEG.


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2, "big") + data


def frame(marker: int, width: int, height: int, components: int, sampling: int = 0x11, precision: int = 8) -> bytes:
    parts = b"".join(bytes([number, sampling, 0]) for number in range(1, components + 1))
    return segment(marker, struct.pack(">BHHB", precision, height, width, components) + parts)


TABLE = segment(0xDB, b"\0" + b"\1" * 64)
# A code table with a single one-bit code: zero difference for DC, end of block for AC.
ONE_CODE = bytes([1] + [0] * 15 + [0])
CODES = segment(0xC4, b"\x00" + ONE_CODE + b"\x10" + ONE_CODE)


def scan(components: range, first: int, last: int, data: bytes, step: int = 0) -> bytes:
    chosen = b"".join(bytes([number, 0]) for number in components)
    return segment(0xDA, bytes([len(components)]) + chosen + bytes([first, last, step])) + data


def jpeg(*parts: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xd9"


def flat(width: int, height: int, components: int) -> bytes:
    """A baseline JPEG of one colour with complete data."""
    bits = 2 * components * -(-width // 8) * -(-height // 8)
    data = bytes(bits // 8) + (bytes([0xFF >> bits % 8]) if bits % 8 else b"")
    return jpeg(TABLE, frame(0xC0, width, height, components), CODES, scan(range(1, components + 1), 0, 63, data))


def many_scans(side: int, count: int, bytes_each: int = 1) -> bytes:
    """A progressive JPEG of many nearly empty scans."""
    further = b"".join(scan(range(1 + n % 3, 2 + n % 3), 1, 63, bytes(bytes_each)) for n in range(count))
    return jpeg(TABLE, frame(0xC2, side, side, 3), CODES, scan(range(1, 4), 0, 0, b"\0"), further)


def runs_of_blocks(side: int, count: int) -> bytes:
    """A valid progressive grey JPEG of tiny scans: one code ends 32,767 blocks at once."""
    blocks = (side // 8) ** 2
    first = scan(range(1, 2), 0, 0, bytes(blocks // 8) + (bytes([0xFF >> blocks % 8]) if blocks % 8 else b""))
    whole, rest = divmod(blocks, 32767)
    kind = rest.bit_length() - 1
    codes = segment(0xC4, b"\x10" + bytes([1, 1] + [0] * 14 + [0xE0, kind << 4]))
    bits = ("0" + "1" * 14) * whole + "10" + format(rest - (1 << kind), f"0{kind}b")
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    scans = b"".join(scan(range(1, 2), at, at, data) for at in range(1, 1 + count))
    return jpeg(TABLE, frame(0xC2, side, side, 1), CODES, first, codes, scans)


def restarts(side: int) -> bytes:
    """A JPEG with a restart marker after every block."""
    blocks = (side // 8) ** 2
    marked = b"".join(b"\x3f\xff" + bytes([0xD0 + n % 8]) for n in range(8))
    data = (marked * (blocks // 8 + 1))[: 3 * blocks - 2]
    return jpeg(TABLE, frame(0xC0, side, side, 1), CODES, segment(0xDD, b"\0\1"), scan(range(1, 2), 0, 63, data))


SMALL = flat(64, 64, 3)


def before(*parts: bytes) -> bytes:
    """A small JPEG with these segments at its start."""
    return SMALL[:2] + b"".join(parts) + SMALL[2:]


def filled(part: bytes) -> bytes:
    return part * ((MOST_BYTES - 7000) // len(part))


# Exif: TIFF without pixels.


def directory(entries: list[bytes], after: int, order: str = "<") -> bytes:
    return struct.pack(order + "H", len(entries)) + b"".join(entries) + struct.pack(order + "I", after)


def entry(tag: int, kind: int, count: int, value: int, order: str = "<") -> bytes:
    return struct.pack(order + "HHII", tag, kind, count, value)


def exif(entries: list[bytes], after: int = 0) -> bytes:
    return b"II*\0" + struct.pack("<I", 8) + directory(entries, after)


EXIFS = {
    "a loop of directories": exif([entry(0x8769, 4, 1, 8), entry(0x8825, 4, 1, 8)], 8),
    "5,400 entries that lead back": exif([entry(0x8769, 4, 1, 8)] * 5400, 8),
    "65,535 entries declared": b"II*\0" + struct.pack("<IH", 8, 65535) + entry(0x112, 3, 1, 6),
    "a value of 4 GiB": exif([entry(0x112, 3, 0xFFFFFFFF, 8), entry(0x10F, 2, 0xFFFFFFFF, 8)]),
    "a directory at the end of the world": b"II*\0" + struct.pack("<I", 0xFFFFFFFF),
    "values at the end of the world": exif([entry(0x112, 3, 100, 0xFFFFFFF0)]),
    "an orientation of 65,535": exif([entry(0x112, 3, 1, 65535)]),
    "60 KB of headers": b"II*\0MM\0*" * 7500,
}
# The bytes by which the XMP standard tells its segment: a name, no address. Nothing is fetched from it.
XMP = b"http://ns.adobe.com/xap/1.0/\0"


# PNG.


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, colour: int, *chunks: bytes, is_interlaced: bool = False) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, is_interlaced))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def rows(width: int, height: int, bits: int, filters: bytes) -> bytes:
    """Rows with alternating filters, in a pattern that is expensive for filters and compresses well."""
    length = -(-width * bits // 8)
    pattern = (b"\x01\x80\x7f\xfe\x00\x33\xcc\x55" * (length // 8 + 1))[:length]
    unit = b"".join(bytes([kind]) + pattern for kind in filters)
    return packed(unit, -(-height // len(filters)))


def interlaced(width: int, height: int, bits: int) -> int:
    """Bytes of a picture interlaced in Adam7's seven passes."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    sides = [(-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in passes]
    return sum(h * (-(-w * bits // 8) + 1) for w, h in sides)


def thin(width: int, height: int) -> bytes:
    return png(width, height, 8, 2, chunk(b"IDAT", zeros(height * (3 * width + 1))))


def split(name: bytes, data: bytes) -> bytes:
    """Splits data into chunks of one byte."""
    return b"".join(chunk(name, data[at : at + 1]) for at in range(min(len(data), MOST_BYTES // 13 - 100)))


TINY = chunk(b"IDAT", zeros(64 * (64 * 3 + 1)))


def small_png(*chunks: bytes) -> bytes:
    return png(64, 64, 8, 2, *chunks, TINY)


def text_chunk(name: bytes, head: bytes, count: int = 1) -> bytes:
    return chunk(name, head + zeros(1_400_000_000 // count)) * count


def frames(count: int) -> bytes:
    """An animated PNG."""
    control = struct.pack(">IIIIIHHBB", 0, 64, 64, 0, 0, 1, 100, 0, 0)
    return small_png(chunk(b"acTL", struct.pack(">II", count, 0)), chunk(b"fcTL", control) * count)


def j(name: str, make: Callable[..., bytes], is_healthy: bool = False) -> Bomb:
    return Bomb("JPEG", name, make, is_healthy)


def p(name: str, make: Callable[..., bytes], is_healthy: bool = False) -> Bomb:
    return Bomb("PNG", name, make, is_healthy)


JPEGS = [
    j("25 MP in colour", lambda side=SIDE: flat(side, side, 3), is_healthy=True),
    j("25 MP of grey", lambda: flat(SIDE, SIDE, 1)),
    j("25 MP of ink", lambda: flat(SIDE, SIDE, 4)),
    j("65,535 wide", lambda: flat(65535, 381, 1)),
    j("65,535 high", lambda: flat(381, 65535, 1)),
    j("25 MP and a row", lambda: flat(4000, 6251, 1)),
    j("65,535 squared, all its data missing", lambda: jpeg(TABLE, frame(0xC0, 65535, 65535, 3), CODES, scan(range(1, 4), 0, 63, b"\0"))),
    j("no width", lambda: flat(0, 64, 3)),
    j("no height, and none later", lambda: flat(64, 0, 3)),
    j("its height comes later", lambda: flat(64, 0, 3)[:-2] + segment(0xDC, b"\x13\x88") + b"\xff\xd9"),
    *(j(f"{count:,} scans", lambda count=count: many_scans(SIDE, count)) for count in (3, 10, 63, 64, 100, 10_000, 100_000)),
    j("99 scans of 100 bytes", lambda: many_scans(SIDE, 99, 100)),
    j("99 scans of 14 KB", lambda: many_scans(SIDE, 99, 14_000)),
    *(j(f"25 MP in {count} scans of runs", lambda count=count: runs_of_blocks(SIDE, count)) for count in (5, 20, 24, 26, 63)),
    j("60,000 scans of runs of a small one", lambda: jpeg(runs_of_blocks(256, 63)[2:-2], filled(scan(range(1, 2), 1, 1, b"\x55")))),
    j("31 MP, a restart after every block", lambda: restarts(5600)),
    j("blocks of 4 x 4", lambda: flat(4096, 4096, 3).replace(b"\1\x11\0\2\x11\0", b"\1\x44\0\2\x11\0")),
    j("factors of sampling of 15", lambda: jpeg(TABLE, frame(0xC0, 64, 64, 3, 0xFF), CODES, scan(range(1, 4), 0, 63, bytes(3000)))),
    *(
        j(f"25 MP, frame of marker {marker:X}", lambda marker=marker: flat(SIDE, SIDE, 1).replace(b"\xff\xc0", bytes([0xFF, marker]), 1))
        for marker in (0xC1, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCF, 0xF7)
    ),
    j("12 bits a sample", lambda: jpeg(TABLE, frame(0xC1, SIDE, SIDE, 1, precision=12), CODES, scan(range(1, 2), 0, 63, bytes(160_000)))),
    j("two frames", lambda: before(frame(0xC0, SIDE, SIDE, 3))),
    j("255 components", lambda: jpeg(TABLE, frame(0xC0, 6000, 6000, 255), CODES, scan(range(1, 4), 0, 63, bytes(3000)))),
    j("400,000 empty comments", lambda: before(filled(b"\xff\xfe\0\2"))),
    j("60,000 tables of codes", lambda: before(filled(CODES))),
    j("22,000 tables of steps", lambda: before(filled(TABLE))),
    j("1.5 MB of fill bytes", lambda: before(filled(b"\xff"))),
    j("1.5 MB of nothing", lambda: before(filled(b"\0"))),
    j("700,000 restart markers", lambda: before(filled(b"\xff\xd0"))),
    j("a table with more codes than fit", lambda: before(segment(0xC4, b"\x00" + b"\xff" * 16 + bytes(4080)))),
    j("a picture in a picture in a picture", lambda: filled(b"\xff\xd8\xff\xe1\xff\xff")),
    *(j(f"Exif: {name}", lambda data=data: before(segment(0xE1, b"Exif\0\0" + data))) for name, data in EXIFS.items()),
    j("24 times XMP that never comes to it", lambda: before(*[segment(0xE1, XMP + b"<tiff:Orientation" * 3800)] * 23)),
    j("130,000 Exifs", lambda: before(filled(segment(0xE1, b"Exif\0\0II*\0")))),
    j("255 parts of a profile", lambda: before(*(segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 255]) + bytes(6000)) for n in range(1, 256)))),
]

PNGS = [
    p("25 MP of 8-bit RGBA", lambda side=SIDE: png(side, side, 8, 6, chunk(b"IDAT", rows(side, side, 32, b"\2"))), is_healthy=True),
    *(
        p(
            f"20 MP of 16-bit RGBA, filter {kind}",
            lambda kind=kind: png(SIDE_WIDE, SIDE_WIDE, 16, 6, chunk(b"IDAT", rows(SIDE_WIDE, SIDE_WIDE, 64, bytes([kind])))),
        )
        for kind in range(6)
    ),
    p("25 MP, all filters in turn", lambda: png(SIDE, SIDE, 8, 6, chunk(b"IDAT", rows(SIDE, SIDE, 32, b"\4\3\2\1\0")))),
    p("25 MP of 16-bit RGBA, too many", lambda: png(SIDE, SIDE, 16, 6, chunk(b"IDAT", rows(SIDE, SIDE, 64, b"\4")))),
    *(
        p(
            f"{side * side // 1_000_000} MP interlaced, {bits} bits a pixel",
            lambda side=side, depth=depth, colour=colour, bits=bits: png(
                side, side, depth, colour, chunk(b"IDAT", zeros(interlaced(side, side, bits))), is_interlaced=True
            ),
        )
        for side, depth, colour, bits in ((SIDE_WIDE, 16, 6, 64), (SIDE, 8, 6, 32), (SIDE, 8, 0, 8), (SIDE, 1, 0, 1))
    ),
    p("25 MP of single bits", lambda: png(SIDE, SIDE, 1, 0, chunk(b"IDAT", rows(SIDE, SIDE, 1, b"\4")))),
    p(
        "25 MP of one colour of a palette",
        lambda: png(SIDE, SIDE, 8, 3, chunk(b"PLTE", bytes(3)), chunk(b"tRNS", b"\0"), chunk(b"IDAT", rows(SIDE, SIDE, 8, b"\0"))),
    ),
    *(
        p(
            f"{width * height // 1_000_000:,} MP, {width:,} x {height:,}",
            lambda width=width, height=height: png(width, height, 1, 0, chunk(b"IDAT", zeros(5_100_000))),
        )
        for width, height in (
            (40_000_000, 1),
            (1, 40_000_000),
            (65_535, 381),
            (381, 65_535),
            (65_536, 1),
            (0, 1),
            (2**31 - 1, 2**31 - 1),
            (2**32 - 1, 1),
        )
    ),
    # Long thin pictures, which are processed in strips.
    *(
        p(f"{width * height // 1_000_000} MP, thin, {width:,} x {height:,}", lambda width=width, height=height: thin(width, height))
        for width, height in ((8, 65_535), (16, 65_535), (64, 65_535), (65_535, 16), (16, 20_000), (1, 65_535))
    ),
    p("1.4 GB too many", lambda: png(64, 64, 8, 2, chunk(b"IDAT", zeros(1_400_000_000)))),
    p("data of 25 MP in 120,000 chunks", lambda: png(SIDE, SIDE, 8, 2, split(b"IDAT", rows(SIDE, SIDE, 24, b"\1")))),
    p("130,000 empty chunks of data", lambda: small_png(filled(chunk(b"IDAT", b"")))),
    *(
        p(
            f"{name.decode()} of {count} x {1_400_000_000 // count:,} bytes",
            lambda name=name, head=head, count=count: small_png(text_chunk(name, head, count)),
        )
        for name, head, count in (
            (b"iCCP", b"x\0\0", 1),
            (b"iCCP", b"x\0\0", 1000),
            (b"zTXt", b"x\0\0", 1),
            (b"zTXt", b"Raw profile type exif\0\0", 1),
            (b"zTXt", b"Raw profile type exif\0\0", 1000),
            (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0", 1),
            (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0", 1000),
        )
    ),
    p("an empty text 100,000 times", lambda: small_png(filled(chunk(b"tEXt", b"x\0")))),
    p("a profile of white space", lambda: small_png(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n" + b" " * 1_500_000))),
    p("1.4 MB of hex", lambda: small_png(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n9\n" + b"49492a00" * 175_000))),
    p("30,000 frames", lambda: frames(30_000)),
    p("2 billion frames", lambda: small_png(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)))),
    p("130,000 palettes", lambda: small_png(filled(chunk(b"PLTE", b"")))),
    p("a chunk of 4 GiB", lambda: small_png(struct.pack(">I", 2**32 - 1) + b"tEXt")),
    p("a head in a head", lambda: small_png(chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)))),
    p("no data", lambda: png(SIDE, SIDE, 8, 6)),
    p("a window too large", lambda: png(64, 64, 8, 2, chunk(b"IDAT", b"\xf8" + zeros(13_000)[1:]))),
    *(p(f"Exif: {name}", lambda data=data: small_png(chunk(b"eXIf", data))) for name, data in EXIFS.items()),
]
