"""How the gallery runs the scripts of ``examples/``: arguments, and their pictures."""

import os
import shutil
from pathlib import Path

from sphinx_gallery.scrapers import figure_rst

__all__ = ["arguments_of", "pictures_of"]

OUTPUT = Path(__file__).parent / "_build" / "examples"
# Scripts that take no --quick: smaller than their defaults.
SMALLER = {
    "random_search": ["--n-iter", "10", "--folds", "3"],
    "optuna_study": ["--trials", "15", "--folds", "3"],
    "own_study": ["--trials", "15"],
    "tabular": ["--rows", "1500", "--trials", "4"],
    # MLflow would write beside the script.
    "study_3_bias_and_variance": ["--quick", "--no-tracking"],
}


def _folder_of(script):
    return OUTPUT / Path(script).stem


def arguments_of(gallery_conf, script_vars):
    """Return a small command line, with an output folder of the script's own."""
    script = script_vars["src_file"]
    folder = _folder_of(script)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    arguments = SMALLER.get(Path(script).stem, ["--quick"])
    if Path(script).stem != "own_study":  # which writes nothing
        # Relative, as it is shown on the page: a script runs in its own folder.
        shown = os.path.relpath(folder, Path(script).parent)
        arguments = [*arguments, "--output", shown]
    return arguments


def pictures_of(block, block_vars, gallery_conf):
    """Return the reST of the pictures that a script has written."""
    names = []
    for picture in sorted(_folder_of(block_vars["src_file"]).rglob("*.png")):
        target = next(block_vars["image_path_iterator"])
        shutil.copy(picture, target)
        names.append(target)
    return figure_rst(names, gallery_conf["src_dir"])
