"""Numbers of payment cards in texts that have no business to hold them: found by prefix, length and check digit."""

import re
from collections.abc import Iterable, Iterator

SHORTEST = 13
RUN = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,}(?![0-9])")
# First digits and lengths of the networks: Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay and Maestro.
NETWORKS = re.compile(
    "4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"
    "|(?:5[1-5]|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]*"
    "|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}|35[0-9]{14}|6[0-9]{15,18}"
)
MASTERCARD = re.compile("[25]")
MAX_GROUPS = 40


def find(text: str) -> list[str]:
    """Card numbers in a text, as they are written there.

    >>> find("card 4111 1111 1111 1111, 5500-0055-5555-5559 or 378282246310005"), find("4111111111111112"), find("")
    (['4111 1111 1111 1111', '5500-0055-5555-5559', '378282246310005'], [], [])
    >>> find("order 12 4111 1111 1111 1111 exp 12"), find("+4917055501111"), find("1699999999.4111"), find("41111111111111111111")
    (['4111 1111 1111 1111'], [], [], [])
    """
    return [card for run in RUN.findall(text or "") for card in _within(run)]


def is_card(digits: str) -> bool:
    """
    >>> is_card("4111111111111111"), is_card("4111111111111121"), is_card("2223003122003222"), is_card("1234567812345670")
    (True, False, True, False)
    """
    if not NETWORKS.fullmatch(digits) or MASTERCARD.match(digits) and len(digits) != 16:
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _within(run: str) -> list[str]:
    """What of a run of groups of digits is a card: whole groups, the first that fit."""
    parts = re.split("([ -])", run)
    found, first = [], 0
    while first < min(len(parts), 2 * MAX_GROUPS):
        for last in range(len(parts), first, -2):
            text = "".join(parts[first:last])
            digits = re.sub("[ -]", "", text)
            if SHORTEST <= len(digits) <= 19 and is_card(digits):
                found.append(text)
                first = last - 1
                break
        first += 2
    return found


def hidden(text: str) -> str:
    """
    >>> hidden("card 4111 1111 1111 1111"), hidden("nothing"), hidden(None)
    ('card XXXX XXXX XXXX XXXX', 'nothing', None)
    """
    return without(text, find(text))


def without(text: str, secrets: Iterable[str]) -> str:
    """A text in which no digit of these is left; the rest stays in its place."""
    for secret in secrets:
        text = text.replace(secret, re.sub("[0-9]", "X", secret))
    return text


def differences(text: str, masked: str) -> set[str]:
    """What was hidden of a text.

    >>> sorted(differences("a 4111 1111 b 77", "a XXXX XXXX b 77"))
    ['4111 1111']
    """
    spans = re.finditer("X(?:[ -]?X)*", masked) if len(text) == len(masked) else ()
    return {text[span.start() : span.end()] for span in spans} - {""}


def bytes_without(chunks: Iterable[bytes], secrets: Iterable[str]) -> Iterator[bytes]:
    """The content of a file in which no digit of these texts is left, of the same length.

    >>> b"".join(bytes_without([b"x 41", b"11 y", b" z"], ["4111"]))
    b'x XXXX y z'
    """
    pairs = []
    for secret in sorted(secrets, key=len, reverse=True):
        crossed = re.sub("[0-9]", "X", secret)
        pairs += {(secret.encode(code), crossed.encode(code)) for code in ("utf-8", "utf-16-le", "utf-16-be")}
    longest = max((len(secret) for secret, _crossed in pairs), default=1)
    carry = b""
    for chunk in chunks:
        carry += chunk
        for secret, crossed in pairs:
            carry = carry.replace(secret, crossed)
        if ready := carry[: 1 - longest] if longest > 1 else carry:
            yield ready
        carry = carry[len(ready) :]
    if carry:
        yield carry
