"""Phone numbers as they are compared."""

import re


def number_key(number: str) -> str:
    """A phone number as digits only, without scheme, host, ``+`` or ``00``.

    The same rule as :func:`.sql.number_key`, for the few numbers that people type.

    >>> number_key("+49 (0)30 555-0100"), number_key("0049030 5550100"), number_key("sip:4930@pbx:5060")
    ('490305550100', '490305550100', '4930')
    >>> number_key("Anonymous"), number_key("")
    ('anonymous', '')
    """
    bare = re.match(r"(?:tel:|sips?:)?([^@;]*)", (number or "").strip().lower()).group(1)
    digits = re.sub(r"^00", "", re.sub(r"[^0-9]", "", bare))
    return digits or bare
