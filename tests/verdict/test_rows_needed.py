import numpy as np
import pytest

from search.verdict.bounds import regret_bounds
from search.verdict.rows_needed import rows_needed
from search.verdict.sample import build


def needed(losses, selected, *, scope="models", tolerance=0.05):
    losses = losses[:, None] if losses.ndim == 2 else losses
    return rows_needed(build(losses, selected, scope), confidence=0.95, tolerance=tolerance)


@pytest.mark.parametrize("selected", [6, 10, 11])
def test_that_many_rows_of_the_same_kind_settle_it(law, selected):
    """Repeating the rows keeps every estimate: with the stated number the answer is there, with half of it it is not.

    Candidate 10 is the best one; 11 is within the tolerance and 6 beyond it.
    """
    losses = law.losses(np.random.default_rng(0), 60)
    rows = needed(losses, selected)

    def open_with(count):
        tiled = np.tile(losses, count // 60)[:, None]
        found = regret_bounds(build(tiled, selected, "models"), confidence=0.95, relative=True)
        return found.lower <= 0.05 < found.upper

    assert rows > 60
    assert open_with(60)
    assert not open_with(int(2.5 * rows))
    assert open_with(max(60, rows // 3))


def test_none_where_no_number_of_rows_would_do():
    rng = np.random.default_rng(1)
    assert needed(rng.exponential(size=(4, 1)), 0) is None
    by_replicate = rng.normal(1.0, 0.2, size=(2, 3, 1)) + 1e-3 * rng.normal(size=(2, 3, 50))
    assert needed(by_replicate, 0, scope="procedure") is None


def test_the_rows_grow_with_the_variance():
    rng = np.random.default_rng(2)
    base = rng.exponential(size=300) + 1
    noise = rng.normal(size=(2, 300))
    noise -= noise.mean(axis=1, keepdims=True)
    few, many = (needed(base + sd * noise, 0, tolerance=0.02) for sd in (1.0, 4.0))
    assert few > 301
    assert many == pytest.approx(16 * few, rel=0.1)
