#!/usr/bin/env python3
"""Writes tests/fuzz/seeds/: small files, valid and nearly so, that the fuzzers begin with."""
import collections
import gzip
import io
import json
import pathlib
import pickle
import re
import struct
import sys
import types
import zipfile

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

# --------------------------------------------------------------------------------------------------------- npy


def npy(header, elements=b"", version=1):
    text = header if isinstance(header, bytes) else header.encode()
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + elements


def described(descr, shape, fortran=False):
    return f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


NPY_SIZES = dict(b1=1, u1=1, i1=1, i2=2, u2=2, f2=2, i4=4, u4=4, f4=4, f8=8, i8=8, u8=8)
for dtype, size in NPY_SIZES.items():
    order = "|" if size == 1 else "<"
    write("npy", dtype, npy(described(order + dtype, (3,)), b"\1" * (3 * size)))
floats = struct.pack("<6f", *range(6))
write("npy", "scalar", npy(described("<f8", ()), bytes(8)))
write("npy", "empty", npy(described("<f4", (0, 3))))
write("npy", "fortran", npy(described("<f4", (2, 3), True), floats))
write("npy", "swapped", npy(described(">f4", (2, 3)), floats))
write("npy", "version_2", npy(described("<f4", (2, 3)), floats, 2))
write("npy", "version_3", npy(described("<f4", (2, 3)), floats, 3))
write("npy", "python_2", npy("{'descr': '<f4', 'shape': (2L, 3L), 'fortran_order': False}", floats))
write("npy", "padded", npy(described("<f4", (6,)) + " " * 60 + "\n", floats))
write("npy", "objects", npy(described("|O", (1,)), b"\x80\4N."))
write("npy", "structured", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)))
write("npy", "huge", npy(described("<f4", (1 << 40,)), bytes(8)))
write("npy", "overflow", npy(described("<i2", (0, 1 << 40, 1 << 40))))
write("npy", "too_many", npy(described("|i1", (0, 1 << 58))))
write("npy", "short", npy(described("<f4", (2, 3)), floats[:-1]))
write("npy", "twice", npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", bytes(4)))

# --------------------------------------------------------------------------------------------------------- npz


def archive(members, compression=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as target:
        for name, content in members:
            member = zipfile.ZipInfo(name)
            member.compress_type = compression
            target.writestr(member, content)
    return stream.getvalue()


arrays = [("a.npy", npy(described("<f4", (2, 3)), floats)), ("b.c.npy", npy(described("|i1", (2,)), b"\1\2"))]
write("npz", "two", archive(arrays))
write("npz", "packed", archive(arrays, zipfile.ZIP_DEFLATED))
write("npz", "empty", archive([]))
write("npz", "no_elements", archive([("e.npy", npy(described("<f4", (0, 3))))]))
write("npz", "fortran_packed", archive([("x.npy", npy(described(">i2", (2, 2), True), bytes(8)))], zipfile.ZIP_DEFLATED))
write("npz", "bomb", archive([("x.npy", npy(described("|u1", (100000,)), bytes(100000)))], zipfile.ZIP_DEFLATED))
write("npz", "other_member", archive(arrays + [("readme.txt", b"text")]))
write("npz", "commented", archive(arrays)[:-2] + b"\4\0text")
write("npz", "cut", archive(arrays)[:-1])
write("npz", "long", archive(arrays) + b"\0")
write("npz", "twice", archive(arrays[:1]).replace(b"a.npy", b"b.npy", 1))
write("npz", "checksum", archive(arrays).replace(floats, floats[:-1] + b"\0", 1))

# ----------------------------------------------------------------------------------------------------- PyTorch
# As torch.save() writes, without PyTorch: functions and classes that have its names, and do nothing.

for module in ("torch", "torch._utils"):
    sys.modules[module] = types.ModuleType(module)


def named(module, name, value):
    value.__module__, value.__name__, value.__qualname__ = module, name, name
    setattr(sys.modules[module], name, value)
    return value


rebuild = named("torch._utils", "_rebuild_tensor_v2", lambda *arguments: None)
rebuild_parameter = named("torch._utils", "_rebuild_parameter", lambda *arguments: None)
storage_types = {
    name: named("torch", name + "Storage", type(name, (), {}))
    for name in "Bool Byte Char Short Int Long Half BFloat16 Float Double".split()
}


class Storage:
    def __init__(self, kind, key, count):
        self.id = ("storage", storage_types[kind], key, "cpu", count)


class Stored:
    """A tensor."""

    def __init__(self, storage, shape, stride, offset=0):
        self.arguments = (storage, offset, shape, stride, False, collections.OrderedDict())

    def __reduce__(self):
        return rebuild, self.arguments


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return rebuild_parameter, (self.tensor, True, collections.OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.id if isinstance(value, Storage) else None


def pickled(value, protocol=2):
    stream = io.BytesIO()
    Pickler(stream, protocol).dump(value)
    return stream.getvalue()


def pytorch(value, storages=(), protocol=2, compression=zipfile.ZIP_STORED, **members):
    content = [("m/data.pkl", value if isinstance(value, bytes) else pickled(value, protocol))]
    content += [(f"m/data/{i}", storage) for i, storage in enumerate(storages)]
    content += [(f"m/{name}", text) for name, text in {"version": b"3\n", **members}.items()]
    return archive(content, compression)


six = struct.pack("<6f", *range(6))
matrix = Stored(Storage("Float", "0", 6), (2, 3), (3, 1))
state = collections.OrderedDict(weight=matrix, bias=Stored(Storage("Float", "1", 2), (2,), (1,)))
write("pytorch", "state", pytorch(state, [six, six[:8]]))
write("pytorch", "packed", pytorch(state, [six, six[:8]], compression=zipfile.ZIP_DEFLATED))
for kind, size in dict(Bool=1, Byte=1, Char=1, Short=2, Int=4, Long=8, Half=2, BFloat16=2, Double=8).items():
    write("pytorch", kind.lower(), pytorch({"x": Stored(Storage(kind, "0", 2), (2,), (1,))}, [b"\1" * (2 * size)]))
for protocol in (3, 4, 5):
    write("pytorch", f"protocol_{protocol}", pytorch({"x": matrix}, [six], protocol))
write("pytorch", "transposed", pytorch({"x": Stored(Storage("Float", "0", 6), (3, 2), (1, 3))}, [six]))
write("pytorch", "expanded", pytorch({"x": Stored(Storage("Float", "0", 1), (100, 100), (0, 0))}, [six[:4]]))
write("pytorch", "shared", pytorch({"x": matrix, "y": matrix, "z": Stored(Storage("Float", "0", 6), (2,), (1,), 4)}, [six]))
write("pytorch", "parameter", pytorch({"x": Parameter(matrix)}, [six]))
write("pytorch", "nested", pytorch({"model": {"x": matrix}, "lr": [0.1, 1, True, None, "sgd"], "t": (1, -(1 << 40))}, [six]))
write("pytorch", "scalar", pytorch({"x": Stored(Storage("Float", "0", 1), (), ())}, [six[:4]]))
write("pytorch", "empty", pytorch({}))
write("pytorch", "big_endian", pytorch({"x": matrix}, [six], byteorder=b"big"))
write("pytorch", "function", pytorch(b"cos\nsystem\n(S'true'\ntR."))
write("pytorch", "beyond", pytorch({"x": Stored(Storage("Float", "0", 6), (2, 3), (4, 1))}, [six]))
write("pytorch", "huge", pytorch({"x": Stored(Storage("Float", "0", 6), (1 << 40, 1 << 40), (0, 0))}, [six]))
write("pytorch", "too_many", pytorch({"x": Stored(Storage("Float", "0", 6), (0, 1 << 58), (0, 0))}, [six]))
itself = {}
itself["x"] = itself
write("pytorch", "itself", pytorch(itself))
write("pytorch", "no_member", pytorch({"x": matrix}))

for path in sorted((SEEDS / "pytorch").iterdir()):
    with zipfile.ZipFile(path) as source:
        write("pickle", path.name, source.read("m/data.pkl"))

# --------------------------------------------------------------------------------------------------- CSV and images

write("csv", "houses", b'id,crim,"near, to"\n1,0.5,"the ""old"" mill"\n2,-1e-3,"two\nlines"\n3, +4 ,NA\n')
write("csv", "crlf", b'\xef\xbb\xbfa,b\r\n1,2\r\n\r\n"3",\r\n')
write("csv", "single", b"x\n1\n\n2.5e300\n?\n")
write("csv", "open", b'a,b\n1,"x\n')

# --------------------------------------------------------------------------------------------- drawings and texts

strokes = [[[0, 100, 255], [0, 50, 255], [0, 10, 20]], [[7], [8]]]
write("drawings", "strokes", json.dumps(strokes).encode())
write("drawings", "objects", b"".join(json.dumps({"word": "cat", "x": [{}], "drawing": strokes}).encode() + b"\n" for _ in range(2)))
write("drawings", "pixels", b"[0,0.5,1,1e-3]\r\n\r\n[1,0,0,1]")
write("drawings", "no_square", b"[0,0,0]")
write("drawings", "other_size", b"[0]\n[0,0,0,0]")
write("drawings", "mixed", b"[[[1],[2]]]\n[0]")
write("drawings", "empty_list", b"[]\n")
write("drawings", "one_axis", b"[[[1,2]]]")
write("drawings", "lengths", b"[[[1,2],[3]]]")
write("drawings", "beyond", b"[[[256],[-1]]]")
write("drawings", "twice", b'{"drawing":[[[1],[2]]],"drawing":[]}')
write("drawings", "gzipped", gzip.compress(json.dumps(strokes).encode(), 9, mtime=0))
write("drawings", "gzip_stored", gzip.compress(b"[0,1,1,0]\n", 0, mtime=0))

write("text", "words", b"the cat\tsat on the\r\nmat\n")
write("text", "letters", "\u00e4\u20ac\U0001f600 a\u0308\0".encode())
write("text", "mark", b"\xef\xbb\xbfa")
write("text", "ends", b"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")
write("text", "overlong", b"\xc0\x80\xe0\x80\x80")
write("text", "surrogate", b"\xed\xa0\x80")
write("text", "above", b"\xf4\x90\x80\x80")
write("text", "cut", b"a\xf0\x9f\x98")
write("text", "empty", b"")

# The files of the goldens, read from the header that their generator wrote.
GOLDENS = SEEDS.parent.parent / "goldens" / "image_files.hpp"
for name, numbers in re.findall(r'^ *\{"([^"]*)", \{([0-9, ]*)\}', GOLDENS.read_text(), re.M):
    kind = "jpeg" if name.startswith("jpeg") else "png"
    write(kind, name.replace(", ", "_").replace(" ", "_"), bytes(map(int, numbers.split(", "))))

# A chunk that declares more than any file has.
png = (SEEDS / "png" / "grey_8").read_bytes()
write("png", "huge_chunk", png[:33] + struct.pack(">I", 0x30000004) + b"eXIf" + png[33:])
