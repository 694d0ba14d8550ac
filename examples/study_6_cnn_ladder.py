"""Study 6: a ladder of CNNs
=========================

CIFAR-10, a CNN: what each step of preprocessing, augmentation and training adds.

Three convolutions of 5 x 5 (32, 64 and 64 filters), each followed by pooling, and a
dense layer of 1,000 units. The plain images are numbers from 0 to 255. Each rung keeps
what the one below it has: standardized channels, ZCA whitening, flips and crops, a
better optimizer and schedule, dropout, batch normalization. Top-1 and top-5 accuracy on
the test images: nothing is chosen by them.
"""

from _study import load_images, make_parser, parse, run
from sklearn.metrics import make_scorer, top_k_accuracy_score
from sklearn.pipeline import Pipeline

from skdl import CNNClassifier
from skdl.preprocessing import ImageScaler, ZCAWhitening


def make_rungs(crop):
    """Return the rungs: each has the changes of those below it."""
    steps = {
        "plain": {},
        "standardized": {"scaler": ImageScaler("channel")},
        "ZCA": {"whitening": ZCAWhitening(epsilon=0.1)},
        "flips and crops": {"cnn__augmentation": {"flip": "horizontal", "crop": crop}},
        "momentum, one cycle": {
            "cnn__optimizer": "sgd",
            "cnn__learning_rate": 0.02,
            "cnn__momentum": 0.9,
            "cnn__nesterov": True,
            "cnn__learning_rate_schedule": "one_cycle",
        },
        "dropout": {"cnn__dropout": 0.3},
        "batch normalization": {"cnn__conv_batch_norm": True},
    }
    rungs, so_far = {}, {}
    for name, step in steps.items():
        so_far = {**so_far, **step}
        rungs[name] = so_far
    return rungs


def top_k(k):
    return make_scorer(top_k_accuracy_score, k=k, response_method="predict_proba")


def main(arguments=None):
    parser = make_parser(__doc__, epochs=60, data="cifar10")
    options = parse(parser, arguments)
    X, y, X_test, y_test = load_images(options)
    X, X_test = 255 * X, 255 * X_test  # plain are the bytes of a pixel
    network = CNNClassifier(
        conv_filters=(32, 64, 64),
        kernel_size=5,
        hidden_layer_sizes=(1000,),
        dropout=0.0,
        optimizer="adam",
        learning_rate=0.001,
        batch_size=128,
        epochs=options.epochs,
    )
    pipeline = Pipeline(
        [("scaler", "passthrough"), ("whitening", "passthrough"), ("cnn", network)]
    )
    run(
        "CNN ladder",
        pipeline,
        make_rungs(crop=max(1, X.shape[1] // 8)),
        X,
        y,
        options,
        validation=(X_test, y_test),
        scoring={"top1": top_k(1), "top5": top_k(5)},
    )


if __name__ == "__main__":
    main()
