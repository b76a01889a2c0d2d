"""How much the tests of a run really tried: printed at its end, and named in ``docs/promises.md``."""

from collections import Counter

TRIED = Counter()
"""What, in the words that are printed -> how many."""
