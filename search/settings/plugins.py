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
        raise UserError(
            f'{key}: cannot import "{name}": {error}; modules are looked for beside the study file where '
            "one is given, in the working folder and among the installed packages"
        ) from error
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f'{key}: cannot import "{name}": {error}; write it as "package.module:function"') from error
    if not callable(found):
        raise UserError(f'{key}: "{name}" is a {type(found).__name__}; it must be a function')
    return found  # type: ignore[no-any-return]
