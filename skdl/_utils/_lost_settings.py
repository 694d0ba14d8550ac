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
    parts = given.values() if isinstance(given, dict) else given
    if not isinstance(parts, (list, tuple, type({}.values()))):
        parts = [parts]
    for part in parts:
        if isinstance(part, (list, tuple, dict)):
            refuse_lost_settings(name, part)
        settings = settings_of(part)
        if not settings or not type(part).__module__.startswith("keras."):
            continue
        copied = settings_of(type(part).from_config(part.get_config()))
        lost = {k: v for k, v in settings.items() if copied.get(k) != v}
        if lost:
            kind = type(part).__name__
            raise ValueError(
                f"{name}={kind} has {lost}, which Keras leaves out of its "
                "configuration: clones and pickles would have another value. Give a "
                f"name and the setting beside it (huber_delta of skdl's regressors; "
                f"{name}__{next(iter(lost))} of a wrapped model), or a function of "
                "your own."
            )
