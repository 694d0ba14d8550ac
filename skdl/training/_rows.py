"""Runs of steps, and the scoring after each, inside a TensorFlow graph.

TensorFlow has one pool of threads for the inside of its operations, sized once
for the whole process. Small matrix products are split over that pool at a loss,
and at a larger one when several fits run side by side. Only ``tf.data`` can
narrow the pool for a part of a graph, so the loop over small steps is written
as a data set of one element: a function that TensorFlow runs inline, on one
thread, beside whatever else the process does.
"""

import tensorflow as tf

__all__ = ["fits_on_one_thread", "run_on_all_threads", "run_on_one_thread"]


def run_on_all_threads(train, score, steps, pieces):
    """Take the steps of each run in order; score all pieces at the end of a run.

    A run is an epoch, or several that nobody scores.

    Parameters
    ----------
    train, score : callable
        They take a row of the table of steps, or of pieces, and return four floats.
    steps : tuple of tf.Tensor
        Columns of the table of steps, each of shape (n_runs, n_steps, ...).
    pieces : tuple of tf.Tensor
        Columns of the table of pieces, each of shape (n_pieces, ...).

    Returns
    -------
    tf.Tensor of shape (n_runs * (n_steps + n_pieces), 4)
        What was returned, in order.
    """

    def run_one(columns):
        trained = _map(lambda row: train(*row), columns, [4])
        scored = _map(lambda row: score(*row), pieces, [4])
        return tf.concat([trained, scored], axis=0)

    return tf.reshape(_map(run_one, steps, [None, 4]), [-1, 4])


def _map(function, table, shape):
    signature = tf.TensorSpec(shape, tf.float32)
    return tf.map_fn(
        function, table, fn_output_signature=signature, parallel_iterations=1
    )


def run_on_one_thread(train, score, steps, pieces):
    """Do what ``run_on_all_threads`` does, all of it inline on one CPU thread."""

    def run_one(*columns):
        together = tf.raw_ops.ConcatenateDataset(
            input_dataset=_map_dataset(train, columns, [4]),
            another_dataset=_map_dataset(score, pieces, [4]),
            **_types([4]),
        )
        return _stack(together, tf.shape(columns[0])[0] + tf.shape(pieces[0])[0], [4])

    def run_all(index):
        results = _map_dataset(run_one, steps, [None, 4])
        return _stack(results, tf.shape(steps[0])[0], [None, 4])

    shape = [None, None, 4]
    one = tf.constant(1, tf.int64)
    traced = _trace(run_all, [tf.TensorSpec([], tf.int64)])
    whole = tf.raw_ops.ParallelMapDatasetV2(
        input_dataset=tf.raw_ops.RangeDataset(
            start=one - 1,
            stop=one,
            step=one,
            output_types=[tf.int64],
            output_shapes=[tf.TensorShape([])],
        ),
        other_arguments=traced.captured_inputs,
        num_parallel_calls=one,
        f=traced,
        use_inter_op_parallelism=False,
        deterministic="true",
        **_types(shape),
    )
    narrow = tf.raw_ops.MaxIntraOpParallelismDataset(
        input_dataset=whole, max_intra_op_parallelism=one, **_types(shape)
    )
    results = tf.raw_ops.DatasetToSingleElement(dataset=narrow, **_types(shape))[0]
    return tf.reshape(results, [-1, 4])


_CONTROL_FLOW = {
    "Case",
    "If",
    "StatelessCase",
    "StatelessIf",
    "StatelessWhile",
    "While",
}


def fits_on_one_thread(traced):
    """Return whether TensorFlow's executor for one thread can run a traced loop.

    It knows no loops and branches inside a step: recurrent layers have them.
    """
    graph = traced.graph.as_graph_def()
    nodes = [node for function in graph.library.function for node in function.node_def]
    return not any(node.op in _CONTROL_FLOW for node in nodes)


def _map_dataset(function, table, shape):
    """Return the data set of what ``function`` returns for each row of ``table``."""
    traced = _trace(function, [_row_spec(column) for column in table])
    return tf.raw_ops.MapDataset(
        input_dataset=tf.raw_ops.TensorSliceDataset(
            components=table, output_shapes=[column.shape[1:] for column in table]
        ),
        other_arguments=traced.captured_inputs,
        f=traced,
        use_inter_op_parallelism=False,
        **_types(shape),
    )


def _stack(dataset, n_rows, shape):
    """Return the elements of a data set as one tensor."""
    stacked = tf.raw_ops.BatchDatasetV2(
        input_dataset=dataset,
        batch_size=tf.cast(n_rows, tf.int64),
        drop_remainder=False,
        **_types([None, *shape]),
    )
    return tf.raw_ops.DatasetToSingleElement(dataset=stacked, **_types([None, *shape]))[
        0
    ]


def _types(shape):
    return {"output_types": [tf.float32], "output_shapes": [tf.TensorShape(shape)]}


def _trace(function, signature):
    return tf.function(function, autograph=False).get_concrete_function(*signature)


def _row_spec(column):
    return tf.TensorSpec(column.shape[1:], column.dtype)
