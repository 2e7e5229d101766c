"""From the optimum of one l1 problem to that of another, from one change of the active set to the next.

Any w is optimal for some linear term b and strength. On the way from these to the problem's own, both linear in time,
w and the pull b - (Q + ridge I) w are piecewise linear: where a weight comes to zero it leaves, where a pull comes
to the strength a weight enters (Osborne, Presnell, Turlach 2000; Best 1996 for quadratic programs). It needs no luck
with the guess of the active set, and as many pivots as there are changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.training.exact.problems import SHIFT, Problems
from search.training.exact.threshold import kept_groups

CHANGES = 4000  # a path with more is left to other methods
SINGULAR = 1e-10  # a column with so small a share of its own beside the active ones does not enter


@dataclass(frozen=True, eq=False)
class Tableau:
    """The principal pivot transform of Q + ridge I on the active set A, (m, d, d).

    Where y = (Q + ridge I) x it makes (x_A, y_I) of (y_A, x_I).
    """

    entries: Tensor

    @classmethod
    def of(cls, problems: Problems, active: Tensor) -> Tableau:
        """On the active weights (m, d)."""
        entries = problems.matrix[problems.owner]
        entries.diagonal(dim1=1, dim2=2).add_(problems.ridge[:, None])
        if not active.any():
            return cls(entries)
        index = kept_groups(active)
        real = active.gather(1, index)
        rows = entries.gather(1, index[..., None].expand(-1, -1, entries.shape[2]))  # (m, a, d)
        rows = rows * real[..., None]
        block = rows.gather(2, index[:, None].expand(-1, index.shape[1], -1)) * real[:, None]
        block.diagonal(dim1=1, dim2=2).add_((~real).to(block))
        inverse = inverted(block)
        inverse = inverse * real[..., None] * real[:, None]
        across = inverse @ rows  # (m, a, d)
        entries.baddbmm_(rows.mT, across, alpha=-1)
        place = index[..., None].expand_as(rows)
        # Fills point at inactive rows, which must stay as they are: they add zero to what is cleared only where active.
        outside = (~active).to(entries)
        entries.mul_(outside[..., None]).mul_(outside[:, None])
        entries.scatter_add_(1, place, -across * outside[:, None])
        entries.scatter_add_(2, place.mT, across.mT * outside[..., None])
        wide = torch.zeros_like(rows).scatter_add_(2, index[:, None].expand_as(inverse), inverse)
        entries.scatter_add_(1, place, wide)
        return cls(entries)

    def pivot(self, which: Tensor, at: Tensor) -> None:
        """Exchange, in the problems `which`, the weight `at` between the active set and the others; in place."""
        column, row = self.entries[which, :, at], self.entries[which, at]
        inverse = 1 / self.entries[which, at, at]
        scaled = column * inverse[:, None]
        if len(which) == len(self.entries):
            self.entries.addcmul_(scaled[..., None], row[:, None], value=-1.0)
        else:
            self.entries.index_add_(0, which, scaled[..., None] * row[:, None], alpha=-1)
        self.entries[which, :, at] = scaled
        self.entries[which, at] = -row * inverse[:, None]
        self.entries[which, at, at] = inverse


def inverted(block: Tensor) -> Tensor:
    """The inverses of positive definite matrices (m, a, a); of one that is singular, that of a matrix nearby."""
    factor, failed = torch.linalg.cholesky_ex(block)
    if failed.any():
        shift = SHIFT * block.diagonal(dim1=1, dim2=2).amax(1, keepdim=True)
        block.diagonal(dim1=1, dim2=2).add_(torch.where(failed[:, None] > 0, shift, 0.0))
        factor, _ = torch.linalg.cholesky_ex(block)
    eye = torch.eye(block.shape[1], dtype=block.dtype, device=block.device)
    return torch.cholesky_solve(eye.expand_as(block), factor)


@dataclass(eq=False)
class Way:
    """m walks: weights and pulls (m, d), which weights are active and with what sign, and the time (m,) from 0 to 1.

    The strength is start + slope * time; the linear term's `drift` (m, d) is what the start was not optimal by. A
    weight that is `barred` is as good as a mix of the active ones, and does not enter; `scale` (m, d) is Q's diagonal.
    """

    tableau: Tableau
    weight: Tensor
    pull: Tensor
    active: Tensor
    sign: Tensor
    time: Tensor
    start: Tensor
    slope: Tensor
    drift: Tensor
    barred: Tensor
    scale: Tensor

    @classmethod
    def of(cls, problems: Problems, weight: Tensor, end: Tensor) -> Way:
        """From any weights (m, d) to the strength `end` (m,)."""
        pull = problems.linear[:, 0] - problems.product(weight[:, None])[:, 0]
        active, sign = weight != 0, weight.sign()
        start = pull.abs().amax(1).maximum(end)
        held = torch.where(active, start[:, None] * sign, pull)
        return cls(
            Tableau.of(problems, active),
            weight.clone(),
            held,
            active,
            sign,
            torch.zeros_like(end),
            start,
            end - start,
            pull - held,
            torch.zeros_like(active),
            problems.diagonal()[:, 0],
        )

    def velocity(self) -> tuple[Tensor, Tensor]:
        """How fast the weights and the pulls change with time, (m, d) both."""
        force = torch.where(self.active, self.drift - self.slope[:, None] * self.sign, 0.0)
        moved = (self.tableau.entries @ force[..., None])[..., 0]
        held = torch.where(self.active, self.slope[:, None] * self.sign, self.drift - moved)
        return torch.where(self.active, moved, 0.0), held

    def next_change(self, speed: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """The time (m,) to when a weight comes to zero or a pull to the strength, and which (m,)."""
        leave = torch.where(self.weight * speed < 0, -self.weight / speed, torch.inf)
        strength = (self.start + self.slope * self.time)[:, None]
        up, down = change - self.slope[:, None], -change - self.slope[:, None]
        above = torch.where(up > 0, (strength - self.pull).clamp(min=0) / up, torch.inf)
        below = torch.where(down > 0, (strength + self.pull).clamp(min=0) / down, torch.inf)
        enter = torch.where(self.active | self.barred, torch.inf, torch.minimum(above, below))
        step, at = torch.minimum(leave, enter).min(1)
        return torch.minimum(step, 1 - self.time), at

    def exchange(self, which: Tensor, at: Tensor) -> None:
        """Let the weights `at` of the walks `which` leave, or enter."""
        out = self.active[which, at]
        own = self.tableau.entries[which, at, at]
        free = out | (own > SINGULAR * self.scale[which, at])
        self.barred[which[~free], at[~free]] = True
        self.barred[which[out]] = False
        which, at, out = which[free], at[free], out[free]
        self.tableau.pivot(which, at)
        self.active[which, at] = ~out
        self.weight[which[out], at[out]] = 0.0
        self.sign[which, at] = torch.where(out, 0.0, self.pull[which, at].sign())


def follow(problems: Problems, weight: Tensor, strengths: Tensor) -> Tensor:
    """The optima (m, B, d) at falling strengths (m, B) on the way from weights (m, d); past CHANGES it ends early.

    Those before the last are optimal as far as the start is. The problems' own strengths are not looked at.
    """
    way = Way.of(problems, weight, strengths[:, -1])
    due = ((strengths - way.start[:, None]) / torch.where(way.slope < 0, way.slope, -1.0)[:, None]).clamp(min=0.0)
    due[:, -1] = 1.0
    found = weight[:, None].repeat(1, strengths.shape[1], 1)
    for _ in range(CHANGES):
        speed, change = way.velocity()
        step, at = way.next_change(speed, change)
        passed = (due >= way.time[:, None]) & (due <= (way.time + step)[:, None])
        if passed.any():
            there = way.weight[:, None] + (due - way.time[:, None])[..., None] * speed[:, None]
            found = torch.where(passed[..., None], there, found)
        going = (step < 1 - way.time).nonzero()[:, 0]
        way.weight += step[:, None] * speed
        way.pull += step[:, None] * change
        way.time += step
        if not len(going):
            break
        way.exchange(going, at[going])
    # Where active columns are as good as collinear the numbers can be lost.
    return torch.where(found.isfinite().all(2, keepdim=True), found, weight[:, None])
