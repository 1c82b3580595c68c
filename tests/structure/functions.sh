#!/bin/sh
# The elementary functions stand in five tables, whose names this script reads: a function that is in one of them
# and missing in another fails, unless the list below says why it does. tests/autograd/functions_test.cpp compares
# values and slopes; every function must have a row there that compares what it names.
exec python3 - "$SOURCE" <<'EOF'
import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])

LANE_LOOP = ({"vmath"}, "a few instructions: lanes.cpp has the loop")
SLOPE = ({"lanes", "dual", "header", "definition"}, "a slope: rules call it, formulas have no use for it")
ACTIVATION = ({"lanes", "dual"}, "an activation made of others; its loops serve the operation alone")
EXCEPTIONS = {
    "abs": LANE_LOOP,
    "sign": LANE_LOOP,
    "maximum": LANE_LOOP,
    "minimum": LANE_LOOP,
    "softplus": LANE_LOOP,
    "lerp": LANE_LOOP,
    "xlogy": ({"vmath", "lanes"}, "a formula of others: its form for lanes stands beside its rule in dual.hpp"),
    "tanh_slope": SLOPE,
    "sigmoid_slope": SLOPE,
    "erf_slope": SLOPE,
    "silu_slope": SLOPE,
    "mish_slope": SLOPE,
    "tanhshrink_slope": SLOPE,
    "silu": ACTIVATION,
    "mish": ACTIVATION,
    "tanhshrink": ACTIVATION,
}


def text_of(*files):
    text = "\n".join((source / file).read_text() for file in files)
    # What is local to a file, or internal, is no table.
    return re.sub(r"^namespace (detail )?\{.*?^\}  // namespace( detail)?$", "", text, flags=re.M | re.S)


def names(pattern, *files):
    found = set(re.findall(pattern, text_of(*files), re.M))
    if len(found) < 25:
        sys.exit(f"{' and '.join(files)}: {len(found)} functions are not all; does the pattern still fit?")
    return found


OPERATIONS = ["autograd/ops/math", "autograd/ops/arithmetic"]
tables = {
    "vmath": names(r"^(?:XGRAD_DECLARE_(?:UNARY|BINARY)\(|void )(\w+)\b(?! *name)", "vmath/vmath.hpp"),
    "lanes": names(r"^Lanes<T> (\w+)\(", "vmath/lanes.hpp"),
    # where() chooses between formulas and is none.
    "dual": names(r"^Dual<S, N> (\w+)\(", "autograd/dual.hpp") - {"where"},
    "header": names(r"^Variable (\w+)\(", *(file + ".hpp" for file in OPERATIONS)),
    "definition": names(r"^Variable (\w+)\(", *(file + ".cpp" for file in OPERATIONS), "autograd/ops/activation.cpp"),
}

faults = []
for name in sorted(tables["vmath"] | tables["lanes"] | tables["dual"]):
    missing = {table for table, there in tables.items() if name not in there}
    expected, reason = EXCEPTIONS.get(name, (set(), ""))
    if missing != expected:
        faults.append(f"{name}: missing in {sorted(missing) or 'none'}, expected {sorted(expected) or 'none'} {reason}")
for name in sorted(set(EXCEPTIONS) - tables["vmath"] - tables["lanes"] - tables["dual"]):
    faults.append(f"{name}: an exception for what is not there")
for name in sorted(tables["header"] ^ tables["definition"]):
    where = next(table for table in ("header", "definition") if name in tables[table])
    faults.append(f"{name}: an operation in its {where} alone")

rows_file = "tests/autograd/functions_test.cpp"
rows = re.findall(r"\b(?:unary|binary|ternary)\(\s*\"(\w+)\",(.*?)\);\n", text_of(rows_file), re.S)
for name, row in rows:
    if not re.match(r"\s*\[\]\([^)]*\)\s*\{\s*return " + name + r"\(", row):
        faults.append(f"{rows_file}: the row {name} compares something else")
    arrays = set(re.findall(r"\bvmath::(\w+)", row))
    if arrays != ({name} & tables["vmath"]):
        faults.append(f"{rows_file}: the row {name} has the arrays {sorted(arrays)}")
listed = [name for name, _ in rows]
for name in sorted((tables["dual"] & tables["header"]) ^ set(listed)):
    faults.append(f"{rows_file}: {'a row too many' if name in listed else 'no row'}: {name}")
for name in sorted({name for name in listed if listed.count(name) > 1}):
    faults.append(f"{rows_file}: two rows: {name}")

print("\n".join(faults) if faults else f"{len(listed)} functions in {len(tables)} tables")
sys.exit(1 if faults else 0)
EOF
