"""The batched training function: the only optimisation loop.

Imports models, penalties, metrics, data, settings and core.
"""

from search.training.batch import Observer
from search.training.devices import device_notes, resolve_device, resolve_devices
from search.training.evaluate import Fitted
from search.training.price import Prices, Training
from search.training.reporting import Report, nobody
from search.training.threads import threads
from search.training.train import fit, linear_fits, train

__all__ = [
    "Fitted",
    "Observer",
    "Prices",
    "Report",
    "Training",
    "device_notes",
    "fit",
    "linear_fits",
    "nobody",
    "resolve_device",
    "resolve_devices",
    "threads",
    "train",
]
