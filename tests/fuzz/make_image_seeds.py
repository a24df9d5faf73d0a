#!/usr/bin/env python3
"""Writes seeds/fuzz_image: small files of the kinds that strangers' images have been found to be.

Usage: make_image_seeds.py      needs Pillow and jpegtran (libjpeg-turbo-progs)
The first byte of a seed chooses options (fuzz_image.c): 0 torch, 1 pillow, 65 pillow12.
"""
import os
import struct
import subprocess
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "reference"))
import make_exif_cases as exif  # noqa: E402

TORCH, PILLOW, PILLOW12 = b"\0", b"\1", b"\x41"
MIB = 1 << 20


def write(name, options, data):
    with open(os.path.join(HERE, "seeds", "fuzz_image", name + ".bin"), "wb") as file:
        file.write(options + data)


def chunk(tag, body):
    return struct.pack(">L", len(body)) + tag + body + struct.pack(">L", zlib.crc32(tag + body))


def claim(width, height, depth, colour, interlace):
    header = struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(3000))) + chunk(b"IEND", b"")


def repeated_scans(jpeg, times, side=None):
    """The last scan again and again, in a frame that may claim another size."""
    jpeg = bytearray(jpeg)
    sof = jpeg.index(b"\xff\xca")
    if side:
        jpeg[sof + 5:sof + 9] = struct.pack(">HH", side, side)
    last = jpeg.rindex(b"\xff\xda")
    return bytes(jpeg[:-2] + jpeg[last:-2] * times + jpeg[-2:])


def main():
    for name, carrier, options in (("little-count-2", "jpeg", PILLOW), ("big-byte", "jpeg", TORCH),
                                   ("little-offset-minus-2", "jpeg", TORCH), ("dpi-inch-broken", "jpeg", PILLOW),
                                   ("split", "jpeg", PILLOW12), ("prefix", "png", TORCH), ("prefix-twice", "png", PILLOW12),
                                   ("raw-ztext", "png", PILLOW), ("xmp-packed", "png", PILLOW), ("before-after", "png", PILLOW),
                                   ("xmp-replaced", "png", PILLOW), ("nine-xmp", "webp", PILLOW), ("prefix-thrice", "webp", PILLOW12)):
        parts = next(p for n, c, p in exif.cases() if (n, c) == (name, carrier))
        write(f"exif-{name}.{carrier}", options, exif.file_of(carrier, parts))
    for tag, head in (("zTXt", b"Comment\0\0"), ("iTXt", b"Comment\0\1\0en\0k\0"), ("iCCP", b"profile\0\0")):
        for extra, options in ((0, PILLOW), (1, PILLOW), (1, TORCH)):
            body = head + zlib.compress(b"a" * (MIB + extra), 9)
            reference = "torch" if options == TORCH else "pillow"
            write(f"{tag}-{extra}-{reference}.png", options, exif.file_of("png", [("before", tag, body)]))
    write("claim.png", TORCH, claim(100000, 1700, 8, 2, 0))
    write("claim-interlaced.png", PILLOW, claim(13000, 13000, 16, 6, 1))
    jpeg = exif.file_of("jpeg", [])
    arithmetic = subprocess.run(["jpegtran", "-arithmetic", "-progressive"], input=jpeg, check=True, stdout=subprocess.PIPE).stdout
    write("scans.jpg", TORCH, repeated_scans(arithmetic, 40))
    write("scans-claim.jpg", TORCH, repeated_scans(arithmetic, 60, side=200))
    for name, data in (("gif", b"GIF89a\1\0\1\0"), ("heif", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"), ("svg", b"<?xml version='1.0'?><svg/>")):
        write(name, TORCH, data)


main()
