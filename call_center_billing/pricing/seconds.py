"""Counted seconds become charged seconds. Whole numbers only: a float could begin a step that nobody used."""


def charged_seconds(counted: int, first: int, following: int, minimum: int = 0, grace: int = 0, maximum: int = 0) -> int:
    """Seconds of one call that are charged: what the rating engine's SQL computes, for a single call.

    In this order: a call up to ``grace`` is free as a whole; no more than ``maximum`` counts; nothing stays nothing; the
    rest is at least ``minimum``; then comes the first increment in full and after it steps, each begun one in full.
    Product model 2.

    :param first: seconds of the first increment
    :param following: seconds of each further one, at least 1
    :param grace: 0 = none
    :param maximum: 0 = none

    >>> [charged_seconds(seconds, 30, 6) for seconds in (32, 57, 75)]
    [36, 60, 78]
    >>> charged_seconds(85, 60, 60), charged_seconds(85, 30, 6), charged_seconds(85, 1, 1)
    (120, 90, 85)
    >>> charged_seconds(0, 60, 60, minimum=30), charged_seconds(5, 1, 1, minimum=30), charged_seconds(5, 1, 1, grace=5)
    (0, 30, 0)
    >>> charged_seconds(7200, 60, 60, maximum=3600)
    3600
    """
    if counted <= grace:
        return 0
    need = max(min(counted, maximum or counted), minimum)
    if need <= first:
        return first
    return first + (need - first + following - 1) // following * following


def sum_rounded(seconds: int, first: int, following: int) -> int:
    """Seconds of a whole period that are charged where increments are taken on their sum. Product model 3.

    >>> sum_rounded(3 * 61, 60, 60) // 60, 3 * charged_seconds(61, 60, 60) // 60  # minutes on the sum, per call
    (4, 6)
    """
    return charged_seconds(seconds, first, following)
