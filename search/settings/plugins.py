"""The user's own functions, named in a study file as "package.module:function"."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from typing import Any

from search.core.errors import UserError


def import_function(name: str, *, key: str) -> Callable[..., Any]:
    """The function that `name` points to; UserError, naming the study file's `key`, where there is none."""
    try:
        found = pkgutil.resolve_name(name)
    except ModuleNotFoundError as error:
        raise UserError(f'{key}: cannot import "{name}": {error}; {_advice(name, error)}') from error
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f'{key}: cannot import "{name}": {error}; write it as "package.module:function"') from error
    if not callable(found):
        raise UserError(f'{key}: "{name}" is a {type(found).__name__}; it must be a function')
    return found  # type: ignore[no-any-return]


def _advice(name: str, error: ModuleNotFoundError) -> str:
    """What to do where a module is missing: the one that `name` names, or one that it imports."""
    module, missing = name.partition(":")[0], str(error.name)
    if f"{module}.".startswith(f"{missing}."):
        return (
            "it is not in the working folder, not beside a study file that is given, and not installed; go to its "
            "folder, give the study file in place of the study's name, or set PYTHONPATH to its folder"
        )
    return f"{module} needs it: install it"
