#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Golden vectors of test-bench-stat, from definitions alone: every sign pattern is
enumerated for the null distribution, nothing is shared with bench/stat.c.

    bench/tests/golden-stat.py > bench/tests/golden-stat.h
"""
import itertools
import random
import statistics


def null_cdf(n):
    """P(T <= t) for t = 0, 1, ..., by enumeration of all 2^n sign patterns."""
    count = [0] * (n * (n + 1) // 2 + 1)
    for signs in itertools.product((0, 1), repeat=n):
        count[sum(r for r, s in zip(range(1, n + 1), signs) if s)] += 1
    total, out = 0, []
    for c in count:
        total += c
        out.append(total / 2 ** n)
    return out


def q_index(n, alpha):
    return sum(1 for p in null_cdf(n) if p <= alpha) - 1


def walsh(d):
    return sorted((d[i] + d[j]) / 2 for i in range(len(d)) for j in range(i, len(d)))


def lag1(d):
    m = statistics.fmean(d)
    return sum((a - m) * (b - m) for a, b in zip(d, d[1:])) / sum((x - m) ** 2 for x in d)


def main():
    rnd = random.Random(20170101)
    print("/* SPDX-License-Identifier: GPL-2.0-or-later */")
    print("/* Made by golden-stat.py. */")
    print("static const struct { unsigned int n; double alpha; int q; } golden_q[] = {")
    for n in range(1, 17):
        for alpha in (0.005, 0.018, 0.025, 0.05):
            print(f"\t{{ {n}, {alpha}, {q_index(n, alpha)} }},")
    print("};\n")
    print("static const struct {\n\tunsigned int n;\n\tdouble d[16], alpha, estimate, lower, upper, lag1, sd;\n"
          "} golden_hl[] = {")
    for n in (5, 6, 8, 8, 12, 12, 16):
        d = [round(rnd.gauss(0.02, 0.02) + (rnd.random() < 0.1) * 0.3, 6) for _ in range(n)]
        alpha = 0.05 if n < 8 else 0.018
        w, q = walsh(d), q_index(n, alpha)
        values = ", ".join(repr(x) for x in d)
        print(f"\t{{ {n}, {{ {values} }},\n\t  {alpha}, {statistics.median(w)!r}, {w[q]!r}, {w[len(w) - 1 - q]!r}, "
              f"{lag1(d)!r}, {statistics.stdev(d)!r} }},")
    print("};")


main()
