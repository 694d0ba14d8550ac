"""What a Keras optimizer excludes from weight decay, which its config lacks."""

import re

__all__ = [
    "add_exclusions",
    "carry_over",
    "check_copyable",
    "copy_exclusions",
    "find_exclusions",
    "has_single_exclusions",
    "take_exclusions",
]

_EXCLUSIONS_KEY = "_no_weight_decay"


def find_exclusions(optimizer):
    """Return the pattern of the names that are excluded, or None."""
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    return None if pattern is None else pattern.pattern


def has_single_exclusions(optimizer):
    """Return whether single variables are excluded: a copy can't do that."""
    return bool(getattr(optimizer, "_exclude_from_weight_decay", None))


def copy_exclusions(original, copied):
    """Let a copy of an optimizer exclude the same names; return it."""
    _exclude(copied, find_exclusions(original))
    return copied


def _exclude(optimizer, pattern):
    if pattern is not None and find_exclusions(optimizer) != pattern:
        # What exclude_from_weight_decay sets: it refuses optimizers that were built.
        optimizer._exclude_from_weight_decay_pattern = re.compile(pattern)
        optimizer._exclude_from_weight_decay_cache = {}


def carry_over(original, cloned):
    """Copy to the clone of a network what is in no parameter; return the clone.

    These are its observer, and what its optimizer excludes from weight decay.
    """
    _exclude(cloned.optimizer, find_exclusions(original.optimizer))
    if original._observer is not None:
        original._observer.follow(cloned)
    return cloned


def add_exclusions(state):
    """Return the state of a network with what its optimizer excludes."""
    pattern = find_exclusions(state.get("optimizer"))
    return state if pattern is None else {**state, _EXCLUSIONS_KEY: pattern}


def take_exclusions(state):
    """Return the state of a network, with the exclusions of its optimizer."""
    state = dict(state)
    _exclude(state.get("optimizer"), state.pop(_EXCLUSIONS_KEY, None))
    return state


def check_copyable(optimizer):
    """Check that a copy of an optimizer would do the same.

    Raises
    ------
    ValueError
        If it excludes single variables from weight decay.
    """
    if has_single_exclusions(optimizer):
        raise ValueError(
            f"optimizer={type(optimizer).__name__} excludes single variables from "
            "weight decay, which a copy for another model can't: exclude them by name, "
            "as in exclude_from_weight_decay(var_names=['bias'])."
        )
