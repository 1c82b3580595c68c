#!/usr/bin/env python3
"""Prints goldens/vmath.hpp: digamma and polygamma at points that are exact floats, from mpmath with 60 digits.

Usage: vmath.py > vmath.hpp (needs python3-mpmath)."""
import random
import struct

import mpmath

mpmath.mp.dps = 60


def as_float(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def polygamma(order, x):
    # mpmath's psi loses digits by reflection of large negative arguments; the recurrence does not.
    x = mpmath.mpf(x)
    if x > 0:
        return mpmath.psi(order, x)
    steps = int(mpmath.ceil(-x)) + 1
    total = mpmath.psi(order, x + steps)
    terms = mpmath.fsum((x + k) ** (-order - 1) for k in range(steps))
    return total - (-1) ** order * mpmath.factorial(order) * terms


def points(count, rng):
    positive = [10.0 ** rng.uniform(-30, 30) for _ in range(count // 4)]
    ordinary = [rng.uniform(0, 20) for _ in range(count // 2)]
    zero = [1.4616321449683623 + rng.uniform(-1e-3, 1e-3) for _ in range(count // 16)]
    negative = [-rng.uniform(0, 50) for _ in range(count // 4)]
    poles = [-rng.randrange(12) + rng.uniform(-1e-4, 1e-4) for _ in range(count // 8)]
    halves = [-0.5 - k for k in range(6)] + [-0.25, -0.75, 0.5, 1.0, 2.0, 10.0, 20.0, 9.999999]
    chosen = [as_float(x) for x in positive + ordinary + zero + negative + poles + halves]
    return sorted(x for x in chosen if x > 0 or x != int(x))


def main():
    rng = random.Random(1)
    rows = [(0, x) for x in points(400, rng)]
    for order in (1, 2, 3, 4, 7, 12, 30):
        rows += [(order, x) for x in points(48, rng)]
    print("// Golden values of digamma (order 0) and polygamma. Made by vmath.py with mpmath", mpmath.__version__)
    print("#pragma once\n\nnamespace xgrad::test {\n")
    print("struct PolygammaGolden {\n  int order;\n  double x;\n  double value;\n};\n")
    print("inline constexpr PolygammaGolden polygamma_golden[] = {")
    for order, x in rows:
        value = polygamma(order, x)
        if abs(value) < mpmath.mpf(2) ** 1000 and abs(value) > mpmath.mpf(2) ** -1000:
            print(f"    {{{order}, {x.hex()}, {float(value).hex()}}},")
    print("};\n\n}  // namespace xgrad::test")


if __name__ == "__main__":
    main()
