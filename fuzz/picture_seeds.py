"""Writes the picture seeds: small files of every format and layout that is read.

PYTHONPATH=../conformance/.packages/pillow python3 picture_seeds.py
"""

import io
import pathlib
import struct

from PIL import Image

SEEDS = pathlib.Path(__file__).parent / "seeds"


def gradient(mode: str, side: int = 16) -> Image.Image:
    picture = Image.new("RGB", (side, side))
    picture.putdata([(x * 15, y * 15, (x ^ y) * 15) for y in range(side) for x in range(side)])
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize((side, side)))
        return picture
    if mode == "P":
        return picture.quantize(8)
    if mode == "I;16":
        return picture.convert("L").convert("I").point(lambda v: v * 257).convert("I;16")
    return picture.convert(mode)


def encoded(mode: str, format: str, side: int = 16, **options) -> bytes:
    out = io.BytesIO()
    gradient(mode, side).save(out, format, **options)
    return out.getvalue()


def exif(orientation: int, order: str = "<") -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 274, 3, 1, orientation, 0)
    return head + struct.pack(order + "IH", 8, 1) + entry + struct.pack(order + "I", 0)


def run_length_bitmap() -> bytes:
    """An 8-bit BMP of 4x2 pixels with run-length compression, which Pillow does not write."""
    rows = bytes([4, 1, 0, 0, 0, 4, 0, 1, 1, 0, 0, 1])
    palette = b"\0\0\0\0\xff\xff\xff\0"
    head = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, len(rows), 0, 0, 2, 0)
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + palette + rows


def animation(format: str) -> bytes:
    out = io.BytesIO()
    gradient("RGB").save(out, format, save_all=True, append_images=[gradient("RGB").rotate(90)], duration=100)
    return out.getvalue()


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'

PICTURES = {
    "baseline.jpg": encoded("RGB", "JPEG", quality=60),
    "full-colour.jpg": encoded("RGB", "JPEG", side=24, subsampling=0, optimize=True, exif=b"Exif\0\0" + exif(6)),
    "progressive.jpg": encoded("RGB", "JPEG", progressive=True, quality=40),
    "grey.jpg": encoded("L", "JPEG", restart_marker_blocks=1),
    "ink.jpg": encoded("CMYK", "JPEG", quality=30),
    "rgb.png": encoded("RGB", "PNG", exif=exif(3, ">")),
    "alpha.png": encoded("RGBA", "PNG"),
    "palette.png": encoded("P", "PNG", transparency=1),
    "wide.png": encoded("I;16", "PNG"),
    "bits.png": encoded("1", "PNG"),
    "rgb.bmp": encoded("RGB", "BMP"),
    "palette.bmp": encoded("P", "BMP"),
    "alpha.bmp": encoded("RGBA", "BMP"),
    "run-length.bmp": run_length_bitmap(),
    "lossy.webp": encoded("RGB", "WEBP", quality=50, exif=exif(8)),
    "lossless.webp": encoded("RGB", "WEBP", lossless=True),
    "alpha.webp": encoded("RGBA", "WEBP", quality=50, xmp=XMP),
    "animated.webp": animation("WEBP"),
    "palette.gif": encoded("P", "GIF"),
    "interlaced.gif": encoded("P", "GIF", interlace=1),
    "animated.gif": animation("GIF"),
    "plain.tif": encoded("RGB", "TIFF"),
    "lzw.tif": encoded("RGB", "TIFF", compression="tiff_lzw"),
    "deflate.tif": encoded("RGBA", "TIFF", compression="tiff_adobe_deflate"),
    "packbits.tif": encoded("L", "TIFF", compression="packbits"),
    "fax.tif": encoded("1", "TIFF", compression="group4"),
}


def main() -> None:
    for target, is_wanted in (
        ("picture_head", lambda name: True),
        ("picture_decode", lambda name: not name.endswith(".jpg")),
        ("picture_jpeg", lambda name: name.endswith(".jpg")),
    ):
        folder = SEEDS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in PICTURES.items():
            if is_wanted(name):
                (folder / name).write_bytes(content)
    folder = SEEDS / "picture_orientation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "little-endian").write_bytes(exif(6))
    (folder / "big-endian").write_bytes(b"Exif\0\0" + exif(8, ">"))
    (folder / "xmp").write_bytes(XMP)
    (folder / "xmp-element").write_bytes(b"<tiff:Orientation> 3 </tiff:Orientation>")


if __name__ == "__main__":
    main()
