"""References in the text of a bank line. A reference counts only as a whole, wherever it stands and however it is spaced:

>>> "INV202600010" in references("Payment INV/2026/00010 thanks")
True
>>> "RF18539007547034" in references("rf18 5390 0754 7034")
True
>>> "INV202600010" in references("INV/2026/000107")
False

What is too short to be nobody else's by chance is none:

>>> references("1"), references("010"), references("%"), references("INV 10")
([], [], [], [])
"""

import re

from stdnum import iso11649

MIN_LENGTH, MIN_DIGITS, MAX_LENGTH = 6, 3, 35
MAX_WORDS = 8
"""A creditor reference of 25 characters is printed in groups of four."""
_WORD = re.compile(r"[^\W_]+")
_ISO_START = re.compile(r"RF\d\d[A-Z0-9]*")
_BELGIAN = re.compile(r"[+*]{3}\s*(\d{3})\s*/\s*(\d{4})\s*/\s*(\d{3})(\d{2})\s*[+*]{3}")


def plain(reference):
    """
    >>> plain("+++020/3430/57642+++"), plain("RF18 5390 0754 7034"), plain(None)
    ('020343057642', 'RF18539007547034', '')
    """
    return "".join(_WORD.findall(reference or "")).upper()


def references(text):
    """
    :return: list of all words, and neighbouring words joined, that can be a reference, in the order of the text

    >>> references("INV/2026/1, of 5 May")
    ['INV2026', 'INV20261', 'INV20261OF', 'INV20261OF5', 'INV20261OF5MAY', '20261OF', '20261OF5', '20261OF5MAY']
    """
    words = _WORD.findall((text or "").upper())
    found = []
    for start in range(len(words)):
        joined = ""
        for word in words[start : start + MAX_WORDS]:
            joined += word
            if len(joined) > MAX_LENGTH:
                break
            if len(joined) >= MIN_LENGTH and sum(map(str.isdigit, joined)) >= MIN_DIGITS:
                found.append(joined)
    return list(dict.fromkeys(found))


def is_checked(reference):
    """Whether a plain reference carries check digits that are right, so that a typing error cannot be another reference.

    >>> is_checked("RF18539007547034"), is_checked("RF19539007547034"), is_checked("INV202600010")
    (True, False, False)
    """
    return bool(_ISO_START.fullmatch(reference)) and iso11649.is_valid(reference)


def has_wrong_check_digits(text):
    """Whether a structured reference is there, international or Belgian, whose check digits are not those of its number.

    >>> has_wrong_check_digits("RF19 5390 0754 7034"), has_wrong_check_digits("RF18 5390 0754 7034 thank you")
    (True, False)
    >>> has_wrong_check_digits("+++020/3430/57642+++"), has_wrong_check_digits("+++020/3430/57643+++")
    (False, True)
    """
    starts = [each for each in references(text) if _ISO_START.fullmatch(each)]
    if starts and not any(map(is_checked, starts)):
        return True
    return any(
        int("".join(match[:3])) % 97 != int(match[3]) % 97 for match in map(re.Match.groups, _BELGIAN.finditer(text or ""))
    )
