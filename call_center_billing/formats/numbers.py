"""Phone numbers as they are compared, and as E.164.

The rules of a country (its code, what is dialled before national and international numbers, how long national
numbers can be) come from the ``phonenumbers`` library. They are applied by :func:`canonical_number`; whether a
number is really in use is not checked.
"""

import re
from dataclasses import dataclass

from phonenumbers import PhoneMetadata


@dataclass(frozen=True)
class Dialling:
    """How numbers are dialled in a country.

    :param code: country calling code, '' where no country is known
    :param trunk: what leads a national number, such as ``0``; '' where nothing does
    :param abroad: what leads an international number
    :param lengths: possible numbers of digits of a national number, without ``trunk``
    :param short: whether national numbers are also dialled without ``trunk``
    """

    code: str = ""
    trunk: str = ""
    abroad: tuple = ("00",)
    lengths: tuple = ()
    short: bool = False


def dialling(country: str | None) -> Dialling:
    """:param country: ISO 3166 code, such as ``DE``; None or unknown: only numbers that say it are international

    >>> dialling("DE").code, dialling("DE").trunk, dialling("US").short, dialling("US").abroad
    ('49', '0', True, ('011', '00'))
    """
    metadata = PhoneMetadata.metadata_for_region(country.upper(), None) if country else None
    if not metadata:
        return Dialling()
    trunk = metadata.national_prefix or ""
    prefix = metadata.international_prefix or ""
    abroad = {"00"} | ({prefix} if prefix.isdigit() else set())
    return Dialling(
        code=str(metadata.country_code),
        trunk=trunk,
        abroad=tuple(sorted(abroad, key=len, reverse=True)),
        lengths=tuple(length for length in metadata.general_desc.possible_length if length > 0),
        short=not trunk or trunk == str(metadata.country_code),
    )


def canonical_number(number: str, rules: Dialling = Dialling()) -> str:
    """A phone number as E.164 where its country can be told; else its digits; what is no number, in lower case.

    >>> canonical_number("0049305550100"), canonical_number("sip:4930@pbx:5060"), canonical_number("49305550100")
    ('+49305550100', '4930', '49305550100')
    >>> canonical_number("030 5550100", dialling("DE")), canonical_number("(212) 555-0100", dialling("US"))
    ('+49305550100', '+12125550100')
    >>> canonical_number("+49 (0)30 5550100", dialling("DE")), canonical_number("201", dialling("DE"))
    ('+49305550100', '201')
    >>> canonical_number("Anonymous"), canonical_number("")
    ('anonymous', '')
    """
    bare = re.match(r"(?:tel:|sips?:)?([^@;]*)", (number or "").strip().lower()).group(1)
    digits = re.sub(r"[^0-9]", "", bare)
    if bare.startswith("+"):
        return _international(digits, rules) or bare
    for prefix in rules.abroad:
        if digits.startswith(prefix):
            return _international(digits[len(prefix) :], rules) or bare
    rest = digits[len(rules.trunk) :]
    if rules.trunk and digits.startswith(rules.trunk) and len(rest) in rules.lengths:
        return _international(rules.code + rest, rules)
    # No area code of the countries of +1 begins with 0 or 1.
    if rules.short and len(digits) in rules.lengths and not (rules.code == "1" and digits[0] in "01"):
        return _international(rules.code + digits, rules)
    return digits or bare


def number_key(number: str, rules: Dialling = Dialling()) -> str:
    """What numbers are compared on: :func:`canonical_number` without its plus sign.

    >>> number_key("+49 30 555-0100") == number_key("49305550100") == number_key("030 5550100", dialling("DE"))
    True
    """
    return canonical_number(number, rules).removeprefix("+")


def _international(digits, rules):
    if not re.fullmatch("[1-9][0-9]{6,15}", digits):
        return digits
    doubled = rules.code + rules.trunk
    if rules.trunk == "0" and digits.startswith(doubled) and len(digits) - len(doubled) in rules.lengths:
        digits = rules.code + digits[len(doubled) :]  # as in +49 (0)30
    return "+" + digits
