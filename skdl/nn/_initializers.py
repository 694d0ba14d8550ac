"""The initial weights of a network."""

from skdl._utils._hints import parameters_of
from skdl.nn._backend import keras

__all__ = ["initial_weights", "make_initializer"]


def initial_weights(structure, plan, initializer, seed):
    """Draw the initial weights of a network.

    Parameters
    ----------
    structure : MLPStructure
        The network.
    plan : Plan
        Its sizes.
    initializer : str or dict
        ``"auto"``, or an initializer of Keras for the kernels. With ``"auto"`` each
        layer uses its own.
    seed : np.random.SeedSequence
        Where the random numbers come from.

    Returns
    -------
    list of ndarray
        In the order of ``structure.weights``.
    """
    # A seed for each kernel: its first values do not depend on the sizes of the others.
    seeds = iter(seed.generate_state(len(plan.kernels)))
    weights = []
    for layer, shapes in zip(structure.layers, plan.weight_shapes, strict=True):
        draw = None
        if layer.has_width:
            chosen = layer.initializer if initializer == "auto" else initializer
            draw = _drawing(make_initializer(chosen, int(next(seeds) >> 1)))
        weights += layer.first_weights(shapes, draw)
    return weights


def _drawing(initializer):
    return lambda shape: initializer(shape, dtype="float32").numpy()


def make_initializer(initializer, seed):
    """Return a Keras initializer.

    ``keras.initializers.get`` would draw its seed from Python's global random state.

    Parameters
    ----------
    initializer : str or dict
        Its Keras name, or a dict with the name under ``"name"`` and settings.
    seed : int
        Seed of its random numbers, if it uses any.

    Raises
    ------
    TypeError, ValueError
        If Keras does not know the name, or it lacks a setting.
    """
    settings = {"name": initializer} if isinstance(initializer, str) else initializer
    # A copy: the dict is a parameter of the estimator, which a fit leaves as it is.
    settings = dict(settings)
    name = settings.pop("name", None)
    if "seed" in settings:
        raise ValueError("random_state seeds it, not a setting 'seed'")
    kind = getattr(keras.initializers, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, keras.Initializer)):
        raise ValueError(f"no initializer is named {name!r}")
    if "seed" in parameters_of(kind):
        settings["seed"] = seed
    return kind(**settings)
