"""Parts of an allowance, in percent, as people write them."""

import re

from odoo.exceptions import ValidationError


def thresholds(text):
    """Percents out of a text such as "80, 100", ascending; None of something else.

    >>> thresholds("100, 80 %"), thresholds("")
    ([80, 100], [])
    >>> thresholds("80 or so"), thresholds("0")
    (None, None)
    """
    percents = [part.strip(" %") for part in re.split("[,;]", text or "") if part.strip()]
    if not all(re.fullmatch("[0-9]{1,3}", percent) and int(percent) for percent in percents):
        return None
    return sorted({int(percent) for percent in percents})


def check_thresholds(records, name):
    for record in records:
        if thresholds(record[name]) is None:
            raise ValidationError(
                record.env._("'%s' is no list of percents, such as 80, 100: whole numbers from 1 to 999.", record[name])
            )
