"""Study 3: bias and variance
==========================

MNIST, an MLP 784-512-10: a diagnosis, its remedies, and optimizers in MLflow.

54,000 images to train on, 6,000 to choose by, 10,000 to test. First a diagnosis, then
what is done against high variance, then optimizers, tracked in MLflow (extra
``skdl[mlflow]``; look at them by ``mlflow ui --backend-store-uri sqlite:///mlflow.db``).
The test images are looked at once, with the best of all variants.
"""

from _study import flat, load_images, make_parser, parse, run
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from skdl import MLPClassifier
from skdl.inspection import diagnose


def main(arguments=None):
    parser = make_parser(__doc__, epochs=20, data="mnist")
    parser.add_argument("--no-tracking", action="store_true", help="do without MLflow")
    options = parse(parser, arguments)
    X, y, X_test, y_test = load_images(options)
    X_train, X_val, y_train, y_val = train_test_split(
        flat(X), y, test_size=0.1, stratify=y, random_state=options.seed
    )
    validation = (X_val, y_val)
    network = MLPClassifier(
        hidden_layer_sizes=(512,),
        activation="relu",
        dropout=0.0,
        l2=0.0,
        optimizer="rmsprop",
        learning_rate=0.001,
        batch_size=128,
        epochs=options.epochs,
        random_state=options.seed,
    )

    # %%
    found = diagnose(
        network, X_train, y_train, validation=validation, random_state=options.seed
    )
    print(found)

    # %%
    # ``input_dropout`` stands before the dense layer, ``dropout`` behind it. In
    # "normalized" the order is dense, batch normalization, activation, dropout.
    remedies = run(
        "Remedies",
        network,
        {
            "plain": {},
            "L2 0.001": {"l2": 0.001},
            "dropout before 0.2": {"input_dropout": 0.2},
            "dropout behind 0.5": {"dropout": 0.5},
            "dropout before and behind": {"input_dropout": 0.2, "dropout": 0.5},
            "normalized, dropout behind": {"normalization": "batch", "dropout": 0.5},
        },
        X_train,
        y_train,
        options,
        validation=validation,
        target_score=0.98,
    )
    optimizers = run(
        "Tracked optimizers",
        network.set_params(dropout=0.5),
        {
            "SGD with momentum": {
                "optimizer": "sgd",
                "learning_rate": 0.01,
                "momentum": 0.9,
            },
            "RMSprop": {},
            "Adam": {"optimizer": "adam"},
        },
        X_train,
        y_train,
        options,
        validation=validation,
        target_score=0.98,
        tracking=None if options.no_tracking else "mlflow",
    )

    # %%
    # The one look at the test images.
    name, comparison = max(
        ((c.frame()["val_score"].idxmax(), c) for c in (remedies, optimizers)),
        key=lambda pair: pair[1].frame()["val_score"].max(),
    )
    dropout = 0.5 if comparison is optimizers else 0.0
    changes = {"dropout": dropout, **comparison.variants[name]}
    best = clone(network).set_params(**changes).fit(X_train, y_train)
    print(f"\nBest: {name}. Test accuracy: {best.score(flat(X_test), y_test):.4f}")


if __name__ == "__main__":
    main()
