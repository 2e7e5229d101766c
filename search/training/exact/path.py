"""Squared loss with a penalty that makes zeros, along the path of lambdas.

A block of candidates is solved at once, for all replicates, from the fits before it: as many as make good use of one
operation on a batch, but one alone where a near start saves more. Of the inputs only the working set's columns
(`working`) have a Gram matrix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from search.penalties.elastic_net import soft_threshold
from search.penalties.group_lasso import group_norms
from search.training.exact.block import Block
from search.training.exact.homotopy import follow
from search.training.exact.problems import Problems
from search.training.exact.quadratic import minimize
from search.training.exact.solution import Terms, relative
from search.training.exact.working import LEAST, Columns, strong_share
from search.training.reporting import Report

TOLERANCE = 1e-7  # of the quadratic's optimality residual, relative to its threshold
ROUNDING = 1e-14  # and never below this share of the gradient at w = 0
BISECTIONS = 60
FEW = 64  # weights that are cheap enough to solve a whole block from one start, though that takes more steps
APART = 4  # of a block's candidates every fourth is solved first
WORK = 2**21  # numbers that a block of candidates works on at once


@dataclass(frozen=True, eq=False)
class Path:
    """Where the path is: the last fits' weights (m, K, p), their pull X'r / n - ridge w, and their candidate `before`.

    `change` (m, K, p) is what the weights gained over the last `step` down in lambda; 0 where nothing is known of it.
    x (m, n, p) and y (m, n, K) are the centred rows, `linear` (m, K, p) is y'X / n; `columns` is the working set,
    `gram` (m, w, w) its X'X / n.
    """

    x: Tensor
    y: Tensor
    linear: Tensor
    columns: Columns
    gram: Tensor
    weight: Tensor
    pull: Tensor
    change: Tensor
    step: float = 0.0
    before: Terms | None = None

    @classmethod
    def start(cls, x: Tensor, y: Tensor) -> Path:
        """All weights zero."""
        columns, linear = Columns.first(x), y.mT @ x / x.shape[1]
        gram = columns.x.mT @ columns.x / x.shape[1]
        zero = torch.zeros_like(linear)
        return cls(x, y, linear, columns, gram, zero, linear, zero)

    def next_block(self, parts: Sequence[Terms]) -> list[Terms]:
        """The first of the remaining candidates: where weights are many one, unless a homotopy serves several."""
        width, rest = max(LEAST, self.gram.shape[1]), self.y.shape[2] * sum(self.x.shape[1:])
        room = max(1, WORK // (len(self.x) * (width**2 + rest)))
        block = [part for part in parts[:room] if part.penalty.name == parts[0].penalty.name]
        alone = self.gram.shape[1] > FEW and not Block.of(block, self.x, self.y.shape[2]).on_one_path()
        return block[:1] if alone else block

    def begun(self, parts: Sequence[Terms]) -> tuple[Path, Block]:
        """Ready for a block of candidates: what the strong rule names is in the working set."""
        block = Block.of(parts, self.x, self.y.shape[2])
        share, here = 0.0, self
        if self.before is None or self.before.penalty.name != parts[0].penalty.name:
            zero = torch.zeros_like(self.linear)
            here = replace(self, weight=zero, pull=self.linear, change=zero, before=None)
        else:
            share = strong_share(self.before, parts)
        excess = block.excess(here.pull[:, None].expand(-1, len(parts), -1, -1), share)
        return here.trimmed().with_more(excess), block

    def trimmed(self) -> Path:
        """Without the features that the working set has long not needed, if they are many."""
        columns = self.columns.trimmed(self.x, self.weight)
        if columns is self.columns:
            return self
        return replace(self, columns=columns, gram=columns.x.mT @ columns.x / self.x.shape[1])

    def with_more(self, excess: Tensor) -> Path:
        """With the features of the largest excess (m, p) in the working set."""
        wanted = self.columns.wanted(excess, self.weight)
        if not wanted.any():
            return self
        new = Columns.of(self.x, wanted)
        cross, corner = (each.mT @ new.x / self.x.shape[1] for each in (self.columns.x, new.x))
        had = cross.shape[1]
        gram = self.gram.new_empty(len(cross), *[had + cross.shape[2]] * 2)
        gram[:, :had, :had], gram[:, :had, had:] = self.gram, cross
        gram[:, had:, :had], gram[:, had:, had:] = cross.mT, corner
        return replace(self, columns=self.columns.joined(new), gram=gram)

    def solved(self, parts: Sequence[Terms], steps: int) -> tuple[Path, Tensor, Tensor]:
        """The path after a block of B candidates, their weights (m, B, K, p) and relative duality gaps (m, B)."""
        path, block = self.begun(parts)
        start = path.starts(block, path.columns.gather(path.predicted(parts, block.tied)), steps)
        while True:
            local = path.minima(block, start, steps)
            flat = local.flatten(1, 2)
            residual = path.y.mT[:, None] - (flat @ path.columns.x.mT).view(*local.shape[:3], -1)
            weight = path.columns.spread(local)
            pull = (residual.flatten(1, 2) @ path.x).view_as(weight) / path.x.shape[1]
            pull = pull - block.ridge[:, None, None] * weight
            excess = block.excess(pull) - TOLERANCE * (block.l1 + block.group).min()
            more = path.with_more(excess)
            if more is path:
                break
            path, start = more, more.columns.gather(weight)
        gap = duality_gap(path.y[:, None], residual.mT, weight, pull, block)
        return path.moved(parts, weight, pull[:, -1]), weight, gap

    def predicted(self, parts: Sequence[Terms], tied: bool) -> Tensor:
        """Where the line through the last two fits leads, (m, B, K, p), no farther than these are apart.

        What is zero, or would turn round on the way, starts from zero.
        """
        share = self.weight.new_tensor([self.share(part) for part in parts])
        ahead = self.weight[:, None] + share[:, None, None] * self.change[:, None]
        along = ahead * self.weight[:, None]
        kept = (along.sum(2, keepdim=True) if tied else along) > 0
        return torch.where(kept, ahead, 0.0)

    def share(self, part: Terms) -> float:
        """How far the candidate is from the last, in steps of what the last was from the one before it; at most 1."""
        if self.before is None or self.before.penalty != part.penalty or self.step <= 0:
            return 0.0
        return min(1.0, (self.before.lambda_ - part.lambda_) / self.step)

    def moved(self, parts: Sequence[Terms], weight: Tensor, pull: Tensor) -> Path:
        """Past a block whose weights are `weight` (m, B, K, p), and whose last pull is `pull` (m, K, p)."""
        last, before = parts[-1], parts[-2] if len(parts) > 1 else self.before
        step = before.lambda_ - last.lambda_ if before is not None and before.penalty == last.penalty else 0.0
        change = weight[:, -1] - (weight[:, -2] if len(parts) > 1 else self.weight)
        return replace(self, weight=weight[:, -1], pull=pull, change=change, step=step, before=last)

    def starts(self, block: Block, start: Tensor, steps: int) -> Tensor:
        """Where to begin, (m, B, K, w): of many candidates some are solved from `start`, the others lie between."""
        count = start.shape[1]
        if count <= 2 * APART or block.on_one_path():
            return start
        knots = torch.tensor([*range(0, count - 1, APART), count - 1], device=start.device)
        few = block.only(knots)
        return between(block, knots, self.minima(few, self.starts(few, start[:, knots], steps), steps))

    def minima(self, block: Block, start: Tensor, steps: int) -> Tensor:
        """The block's optima on the working set, (m, B, K, w), from `start` or, on one path, by the homotopy."""
        if steps and block.on_one_path():
            start = self.walked(block)
        problems = self.problems(block)
        hold = problems.group if problems.l1 is None else problems.group + problems.l1
        goal = (ROUNDING * problems.linear.abs().amax((1, 2))).maximum(TOLERANCE * hold)
        return minimize(problems, start.reshape_as(problems.linear), goal, steps).view_as(start)

    def walked(self, block: Block) -> Tensor:
        """Weights (m, B, K, w) that are optimal, or nearly, for candidates on one path."""
        begin = self.columns.gather(self.weight).flatten(0, 1)
        found = follow(self.problems(block.only(slice(1))), begin, block.group.expand(len(begin), -1))
        return found.view(*self.weight.shape[:2], *found.shape[1:]).transpose(1, 2)

    def problems(self, block: Block) -> Problems:
        """The block on the working set: one problem for each replicate and candidate and, without ties, output."""
        linear = self.columns.gather(self.linear)[:, None].expand(-1, len(block.ridge), -1, -1)
        units = linear.shape[2] if block.tied else 1
        flat = linear.reshape(-1, units, linear.shape[3])
        each = linear.shape[2] // units
        ridge, group, l1 = (
            strength.repeat_interleave(each).repeat(len(linear)) for strength in (block.ridge, block.group, block.l1)
        )
        mixed = l1 if bool(block.l1.any()) else None
        return Problems.on(self.gram, flat, ridge, group, mixed, slots=len(flat) // len(linear))


def sparse_path(x: Tensor, y: Tensor, parts: Sequence[Terms], steps: int, report: Report) -> tuple[Tensor, Tensor]:
    """Weights (m, C, K, p) and relative duality gaps (m, C) of candidates in the path's order."""
    path, weights, gaps, done = Path.start(x, y), [], [], 0
    while done < len(parts):
        block = path.next_block(parts[done:])
        path, weight, gap = path.solved(block, steps)
        weights.append(weight)
        gaps.append(gap)
        done += len(block)
        report(len(x) * len(block))
    return torch.cat(weights, 1), torch.cat(gaps, 1)


def between(block: Block, knots: Tensor, known: Tensor) -> Tensor:
    """Weights (m, B, K, w) on the lines, in log(strength), through those `known` (m, k, K, w) at rising places (k,).

    What turns round on such a line is zero.
    """
    places = torch.arange(len(block.ridge), device=knots.device)
    after = torch.searchsorted(knots, places).clamp(min=1)
    strength = (block.group + block.l1).log()
    low, high = strength[knots[after - 1]], strength[knots[after]]
    share = torch.where(low == high, 0.0, (strength - low) / torch.where(low == high, 1.0, high - low))[:, None, None]
    first, second = known[:, after - 1], known[:, after]
    return torch.where(first * second < 0, 0.0, first + share * (second - first))


def duality_gap(y: Tensor, residual: Tensor, weight: Tensor, pull: Tensor, block: Block) -> Tensor:
    """The relative duality gap (m, B) of the objective with the dual point s * r, s scaled into the feasible set.

    The ridge counts as sqrt(n ridge) more rows with target 0. With the residual r = y - Xw, (m, B, n, K), the dual
    objective is s y'r / n - s^2 (||r||^2 / n + ridge ||w||^2) / 2, and feasible where s times the pull
    X'r / n - ridge w is in the dual unit ball of the penalty's other parts; of these s the best is taken.
    """
    n = residual.shape[2]
    square = residual.square().sum((2, 3)) / n + block.ridge * weight.square().sum((2, 3))
    inner = (residual * y).sum((2, 3)) / n
    best = inner / torch.where(square > 0, square, 1.0)
    scale = torch.minimum(best, largest_feasible(pull, block)).clamp(min=0)
    value = square / 2 + block.value(weight)
    return relative(value - scale * inner + scale.square() / 2 * square, value, y)


def largest_feasible(pull: Tensor, block: Block) -> Tensor:
    """The largest s (m, B) at which ||soft(s pull_g, l1)|| <= group * sqrt(units) for every group; pull (m, B, K, p).

    In closed form for l1 or groups alone; for both by bisection, as the left side rises with s.
    """
    steepest = pull.abs().amax((2, 3))
    if not block.tied:
        return block.group / steepest
    bound = block.group * math.sqrt(pull.shape[2])
    if not block.l1.any():
        return bound / group_norms(pull).amax((2, 3))
    low, high = block.l1 / steepest, (block.l1 + bound) / steepest
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        soft = soft_threshold(middle[..., None, None] * pull, block.l1[:, None, None])
        inside = group_norms(soft).amax((2, 3)) <= bound
        low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
    return low
