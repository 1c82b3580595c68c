#!/usr/bin/env python3
"""Writes tests/fuzz/seeds/: small files, valid and nearly so, that the fuzzers begin with."""
import gzip
import json
import pathlib
import struct

SEEDS = pathlib.Path(__file__).resolve().parent / "seeds"


def write(parser, name, content):
    path = SEEDS / parser / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# ------------------------------------------------------------------------------------------------- safetensors


def safetensors(header, elements=b""):
    text = header.encode() if isinstance(header, str) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + elements


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


SIZES = dict(BOOL=1, U8=1, I8=1, I16=2, U16=2, F16=2, BF16=2, I32=4, U32=4, F32=4, F64=8, I64=8, U64=8)
write("safetensors", "empty", safetensors({}))
write("safetensors", "padded", safetensors("{}      "))
every, end = {}, 0
for dtype, size in SIZES.items():
    every[f"of.{dtype}"] = tensor(dtype, [2, 1], end, end + 2 * size)
    end += 2 * size
write("safetensors", "every_type", safetensors(every, bytes(i % 2 for i in range(end))))
for dtype, size in SIZES.items():
    write("safetensors", dtype.lower(), safetensors({"x": tensor(dtype, [3], 0, 3 * size)}, b"\1" * (3 * size)))
metadata = {"__metadata__": {"format": "pt", "about": 'line\nline "x" \u00e9'}, "w": tensor("F32", [2, 2], 0, 16)}
write("safetensors", "metadata", safetensors(metadata, bytes(16)))
write("safetensors", "scalar", safetensors({"s": tensor("F64", [], 0, 8), "e": tensor("F32", [0, 3], 8, 8)}, bytes(8)))
write("safetensors", "other_field", safetensors({"a": {"x": [{"y": None}], **tensor("U8", [1], 0, 1)}}, b"\7"))
write("safetensors", "hole", safetensors({"a": tensor("U8", [1], 0, 1), "b": tensor("U8", [1], 2, 3)}, bytes(3)))
write("safetensors", "huge", safetensors({"a": tensor("F32", [1 << 40], 0, 1 << 42)}, bytes(8)))
write("safetensors", "overflow", safetensors({"a": tensor("F32", [1 << 32, 1 << 32], 0, 0)}))
write("safetensors", "nine_axes", safetensors({"a": tensor("U8", [1] * 9, 0, 1)}, b"\0"))
write("safetensors", "nested", safetensors('{"a":{"x":' + "[" * 100 + "]" * 100 + "}}"))
write("safetensors", "twice", safetensors('{"__metadata__":{},"__metadata__":{}}'))
write("safetensors", "short", safetensors(metadata, bytes(15)))
write("safetensors", "escapes", safetensors('{"\\u0061\\ud83d\\ude00":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\1"))

# --------------------------------------------------------------------------------------------------- the index


def index(weight_map, **rest):
    return json.dumps({**rest, "weight_map": weight_map}).encode()


write("index", "both", index({"y.z": "b", "x": "a"}, metadata={"total_size": 5, "by": "x", "deep": [[1]]}))
write("index", "one", b' {"weight_map":{"x":"a"}}\n')
write("index", "empty", index({}))
write("index", "none", b"{}")
write("index", "missing", index({"none": "a"}))
write("index", "parent", index({"x": "../a"}))
write("index", "number", b'{"weight_map":{"x":1.5e3}}')
write("index", "twice", b'{"weight_map":{"x":"a"},"weight_map":{"x":"a"}}')
write("index", "nested", b'{"a":' + b"[" * 100 + b"]" * 100 + b',"weight_map":{"x":"a","x":"a"}}')

# --------------------------------------------------------------------------------------------------------- IDX


def idx(code, sizes, elements):
    return bytes([0, 0, code, len(sizes)]) + b"".join(struct.pack(">I", size) for size in sizes) + elements


IDX_SIZES = {0x08: 1, 0x09: 1, 0x0B: 2, 0x0C: 4, 0x0D: 4, 0x0E: 8}
for code, size in IDX_SIZES.items():
    write("idx", f"type_{code:02x}", idx(code, [2, 3], bytes(range(6 * size))))
small = idx(0x08, [2, 3], bytes(range(6)))
write("idx", "scalar", idx(0x0D, [], bytes(4)))
write("idx", "empty", idx(0x0C, [3, 0, 2], b""))
write("idx", "nine_axes", idx(0x08, [1] * 9, b"\1"))
write("idx", "huge", idx(0x08, [0xFFFFFFFF, 0xFFFFFFFF], b"\1"))
write("idx", "short", small[:-1])
write("idx", "long", small + b"\0")
# Stored rather than packed is damaged more usefully.
write("idx", "gzipped", gzip.compress(small, 9, mtime=0))
write("idx", "gzip_stored", gzip.compress(small, 0, mtime=0))
write("idx", "gzip_members", gzip.compress(small[:8], 1, mtime=0) + gzip.compress(small[8:], 1, mtime=0))
write("idx", "gzip_bomb", gzip.compress(idx(0x09, [1000, 50], bytes(50000)), 9, mtime=0))
write("idx", "gzip_short", gzip.compress(small, 9, mtime=0)[:-4])
