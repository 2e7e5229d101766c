"""What `clip` and `rare` change: the true risk of the pick with both, as a share of that without, on real tables.

python tests/calibration/clipping.py [--studies 20]
"""

from __future__ import annotations

import argparse
import zlib
from dataclasses import replace

import numpy as np
import same_rows
from real_tables import TABLES, study

WITHOUT = {"data.clip": False, "data.rare": 1}


def risk_of_pick(drawn, number):
    """The risk of the candidate with the lowest validation loss, of a study split into test part and folds."""
    validation, _, risk = same_rows.split(drawn, np.random.default_rng(number))
    return float(risk[np.nanmean(validation, axis=(1, 2)).argmin()])


def ratios(name, count):
    """The risk with clipping and rare levels as one, over that without, for so many studies of a table."""
    found = []
    for number in range(count):
        drawn = study(name, np.random.default_rng([zlib.crc32(name.encode()), number]))
        plain = replace(drawn, settings=drawn.settings.replace(WITHOUT))
        found.append(risk_of_pick(drawn, number) / risk_of_pick(plain, number))
    return np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=20, help="of each table")
    count = parser.parse_args().studies
    print("| table | median | lowest | highest |\n|---|---|---|---|")
    for name in TABLES:
        found = ratios(name, count)
        print(f"| {name} | {np.median(found):.3f} | {found.min():.3g} | {found.max():.3g} |", flush=True)


if __name__ == "__main__":
    main()
