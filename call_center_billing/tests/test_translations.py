"""The translations that come with the add-ons, held against their templates."""

import re
from pathlib import Path

import polib
import pytest

ADDONS = Path(__file__).parents[2]
LANGUAGES = ("de", "es", "fr", "pt_BR")
FILES = [(template, template.with_name(f"{code}.po")) for template in sorted(ADDONS.glob("*/i18n/*.pot")) for code in LANGUAGES]
HOLES = re.compile(r"%\(\w+\)[sdf]|%[sdf]|</?[a-z0-9]+|\{\{.*?\}\}")
"""What a program fills in, and markup."""


def name(path):
    return f"{path.parent.parent.name}-{path.stem}" if isinstance(path, Path) else None


@pytest.mark.parametrize(("template", "translated"), FILES, ids=name)
def test_every_term_is_translated(template, translated):
    wanted = {entry.msgid for entry in polib.pofile(str(template))}
    known = {entry.msgid for entry in polib.pofile(str(translated)) if entry.msgstr and not entry.fuzzy and not entry.obsolete}
    assert not wanted - known


@pytest.mark.parametrize(("template", "translated"), FILES, ids=name)
def test_translations_keep_what_is_filled_in(template, translated):
    different = [
        entry.msgid
        for entry in polib.pofile(str(translated))
        if entry.msgstr and sorted(HOLES.findall(entry.msgid)) != sorted(HOLES.findall(entry.msgstr))
    ]
    assert not different
