"""A tally of growing trials says what a walk through all of them does."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from search.core.candidate import Candidate
from search.ledger import trials
from search.ledger.tally import Tally
from search.ledger.trials import INTERRUPTED

RANGES = {"penalty": CategoricalDistribution(["l2"]), "lambda": FloatDistribution(1.0, 4.0)}


def trial(number: int, strength: float, state: str, loss: float):
    interrupted = state == "interrupted"
    made = create_trial(
        params={"penalty": "l2", "lambda": strength},
        distributions=RANGES,
        state=TrialState.FAIL if interrupted else TrialState[state],
        value=loss if state in {"COMPLETE", "PRUNED"} else None,
        user_attrs={INTERRUPTED: "died"} if interrupted else {},
    )
    made.number = number
    return made


def by_hand(every):
    """Every answer from all trials."""
    ended = [each for each in every if each.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    complete = [each for each in ended if each.state == TrialState.COMPLETE]
    first: dict[Candidate, int] = {}
    latest = {}
    for each in complete:
        first.setdefault(trials.candidate_of(each), each.number)
    for each in every:
        latest[trials.candidate_of(each)] = each
    again = {candidate for candidate, each in latest.items() if INTERRUPTED in each.user_attrs}
    best = trials.best(every)
    return len(ended), len(complete), first, again, None if best is None else best.number


STEP = st.tuples(
    st.sampled_from([1.0, 2.0, 3.0, 4.0]),
    st.sampled_from(["COMPLETE", "PRUNED", "FAIL", "interrupted", "RUNNING", "WAITING"]),
    st.sampled_from([0.5, 1.0, 2.0, math.inf]),
)


@given(st.lists(STEP, max_size=12), st.data())
def test_a_tally_of_growing_trials_is_that_of_all(steps, data):
    """Trials end in any order, some while others are still running."""
    tally, every = Tally(), []
    for number, (strength, state, loss) in enumerate(steps):
        every.append(trial(number, strength, state, loss))
        for place, each in enumerate(every):
            if each.state == TrialState.RUNNING and data.draw(st.booleans()):
                end = data.draw(st.sampled_from(["COMPLETE", "PRUNED", "FAIL", "interrupted"]))
                every[place] = trial(place, each.params["lambda"], end, data.draw(st.sampled_from([0.5, 1.0, 2.0])))
        tally.read(every)
        found = (tally.finished, tally.complete, tally.completed, set(tally.to_ask_again()), tally.selected())
        assert found == by_hand(every)
        for word in ("running", "waiting"):
            wanted = [each.number for each in every if trials.state_of(each) == word]
            assert [each.number for each in tally.open(word)] == wanted
