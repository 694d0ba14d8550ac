"""Functions that build small Keras models, for the tests of the wrappers."""

import keras


def build_classifier(meta, hidden=16, dropout=0.0):
    several = meta["target_type_"] == "multilabel-indicator"
    plain = several or meta["n_classes_"] == 1
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(
                meta["n_classes_"], activation="sigmoid" if plain else "softmax"
            ),
        ]
    )


def build_compiled_classifier(meta, compile_kwargs):
    model = build_classifier(meta)
    several = meta["target_type_"] == "multilabel-indicator"
    loss = "binary_crossentropy" if several else "sparse_categorical_crossentropy"
    model.compile(**{**compile_kwargs, "loss": loss})
    return model


def build_rich_classifier(meta):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            layers.Dense(32, activation="tanh", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(16, activation="relu", kernel_constraint="max_norm"),
            layers.GaussianNoise(0.1),
            layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def build_regressor(meta, hidden=16):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(meta["n_outputs_"]),
        ]
    )


def build_image_classifier(meta):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


class Doubled(keras.layers.Layer):
    """A layer that Keras does not know."""

    def call(self, inputs):
        return 2 * inputs


def build_with_own_layer(meta):
    model = build_classifier(meta)
    return keras.Sequential([keras.Input(meta["X_shape_"][1:]), Doubled(), model])


class OwnModel(keras.Model):
    """A subclassed model."""

    def __init__(self, n_classes):
        super().__init__()
        self.hidden = keras.layers.Dense(16, activation="relu")
        self.head = keras.layers.Dense(n_classes, activation="softmax")

    def call(self, inputs):
        return self.head(self.hidden(inputs))


def build_own_model(meta):
    return OwnModel(meta["n_classes_"])


class InterruptOnce(keras.callbacks.Callback):
    """Interrupts the first epoch that it sees, in any of its copies."""

    def __init__(self):
        super().__init__()
        self.pressed = []

    def __deepcopy__(self, memo):
        return self

    def on_epoch_end(self, epoch, logs=None):
        if not self.pressed:
            self.pressed.append(epoch)
            raise KeyboardInterrupt
