"""A candidate: one point of the search space, the same thing in every room."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from search.core.text import number, words

Value = str | int | float | bool
PENALTY, STRENGTH = "penalty", "lambda"
NO_STRENGTH: Final = "without a strength"  # in a penalty's place, where somebody else's study has no such parameter


class Candidate(Mapping[str, Value]):
    """An ordered set of named parameters: `penalty`, `lambda` (0 for `none`), and whatever else is searched.

    Two candidates are the same when all their parameters are, exactly, in whatever order and whether a whole number is
    written 10 or 10.0. "The same lambda" means the same number; lambdas that are merely close are binned where that is
    wanted (`search.verdict.profile`). A parameter that is None or NaN is one that the candidate does not have.

    `strength` is what the study calls lambda; a candidate of somebody else's is made by `named`.

    >>> candidate = Candidate("elastic_net", 0.5, l1_ratio=0.3, lr=0.1)
    >>> candidate.penalty, candidate.lambda_, candidate["lr"]
    ('elastic_net', 0.5, 0.1)
    >>> str(candidate), str(Candidate("none"))
    ('elastic net with lambda 0.5, l1_ratio 0.3, lr 0.1', 'no penalty')
    >>> candidate == Candidate.from_params({"lr": 0.1, "l1_ratio": 0.3, "lambda": 0.5, "penalty": "elastic_net"})
    True
    """

    __slots__ = ("_values", "key", "strength")

    def __init__(self, penalty: str, lambda_: float = 0.0, /, **others: Value | None) -> None:
        self._values: dict[str, Value] = {PENALTY: str(penalty), STRENGTH: 0.0 if penalty == "none" else float(lambda_)}
        plain = {name: _plain(value) for name, value in others.items()}
        self._values |= {name: value for name, value in plain.items() if not _absent(value)}
        self.key: str = json.dumps({name: _canonical(value) for name, value in sorted(self._values.items())})
        self.strength: str = STRENGTH

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Candidate:
        """The inverse of `params`, also of a frame's row: missing values are no parameters."""
        others = {str(name): value for name, value in params.items() if name not in (PENALTY, STRENGTH)}
        return cls(params[PENALTY], 0.0 if params[PENALTY] == "none" else params[STRENGTH], **others)

    @classmethod
    def named(cls, strength: str, params: Mapping[str, Any]) -> Candidate:
        """A candidate whose strength has a name of its own, from params with `penalty` and `lambda` as ever.

        Where no parameter says which penalty it is, the penalty has the strength's name, and the label names it once.

        >>> str(Candidate.named("weight_decay", {"penalty": "weight_decay", "lambda": 0.01, "lr": 0.1}))
        'weight_decay 0.01 with lr 0.1'
        >>> str(Candidate.named("alpha", {"penalty": "l2", "lambda": 0.01}))
        'l2 with alpha 0.01'
        >>> str(Candidate.named("", {"penalty": NO_STRENGTH, "lambda": 0, "lr": 0.1, "depth": 3}))
        'lr 0.1, depth 3'
        """
        candidate = cls.from_params(params)
        candidate.strength = strength
        return candidate

    def params(self) -> dict[str, Value]:
        """The candidate as Optuna's parameters, of which `none` has no lambda."""
        return {name: value for name, value in self._values.items() if not (self.unpenalised and name == STRENGTH)}

    @property
    def penalty(self) -> str:
        """The name of the penalty."""
        return str(self._values[PENALTY])

    @property
    def lambda_(self) -> float:
        """The strength of the penalty, 0 for `none`."""
        return float(self._values[STRENGTH])

    @property
    def unpenalised(self) -> bool:
        """Whether this is `none`."""
        return self.penalty == "none"

    @property
    def others(self) -> dict[str, Value]:
        """All parameters but penalty and lambda."""
        return {name: value for name, value in self._values.items() if name not in (PENALTY, STRENGTH)}

    def replace(self, *, penalty: str | None = None, lambda_: float | None = None, **others: Value | None) -> Candidate:
        """The same candidate with another penalty, lambda, or other values; None takes a parameter away."""
        own = {PENALTY: penalty or self.penalty, STRENGTH: self.lambda_ if lambda_ is None else lambda_}
        return Candidate.named(self.strength, own | self.others | others)

    @property
    def sort_key(self) -> tuple[Any, ...]:
        """The order of candidates: by penalty, then from weak to strong, then by the other parameters."""
        others = tuple((name, isinstance(value, str), value) for name, value in sorted(self.others.items()))
        return (self.penalty, self.lambda_, others)

    def parts(self) -> list[str]:
        """The label in parts: the penalty, then every parameter with its value."""
        strength = f"{self.strength} {number(self.lambda_)}"
        others = [f"{name} {_text(value)}" for name, value in self.others.items()]
        if self.unpenalised:
            return ["no penalty", *others]
        if self.penalty == NO_STRENGTH:
            return others or ["the only setting"]
        return [strength, *others] if self.penalty == self.strength else [words(self.penalty), strength, *others]

    def __str__(self) -> str:
        name, *rest = self.parts()
        if self.penalty == NO_STRENGTH:
            return ", ".join([name, *rest])
        return f"{name} with {', '.join(rest)}" if rest else name

    def __repr__(self) -> str:
        return f"<{self}>"

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, Candidate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: Candidate) -> bool:
        return bool(self.sort_key < other.sort_key)


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> Value:  # noqa: ANN401 - numpy's scalars too
    plain: Value = value.item() if hasattr(value, "item") else value
    return plain


def _canonical(value: Value) -> str | float:
    """10 and 10.0 are one value, and so are 0.0 and -0.0; a number and a text are two."""
    if isinstance(value, str):
        return value
    return int(value) if isinstance(value, int) or value.is_integer() else value


def _text(value: Value) -> str:
    """Whole numbers in full: a batch size is not about 1.02e+03."""
    return str(value) if isinstance(value, str | int) else number(value)
