"""ecompulse: real-time commerce analytics in one command."""

__version__ = "0.1.0"
