#!/usr/bin/env python3
"""Writes image_files.hpp beside this file: small PNG and JPEG files and the pixels in them.

The PNG files are put together here, by the specification (https://www.w3.org/TR/png/), and so are their pixels: 8 bits
a channel, palettes as RGB, a transparent colour as alpha. The JPEG files are made and decoded with Pillow 9.4.
"""

import io
import pathlib
import random
import struct
import zlib

from PIL import Image

random.seed(1)
files = []


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def pack(samples, depth):
    """Samples of one row as bytes, the first in the highest bits."""
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def filtered(rows, bytes_a_pixel):
    """Rows under the five filters in turn."""
    out, before = b"", None
    for number, row in enumerate(rows):
        above = before or bytes(len(row))
        left = bytes(bytes_a_pixel) + row
        corner = bytes(bytes_a_pixel) + above
        kind = number % 5

        def predicted(i):
            a, b, c = left[i], above[i], corner[i]
            if kind == 4:
                p = a + b - c
                return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            return [0, a, b, (a + b) // 2][kind]

        out += bytes([kind]) + bytes((row[i] - predicted(i)) % 256 for i in range(len(row)))
        before = row
    return out


def png(height, width, depth, colour, pixels, interlaced=False, before=b""):
    """`pixels[y][x]` is a list of samples."""
    size = max(1, CHANNELS[colour] * depth // 8)
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    data = b""
    for x0, y0, dx, dy in passes:
        rows = [[s for x in range(x0, width, dx) for s in pixels[y][x]] for y in range(y0, height, dy)]
        rows = [pack(row, depth) for row in rows if row]
        data += filtered(rows, size)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return SIGNATURE + chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def eight(sample, depth):
    """A sample on the scale of 8 bits, rounded."""
    top = (1 << depth) - 1
    return (sample * 255 * 2 + top) // (2 * top)


def keep(name, content, shape, pixels):
    files.append((name, content, shape, pixels))


def flat(pixels):
    return [s for row in pixels for pixel in row for s in pixel]


def add(name, height, width, depth, colour, **options):
    pixels = [[[random.randrange(1 << depth) for _ in range(CHANNELS[colour])] for _ in range(width)] for _ in range(height)]
    expected = [[[eight(s, depth) for s in pixel] for pixel in row] for row in pixels]
    keep(name, png(height, width, depth, colour, pixels, **options), (height, width, CHANNELS[colour]), flat(expected))


for interlaced in (False, True):
    suffix = ", interlaced" if interlaced else ""
    for depth in (1, 2, 4, 8, 16):
        add(f"grey {depth}{suffix}", 6, 5, depth, 0, interlaced=interlaced)
    for depth in (8, 16):
        add(f"rgb {depth}{suffix}", 6, 5, depth, 2, interlaced=interlaced)
        add(f"grey and alpha {depth}{suffix}", 6, 5, depth, 4, interlaced=interlaced)
        add(f"rgb and alpha {depth}{suffix}", 9, 5, depth, 6, interlaced=interlaced)
    for depth in (1, 2, 4, 8):
        palette = [[random.randrange(256) for _ in range(3)] for _ in range(1 << min(depth, 4))]
        pixels = [[[random.randrange(len(palette))] for _ in range(5)] for _ in range(6)]
        content = chunk(b"PLTE", bytes(s for colour in palette for s in colour))
        expected = [[palette[pixel[0]] for pixel in row] for row in pixels]
        keep(f"palette {depth}{suffix}", png(6, 5, depth, 3, pixels, interlaced, content), (6, 5, 3), flat(expected))
        alpha = [0, 128]
        expected = [[palette[p[0]] + [alpha[p[0]] if p[0] < 2 else 255] for p in row] for row in pixels]
        content += chunk(b"tRNS", bytes(alpha))
        keep(f"palette {depth} and alpha{suffix}", png(6, 5, depth, 3, pixels, interlaced, content), (6, 5, 4), flat(expected))

pixels = [[[random.randrange(4)] for _ in range(5)] for _ in range(6)]
content = chunk(b"tRNS", struct.pack(">H", 2))
expected = [[[eight(p[0], 2), 0 if p[0] == 2 else 255] for p in row] for row in pixels]
keep("grey 2 with a transparent one", png(6, 5, 2, 0, pixels, False, content), (6, 5, 2), flat(expected))

pixels = [[[random.choice((10, 20)) for _ in range(3)] for _ in range(4)] for _ in range(4)]
content = chunk(b"tRNS", struct.pack(">HHH", 10, 20, 10))
expected = [[p + [0 if p == [10, 20, 10] else 255] for p in row] for row in pixels]
keep("rgb 8 with a transparent one", png(4, 4, 8, 2, pixels, False, content), (4, 4, 4), flat(expected))
add("what is not needed", 1, 1, 8, 0, before=chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"tEXt", b"a\0b") + chunk(b"quUx", b"?"))

# ------------------------------------------------------------------------------------------------------- JPEG


def jpeg(name, image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    decoded = Image.open(io.BytesIO(out.getvalue()))
    keep(name, out.getvalue(), (decoded.height, decoded.width, len(decoded.getbands())), list(decoded.tobytes()))


smooth = Image.new("RGB", (19, 11))
smooth.putdata([(12 * x, 20 * y, 255 - 6 * (x + y)) for y in range(11) for x in range(19)])
jpeg("jpeg rgb", smooth, quality=95, subsampling=0)
jpeg("jpeg rgb, progressive", smooth, quality=95, subsampling=0, progressive=True)
jpeg("jpeg grey", smooth.convert("L"), quality=95)
jpeg("jpeg cmyk", smooth.convert("CMYK"), quality=50)

lines = [
    f"// PNG and JPEG files, and the pixels in them. Written by {pathlib.Path(__file__).name}; do not edit.",
    "#pragma once",
    "",
    "#include <string>",
    "#include <vector>",
    "",
    "namespace goldens {",
    "",
    "struct ImageFile {",
    "  std::string name;",
    "  std::vector<unsigned char> file;",
    "  std::vector<int> shape;",
    "  std::vector<unsigned char> pixels;",
    "};",
    "",
    "// clang-format off",
    "inline const std::vector<ImageFile> image_files = {",
]
for name, content, shape, pixels in files:
    numbers = [", ".join(map(str, values)) for values in (content, shape, pixels)]
    lines.append(f'    {{"{name}", ' + ", ".join(f"{{{text}}}" for text in numbers) + "},")
lines += ["};", "// clang-format on", "", "}  // namespace goldens", ""]
path = pathlib.Path(__file__).with_suffix(".hpp")
path.write_text("\n".join(lines))
