"""Asks a model. One module per thing that is talked to; `base` and `errors` are the whole vocabulary.

Importing this package loads no SDK. Machinery is imported from its own module.
"""

from backends.base import (
    Backend,
    Connector,
    Event,
    Finished,
    Locality,
    Located,
    Message,
    Metered,
    ModelInfo,
    Progress,
    Request,
    Stop,
    TextDelta,
    ThinkingDelta,
    Timings,
    Usage,
)
from backends.errors import BackendError
from backends.spec import ModelSpec, SpecError

__all__ = [
    "Backend",
    "BackendError",
    "Connector",
    "Event",
    "Finished",
    "Locality",
    "Located",
    "Message",
    "Metered",
    "ModelInfo",
    "ModelSpec",
    "Progress",
    "Request",
    "SpecError",
    "Stop",
    "TextDelta",
    "ThinkingDelta",
    "Timings",
    "Usage",
]
