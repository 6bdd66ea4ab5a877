"""Pictures with random damage that reaches deep into decoders: cut, flipped, overwritten, spliced."""

import pathlib
import random
import struct
import zlib
from typing import NamedTuple

from harness import ROOT

SEEDS = ROOT / "fuzz/seeds/picture_head"
# Pictures with one face each.
PORTRAITS = ["samples/strangers/female/1.jpg", "samples/strangers/female/11.jpg", "samples/strangers/male/1.jpg"]
FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WebP", ".bmp": "BMP", ".gif": "GIF", ".tif": "TIFF"}
# Bytes that contain the headers of all formats.
HEAD = 200
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000, 40_000_000)


class Base(NamedTuple):
    """An undamaged picture."""

    format: str
    name: str
    bytes: bytes


def bases() -> list[Base]:
    """One picture of every supported format and layout, each under 8 KB."""
    paths = [path for path in sorted(SEEDS.iterdir()) if path.suffix in FORMATS]
    if len(paths) < 20:
        raise SystemExit(f"error: {SEEDS} has {len(paths)} pictures")
    paths += [ROOT / path for path in PORTRAITS]
    return [Base(FORMATS[path.suffix], f"{path.parent.name}/{path.name}", pathlib.Path(path).read_bytes()) for path in paths]


def with_checksums(png: bytes) -> bytes:
    """A PNG with corrected checksums, up to the first malformed chunk."""
    out, at = bytearray(png), 8
    while at + 12 <= len(out):
        (length,) = struct.unpack_from(">I", out, at)
        if at + 12 + length > len(out):
            break
        struct.pack_into(">I", out, at + 8 + length, zlib.crc32(out[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(out)


def place(chance: random.Random, length: int) -> int:
    """A random offset, half of the time in the header."""
    return chance.randrange(min(HEAD, length) if chance.random() < 0.5 else length)


def cut(chance: random.Random, data: bytearray, _: bytes) -> bytearray:
    return data[: chance.randrange(len(data))]


def flip(chance: random.Random, data: bytearray, _: bytes) -> bytearray:
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        data[place(chance, len(data))] ^= 1 << chance.randrange(8)
    return data


def write_over(chance: random.Random, data: bytearray, _: bytes) -> bytearray:
    """Overwrites 1 to 4 bytes with an extreme number."""
    size, order = chance.choice((1, 2, 4)), chance.choice(("big", "little"))
    at = place(chance, len(data))
    data[at : at + size] = (chance.choice(EXTREMES) % 256**size).to_bytes(size, order)
    return data


def take_out(chance: random.Random, data: bytearray, _: bytes) -> bytearray:
    at = place(chance, len(data))
    del data[at : at + chance.choice((1, 2, 4, 16, 100))]
    return data


def repeat(chance: random.Random, data: bytearray, _: bytes) -> bytearray:
    at = place(chance, len(data))
    data[at:at] = data[at : at + chance.choice((1, 4, 12, 64, 300))] * chance.choice((1, 1, 2, 50))
    return data


def splice(chance: random.Random, data: bytearray, other: bytes) -> bytearray:
    """Joins the start of one picture and the end of another."""
    return data[: place(chance, len(data))] + other[place(chance, len(other)) :]


WAYS = (cut, flip, flip, flip, write_over, write_over, take_out, repeat, splice)


def damaged(base: Base, others: list[Base], key: str) -> bytes:
    """A picture with one to three kinds of damage, determined by the key."""
    chance = random.Random(key)
    data = bytearray(base.bytes)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if data:
            data = chance.choice(WAYS)(chance, data, chance.choice(others).bytes)
    return with_checksums(bytes(data)) if base.format == "PNG" and chance.random() < 0.7 else bytes(data)
