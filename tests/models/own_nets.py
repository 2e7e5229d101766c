"""Modules such as people bring: a small convolutional net, a small transformer, an MLP with embeddings, and others."""

from __future__ import annotations

import torch
from torch import nn

TOKENS, WIDTH = 12, 16


def conv_net(features, outputs):
    """Two convolutions on 8 x 8 images; `features` is the shape of a row, (1, 8, 8)."""
    return nn.Sequential(
        nn.Conv2d(features[0], 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(64, outputs),
    )


class Transformer(nn.Module):
    """One encoder layer over token ids (rows, steps), its dropout at torch's default of 0.1."""

    def __init__(self, features, outputs):
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, WIDTH)
        self.places = nn.Embedding(features, WIDTH)
        self.layer = nn.TransformerEncoderLayer(WIDTH, 2, 32, batch_first=True)
        self.head = nn.Linear(WIDTH, outputs)

    def forward(self, x):
        return self.head(self.layer(self.tokens(x) + self.places.weight).mean(1))


class Embedded(nn.Module):
    """An MLP over columns of category codes (rows, columns), each with an embedding of its own."""

    def __init__(self, features, outputs):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(64, 4) for _ in range(features))
        self.hidden = nn.Linear(4 * features, 24)
        self.head = nn.Linear(24, outputs)

    def forward(self, x):
        each = [embedding(x[:, column]) for column, embedding in enumerate(self.embeddings)]
        return self.head(nn.functional.dropout(self.hidden(torch.cat(each, 1)).relu(), 0.2, self.training))


class Recurrent(nn.Module):
    """A recurrent layer over token ids, of torch's class `kind`."""

    kind = "GRU"

    def __init__(self, features, outputs):
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, 6)
        self.layer = getattr(nn, self.kind)(6, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(10, outputs)

    def forward(self, x):
        return self.head(self.layer(self.tokens(x))[0].mean(1))


class Lstm(Recurrent):
    kind = "LSTM"


class Plain(Recurrent):
    kind = "RNN"


class Residual(nn.Module):
    """A residual block of vectors with a layer norm and an RMS norm."""

    def __init__(self, features, outputs):
        super().__init__()
        self.enter, self.inner, self.head = nn.Linear(features, 8), nn.Linear(8, 8), nn.Linear(8, outputs)
        self.norm, self.last = nn.LayerNorm(8), nn.RMSNorm(8)

    def forward(self, x):
        hidden = self.enter(x)
        return self.head(self.last(hidden + self.inner(self.norm(hidden)).relu()))


def group_norm_net(features, outputs):
    layers = nn.Conv1d(1, 4, 3), nn.GroupNorm(2, 4), nn.GELU(), nn.Dropout1d(0.3), nn.Flatten()
    return nn.Sequential(nn.Unflatten(1, (1, features)), *layers, nn.Linear(4 * (features - 2), outputs))


def batch_norm_net(features, outputs):
    return nn.Sequential(nn.Linear(features, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout(0.2), nn.Linear(7, outputs))


class Branching(nn.Module):
    """Which way it goes depends on its values."""

    def __init__(self, features, outputs):
        super().__init__()
        self.one, self.other = nn.Linear(features, outputs), nn.Linear(features, outputs)

    def forward(self, x):
        found = self.one(x)
        return found if found.mean() > 0 else self.other(x)


class Writing(nn.Module):
    """Writes into its own input, and a fit's outputs into a buffer of no fit."""

    def __init__(self, features, outputs):
        super().__init__()
        self.layer = nn.Linear(features, outputs)

    def forward(self, x):
        x.mul_(2)
        found = torch.zeros(len(x), self.layer.out_features)
        found.add_(self.layer(x))
        return found


class Noisy(nn.Linear):
    """Adds noise of its own in training."""

    def forward(self, x):
        found = super().forward(x)
        return found + 0.1 * torch.randn(found.shape) if self.training else found


REASONS = {
    batch_norm_net: "BatchNorm1d keeps running statistics",
    Branching: "its forward depends on the values of its tensors",
    Writing: "writes",
    Noisy: "draws random numbers of its own",
}
