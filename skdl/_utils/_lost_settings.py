"""Settings of Keras' losses and metrics that their copies lack."""

__all__ = ["refuse_lost_settings", "settings_of"]


def settings_of(part):
    """Return the settings that a loss or metric of Keras calls its function with."""
    return dict(getattr(part, "_fn_kwargs", None) or {})


def refuse_lost_settings(name, given):
    """Refuse losses and metrics whose copies, and pickles, would be others.

    The configuration of ``keras.losses.Huber``, for one, leaves ``delta`` out: a clone
    of a search would train with another one.

    Parameters
    ----------
    name : str
        The parameter.
    given : object
        Its value: a loss, a metric, or a list or dict of them.

    Raises
    ------
    ValueError
        If a setting is lost; the message names it.
    """
    if isinstance(given, dict):
        given = [*given.values()]
    if isinstance(given, (list, tuple)):
        for part in given:
            refuse_lost_settings(name, part)
        return
    kind, settings = type(given), settings_of(given)
    if not settings or not kind.__module__.startswith("keras."):
        return
    copied = settings_of(kind.from_config(given.get_config()))
    lost = {k: v for k, v in settings.items() if copied.get(k) != v}
    if lost:
        raise ValueError(
            f"{name}={kind.__name__} has {lost}, which Keras leaves out of its "
            "configuration: clones and pickles would have another value. Give a "
            "name and the setting beside it (huber_delta of skdl's regressors; "
            f"{name}__{next(iter(lost))} of a wrapped model), or a function of "
            "your own."
        )
