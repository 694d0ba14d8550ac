"""The variants of a comparison: names, and the parameters that each changes."""

import numpy as np

from skdl._utils._candidates import make_candidate
from skdl._utils._description import describe, short_name, without_addresses

__all__ = ["describe_changes", "name_variants"]


def name_variants(estimator, variants):
    """Return the changes of each variant by its name.

    Parameters
    ----------
    estimator : estimator
        What is varied.
    variants : dict
        Names and dicts of parameters, or one parameter and its values.

    Raises
    ------
    TypeError
        If they are something else.
    ValueError
        If there are none, two have one name, or the estimator lacks a parameter.
    """
    if not isinstance(variants, dict):
        raise TypeError(
            f"variants={variants!r} must be a dict of named changes, such as {{'SGD': "
            "{'optimizer': 'sgd'}}, or of one parameter and its values, such as "
            "{'dropout': [0.0, 0.2]}."
        )
    if not variants:
        raise ValueError("variants is empty: give at least one.")
    named = variants
    if not all(isinstance(changes, dict) for changes in variants.values()):
        named = _name_values(variants)
    for name, changes in named.items():
        try:
            make_candidate(estimator, changes)
        except (TypeError, ValueError) as error:
            raise ValueError(f"variants[{name!r}]={changes!r}: {error}") from error
    found = {str(name): dict(changes) for name, changes in named.items()}
    if len(found) < len(named):
        raise ValueError(f"Two of the variants {list(named)} have the same name.")
    return found


def describe_changes(changes):
    """Return the changes of a variant as text, the same in any process."""
    return ", ".join(f"{name}={describe(value)}" for name, value in changes.items())


def _name_values(variants):
    """Return a variant for each value of one parameter."""
    if len(variants) > 1:
        raise TypeError(
            f"variants={variants!r} must have a dict of changes for each variant, or a "
            "list of values for one parameter alone."
        )
    ((parameter, values),) = variants.items()
    if isinstance(values, str) or not np.iterable(values):
        raise TypeError(f"variants[{parameter!r}]={values!r} must be a list of values.")
    # NumPy 2 writes np.float64(0.1), and the values are in the names.
    values = [v.item() if isinstance(v, np.generic) else v for v in values]
    # Of two objects nobody else can say whether they are the same.
    plain = [text for text in map(repr, values) if without_addresses(text) == text]
    if len(set(plain)) < len(plain):
        raise ValueError(f"variants[{parameter!r}]={values!r} has a value twice.")
    short = parameter.split("__")[-1]
    names = [f"{short}={short_name(value)}" for value in values]
    # Two objects of a class: numbered, in their order.
    names = [
        f"{name} ({names[: k + 1].count(name)})" if names.count(name) > 1 else name
        for k, name in enumerate(names)
    ]
    return dict(zip(names, ({parameter: value} for value in values), strict=True))
