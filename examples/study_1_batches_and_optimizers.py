"""Study 1: batches and optimizers
===============================

MNIST, an MLP 128-64: the size of the batch, decay, momentum, the optimizer.

Stochastic gradient descent with one row, 128 rows and all rows a step; then with a rate
that decays, and with momentum; then against Adam and RMSprop. A sixth of the training
images is the validation part of all variants.
"""

from _study import flat, load_images, make_parser, parse, run

from skdl import MLPClassifier


def main(arguments=None):
    parser = make_parser(__doc__, epochs=50, data="mnist")
    options = parse(parser, arguments)
    X, y, _, _ = load_images(options)
    X = flat(X)
    network = MLPClassifier(
        hidden_layer_sizes=(128, 64),
        activation="relu",
        dropout=0.0,
        l2=0.0,
        optimizer="sgd",
        learning_rate=0.01,
        batch_size=128,
        epochs=options.epochs,
    )
    settings = dict(validation=1 / 6, target_score=0.95)

    # %%
    # A full batch is one step an epoch: it has twenty times the epochs.
    run(
        "Size of the batch",
        network,
        {
            "1 row": {"batch_size": 1},
            "128 rows": {},
            "all rows": {"batch_size": -1, "epochs": 20 * options.epochs},
        },
        X,
        y,
        options,
        **settings,
    )

    # %%
    # Decay divides the rate by 1 + decay * step, as Keras' old ``decay`` did.
    run(
        "Decay and momentum",
        network,
        {
            "plain": {},
            "decay 1e-6": {
                "learning_rate_schedule": {"name": "inverse_time", "decay": 1e-6}
            },
            "momentum 0.9": {"momentum": 0.9},
            "Nesterov 0.9": {"momentum": 0.9, "nesterov": True},
        },
        X,
        y,
        options,
        **settings,
    )

    # %%
    run(
        "Optimizers",
        network,
        {
            "SGD 0.01": {},
            "Adam 0.001": {"optimizer": "adam", "learning_rate": 0.001},
            "RMSprop 0.001": {"optimizer": "rmsprop", "learning_rate": 0.001},
        },
        X,
        y,
        options,
        **settings,
    )


if __name__ == "__main__":
    main()
