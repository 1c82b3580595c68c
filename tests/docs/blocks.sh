#!/usr/bin/env bash
# Every C++ block of README.md, CONTRIBUTING.md and docs/ compiles as a reader would compile it, and so does every
# example in the comment of a public header; what fails is named by its file and line there.
#
# A block with a main() is a program as it stands: it runs, and prints what a block marked `output` behind it shows. All
# other blocks of a file are read in order as one source: definitions as they stand, statements as a function's body. The
# headers' examples are lines of comments that are three columns further in. A block marked with the path of a program of
# the repository is a piece of it, word for word.
#
# Arguments: the public headers.
set -euo pipefail
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
export temporary
exec python3 - "$@" <<'EOF'
import os
import pathlib
import re
import shlex
import subprocess
import sys

source, build, temporary = (pathlib.Path(os.environ[name]) for name in ("SOURCE", "BUILD", "temporary"))
compiler = shlex.split(os.environ["CXX"]) + ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", f"-I{build}/include"]
linker = [f"-L{build}", "-lxgrad", f"-Wl,-rpath,{build}"]

# What the text around an example takes for granted.
USER = "#include <xgrad/xgrad.hpp>\nusing namespace xgrad;\n"
SURROUNDINGS = {
    "README.md": "#include <doctest/doctest.h>\n" + USER,
    # The library's own sources.
    "CONTRIBUTING.md": "#include <xgrad/xgrad.hpp>\n#include <xgrad/autograd/chain.hpp>\n"
    "#include <xgrad/kernels/elementwise.hpp>\nusing namespace xgrad;\n",
    "docs/files.md": "#include <iostream>\n" + USER,
    "docs/from_pytorch.md": "#include <iostream>\n" + USER,
    "data/csv.hpp": "#include <xgrad/data/csv.hpp>\nTensor epochs, losses;",
    "data/csv.hpp": "Tensor epochs, losses;",
    "data/loader.hpp": "data::DataLoader loader(data::TensorDataset(Tensor{1}, Tensor{1})); Index epochs; "
    "void train(const Tensor& images, const Tensor& labels);",
    "io/checkpoint.hpp": "nn::Linear model{1, 1}; optim::SGD optimizer{model.parameters(), {.learning_rate = 1}}; "
    "data::DataLoader loader(data::TensorDataset(Tensor{1}, Tensor{1})); double best_accuracy;",
    "io/checkpoint_saver.hpp": "io::Checkpoint run; double accuracy;",
    "autograd/function.hpp": "Variable x;",
    "autograd/functional.hpp": "Variable x, w0; nn::Linear model{1, 1}; Variable loss(const Variable& output);",
    "autograd/map.hpp": "Variable input;",
    "autograd/modes.hpp": "bool training(); void update(Tensor&); Tensor statistics;",
    "autograd/record.hpp": "Tensor product(const Tensor& a, const Tensor& b);",
    "nn/container.hpp": "nn::ModuleList blocks; Variable x;",
    "nn/recurrent.hpp": "nn::LSTM lstm{1, 1}; Variable x, h0, c0;",
    "autograd/ops/decompositions.hpp": "Variable x;",
    "data/combine.hpp": "data::TensorDataset dataset(Tensor{1}, Tensor{1});",
    "data/scalers.hpp": "Tensor train, test; nn::Linear model{1, 1};",
    "nn/average.hpp": "nn::Linear model{1, 1};",
    "nn/cell.hpp": "nn::GRUCell cell{1, 1}; Variable x, h;",
    "train/progress.hpp": "double loss;",
    "train/run.hpp": "nn::Linear model{1, 1}; Variable move_critic(const Tensor&), move_generator(); "
    "data::DataLoader loader(data::TensorDataset(Tensor{1}, Tensor{1}));",
    "tensor/state_dict.hpp": "nn::Linear model{1, 1}; optim::SGD optimizer{model.parameters()}; StateDict saved;",
}
# Three columns further in, and no code.
FORMULAS = {"kernels/cross_entropy.hpp", "kernels/normalize.hpp"}

DEFINITION = re.compile(r"(template|struct|class|enum|namespace|using|inline|constexpr)\b|[\w:<>&*, ]+ \w+\([^;]*\) \{$")


def compiled(name, text, *arguments):
    """Compiles a source; the messages, empty when there are none."""
    file = temporary / (name.replace("/", "_") + ".cpp")
    file.write_text(text)
    run = subprocess.run([*compiler, str(file), *arguments], capture_output=True, text=True)
    return "" if run.returncode == 0 else run.stderr or "the compiler fails without a word"


def blocks_of(text):
    """(mark, number of its first line, text) of every fenced block."""
    found, lines, at = [], text.splitlines(), 0
    while at < len(lines):
        if lines[at].startswith("```"):
            end = lines.index("```", at + 1)
            found.append((lines[at][3:], at + 2, "\n".join(lines[at + 1 : end]) + "\n"))
            at = end
        at += 1
    return found


def examples_of(text):
    """(number of its first line, text) of every example in comments."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r" *///? {3}(.*)", line)
        if not match:
            continue
        if found and found[-1][0] + len(found[-1][1]) == number:
            found[-1][1].append(match[1])
        else:
            found.append((number, [match[1]]))
    return [(number, "\n".join(lines) + "\n") for number, lines in found]


def placed(file, line, text, number):
    """Definitions as they stand, an expression as a value, statements as a body."""
    first = next(one for one in text.splitlines() if one.strip() and not one.startswith("//"))
    here = f'#line {line} "{file}"\n'
    if DEFINITION.match(first):
        return here + text
    if not text.rstrip().endswith((";", "}")):
        return f"void block_{number}() {{ auto value =\n{here}{text};\n}}\n"
    return f"void block_{number}() {{\n{here}{text}}}\n"


def faults_of(file, text, surroundings):
    """What is wrong with the blocks of a file."""
    faults, parts = [], []
    blocks = blocks_of(text)
    for number, (mark, line, block) in enumerate(blocks):
        if mark.startswith("cpp "):
            # A piece of a program of the repository, as it stands there.
            if block not in (source / mark[4:]).read_text():
                faults.append(f"{file}:{line}: this piece is not in {mark[4:]}")
            continue
        if mark != "cpp":
            continue
        if "int main(" not in block:
            parts.append(placed(file, line, block, number))
            continue
        program = temporary / f"program_{number}"
        messages = compiled(f"{file}_{number}", f'#line {line} "{file}"\n{block}', "-O1", "-o", str(program), *linker)
        if messages:
            faults.append(messages)
            continue
        run = subprocess.run([str(program)], cwd=temporary, capture_output=True, text=True, timeout=300)
        if run.returncode != 0:
            faults.append(f"{file}:{line}: the program ends with status {run.returncode}: {run.stderr}")
        after = blocks[number + 1] if number + 1 < len(blocks) else ("", 0, "")
        if after[0] == "output" and run.stdout != after[2]:
            faults.append(f"{file}:{after[1]}: the program prints:\n{run.stdout}")
    if parts:
        messages = compiled(file, surroundings + "".join(parts), "-fsyntax-only", "-Wno-unused")
        if messages:
            faults.append(messages)
    return faults


def check_the_check():
    """Faults of every kind are found, at their lines."""
    fence = "```"
    program = f"{fence}cpp\n#include <cstdio>\nint main() {{ std::puts(\"seven\"); }}\n{fence}\n"
    cases = [
        (f"{fence}cpp\nint f() {{\n  return 1;\n}}\n{fence}\ntext\n{fence}cpp\nconst int seven = f() + 6;\n{fence}\n", None),
        (f"{fence}cpp\nint f() {{\n  return wrong;\n}}\n{fence}\n", "case.md:3:"),
        (f"text\n\n{fence}cpp\nconst int seven = f();\n{fence}\n", "case.md:4:"),
        (program + f"{fence}output\nseven\n{fence}\n", None),
        (program + f"\n{fence}output\neight\n{fence}\n", "case.md:7: the program prints:\nseven"),
        (f"{fence}cpp\nint main() {{\n  return 3;\n}}\n{fence}\n", "case.md:2: the program ends with status 3"),
        (f"{fence}cpp examples/driving_test.cpp\nusing namespace xgrad;\n{fence}\n", None),
        (f"{fence}cpp examples/driving_test.cpp\nusing namespace other;\n{fence}\n", "case.md:2: this piece is not in"),
    ]
    for text, expected in cases:
        faults = "\n".join(faults_of("case.md", text, ""))
        if (expected is None) != (not faults) or (expected or "") not in faults:
            sys.exit(f"this check does not work: expected {expected}, got {faults or 'nothing'} for\n{text}")
    if examples_of("/// A text.\n///   one\n///   two\n//\nint x;\n  //   three\n") != [(2, "one\ntwo\n"), (6, "three\n")]:
        sys.exit("this check does not find the examples of headers")


check_the_check()
faults, count = [], 0
for path in [source / "README.md", source / "CONTRIBUTING.md", *sorted((source / "docs").glob("*.md"))]:
    file = str(path.relative_to(source))
    text = path.read_text()
    count += sum(mark == "cpp" for mark, _, _ in blocks_of(text))
    faults += faults_of(file, text, SURROUNDINGS.get(file, USER))

parts = []
for path in sorted(pathlib.Path(argument) for argument in sys.argv[1:]):
    file = str(path.resolve().relative_to(source.resolve()))
    if file in FORMULAS:
        continue
    for line, text in examples_of(path.read_text()):
        count += 1
        parts.append(f"namespace example_{len(parts)} {{\n{SURROUNDINGS.get(file, '')}\n{placed(file, line, text, 0)}}}\n")
headers = "#include <iostream>\n#include <xgrad/train/curves.hpp>\n#include <xgrad/train/train.hpp>\n" + USER
if messages := compiled("headers", headers + "".join(parts), "-fsyntax-only", "-Wno-unused"):
    faults.append(messages)

print("\n".join(faults) if faults else f"{count} blocks compile")
sys.exit(1 if faults else 0)
EOF
