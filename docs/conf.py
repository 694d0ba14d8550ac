"""How Sphinx builds the site: ``make docs``."""

import os
import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent))

project = "skdl"
author = "skdl developers"
copyright = "2026, skdl developers"
version = release = version_of("skdl")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]

html_theme = "pydata_sphinx_theme"
html_title = f"skdl {release}"
html_static_path = ["_static"]
html_css_files = ["skdl.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # the docstrings have the types
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"(^|/)_(quiet|study)\.py$",
    "reset_argv": "_gallery.arguments_of",
    "image_scrapers": ("_gallery.pictures_of",),
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 0,
    "abort_on_example_error": True,
    # Neither page has what needs a network: the site works offline.
    "write_computation_times": False,
    "show_signature": False,
}


# Roles in docstrings that scikit-learn's classes pass on lead to its own site.
_ROLE = re.compile(r":(?:ref|term|math):`([^`<]+?)(?: <[^`>]+>)?`")
# In reST a name that ends with an underscore is a link: "of shape (n_features_in_,)".
_NAME_IN_A_SHAPE = re.compile(r"(?<=\w)_(?=[,)])")


def _as_text(role):
    text = role[1]
    return text if " " in text else f"``{text}``"


def plain_text(app, what, name, found, options, lines):
    """Leave no links of others in a docstring."""
    for k, line in enumerate(lines):
        lines[k] = _ROLE.sub(_as_text, line)
        if "shape (" in line and "`" not in line:
            lines[k] = _NAME_IN_A_SHAPE.sub(r"\_", lines[k])


def setup(app):
    # Before numpydoc reads it, and once more: numpydoc adds what properties say.
    for priority in (400, 600):
        app.connect("autodoc-process-docstring", plain_text, priority=priority)
