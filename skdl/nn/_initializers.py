"""The initial weights of a network."""

import math
from functools import partial

import numpy as np

from skdl._utils._hints import parameters_of
from skdl.nn._backend import keras, tf
from skdl.nn._dropout import PHILOX

__all__ = ["draw_kernel", "initial_weights", "make_initializer"]

_N_SEEDS = np.iinfo(np.int32).max - 1  # of Keras' initializers
_ALGORITHM = np.array(PHILOX, np.int32)

# The variance of a kernel: He et al. (2015), Glorot and Bengio (2010).
_UNIFORM = {
    "he_uniform": lambda n_inputs, n_outputs: 2 / n_inputs,
    "glorot_uniform": lambda n_inputs, n_outputs: 2 / (n_inputs + n_outputs),
}


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
            draw = partial(draw_kernel, chosen, int(next(seeds) >> 1))
        weights += layer.first_weights(shapes, draw)
    return weights


def draw_kernel(initializer, seed, shape):
    """Draw the first values of a kernel.

    Parameters
    ----------
    initializer : str or dict
        An initializer of Keras.
    seed : int
        Seed of its random numbers.
    shape : tuple of int
        The shape of the kernel, its inputs and outputs last.

    Returns
    -------
    ndarray of float32
    """
    if isinstance(initializer, str) and initializer in _UNIFORM:
        return _draw_uniform(initializer, seed, shape)
    return make_initializer(initializer, seed)(shape, dtype="float32").numpy()


def _draw_uniform(name, seed, shape):
    """Draw what the initializer of Keras draws, bit for bit.

    Keras takes ten operations for it, a fifth of Python's work in a small fit.
    """
    n_positions = math.prod(shape[:-2])
    variance = _UNIFORM[name](n_positions * shape[-2], n_positions * shape[-1])
    limit = np.float32(math.sqrt(3 * variance))
    # Arrays: these operations convert lists and numbers more slowly, and constants are
    # made by more of Python.
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(
        seed=np.array([seed % _N_SEEDS, 0], np.int32)
    )
    kernel = tf.raw_ops.StatelessRandomUniformV2(
        shape=np.array(shape, np.int32),
        key=key,
        counter=counter,
        alg=_ALGORITHM,
        dtype=tf.float32,
    ).numpy()
    kernel *= 2 * limit
    kernel -= limit
    return kernel


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
