"""The training loop beside the plain loop of torch that a user writes: S1, S2, and on a GPU S7.

python tests/benchmarks/training_loop.py [--case linear perceptron convolution exact] [--device cpu] [--fits N]
    [--threads 1 2] [--tree PATH ...] [--repeats 5] [--csv ROWS.csv]

`linear`: 100 candidates x 50 replicates x 100 epochs of studies/weight_decay.toml. `perceptron`: 64-128-10 on 1,005
rows of the digits, minibatches of 64, 64 candidates, 10 epochs. `convolution`: the small net of tests/models on the
digits. `exact`: paths of l1 and l2 by the exact solver, which nothing stands beside. On a GPU all four are S7, with
more fits; `--fits` says how many instead.

First some fits are held to the plain loop's losses (1e-4 of the largest), on the same initial weights and row orders;
then both are timed in turns. The plain loop takes `PLAIN` fits a turn, at every number of `--threads`, of which the
fastest counts, and evaluates once, at the end; the stack evaluates its curves' points too. `--tree` are other
checkouts of this project to time in the same turns: their figures are those before a change. Each turn is a process of
its own, warmed up before the clock starts; the stack's threads are those of the environment (OMP_NUM_THREADS). `matrix
product` is the pace that the products of training and evaluation alone would have at the rate of one large product.
"""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from measure import arguments, carry_out, elsewhere, here, in_turn
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))

from search.core.candidate import Candidate
from search.data import load_task
from search.models import make_model
from search.models.randomness import permutations
from search.models.stackable import Stackable
from search.settings import Settings
from search.training import train
from search.training.curve import is_shown
from search.training.plan import replicates

HERE = Path(__file__).parents[2]
PLAIN = 8
CHECKED = 3
DRAWS = 50
DIGITS = {"scheme": "holdout", "validation": 0.2, "test": 0.3, "refit": False}
FITS = {  # on a processor, on a GPU
    "linear": (5_000, 100_000),
    "perceptron": (64, 4_096),
    "convolution": (64, 512),
    "exact": (200, 1_000),
}
TABLES = {
    "perceptron": {
        "data": {"source": "digits"},
        "model": {"kind": "mlp", "hidden": [128]},
        "training": {"batch_size": 64, "epochs": 10, "lr": 0.05},
    },
    "convolution": {
        "data": {"source": "own_data:digits", "task": "classification"},
        "model": {"kind": "own_nets:conv_net"},
        "training": {"batch_size": 64, "epochs": 3, "lr": 0.05, "apply": "loss"},
    },
    "exact": {"data": {"source": "digits"}, "training": {"optimizer": "exact"}},
}


def study(case, device, fits):
    """Settings, task and candidates of a case, for that many fits or as many as its replicates allow."""
    if case == "linear":
        draws = min(DRAWS, fits)
        settings = Settings.load(HERE / "studies" / "weight_decay.toml")
        settings = settings.replace({"data.draws": draws, "training.device": device})
        names, over, fits = ("l1", "l2"), (1e-3, 1e2), max(2, fits // draws)
    else:
        settings = Settings.parse({"name": case, "split": DIGITS, **TABLES[case]}).replace("training.device", device)
        names, over = (("l1", "l2"), (1e-3, 1.0)) if case == "exact" else (("l2",), (1e-5, 1e-1))
    share = fits // len(names)
    candidates = [Candidate(name, float(each)) for name in names for each in np.geomspace(*over, share)]
    return settings, load_task(settings), candidates


def plain_fit(task, settings, candidate, replicate, masks=False):
    """One fit by torch.nn and torch.optim; the losses of its validation rows. l1 acts by its soft threshold.

    `masks`: dropout's are those of the replicate, not torch's own, which cost less.
    """
    training, split, device = settings.training, replicate.split, settings.training.device
    x, y, new_x, of = (each.to(device) for part in (split.train, split.validation) for each in (part.x.float(), part.y))
    sample = split.train.sample
    made = make_model(settings, candidate, sample.shape[-1], task.outputs, sample)
    parameters, buffers = made.initial(replicate.seed)
    if settings.model.init == "normal":
        parameters = {name: value * settings.model.init_std for name, value in parameters.items()}
    model = made.standalone({name: value.clone() for name, value in parameters.items()}, buffers).to(device)
    model.requires_grad_(True).train()
    lambda_ = candidate.lambda_
    weights = [each for each in model.parameters() if each.ndim >= 2]
    groups = [
        {"params": weights, "weight_decay": lambda_ if candidate.penalty == "l2" else 0.0},
        {"params": [each for each in model.parameters() if each.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=training.lr)
    squares = task.kind == "regression"
    loss = (lambda output, of: (output - of.float()).square().mean() / 2) if squares else nn.functional.cross_entropy
    seed, number = torch.tensor(replicate.seed, device=device), 0
    for epoch in range(training.epochs):
        order = permutations(torch.tensor([replicate.seed]), epoch, len(x))[0].to(device)
        for rows in order.split(training.batch_size):
            number += 1
            optimizer.zero_grad()
            with Stackable(seed, number) if masks else nullcontext():
                output = model(x[rows])
            loss(output, y[rows]).backward()
            optimizer.step()
            if candidate.penalty == "l1":
                with torch.no_grad():
                    for weight in weights:
                        weight.copy_(nn.functional.softshrink(weight, training.lr * lambda_))
    model.eval()
    with torch.no_grad():
        output = model(new_x)
        return ((output - of).square().sum(-1) if squares else loss(output, of, reduction="none")).cpu().numpy()


def refuse_differences(case, device):
    """Both ways reach the same losses; exact solutions are the processor's."""
    settings, task, candidates = study(case, device, FITS[case][0])
    some = [candidates[i] for i in np.linspace(0, len(candidates) - 1, 2 * CHECKED).astype(int)]
    ours = train(task, settings, some).validation
    if case == "exact":
        theirs = train(task, settings.replace("training.device", "cpu"), some).validation
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)
        return
    for number, replicate in enumerate(replicates(task, settings)[:CHECKED]):
        for index, candidate in enumerate(some):
            theirs = plain_fit(task, settings, candidate, replicate, masks=True)
            own = ours[index, number, replicate.split.validation.place]
            if not np.isfinite(theirs).all():  # lr * lambda is too large for a descent: both diverge
                assert np.isinf(own).all()
                continue
            np.testing.assert_allclose(own, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


def product_seconds(device):
    """Seconds of an operation within one product of large matrices on one thread or on the device, the best of some.

    On a processor they are the processor's.
    """
    size = 1024 if device == "cpu" else 8192
    a, out = torch.randn(size, size, device=device), torch.empty(size, size, device=device)
    clock = time.process_time if device == "cpu" else time.perf_counter
    found = []
    for _ in range(10):
        begun = clock()
        torch.mm(a, a, out=out)
        wait(device)
        found.append(clock() - begun)
    return min(found) / (2 * size**3)


def wait(device):
    """Until the device has done what it was told."""
    if device != "cpu":
        torch.cuda.synchronize()


def operations(task, settings):
    """Of one fit, those of the products alone: forward and backward over the epochs, and the points of both curves."""
    widths = (len(task.features), *(settings.model.hidden if settings.model.kind == "mlp" else ()), task.outputs)
    layers = [a * b for a, b in pairwise(widths)]
    split = task.splits[0]
    rows, held = len(split.train), len(split.validation)
    epochs = settings.training.epochs
    points = sum(map(is_shown, range(1, epochs))) + 1
    return epochs * rows * (4 * sum(layers) + 2 * sum(layers[1:])) + points * (rows + held) * 2 * sum(layers)


def turn(case, system, device, fits):
    """The columns of one timing in this process."""
    settings, task, candidates = study(case, device, fits)
    everyone = replicates(task, settings)
    fits = len(candidates) * len(everyone)
    short = settings if case == "exact" else settings.replace("training.epochs", 2)
    if system == "matrix product":
        seconds = product_seconds(device) * operations(task, settings) * fits
        return columns(device, fits, {"seconds": seconds, "cpu_seconds": seconds})
    if system == "plain loop":
        fits = min(PLAIN, len(candidates))
        chosen = [candidates[i] for i in np.linspace(0, len(candidates) - 1, fits).astype(int)]

        def work():
            for number, candidate in enumerate(chosen):
                plain_fit(task, settings, candidate, everyone[number % len(everyone)])

        plain_fit(task, short, candidates[-1], everyone[0])
    else:

        def work():
            train(task, settings, candidates)
            wait(device)

        # A short training first: what torch does once, it does here.
        train(task, short, candidates)
    return columns(device, fits, here(work)._asdict())


def columns(device, fits, cost):
    """With what else a row says: on a GPU its name and the memory there."""
    if device != "cpu":
        cost |= {
            "machine": torch.cuda.get_device_name(),
            "peak_megabytes": torch.cuda.max_memory_allocated() / 2**20,
        }
    return cost | {"fits": fits, "threads": torch.get_num_threads()}


def measured(options):
    """The rows of all cases, equality first."""
    on_gpu = options.device != "cpu"
    names = {"linear": "S1", "perceptron": "S2"}
    for case in options.case:
        refuse_differences(case, options.device)
        fits = options.fits or FITS[case][on_gpu]

        def one(system, tree=None, threads=None, case=case, fits=fits):
            return lambda: elsewhere(__file__, (case, system, options.device, fits), tree, threads)

        works = {"lambda-search": one("lambda-search")}
        works |= {f"before: {tree.name}": one("lambda-search", tree.resolve()) for tree in options.tree}
        if case != "exact":
            works |= {f"plain loop, threads {each}": one("plain loop", threads=each) for each in options.threads}
        if case in names:
            works["matrix product"] = one("matrix product", threads=1)
        label = "S7" if on_gpu else names.get(case, case)
        yield from in_turn(options.repeats, works, label, f"{case}, {fits:,} fits")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--case", nargs="+", choices=FITS, default=["linear", "perceptron"])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--fits", type=int, help="as many fits in place of the case's own")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="of the plain loop, the fastest counts")
    parser.add_argument("--tree", nargs="*", type=Path, default=[], help="other checkouts to time in the same turns")
    options = parser.parse_args()
    carry_out(options, turn, measured)


if __name__ == "__main__":
    main()
