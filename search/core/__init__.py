"""What all rooms share: a candidate, the table of results, what is known beside it. Imports nothing of ours."""

from search.core.candidate import Candidate
from search.core.errors import UserError
from search.core.results import Results

__all__ = ["Candidate", "Results", "UserError"]
