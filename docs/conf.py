"""How `./run docs` makes pages of these files: plain Markdown, read by Sphinx with MyST."""

project = "Call Center Billing"
author = "Call Center Billing contributors"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
highlight_language = "none"
html_theme = "furo"
html_title = project
html_show_copyright = False
html_show_sphinx = False
# Links to headings of other pages are checked like links to the pages themselves.
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
nitpicky = True
