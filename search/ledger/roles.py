"""Which parameter of somebody else's study is the strength of a penalty, and which one names the penalty."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from search.core.candidate import NO_STRENGTH, PENALTY, STRENGTH, Candidate
from search.core.errors import UserError
from search.core.results import MEASURES

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

STRENGTHS: Final = (
    "lambda|lambda_|lambd|lam|lmbda|weight_decay|wd|alpha|l1|l2|reg|c|lambda_l1|lambda_l2|reg_lambda|reg_alpha|"
    "reg_param|l1_reg|l2_reg|l2_leaf_reg|(l1_|l2_)?regulari[sz]ation(_strength)?|penalty_strength|ridge"
)
INVERSE: Final = "c"  # scikit-learn's C divides the penalty
PENALTIES: Final = "penalty|penalty_type|regulari[sz]er|regulari[sz]ation|reg_type"
# Logarithmic as well, and something else.
OTHERS: Final = (
    "lr|lr_.*|.*_lr|lr\\d+|learning_rate.*|eta|eta0|step_size|eps|epsilon|tol|tolerance|gamma|momentum|beta_?\\d?|"
    "temperature|sigma|std|.*_std|noise.*|length_scale|.*_scale|width|.*_units|hidden.*|batch_size|var_smoothing|coef0"
)

TAKEN: Final = frozenset({PENALTY, STRENGTH, "trial", "state", *MEASURES}) - {"epochs"}


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of the parameters that are the strength and the penalty, None where there is none."""

    strength: str | None = None
    penalty: str | None = None

    @property
    def inverse(self) -> bool:
        """Whether the parameter is one over the strength."""
        return self.strength is not None and _named(self.strength, INVERSE)

    @property
    def label(self) -> str:
        """What labels call the strength; nothing where there is none."""
        return f"1/{self.strength}" if self.inverse else self.strength or ""

    def candidate(self, params: Mapping[str, Any]) -> Candidate:
        """A trial's candidate: a strength of 0 or None, and a penalty none, are no penalty."""
        others = self.own({name: each for name, each in params.items() if name not in (self.strength, self.penalty)})
        penalty, strength = self._read(params)
        return Candidate.named(self.label, {PENALTY: penalty, STRENGTH: strength, **others})

    def own(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A trial's parameters as columns: those that are called as one of ours, and are not it, get another name."""
        roles = {self.strength, self.penalty} & {PENALTY, STRENGTH}
        return {
            f"{name}_" if name in TAKEN else name: _plain(value) for name, value in params.items() if name not in roles
        }

    def _read(self, params: Mapping[str, Any]) -> tuple[str, float]:
        penalty = str(params[self.penalty]) if self.penalty and self.penalty in params else self.label
        if penalty.lower() == "none":
            return "none", 0.0
        if self.strength is None or self.strength not in params:
            return NO_STRENGTH, 0.0
        value = params[self.strength]
        strength = 0.0 if value is None else float(value)
        if strength < 0:
            raise UserError(
                f"--strength: {self.strength} has the value {value}; valid is a parameter that is never negative"
            )
        strength = 1 / strength if self.inverse and strength else strength
        return ("none", 0.0) if strength == 0 else (penalty, strength)


def find_roles(spaces: Mapping[str, BaseDistribution], strength: str | None = None) -> Roles:
    """The roles of the parameters with these distributions; `strength` is the user's word.

    A parameter with a known name is the strength, else the only one that is logarithmic and not known as something
    else. `UserError` where several could be meant, and for a `strength` that is none of the parameters.
    """
    numeric = [name for name, space in spaces.items() if _is_number(space)]
    names = [name for name, space in spaces.items() if _named(name, PENALTIES) and _is_text(space)]
    penalty = names[0] if len(names) == 1 else None
    if strength is not None:
        if strength not in numeric:
            valid = ", ".join(numeric) or "none of its parameters, which are no numbers"
            raise UserError(f"--strength: {strength!r} is no parameter that is a number; valid is: {valid}")
        return Roles(strength, penalty)
    able = [name for name in numeric if _never_negative(spaces[name])]
    found = [name for name in able if _named(name, STRENGTHS)] or [
        name for name in able if _is_logarithmic(spaces[name]) and not _named(name, OTHERS)
    ]
    if len(found) > 1:
        raise UserError(
            f"several parameters may be the strength: {', '.join(found)}; name one with --strength (strength=)"
        )
    return Roles(found[0], penalty) if found else Roles()


def _named(name: str, pattern: str) -> bool:
    """Whether a parameter has a name of the pattern, alone or behind what it belongs to: "model__alpha", "svc_c"."""
    return re.fullmatch(rf"(.*[^a-z0-9])?({pattern})", name.lower()) is not None


def _is_number(space: BaseDistribution) -> bool:
    choices = getattr(space, "choices", None)
    if choices is None:
        return True
    numbers = [value for value in choices if isinstance(value, int | float) and not isinstance(value, bool)]
    return bool(numbers) and all(value in numbers or value is None for value in choices)


def _is_text(space: BaseDistribution) -> bool:
    return any(isinstance(value, str) for value in getattr(space, "choices", ()))


def _never_negative(space: Any) -> bool:  # noqa: ANN401 - of three kinds
    if hasattr(space, "choices"):
        return all(value is None or value >= 0 for value in space.choices)
    return bool(space.low >= 0)


def _is_logarithmic(space: Any) -> bool:  # noqa: ANN401 - of three kinds
    """A float on a logarithmic scale; whole numbers on one are sizes."""
    return bool(getattr(space, "log", False)) and isinstance(space.low, float)


def _plain(value: Any) -> Any:  # noqa: ANN401 - Optuna's choices may be anything
    return value if value is None or isinstance(value, str | int | float) else str(value)
