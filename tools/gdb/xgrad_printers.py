"""Pretty-printers for gdb: Shape, IndexList, Tensor and Variable (with Parameter) by value instead of by pointer.

Loaded with `source .../xgrad_printers.py` in gdb or ~/.gdbinit; an installed library in gdb's own prefix loads it by
itself. Only the debug information of the user's program is needed, not the library's. At most as many elements are
shown as `set print elements` says.
"""

import struct

import gdb
import gdb.printing

# In the order of xgrad::DType: name, struct code, bytes.
DTYPES = (("float32", "f", 4), ("float64", "d", 8), ("int64", "q", 8), ("uint8", "B", 1), ("boolean", "?", 1))


def numbers_of(index_list):
    """The numbers of an IndexList."""
    storage = index_list["items_"]
    # A std::array, whose one member has a name of the implementation's.
    elements = storage[storage.type.fields()[0]]
    return [int(elements[i]) for i in range(int(index_list["size_"]))]


def sizes_of(shape):
    """The sizes of a Shape as numbers."""
    return numbers_of(shape["sizes_"])


def text_of_shape(sizes):
    return "(" + ", ".join(map(str, sizes)) + (",)" if len(sizes) == 1 else ")")


def most_elements():
    limit = gdb.parameter("print elements")
    return 10000 if not limit else int(limit)


def text_of_element(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return "%.6g" % value if isinstance(value, float) else str(value)


def nested(items, sizes):
    """Items, row-major, in brackets for each axis."""
    if not sizes:
        return items[0]
    if len(sizes) == 1:
        return "[" + ", ".join(items) + "]"
    step = len(items) // sizes[0] if sizes[0] else 0
    return "[" + ", ".join(nested(items[i * step:(i + 1) * step], sizes[1:]) for i in range(sizes[0])) + "]"


def text_of_tensor(tensor):
    body = tensor["body_"]["object_"]
    if int(body) == 0:
        return "undefined"
    body = body.dereference()
    name, code, width = DTYPES[int(body["dtype"])]
    sizes, count = sizes_of(body["shape"]), int(body["count"])
    head = name + " " + text_of_shape(sizes)
    if count == 0:
        return head + " []"
    shown = min(count, most_elements())
    memory = gdb.selected_inferior().read_memory(int(body["data"]), shown * width)
    items = [text_of_element(value) for value in struct.unpack("%d%s" % (shown, code), memory.tobytes())]
    if shown < count:
        return head + " [" + ", ".join(items) + ", ...]"
    return head + " " + nested(items, sizes)


def text_of_node(node):
    """What made a Variable: "constant", "leaf", "add at train.cpp:12"."""
    if int(node) == 0:
        return "constant"
    node = node.dereference()
    text = node["name"].string()
    line = int(node["line_and_flags_"]) & 0xFFFFFF  # Node::line_mask
    if int(node["file_"]) != 0 and line > 0:
        text += " at %s:%d" % (node["file_"].string().rsplit("/", 1)[-1], line)
    return text


class Printer:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        try:
            return self.text()
        except (gdb.error, gdb.MemoryError, IndexError) as error:
            # Not yet constructed, or already destroyed.
            return "unreadable (%s)" % error


class IndexListPrinter(Printer):
    def text(self):
        return text_of_shape(numbers_of(self.value))


class ShapePrinter(Printer):
    def text(self):
        return text_of_shape(sizes_of(self.value))


class TensorPrinter(Printer):
    def text(self):
        return text_of_tensor(self.value)


class VariablePrinter(Printer):
    def text(self):
        state = self.value["state_"]["object_"]
        if int(state) == 0:
            return "undefined"
        state = state.dereference()
        return text_of_node(state["node"]["object_"]) + ": " + text_of_tensor(state["value"])


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("xgrad")
    collection.add_printer("IndexList", "^xgrad::IndexList$", IndexListPrinter)
    collection.add_printer("Shape", "^xgrad::Shape$", ShapePrinter)
    collection.add_printer("Tensor", "^xgrad::Tensor$", TensorPrinter)
    collection.add_printer("Variable", "^xgrad::(Variable|nn::Parameter)$", VariablePrinter)
    return collection


gdb.printing.register_pretty_printer(gdb.current_objfile(), printers(), replace=True)
