"""One certificate for all systems: the duality gap, from nothing but weights, written apart from the package's own."""

from __future__ import annotations

import numpy as np


def worst_gap(case, weight, bias):
    """The largest duality gap of weights (R, C, K, p) with biases (R, C, K), relative to the objective at w = 0.

    Each bias is first made the best one. The dual point is s (target - prediction) / n, where it is feasible.
    """
    l1, ridge = case.lambdas * case.ratio, case.lambdas * (1 - case.ratio)
    group = case.penalty == "group_lasso"
    worst = 0.0
    for x, y, ws, bs in zip(case.x, case.columns, weight, bias, strict=True):
        null = (y.var(0) / 2).sum() if case.kind == "regression" else entropy(np.broadcast_to(y.mean(0), y.shape))
        for c, w in enumerate(ws):
            loss, likely = fitted(case.kind, x @ w.T, y, bs[c])
            pull = (y - likely).T @ x / len(x)
            size = np.linalg.norm(w, axis=0) * case.outputs**0.5 if group else np.abs(w)
            value = loss + l1[c] * size.sum() + ridge[c] / 2 * (w**2).sum()
            reach = np.linalg.norm(pull, axis=0) / case.outputs**0.5 if group else np.abs(pull)
            feasible = min(1.0, l1[c] / max(reach.max(), 1e-300))
            best = -np.inf
            for s in {feasible} | ({1.0} if ridge[c] else set()):
                beyond = np.maximum(s * reach - l1[c], 0)
                conjugate = (beyond**2).sum() / (2 * ridge[c]) if ridge[c] else 0.0
                best = max(best, dual(case.kind, s, y, likely) - conjugate)
            worst = max(worst, (value - best) / null)
    return float(worst)


def fitted(kind, out, y, bias):
    """The mean loss, and the predictions (n, K), with the best bias for x @ w.T (n, K)."""
    if kind == "regression":
        likely = out + (y - out).mean(0)
        return ((y - likely) ** 2).sum() / len(y) / 2, likely
    for _ in range(30):
        likely = probabilities(out + bias)
        slope = (likely - y).mean(0)
        if np.abs(slope).max() < 1e-15:
            break
        bend = (
            (likely * (1 - likely)).mean(0) if len(slope) == 1 else np.diag(likely.mean(0)) - likely.T @ likely / len(y)
        )
        bias = bias - (slope / bend if len(slope) == 1 else np.linalg.lstsq(bend, slope, rcond=1e-12)[0])
    return cross_entropy(out + bias, y), likely


def probabilities(out):
    """Of the columns."""
    if out.shape[1] == 1:
        return 1 / (1 + np.exp(-out))
    raised = np.exp(out - out.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def cross_entropy(out, y):
    """The mean loss of logits (n, K)."""
    if out.shape[1] == 1:
        return (np.logaddexp(0, out) - y * out).mean()
    return (np.logaddexp.reduce(out, axis=1) - (y * out).sum(1)).mean()


def entropy(likely):
    """The mean entropy of probabilities (n, K)."""
    each = likely if likely.shape[1] > 1 else np.concatenate([likely, 1 - likely], 1)
    return -(each * np.log(np.maximum(each, 1e-300))).sum() / len(each)


def dual(kind, s, y, likely):
    """The loss's part of the dual objective at s times the residual."""
    if kind == "regression":
        left, centred = y - likely, y - y.mean(0)
        return (s * (left * centred).sum() - s**2 / 2 * (left**2).sum()) / len(y)
    return entropy((1 - s) * y + s * likely)
