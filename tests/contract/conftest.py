"""Properties of the contract are about verdicts, not about time: on a busy machine a slow example is no failure."""

from hypothesis import settings

settings.register_profile("contract", deadline=None)
settings.load_profile("contract")
