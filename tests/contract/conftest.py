"""Properties of the contract are about verdicts, not about time: on a busy machine a slow example is no failure."""

import os

from hypothesis import settings

EXAMPLES = int(os.environ.get("ECOMPULSE_TEST_EXAMPLES", "25"))
"""Events tried a property, where a test does not say otherwise: few, as they are tried again at each run; a soak may set thousands."""

settings.register_profile("contract", deadline=None, max_examples=EXAMPLES)
settings.load_profile("contract")
