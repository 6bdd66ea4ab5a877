#!/usr/bin/env python3
"""Compare the server's decoder with Pillow's.

Usage: conformance/pictures.py PATH_OF_AICP_BENCH [FOLDER...]

Decodes Pillow's own test pictures (from its source package, next to its wheel in conformance/.packages/pillow), a
sample photograph written by Pillow in every mode, compression and layout it supports, and pictures in further folders.
Ends with 1 if a picture that both decode differs by 1.0 of 255 or more on average, if a version of the photograph is
refused, or if too few pictures were compared.
"""

import collections
import itertools
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import warnings
from typing import NamedTuple

from PIL import Image, ImageChops, ImageOps, ImageStat

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PACKAGES = HERE / ".packages" / "pillow"
PHOTO = ROOT / "samples/people/obama/obama.jpg"
# The formats that the server supports, by Pillow's names.
FORMATS = ("JPEG", "MPO", "PNG", "BMP", "GIF", "TIFF", "WEBP")
SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".rle"}
# Limit of the mean absolute difference of all channels, of 255.
LIMIT = 1.0
# Minimum number of third-party pictures that both decode, by format: fewer means that the packages changed.
LEAST = {"JPEG": 60, "PNG": 60, "BMP": 50, "GIF": 40, "TIFF": 60, "WEBP": 20}
# Pictures for which Pillow is not a valid reference.
UNLIKE = {
    "i_trns.png": "Pillow drops the transparent colour of 16-bit grey",
    "pal4rletrns.bmp": "of pixels that are left out Pillow makes the first colour; here they are transparent",
    "pal8rletrns.bmp": "the same",
}
MAX_PIXELS = 20_000_000


class Compared(NamedTuple):
    """A picture that both decoders read."""

    name: str
    format: str
    difference: float


def as_sent(image: Image.Image) -> Image.Image:
    """The picture as the server decodes it: first frame, upright, on white, 8 bits per channel."""
    image.load()
    form = image.format
    if form != "TIFF":
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if form == "BMP" and image.mode == "RGBA" and image.getextrema()[3] == (0, 0):
        # The writer left the alpha bits at zero.
        return image.convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def difference(ours: Image.Image, theirs: Image.Image) -> float:
    """The mean absolute difference of all channels; 255 if the sizes differ."""
    if ours.size != theirs.size:
        return 255.0
    return sum(ImageStat.Stat(ImageChops.difference(ours, theirs)).mean) / 3


def unpack(folder: pathlib.Path) -> None:
    """Unpack Pillow's source package."""
    (source,) = PACKAGES.glob("pillow-*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")


def pictures_in(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def written(folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes the sample photograph in every variant that Pillow supports."""
    photo = Image.open(PHOTO).convert("RGB").resize((203, 161))
    alpha = photo.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(photo.size))
    modes = {mode: photo.convert(mode) for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB")}
    modes |= {"RGBA": alpha, "LA": alpha.convert("LA")}
    deep = photo.convert("L").convert("I").point(lambda value: value * 257)
    modes["I;16"] = deep.convert("I;16")
    paths = []

    def write(mode: str, suffix: str, **options) -> None:
        told = "_".join(f"{name}-{value}" for name, value in options.items())
        path = folder / f"{mode.replace(';', '')}_{told}.{suffix}"
        modes[mode].save(path, **options)
        paths.append(path)

    for mode in ("L", "RGB", "CMYK"):
        for progressive, sampling in itertools.product((False, True), (0, 1, 2)):
            write(mode, "jpg", progressive=progressive, subsampling=sampling, quality=90)
        write(mode, "jpg", optimize=True, restart_marker_blocks=7)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for suffix in ("jpg", "png", "webp"):
            path = folder / f"orientation-{orientation}.{suffix}"
            photo.save(path, exif=exif)
            paths.append(path)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        for level in (0, 9):
            write(mode, "png", compress_level=level)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        write(mode, "bmp")
    for mode in ("L", "P", "RGB", "RGBA"):
        for interlace in (0, 1):
            write(mode, "gif", interlace=interlace)
    # The server refuses palettes and JPEG data in a TIFF.
    for mode in ("1", "L", "RGB", "RGBA", "CMYK", "I;16"):
        for compression in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate"):
            write(mode, "tif", compression=compression)
    for mode in ("L", "RGB", "RGBA"):
        for lossless in (False, True):
            write(mode, "webp", lossless=lossless, quality=90)
    return paths


def decoded(program: str, files: list[pathlib.Path], folder: pathlib.Path) -> dict[str, dict]:
    """Runs the server's decoder on files; returns the lines of `aicp-bench decode` by file."""
    command = [program, "decode", "--out", str(folder), *map(str, files)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line["file"]: line for line in map(json.loads, output.splitlines())}


def theirs(path: pathlib.Path) -> tuple[str, Image.Image] | None:
    """The format of a file and Pillow's decoded picture; None if unsupported, too large, or not readable by Pillow."""
    try:
        with Image.open(path) as image:
            if image.format not in FORMATS or image.width * image.height > MAX_PIXELS:
                return None
            return image.format, as_sent(image)
    except Exception:  # Pillow passes on any exception of its parsers.
        return None


def main() -> int:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    program, *folders = sys.argv[1:]
    warnings.simplefilter("ignore")
    compared: list[Compared] = []
    refused = collections.defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="aicp-pictures-") as name:
        folder = pathlib.Path(name)
        (folder / "written").mkdir()
        (folder / "pixels").mkdir()
        mine = set(written(folder / "written"))
        unpack(folder / "source")
        sources = [folder / "source", folder / "written", *map(pathlib.Path, folders)]
        files = [path for source in sources for path in pictures_in(source)]
        lines = decoded(program, files, folder / "pixels")
        for path in files:
            line, known = lines[str(path)], theirs(path)
            if not known:
                continue
            form, image = known
            if not line["pixels"]:
                refused[form].append((path, line["refused"]))
                continue
            with Image.open(line["pixels"]) as pixels:
                compared.append(Compared(path.name, form, difference(pixels.convert("RGB"), image)))
    apart = [one for one in compared if one.difference >= LIMIT and one.name not in UNLIKE]
    wrong = [f"{one.name} ({one.format}): differs by {one.difference:.1f}" for one in apart]
    for form in FORMATS:
        own = [one.difference for one in compared if one.format == form and one.name not in UNLIKE]
        print(f"{form:5} {len(own):4} compared, differ by {max(own, default=0):.2f} at most; {len(refused[form])} refused")
        wrong += [f"{path.name} ({form}): refused: {reason}" for path, reason in refused[form] if path in mine]
        if len(own) < LEAST.get(form, 0):
            wrong.append(f"{form}: only {len(own)} pictures compared")
    print("", *wrong, sep="\n")
    print(f"{len(compared)} pictures compared, {len(wrong)} surprises")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
