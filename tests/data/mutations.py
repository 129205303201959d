"""Bad image files of every kind that came to mind, made from good ones; seeded, so that each run makes the same."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

USED, LISTED, EITHER = "used", "listed", "either"  # what has to become of a file

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "BMP": ".bmp", "WEBP": ".webp"}


def encoded(pixels: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2, rows: int = 0) -> bytes:
    """A PNG that declares a size and holds so many rows of zeros."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    data = zlib.compress(bytes(rows * (1 + width * channels * depth // 8)), 9)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def write_all(directory: Path, pictures: list[np.ndarray], seed: int = 0) -> dict[str, str]:
    """Writes the files; what has to become of each, by its name from `directory`."""
    draw = np.random.default_rng(seed)
    expected: dict[str, str] = {}

    def add(name: str, data: bytes, fate: str) -> None:
        (directory / name).write_bytes(data)
        expected[name] = fate

    def picture() -> np.ndarray:
        return pictures[int(draw.integers(len(pictures)))]

    for kind, suffix in FORMATS.items():
        for number in range(12):  # cut off
            data = encoded(picture(), kind)
            add(f"cut-{number}{suffix}", data[: int(len(data) * draw.uniform(0.02, 0.98))], EITHER)
        for number in range(18):  # some bytes changed, behind the first that name the format
            broken = bytearray(encoded(picture(), kind))
            for place in draw.integers(8, len(broken), 1 + 4 * number):
                broken[place] = draw.integers(256)
            add(f"scrambled-{number}{suffix}", bytes(broken), EITHER)
        for other, wrong in FORMATS.items():  # named as what it is not
            if other != kind:
                add(f"{kind.lower()}-named{wrong}", encoded(picture(), kind), USED)
        add(f"zeros{suffix}", bytes(2000), LISTED)
        add(f"empty{suffix}", b"", LISTED)
        add(f"one-byte{suffix}", b"\xff", LISTED)
        add(f"text{suffix}", b"<html>404 not found</html>" * 20, LISTED)
        add(f"noise{suffix}", draw.bytes(3000), LISTED)
        add(f"trailing{suffix}", encoded(picture(), kind) + draw.bytes(500), USED)
        add(f"begins-late{suffix}", b"\r\n" + encoded(picture(), kind), LISTED)
    _modes(add, picture)
    _exif(add, picture)
    _sizes(add, picture)
    _bombs(add)
    _names(directory, expected, picture, add)
    _no_files(directory, expected)
    return expected


Add = Callable[[str, bytes, str], None]
Draw = Callable[[], np.ndarray]


def _modes(add: Add, picture: Draw) -> None:
    def image() -> Image.Image:
        return Image.fromarray(picture())

    for mode in ("L", "1", "P", "CMYK", "RGBA", "LA", "YCbCr", "LAB", "I;16", "I", "F"):
        for kind, suffix in FORMATS.items():
            made = image()
            if mode in ("I;16", "I", "F"):
                values = np.asarray(made.convert("L")).astype(np.float64)
                made = Image.fromarray((values * 257).astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]))
            elif mode == "LA":
                made = made.convert("L").convert("LA")
            elif mode == "LAB":
                made = Image.fromarray(picture(), mode="RGB").convert("HSV").convert("RGB")
            else:
                made = made.convert(mode)
            if kind == "WEBP" and mode in ("I;16", "I", "F"):  # written as something else
                continue
            try:
                data = encoded(made, kind)
            except (OSError, ValueError, KeyError):  # the format does not know the mode
                continue
            add(f"mode-{mode.replace(';', '')}{suffix}", data, LISTED if mode == "F" else USED)
    add("grey16-alpha.png", png(20, 20, depth=16, colour=4, rows=20), USED)
    add("rgb16.png", png(20, 20, depth=16, colour=2, rows=20), USED)
    add("palette-without-colours.png", png(20, 20, depth=8, colour=3, rows=20), EITHER)
    add("negative.tif", encoded(Image.fromarray(np.full((20, 20), -5, np.int32)), "TIFF"), LISTED)
    for kind, suffix in (("GIF", ".gif.png"), ("WEBP", ".animated.webp"), ("PNG", ".animated.png"), ("TIFF", ".tif")):
        frames = [image() for _ in range(4)]
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        add(f"animated{suffix}", data, USED)


def _exif(add: Add, picture: Draw) -> None:
    for orientation in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255):
        exif = Image.Exif()
        exif[0x0112] = orientation
        add(f"exif-{orientation}.jpg", encoded(picture()[:, :40], "JPEG", exif=exif), USED)
    add("exif-broken.jpg", encoded(picture(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff" + bytes(40)), EITHER)


def _sizes(add: Add, picture: Draw) -> None:
    for width, height in ((1, 1), (1, 500), (500, 1), (2, 3), (7, 5), (3, 4000), (4000, 3), (31, 33)):
        add(f"{width}x{height}.png", encoded(np.resize(picture(), (height, width, 3))), USED)
        add(f"{width}x{height}.jpg", encoded(np.resize(picture(), (height, width, 3)), "JPEG"), USED)
    for shade in (0, 127, 255):
        add(f"constant-{shade}.png", encoded(np.full((50, 50, 3), shade, np.uint8)), USED)
    add("no-width.png", png(0, 50), LISTED)
    add("no-height.png", png(50, 0), LISTED)


def _bombs(add: Add) -> None:
    for width, height in ((30_000, 30_000), (65_000, 65_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1), (13_000, 13_000)):
        add(f"declares-{width}x{height}.png", png(width, height), LISTED)
    add("declares-9000x9000.png", png(9000, 9000), LISTED)  # below Pillow's limit, and nothing behind it
    add("flat-8000x8000.png", png(8000, 8000, colour=0, rows=8000), USED)  # 64 million pixels in 62 kB
    jpeg = bytearray(encoded(np.zeros((64, 64, 3), np.uint8), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 30_000, 30_000)
    add("declares-30000x30000.jpg", bytes(jpeg), LISTED)
    bmp = bytearray(encoded(np.zeros((8, 8, 3), np.uint8), "BMP"))
    bmp[18:26] = struct.pack("<ii", 30_000, 30_000)
    add("declares-30000x30000.bmp", bytes(bmp), LISTED)
    blown_up = zlib.compress(bytes(2**28), 9)  # 256 MiB in 261 kB
    add("bomb-ztxt.png", png(20, 20, chunk(b"zTXt", b"a\x00\x00" + blown_up), rows=20), EITHER)
    add("bomb-itxt.png", png(20, 20, chunk(b"iTXt", b"a\x00\x01\x00\x00\x00" + blown_up), rows=20), EITHER)
    add("bomb-iccp.png", png(20, 20, chunk(b"iCCP", b"a\x00\x00" + blown_up), rows=20), EITHER)
    add("bomb-idat.png", png(20, 20, rows=2_000_000), EITHER)
    text = PngImagePlugin.PngInfo()
    for number in range(300):
        text.add_text(f"key {number}", "x" * 400_000, zip=True)
    add("bomb-many-texts.png", encoded(np.zeros((20, 20, 3), np.uint8), pnginfo=text), EITHER)
    tiff = bytearray(encoded(np.zeros((8, 8, 3), np.uint8), "TIFF"))
    tiff[-200:] = b"\xff" * min(200, len(tiff))
    add("wild-tags.tif", bytes(tiff), EITHER)


def _names(directory: Path, expected: dict[str, str], picture: Draw, add: Add) -> None:
    for name in (
        "a" * 251 + ".png", "spaces  in name.png", "line\nbreak.png", "tab\t.png", "quote'\".png", "emoji-🩺.png",
        "-dash.png", "dots...png", "UPPER.PNG", "comma,semicolon;.png", "[rich] markup.png", "<b>&amp;.png", "%41.png",
        "rtl-\u202e.png",
    ):  # fmt: skip
        add(name, encoded(picture()), USED)
    for raw in (b"latin-\xe9.png", b"broken-\xff\xfe.png", b"cut-\xe2\x82.png"):
        with open(os.path.join(os.fsencode(directory), raw), "wb") as stream:
            stream.write(encoded(picture()))
        expected[os.fsdecode(raw)] = USED


def _no_files(directory: Path, expected: dict[str, str]) -> None:
    """What has an image's name and is no file."""
    (directory / "loop.png").symlink_to("loop.png")
    (directory / "ping.png").symlink_to("pong.png")
    (directory / "pong.png").symlink_to("ping.png")
    (directory / "gone.png").symlink_to("nowhere.png")
    (directory / "around").symlink_to(".")
    os.mkfifo(directory / "pipe.png")
    for name in ("loop.png", "ping.png", "pong.png", "gone.png", "around", "pipe.png"):
        expected[name] = LISTED
