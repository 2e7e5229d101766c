"""`[search] stop = "settled"`: how many trials it saves, and what regret it costs.

python tests/calibration/stopping.py [--data-sets 200]

Data sets of the laws (and of the real tables whose fits are kept, see run.py) are searched at random, batch after
batch, to the end or until settled. The regret is the true one of the pick, relative to its risk.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from laws import LAWS, data_set
from real_tables import KEPT, NAMES

from search.runs.settled import settled
from search.verdict.inputs import results_from_arrays

BATCH = 8
TOLERANCE = 0.05


def searched(law, number):
    """Trials of all and until settled, and the true relative regret of both picks."""
    data = data_set(law, number)
    order = np.random.default_rng(number).permutation(len(data.candidates))
    results = results_from_arrays(data.validation[order], None, data.candidates.iloc[order])
    risk = next(iter(data.risk.values()))
    risk = (risk if risk.ndim == 1 else risk.mean(axis=1))[order]
    ends = [count for count in range(BATCH, len(order), BATCH) if settled(results.take(range(count)), TOLERANCE, BATCH)]
    count = min([*ends, len(order)])
    picks = [
        results.lowest(results.validation_loss),
        results.take(range(count)).lowest(results.validation_loss[:count]),
    ]
    whole, early = (float(1 - risk.min() / risk[pick]) for pick in picks)
    return {"law": law, "trials": len(order), "settled": count, "regret": whole, "regret_settled": early}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-sets", type=int, default=200)
    count = parser.parse_args().data_sets
    rows = [searched(law, number) for law in LAWS for number in range(count)]
    kept = {law: sorted((KEPT / law).glob("*.pickle"))[:count] for law in NAMES}
    rows += [searched(law, int(path.stem)) for law, paths in kept.items() for path in paths]
    frame = pd.DataFrame(rows)
    heads = ["law", "trials saved, %", "regret of all, %", "of those until settled, %", "more than 5 % worse, %"]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for law, own in [*frame.groupby("law", sort=False), ("all", frame)]:
        saved, lost = 1 - own.settled / own.trials, own.regret_settled - own.regret
        regrets = f"{100 * own.regret.mean():.2f} | {100 * own.regret_settled.mean():.2f}"
        print(f"| {law} | {100 * saved.mean():.0f} | {regrets} | {100 * (lost > TOLERANCE).mean():.1f} |")


if __name__ == "__main__":
    main()
