"""Kinds of damage to a data folder. Each function takes a copy and the run's random generator, and returns a
description."""

import os
import pathlib
import random
import shutil
import sqlite3
from typing import Callable, NamedTuple

BLOCK_BYTES = 4096


class Case(NamedTuple):
    """A kind of damage, and the required result."""

    name: str
    damage: Callable
    tries: int
    is_killed: bool = False
    # Required result of a start: "serve", "refuse", or either if empty.
    wanted: str = ""
    # Whether `aicp check` must detect it; the damage may declare itself undetectable this time.
    is_seen: bool = False
    # Required content of the copy: "prefix" of the writes, or "all" of them.
    holds: str = ""
    # Whether a start that serves must log the damage.
    is_told: bool = False


def cut(path: pathlib.Path, chance: random.Random) -> str:
    size = path.stat().st_size
    left = chance.randrange(1, size)
    os.truncate(path, left)
    return f"cut from {size} to {left}"


def flip(path: pathlib.Path, chance: random.Random, bits: int = 1, least: int = 0) -> str:
    with path.open("r+b") as file:
        size = path.stat().st_size
        places = [chance.randrange(least, size) for _ in range(bits)]
        for place in places:
            file.seek(place)
            (byte,) = file.read(1)
            file.seek(place)
            file.write(bytes([byte ^ 1 << chance.randrange(8)]))
    return f"bits at {places[:4]}"


def overwrite(path: pathlib.Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def page_size(path: pathlib.Path) -> int:
    return int.from_bytes(path.read_bytes()[16:18], "big")


def used_pages(path: pathlib.Path) -> list[int]:
    """Numbers of the pages in use: all that are not in SQLite's free list."""
    data, size = path.read_bytes(), page_size(path)

    def number(place: int) -> int:
        return int.from_bytes(data[place : place + 4], "big")

    free, trunk = set(), number(32)
    while trunk:
        start = (trunk - 1) * size
        free |= {trunk} | {number(start + 8 + 4 * index) for index in range(number(start + 4))}
        trunk = number(start)
    return sorted(set(range(1, len(data) // size + 1)) - free)


def damage_wal_cut(copy, chance):
    return cut(copy / "aicp.db-wal", chance)


def damage_wal_flip(copy, chance):
    return flip(copy / "aicp.db-wal", chance)


def damage_wal_tail(copy, chance):
    path = copy / "aicp.db-wal"
    size = path.stat().st_size
    overwrite(path, chance.randrange(size), chance.randbytes(chance.randrange(1, 3 * BLOCK_BYTES)))
    return "random bytes"


def damage_wal_longer(copy, chance):
    with (copy / "aicp.db-wal").open("ab") as file:
        file.write(chance.randbytes(chance.randrange(1, 5 * BLOCK_BYTES)))
    return "random bytes after its end"


def damage_wal_gone(copy, chance):
    (copy / "aicp.db-wal").unlink()
    return "gone"


def damage_shm(copy, chance):
    (copy / "aicp.db-shm").write_bytes(chance.randbytes(32768))
    return "random"


def damage_db_cut(copy, chance):
    return cut(copy / "aicp.db", chance)


def damage_db_flip(copy, chance):
    return flip(copy / "aicp.db", chance)


def damage_db_flips(copy, chance):
    return flip(copy / "aicp.db", chance, bits=64)


def damage_db_page(copy, chance):
    path = copy / "aicp.db"
    page, size = chance.choice(used_pages(path)), page_size(path)
    overwrite(path, (page - 1) * size, chance.choice([bytes(size), chance.randbytes(size)]))
    return f"page {page}"


def damage_db_gone(copy, chance):
    (copy / "aicp.db").unlink()
    return "gone"


def damage_db_empty(copy, chance):
    (copy / "aicp.db").write_bytes(b"")
    return "empty"


def damage_key(copy, chance):
    path = copy / "secret.key"
    text = path.read_text()
    new = chance.choice([None, "", text[:31], "no key at all", text[:-2] + "\xe9"])
    path.unlink()
    if new is not None:
        path.write_text(new)
    return f"{'gone' if new is None else f'{len(new)} characters'}"


def damage_template(copy, chance):
    connection = sqlite3.connect(copy / "aicp.db")
    rows = connection.execute("SELECT face_id, vector FROM template ORDER BY face_id").fetchall()
    face, vector = chance.choice(rows)
    bit = chance.randrange(8 * len(vector))
    flipped = bytearray(vector)
    flipped[bit // 8] ^= 1 << bit % 8
    kinds = {"bit": bytes(flipped), "zeros": bytes(len(vector)), "NaN": b"\x00\x00\xc0\x7f" * (len(vector) // 4)}
    kinds |= {"noise": chance.randbytes(len(vector)), "half": vector[: len(vector) // 2], "empty": b"", "odd": vector[:-1]}
    kind = chance.choice(sorted(kinds))
    connection.execute("UPDATE template SET vector = ? WHERE face_id = ?", (kinds[kind], face))
    connection.commit()
    connection.close()
    return f"{kind} of face {face}"


def damage_template_gone(copy, chance):
    connection = sqlite3.connect(copy / "aicp.db")
    connection.execute("DELETE FROM template WHERE face_id = (SELECT max(face_id) FROM template)")
    connection.commit()
    connection.close()
    return "the latest"


def damage_objects_gone(copy, chance):
    shutil.rmtree(copy / "objects")
    return "gone"


def a_picture(copy, chance) -> pathlib.Path:
    return chance.choice(sorted(path for path in (copy / "objects").glob("??/*")))


def damage_picture_cut(copy, chance):
    return cut(a_picture(copy, chance), chance)


def damage_picture_flip(copy, chance):
    return flip(a_picture(copy, chance), chance)


def damage_picture_gone(copy, chance):
    a_picture(copy, chance).unlink()
    return "gone"


def damage_incoming(copy, chance):
    place = copy / "objects" / "incoming"
    key = "".join(chance.choice("0123456789abcdef") for _ in range(64))
    (place / "junk").write_bytes(b"x")
    (place / key).write_bytes(b"no picture of that name")
    (place / f"{a_picture(copy, chance).name}.part").write_bytes(b"half")
    if chance.random() < 0.7:
        (place / "folder" / "deep").mkdir(parents=True)
    if chance.random() < 0.5:
        (place / "link").symlink_to("/nowhere")
    return "junk"


def damage_other_parts(copy, chance):
    """Puts a file or folder of the wrong kind where the server creates its own."""
    name = chance.choice(["control.sock", "reserve", "reserve.part", "aicp.db-shm"])
    path = copy / name
    path.unlink(missing_ok=True)
    if name == "control.sock" and chance.random() < 0.5:
        path.write_text("no socket")
    elif name == "aicp.db-shm":
        path.write_bytes(b"")
    else:
        path.mkdir()
    return name


CASES = [
    Case("log cut", damage_wal_cut, 14, is_killed=True, wanted="serve", holds="prefix"),
    Case("log: a bit flipped", damage_wal_flip, 12, is_killed=True, wanted="serve", holds="prefix"),
    Case("log: random bytes in it", damage_wal_tail, 8, is_killed=True, wanted="serve", holds="prefix"),
    Case("log: random bytes after it", damage_wal_longer, 4, is_killed=True, wanted="serve", holds="all"),
    Case("log gone", damage_wal_gone, 1, is_killed=True, wanted="serve", holds="prefix"),
    Case("-shm random", damage_shm, 4, is_killed=True, wanted="serve", holds="all"),
    Case("database cut", damage_db_cut, 10, is_seen=True),
    Case("database: a bit flipped", damage_db_flip, 12),
    Case("database: 64 bits flipped", damage_db_flips, 8),
    Case("database: a page zeroed or random", damage_db_page, 14, is_seen=True),
    Case("database gone", damage_db_gone, 1, is_killed=True, wanted="refuse", is_seen=True),
    Case("database empty", damage_db_empty, 1, wanted="refuse", is_seen=True),
    Case("secret.key damaged or gone", damage_key, 6, wanted="refuse"),
    Case("a template altered", damage_template, 9, wanted="serve", is_seen=True, holds="all", is_told=True),
    Case("a template gone", damage_template_gone, 1, wanted="serve", is_seen=True, holds="all", is_told=True),
    Case("a picture cut", damage_picture_cut, 3, wanted="serve", is_seen=True, holds="all"),
    Case("a picture: a bit flipped", damage_picture_flip, 3, wanted="serve", is_seen=True, holds="all"),
    Case("a picture gone", damage_picture_gone, 3, wanted="serve", is_seen=True, holds="all"),
    Case("all pictures gone", damage_objects_gone, 1, is_seen=True, is_told=True),
    Case("junk in incoming", damage_incoming, 4, wanted="serve", holds="all"),
    Case("other parts of the wrong kind", damage_other_parts, 6),
]
SHORT = ["log cut", "log: a bit flipped", "database cut", "database: a page zeroed or random", "database gone"]
SHORT += ["secret.key damaged or gone", "a template altered", "a picture gone", "junk in incoming"]
