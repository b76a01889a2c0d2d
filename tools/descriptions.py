"""What each add-on shows of itself, made from its `readme` fragments: `./run descriptions [--check]`.

README.md is for package indexes, static/description/index.html and banner.png are for Odoo's list of apps. OCA's generator does the same for
repositories of OCA; it is no package, and its pages lead to OCA's own trackers.
"""

import ast
import html
import sys
import textwrap
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
FRAGMENTS = ("DESCRIPTION", "INSTALL", "CONFIGURE", "USAGE", "CONTRIBUTORS")
TITLES = {"INSTALL": "Installation", "CONFIGURE": "Configuration", "USAGE": "Usage", "CONTRIBUTORS": "Contributors"}
PICTURES = {  # beside the description, with what is on them
    "call_center_billing": (
        ("statement", "A client checks the calls behind an invoice"),
        ("sources", "The phone systems: today's calls against a usual day, and what is missing"),
        ("proof", "Proof: every record and every cent of a month"),
        ("dashboard", "The running period and the last ones, for the client"),
    )
}
MADE = "Made by ./run descriptions from the fragments in readme/"


def addons():
    return sorted(path.parent for path in ROOT.glob("call_center_billing*/__manifest__.py"))


def manifest(addon):
    return ast.literal_eval((addon / "__manifest__.py").read_text())


def sections(addon):
    """The fragments that the add-on has, each with its title."""
    for name in FRAGMENTS:
        file = addon / "readme" / f"{name}.md"
        if file.is_file():
            yield TITLES.get(name), file.read_text().strip()


def readme(addon):
    facts = manifest(addon)
    parts = [f"<!-- {MADE} -->", f"# {facts['name']}", f"{facts['summary']}."]
    for title, text in sections(addon):
        parts += [f"## {title}", text.replace("\n## ", "\n### ")] if title else [text]
    return "\n\n".join([*parts, f"License: {facts['license']}"]) + "\n"


def page(addon):
    """Only what Odoo leaves of a page: no style, no script. Classes are those of Odoo's own pages."""
    facts, render = manifest(addon), MarkdownIt("commonmark").enable("table").render
    parts = [f"<h1>{html.escape(facts['name'])}</h1>", f'<p class="lead">{html.escape(facts["summary"])}</p>']
    for title, text in sections(addon):
        parts += [f"<h2>{title}</h2>"] if title else []
        parts.append(
            render(text).replace("<h2>", "<h3>").replace("</h2>", "</h3>").replace("<table>", '<table class="table table-sm">')
        )
        if not title:
            for name, words in PICTURES.get(addon.name, ()):
                parts.append(
                    f'<p><img class="img img-fluid border" src="{name}.png" alt="{html.escape(words)}" /><br /><i>{html.escape(words)}</i></p>'
                )
    body = "\n".join(part.strip() for part in parts)
    return (
        f'<!DOCTYPE html>\n<!-- {MADE} -->\n<html lang="en">\n<head><meta charset="utf-8" /><title>{html.escape(facts["name"])}</title></head>\n'
        f'<body>\n<section class="container">\n{body}\n</section>\n</body>\n</html>\n'
    )  # fmt: skip


def banner(addon):
    """The add-on's icon, name and summary, as wide and high as lists of apps want it."""
    from PIL import Image, ImageDraw, ImageFont

    facts, image = manifest(addon), Image.new("RGB", (1120, 560), "#1f3a5f")
    draw = ImageDraw.Draw(image)
    icon = Image.open(addon / "static/description/icon.png").convert("RGBA").resize((220, 220))
    image.paste(icon, (70, 170), icon)
    fonts = Path("/usr/share/fonts/truetype/dejavu")
    lines = [(line, "DejaVuSans-Bold.ttf", 52) for line in textwrap.wrap(facts["name"], 22)]
    lines += [("", "DejaVuSans.ttf", 14)] + [(line, "DejaVuSans.ttf", 30) for line in textwrap.wrap(facts["summary"], 38)]
    y = 280 - sum(round(size * 1.3) for _line, _font, size in lines) // 2
    for line, font, size in lines:
        draw.text((350, y), line, "white", ImageFont.truetype(str(fonts / font), size))
        y += round(size * 1.3)
    return image.quantize(64)


def texts(addon):
    """:return: what is made of the fragments, by its file"""
    return {addon / "README.md": readme(addon), addon / "static/description/index.html": page(addon)}


def main(*arguments):
    stale = [file for addon in addons() for file, text in texts(addon).items() if not file.is_file() or file.read_text() != text]
    if "--check" in arguments:
        sys.exit(
            "\n".join([f"{file.relative_to(ROOT)} is not what its fragments say: ./run descriptions" for file in stale]) or 0
        )
    for addon in addons():
        for file, text in texts(addon).items():
            file.write_text(text)
        banner(addon).save(addon / "static/description/banner.png", optimize=True)
        print(f"  {addon.name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
