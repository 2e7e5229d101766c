"""How often each warning fires where its fault was planted, and where nothing is wrong.

python tests/calibration/alarms.py [--data-sets 100]

Nothing is wrong in the laws' data sets. A fault is planted in data sets of one of them, as it would look in a study.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from laws import LAWS, data_set
from simulate import evidence

from search.core.evidence import Evidence, Recording
from search.verdict import judge
from search.verdict.warnings import CHECKS

PLAIN_LAW, STEEP_LAW, REPLICATED = "n200_p20", "prior", "replicates"
# What these laws are made with is what the warning is about.
MEANT = {"textbook_no_test": {"no_test_rows"}}


def healthy(law, number):
    """The codes that fire on a data set as it is."""
    data = data_set(law, number)
    return codes(data.validation, data.test, data.candidates, evidence=evidence(data)) - MEANT.get(law, set())


def codes(*arrays, **options):
    return {warning.code for warning in judge(*arrays, **options).warnings}


def plain(number):
    data = data_set(PLAIN_LAW, number)
    return data.validation, data.test, data.candidates


def edge_of_range(number):
    """The range ends at a quarter of the truly best lambda."""
    data = data_set(STEEP_LAW, number)
    strengths = data.candidates["lambda"].to_numpy()
    kept = strengths <= strengths[data.risk["models"].argmin()] / 4
    return codes(data.validation[kept], data.test[kept], data.candidates[kept].reset_index(drop=True))


def diverged(number):
    """The fit of one candidate in twenty exploded."""
    validation, test, frame = plain(number)
    validation[::20] = np.inf
    return codes(validation, test, frame)


def not_trained(number):
    """Training ended at the loss of predicting a constant."""
    validation, test, frame = plain(number)
    frame = frame.assign(train_loss=np.random.default_rng(number).uniform(0.97, 1.02, len(frame)))
    return codes(validation, test, frame, evidence=Evidence(baseline_loss=1.0))


def setting_at_edge(number):
    """The loss falls with a learning rate, to the end of what was tried."""
    validation, test, frame = plain(number)
    best = validation.mean(axis=(1, 2)).argmin()
    rates = np.random.default_rng(number).permutation(np.geomspace(1e-4, 1e-1, len(frame)))
    worse = 1 + 0.2 * np.log10(1e-1 / rates)[:, None, None]
    return codes(validation[[best]] * worse, test[[best]] * worse, frame.assign(lr=rates))


def test_opened_before(number):
    """Trials were added after the test rows had been opened."""
    return codes(*plain(number), evidence=Evidence(openings=(20,), trials=41))


def no_test_rows(number):
    """There are none."""
    validation, _, frame = plain(number)
    return codes(validation, None, frame)


def few_test_rows(number):
    """There are twenty."""
    validation, test, frame = plain(number)
    return codes(validation, test[..., :20], frame)


def thin_evidence(number):
    """On one row the selected candidate is wrong by far, and half of the others are not."""
    validation, test, frame = plain(number)
    own = validation.mean(axis=(1, 2)).argmin()
    others = np.flatnonzero(np.arange(len(test)) != own)[::2]
    test[..., 0] += 50 * test.mean()
    test[others, :, 0] -= 45 * test[others].mean()
    return codes(validation, np.abs(test), frame)


def flat(number):
    """All candidates are the same model but for noise."""
    rng = np.random.default_rng(number)
    shared = rng.chisquare(1, size=(1, 1, 200))
    validation, test = (shared * (1 + 0.1 * rng.normal(size=(12, 1, 200))) for _ in range(2))
    return codes(validation, test, pd.DataFrame({"penalty": "l2", "lambda": np.geomspace(0.1, 10, 12)}))


def seeds_dominate(number):
    """Each seed favours other candidates by more than the candidates differ."""
    data = data_set(REPLICATED, number)
    moved = 1 + 0.5 * np.random.default_rng(number).normal(size=(*data.validation.shape[:2], 1))
    shared = data.validation[[0]][:, :3] * np.abs(moved[:, :3])
    return codes(shared, data.test, data.candidates)


def validation_below_training(number):
    """The training loss counts what the validation loss does not, such as dropout."""
    validation, test, frame = plain(number)
    return codes(validation, test, frame.assign(train_loss=1.5 * validation.mean(axis=(1, 2))))


def few_replicates(number):
    """Three replicates are to speak of the procedure."""
    data = data_set(REPLICATED, number)
    return codes(data.validation[:, :3], data.test[:, :3], data.candidates, scope="procedure")


def other_objective(number):
    """The study maximises something else."""
    recording = Recording(objective="maximises its objective", best=number)
    return codes(*plain(number), evidence=Evidence(recording=recording, trials=41))


def partly_recorded(number):
    """One trial in five did not record its losses."""
    return codes(*plain(number), evidence=Evidence(recording=Recording({"without a record": 8}), trials=33))


FAULTS = {check.code: globals()[check.code] for check in CHECKS}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-sets", type=int, default=100, help="of each fault, and of each law")
    count = parser.parse_args().data_sets
    alarms = pd.Series([code for law in LAWS for number in range(count) for code in healthy(law, number)], dtype=str)
    print("| warning | planted | fires, % | nothing is wrong: fires, % |\n|---|---|---|---|")
    for code, planted in FAULTS.items():
        found = np.mean([code in planted(number) for number in range(count)])
        false = (alarms == code).sum() / count / len(LAWS)
        print(f"| {code} | {planted.__doc__} | {100 * found:.0f} | {100 * false:.1f} |")


if __name__ == "__main__":
    main()
