#!/usr/bin/env python3
"""Odd EXIF, XMP and PNG texts, and which orientation the reference libraries take from them.

Usage: make_exif_cases.py torch=PYTHON pillow=PYTHON pillow12=PYTHON > exif_cases.tsv
PYTHON is an interpreter with torchvision, Pillow 13 or Pillow 12; made with torchvision 0.29.2 (its
decode_image with EXIF applied) and Pillow 13.0.0 and 12.3.0 (ImageOps.exif_transpose).

A row: name, carrier (jpeg, png, webp), parts "PLACE:TAG:HEX" with commas between them, then for
each reference 1 to 8 or "refused". Parts of a JPEG are APP0 and APP1 segments behind SOI; of a PNG
chunks before or behind the pixels; of a WebP the flags of VP8X and the chunks behind the pixels.
"""
import io
import os
import struct
import subprocess
import sys
import zlib

PREFIX = b"Exif\0\0"
XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
SHORT, LONG = 3, 4


def entry(o, value, kind=SHORT, count=1, tag=0x112):
    return struct.pack(o + "HHL", tag, kind, count) + value.ljust(4, b"\0")[:4]


def tiff(o, entries, count=None, offset=8, magic=42, mark=None, tail=b"", behind=b"\0\0\0\0", pad=b""):
    head = (mark or (b"II" if o == "<" else b"MM")) + struct.pack(o + "HL", magic, offset)
    count = len(entries) if count is None else count
    return head + pad + struct.pack(o + "H", count) + b"".join(entries) + behind + tail


def blocks(o):
    """TIFF blocks in one byte order, by name."""
    def n(form, *values):
        return struct.pack(o + form, *values)

    def one(value, tail=b"", **more):
        return tiff(o, [entry(o, value, **more)], tail=tail)

    at = n("L", 26)  # of the tail behind one entry
    good = entry(o, n("H", 6))
    found = {f"short-{v}": one(n("H", v)) for v in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 262)}
    found.update({
        "count-0": one(n("H", 6), count=0),
        "count-2": one(n("HH", 6, 3), count=2),
        "count-2-second": one(n("HH", 0, 6), count=2),
        "count-3-offset": one(at, n("HHH", 8, 3, 1), count=3),
        "count-3-offset-6": one(n("L", 6), n("HHH", 8, 3, 1), count=3),
        "count-3-outside": one(n("HH", 6, 6), count=3),
        "count-huge": one(n("H", 6), count=0xFFFFFFFF),
        "byte": one(b"\6", kind=1),
        "byte-second": one(b"\0\6", kind=1, count=2),
        "byte-four": one(b"\6\0\0\0", kind=1, count=4),
        "ascii": one(b"6\0", kind=2, count=2),
        "ascii-number": one(n("H", 6), kind=2, count=2),
        "long": one(n("L", 6), kind=LONG),
        "long-high": one(n("L", 6 << 16), kind=LONG),
        "long-both": one(n("L", 3 << 16 | 6), kind=LONG),
        "long-count-2": one(at, n("LL", 8, 3), kind=LONG, count=2),
        "rational": one(at, n("LL", 12, 2), kind=5),
        "rational-odd": one(at, n("LL", 13, 2), kind=5),
        "rational-none": one(at, n("LL", 6, 0), kind=5),
        "rational-count-2": one(at, n("LLLL", 8, 1, 3, 1), kind=5, count=2),
        "sbyte": one(b"\6", kind=6),
        "sbyte-count-3": one(b"\10\3\1", kind=6, count=3),
        "undefined": one(b"\6", kind=7),
        "sshort": one(n("h", 6), kind=8),
        "sshort-negative": one(n("h", -6), kind=8),
        "slong": one(n("l", 6), kind=9),
        "slong-negative": one(n("l", -6), kind=9),
        "srational": one(at, n("ll", -6, -1), kind=10),
        "srational-negative": one(at, n("ll", -6, 1), kind=10),
        "float": one(n("f", 6.0), kind=11),
        "float-half": one(n("f", 6.5), kind=11),
        "double": one(at, n("d", 6.0), kind=12),
        "ifd": one(n("L", 6), kind=13),
        "long8": one(at, n("Q", 6), kind=16),
        "type-0": one(n("H", 6), kind=0),
        "type-77": one(n("H", 6), kind=77),
        "second-entry": tiff(o, [entry(o, b"abc", 2, 4, 0x10F), good]),
        "behind-outside": tiff(o, [entry(o, n("L", 900), 2, 400, 0x10F), good]),
        "behind-unknown": tiff(o, [entry(o, n("L", 900), 77, 400, 0x10F), good]),
        "before-outside": tiff(o, [good, entry(o, n("L", 900), 2, 400, 0x10F)]),
        "behind-inside": tiff(o, [entry(o, n("L", 8), 2, 30, 0x10F), good]),
        "behind-ffff": tiff(o, [entry(o, n("H", 1), tag=0xFFFF), good]),
        "overlapping": tiff(o, [entry(o, n("L", 8), 2, 40, t) for t in (0x10D, 0x10E, 0x10F, 0x110, 0x131)] + [good]),
        "outside-twice": tiff(o, [entry(o, n("L", 8), 2, 30, 0x10F), entry(o, n("L", 900), 2, 400, 0x10F), good]),
        "twice": tiff(o, [good, entry(o, n("H", 3))]),
        "twice-byte": tiff(o, [entry(o, b"\3", 1), good]),
        "twice-unknown": tiff(o, [entry(o, n("H", 3), 77), good]),
        "twice-empty": tiff(o, [entry(o, n("H", 3), count=0), good]),
        "entries-many": tiff(o, [good], count=65535),
        "entries-0": tiff(o, [good], count=0),
        "offset-10": tiff(o, [good], offset=10, pad=b"\0\0"),
        "offset-11": tiff(o, [good], offset=11, pad=b"\0\0\0"),
        "offset-0": tiff(o, [good], offset=0),
        "offset-far": tiff(o, [good], offset=108, pad=bytes(100)),
        "offset-outside": tiff(o, [good], offset=4000),
        "offset-minus-2": n("2sHL", b"II" if o == "<" else b"MM", 42, 0xFFFFFFFE) + b"\1" * 4 + good + b"\1" * 8,
        "offset-minus-1": n("2sHL", b"II" if o == "<" else b"MM", 42, 0xFFFFFFFF) + b"\1" * 5 + good + b"\1" * 8,
        "magic-43": tiff(o, [good], magic=43),
        "magic-0": tiff(o, [good], magic=0),
        "magic-swapped": tiff(o, [good], magic=0x2A00),
        "mark-XX": tiff(o, [good], mark=b"XX"),
        "mark-IM": tiff(o, [good], mark=b"IM"),
        "mark-00": tiff(o, [good], mark=b"\0\0"),
    })
    whole = tiff(o, [good], behind=b"")
    for cut in (1, 3, 7, 8, 9, 11, 18, 19, 20, 21, 22):
        found[f"cut-{cut}"] = whole[:cut]
    return found


LITTLE, BIG = blocks("<"), blocks(">")
GOOD, GOOD3 = LITTLE["short-6"], BIG["short-3"]
NINE, BYTE = LITTLE["short-9"], LITTLE["byte"]
NONE = tiff("<", [entry("<", b"abc", 2, 4, 0x10F)])


def xmp(text):
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description ' + text + b"</x:xmpmeta>"


XMP8 = xmp(b'tiff:Orientation="8"/>')
XMP8_ELEMENT = xmp(b"><tiff:Orientation>8</tiff:Orientation>")
KEY = b"XML:com.adobe.xmp"


def itxt(key, text, packed=0, method=0, language=b""):
    body = zlib.compress(text) if packed else text
    return key + b"\0" + bytes([packed, method]) + language + b"\0\0" + body


def ztxt(key, text, method=0):
    return key + b"\0" + bytes([method]) + zlib.compress(text)


def raw(block, end=b""):
    digits = block.hex().encode()
    lines = b"\n".join(digits[i:i + 72] for i in range(0, len(digits), 72))
    return b"Raw profile type exif\0\nexif\n%8d\n" % len(block) + lines + b"\n" + end


def jpeg_cases():
    app0 = b"JFIF\0\1\1\1\0\x48\0\x48\0\0"
    named = {
        "empty": [b""], "prefix-only": [PREFIX], "prefix-twice": [PREFIX * 2 + GOOD],
        "prefix-thrice": [PREFIX * 3 + GOOD], "prefix-none": [GOOD], "prefix-other": [b"Foo\0\0\0" + GOOD],
        "prefix-ff": [b"Exif\0\xff" + GOOD], "xmp": [XMP_MARK + XMP8], "xmp-element": [XMP_MARK + XMP8_ELEMENT],
        "xmp-single-quotes": [XMP_MARK + xmp(b"tiff:Orientation='8'/>")],
        "xmp-9": [XMP_MARK + xmp(b'tiff:Orientation="9"/>')], "xmp-no-nul": [XMP_MARK[:-1] + XMP8],
        "xmp-twice": [XMP_MARK + XMP8, XMP_MARK + xmp(b'tiff:Orientation="3"/>')],
        "xmp-second-silent": [XMP_MARK + XMP8, XMP_MARK + xmp(b"/>")],
        "exif-xmp": [PREFIX + GOOD, XMP_MARK + XMP8], "xmp-exif": [XMP_MARK + XMP8, PREFIX + GOOD],
        "none-xmp": [PREFIX + NONE, XMP_MARK + XMP8], "byte-xmp": [PREFIX + BYTE, XMP_MARK + XMP8],
        "nine-xmp": [PREFIX + NINE, XMP_MARK + XMP8], "prefix-xmp": [PREFIX, XMP_MARK + XMP8],
        "broken-xmp": [PREFIX + b"nonsense", XMP_MARK + XMP8], "two": [PREFIX + GOOD3, PREFIX + GOOD],
        "two-first-none": [PREFIX + NONE, PREFIX + GOOD], "split": [PREFIX + GOOD[:14], PREFIX + GOOD[14:]],
        "split-value": [PREFIX + GOOD[:20], PREFIX + GOOD[20:]], "other-first": [b"Other\0\0\0", PREFIX + GOOD],
        "broken": [PREFIX + b"nonsense"],
    }
    for name, segments in named.items():
        yield name, [("header", "APP1", s) for s in segments]
    for name, unit in (("inch", 1), ("cm", 2), ("none", 0), ("3", 3)):
        for kind, block in (("broken", b"nonsense"), ("good", GOOD)):
            jfif = app0[:7] + bytes([unit]) + app0[8:]
            yield f"dpi-{name}-{kind}", [("header", "APP0", jfif), ("header", "APP1", PREFIX + block)]


def png_cases():
    named = {
        "prefix": [("eXIf", PREFIX + GOOD)], "prefix-big": [("eXIf", PREFIX + GOOD3)],
        "prefix-twice": [("eXIf", PREFIX * 2 + GOOD)], "prefix-thrice": [("eXIf", PREFIX * 3 + GOOD)],
        "broken": [("eXIf", b"nonsense")], "empty": [("eXIf", b"")], "twice": [("eXIf", GOOD3), ("eXIf", GOOD)],
        "after": [("after", "eXIf", GOOD)], "before-after": [("eXIf", GOOD3), ("after", "eXIf", GOOD)],
        "xmp": [("iTXt", itxt(KEY, XMP8))], "xmp-packed": [("iTXt", itxt(KEY, XMP8_ELEMENT, 1))],
        "xmp-after": [("after", "iTXt", itxt(KEY, XMP8))], "xmp-method-1": [("iTXt", itxt(KEY, XMP8, 1, 1))],
        "xmp-no-utf8": [("iTXt", itxt(KEY, XMP8 + b"\xff"))], "xmp-language": [("iTXt", itxt(KEY, XMP8, language=b"\xff"))],
        "xmp-text": [("tEXt", KEY + b"\0" + XMP8)], "xmp-ztext": [("zTXt", ztxt(KEY, XMP8))],
        "xmp-by-name": [("tEXt", b"xmp\0" + XMP8)], "xmp-empty": [("iTXt", itxt(KEY, b""))],
        "xmp-replaced": [("iTXt", itxt(KEY, XMP8)), ("iTXt", itxt(KEY, xmp(b"/>") + b"\xff"))],
        "exif-xmp": [("eXIf", GOOD3), ("iTXt", itxt(KEY, XMP8))], "nine-xmp": [("eXIf", NINE), ("iTXt", itxt(KEY, XMP8))],
        "none-xmp": [("eXIf", NONE), ("iTXt", itxt(KEY, XMP8))],
        "raw": [("tEXt", raw(PREFIX + GOOD))], "raw-no-prefix": [("tEXt", raw(GOOD))],
        "raw-ztext": [("zTXt", ztxt(*raw(PREFIX + GOOD).split(b"\0", 1)))],
        "raw-itext": [("iTXt", itxt(*raw(PREFIX + GOOD).split(b"\0", 1)))],
        "raw-other-name": [("tEXt", raw(PREFIX + GOOD).replace(b"exif\0", b"APP1\0", 1))],
        "raw-no-hex": [("tEXt", raw(PREFIX + GOOD, b"zz"))], "raw-odd": [("tEXt", raw(PREFIX + GOOD)[:-2])],
        "raw-spaces": [("tEXt", b"Raw profile type exif\0\nexif\n 1\n " + GOOD.hex(" ").upper().encode())],
        "raw-short": [("tEXt", b"Raw profile type exif\0exif")], "raw-broken": [("tEXt", raw(b"nonsense"))],
        "raw-exif": [("tEXt", raw(PREFIX + GOOD)), ("eXIf", GOOD3)], "raw-none-xmp": [("tEXt", raw(NONE)), ("iTXt", itxt(KEY, XMP8))],
        "raw-twice": [("tEXt", raw(GOOD3)), ("tEXt", raw(GOOD))], "text-exif": [("tEXt", b"exif\0" + PREFIX + GOOD)],
        "text-exif-exif": [("tEXt", b"exif\0" + GOOD), ("eXIf", GOOD3)], "ztext-exif": [("zTXt", ztxt(b"exif", GOOD))],
    }
    for name, chunks in named.items():
        yield name, [c if len(c) == 3 else ("before", *c) for c in chunks]


def webp_cases():
    exif, both, packet = 8, 12, 4
    named = {
        "no-flag": (0, ("EXIF", GOOD)), "wrong-flag": (packet, ("EXIF", GOOD)), "xmp-no-flag": (exif, ("XMP ", XMP8)),
        "xmp": (packet, ("XMP ", XMP8)), "prefix": (exif, ("EXIF", PREFIX + GOOD)), "prefix-twice": (exif, ("EXIF", PREFIX * 2 + GOOD)),
        "prefix-thrice": (exif, ("EXIF", PREFIX * 3 + GOOD)), "broken": (exif, ("EXIF", b"nonsense")), "empty": (exif, ("EXIF", b"")),
        "empty-xmp": (both, ("EXIF", b""), ("XMP ", XMP8)), "none-xmp": (both, ("EXIF", NONE), ("XMP ", XMP8)),
        "nine-xmp": (both, ("EXIF", NINE), ("XMP ", XMP8)), "twice": (exif, ("EXIF", GOOD3), ("EXIF", GOOD)),
        "xmp-exif": (both, ("XMP ", XMP8), ("EXIF", GOOD3)),
    }
    for name, (flags, *chunks) in named.items():
        yield name, [("header", "FLAG", bytes([flags]))] + [("behind", t, d) for t, d in chunks]


def cases():
    for order, found in (("little", LITTLE), ("big", BIG)):
        for name, block in found.items():
            yield f"{order}-{name}", "jpeg", [("header", "APP1", PREFIX + block)]
            yield f"{order}-{name}", "png", [("before", "eXIf", block)]
            if order == "little":
                yield f"{order}-{name}", "webp", [("header", "FLAG", b"\10"), ("behind", "EXIF", block)]
    for carrier, made in (("jpeg", jpeg_cases()), ("png", png_cases()), ("webp", webp_cases())):
        for name, parts in made:
            yield name, carrier, parts


WIDTH, HEIGHT = 48, 32


def picture():
    """Six gray blocks, three by two."""
    from PIL import Image
    levels = bytes(40 * (y // 16 * 3 + x // 16) for y in range(HEIGHT) for x in range(WIDTH))
    return Image.frombytes("L", (WIDTH, HEIGHT), levels).convert("RGB")


def file_of(carrier, parts):
    file = io.BytesIO()
    picture().save(file, carrier.upper(), **{"jpeg": {"quality": 95, "subsampling": 0}, "png": {}, "webp": {"lossless": True}}[carrier])
    data = file.getvalue()
    if carrier == "jpeg":
        return data[:2] + b"".join(struct.pack(">HH", 0xFFE0 + int(t[3]), len(d) + 2) + d for _, t, d in parts) + data[2:]
    if carrier == "png":
        def chunks(place):
            return b"".join(struct.pack(">L", len(d)) + t.encode() + d + struct.pack(">L", zlib.crc32(t.encode() + d))
                            for p, t, d in parts if p == place)
        begin, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
        return data[:33] + chunks("before") + data[begin:end] + chunks("after") + data[end:]

    def chunk(tag, body):
        return tag.encode() + struct.pack("<L", len(body)) + body + b"\0" * (len(body) & 1)
    size = b"".join(struct.pack("<L", side - 1)[:3] for side in (WIDTH, HEIGHT))
    body = chunk("VP8X", parts[0][2] + bytes(3) + size) + data[12:] + b"".join(chunk(t, d) for _, t, d in parts[1:])
    return b"RIFF" + struct.pack("<L", len(body) + 4) + b"WEBP" + body


def blocks_of(pixels, width, height):
    return [round(pixels[y * width + x] / 40) for y in range(8, height, 16) for x in range(8, width, 16)]


ORIENTATIONS = {(0, 1, 2, 3, 4, 5): 1, (2, 1, 0, 5, 4, 3): 2, (5, 4, 3, 2, 1, 0): 3, (3, 4, 5, 0, 1, 2): 4,
                (0, 3, 1, 4, 2, 5): 5, (3, 0, 4, 1, 5, 2): 6, (5, 2, 4, 1, 3, 0): 7, (2, 5, 1, 4, 0, 3): 8}


def answer(reference, data):
    try:
        if reference == "torch":
            import torch
            from torchvision.io import ImageReadMode, decode_image
            tensor = decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB,
                                  apply_exif_orientation=True)
            height, width, pixels = tensor.shape[1], tensor.shape[2], tensor[0].flatten().tolist()
        else:
            from PIL import Image, ImageOps
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("L")
            width, height, pixels = image.width, image.height, list(image.tobytes())
    except Exception:
        return "refused"
    return str(ORIENTATIONS[tuple(blocks_of(pixels, width, height))])


def main():
    if sys.argv[1] == "--answer":
        for _, carrier, parts in cases():
            print(answer(sys.argv[2], file_of(carrier, parts)))
        return
    references = dict(argument.split("=", 1) for argument in sys.argv[1:])
    columns = [subprocess.run([python, os.path.abspath(__file__), "--answer", reference], check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout.split() for reference, python in references.items()]
    print("name", "carrier", "parts", *references, sep="\t")
    for (name, carrier, parts), *answers in zip(cases(), *columns):
        print(name, carrier, ",".join(f"{p}:{t}:{d.hex()}" for p, t, d in parts), *answers, sep="\t")


if __name__ == "__main__":
    main()
