"""Penalties Omega(w), each behind one small contract; see `base.Penalty`."""

from search.penalties.base import Penalty, Prior
from search.penalties.elementwise import L1, L2, ElasticNet, NoPenalty
from search.penalties.group import GroupLasso
from search.penalties.table import PENALTY_TYPES, make_penalty

__all__ = ["L1", "L2", "PENALTY_TYPES", "ElasticNet", "GroupLasso", "NoPenalty", "Penalty", "Prior", "make_penalty"]
