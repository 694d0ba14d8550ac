"""Runs of steps, and the scoring after each, inside a TensorFlow graph.

TensorFlow has one pool of threads for the inside of its operations, sized once
for the whole process. Small matrix products are split over that pool at a loss,
and at a larger one when several fits run side by side. Only ``tf.data`` can
narrow the pool for a part of a graph, so the loop over small steps is written
as a data set of one element: a function that TensorFlow runs inline, on one
thread, beside whatever else the process does.
"""

import numpy as np
import tensorflow as tf

__all__ = [
    "fits_on_one_thread",
    "run_on_all_threads",
    "run_on_one_thread",
    "with_plain_arguments",
]


def run_on_all_threads(train, steps, after, results):
    """Run the steps of each run in order, and the functions that follow each run.

    A run is an epoch, or several epochs that nothing follows.

    Parameters
    ----------
    train : callable
        It takes a row of the table of steps and returns numbers.
    steps : tuple of tf.Tensor
        Columns of the table of steps, each of shape (n_runs, n_steps, ...).
    after : list of (callable, tuple of tf.Tensor)
        Functions of the same kind, and the columns of their tables, each of shape
        (n_rows, ...).
    results : tf.TensorSpec
        Spec of the numbers returned for a row.

    Returns
    -------
    tf.Tensor of shape (n_runs * (n_steps + n_rows), n_numbers)
        What was returned, in order.
    """

    def run_one(columns):
        return tf.concat(
            [
                _map(lambda row, function=function: function(*row), table, results)
                for function, table in [(train, columns), *after]
            ],
            axis=0,
        )

    table = tf.TensorSpec([None, *results.shape], results.dtype)
    return tf.reshape(_map(run_one, steps, table), [-1, *results.shape])


def _map(function, table, results):
    # A graph may run ten iterations at once by default, but each step needs the weights
    # that the one before has left.
    return tf.map_fn(
        function, table, fn_output_signature=results, parallel_iterations=1
    )


def run_on_one_thread(train, steps, after, results):
    """Do what ``run_on_all_threads`` does, all of it inline on one CPU thread."""
    table = tf.TensorSpec([None, *results.shape], results.dtype)
    whole = tf.TensorSpec([None, *table.shape], results.dtype)

    def run_one(*columns):
        together = _map_dataset(train, columns, results)
        n_rows = tf.shape(columns[0])[0]
        for function, rows in after:
            together = tf.raw_ops.ConcatenateDataset(
                input_dataset=together,
                another_dataset=_map_dataset(function, rows, results),
                **_types(results),
            )
            n_rows += tf.shape(rows[0])[0]
        return _stack(together, n_rows, results)

    def run_all(index):
        if steps[0].shape[0] == 1:  # one set less to open, and to trace
            return run_one(*(column[0] for column in steps))[tf.newaxis]
        return _stack(_map_dataset(run_one, steps, table), tf.shape(steps[0])[0], table)

    # The outermost data set has one element, the whole training: only a data set's
    # options narrow the pool of threads, and they hold for all that its functions run.
    one = tf.constant(1, tf.int64)
    traced = _trace(run_all, [tf.TensorSpec([], tf.int64)])
    # One call, yet a parallel map: it hands its function to the runner, which the limit
    # of threads is set on. A plain map calls it in its own thread.
    mapped = tf.raw_ops.ParallelMapDatasetV2(
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
        **_types(whole),
    )
    narrow = tf.raw_ops.MaxIntraOpParallelismDataset(
        input_dataset=mapped, max_intra_op_parallelism=one, **_types(whole)
    )
    found = tf.raw_ops.DatasetToSingleElement(dataset=narrow, **_types(whole))[0]
    return tf.reshape(found, [-1, *results.shape])


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

    It can't run loops or branches inside a step, which recurrent layers have.
    """
    graph = traced.graph.as_graph_def()
    nodes = [node for function in graph.library.function for node in function.node_def]
    return not any(node.op in _CONTROL_FLOW for node in nodes)


def with_plain_arguments(traced):
    """Return a function that calls a traced loop with arrays and tensors of its types.

    TensorFlow else checks each argument by itself, which takes five times as long as
    the call.
    """
    function, captured = traced.inference_fn, traced.captured_inputs

    def call(*arguments):
        tensors = [
            tf.constant(part) if isinstance(part, np.ndarray) else part
            for part in tf.nest.flatten(arguments)
        ]
        return function.call_flat(*tensors, *captured)[0]

    return call


def _map_dataset(function, table, results):
    """Return the data set of what ``function`` returns for each row of ``table``."""
    traced = _trace(function, [_row_spec(column) for column in table])
    return tf.raw_ops.MapDataset(
        input_dataset=tf.raw_ops.TensorSliceDataset(
            components=table, output_shapes=[column.shape[1:] for column in table]
        ),
        other_arguments=traced.captured_inputs,
        f=traced,
        # By the executor for one thread: to hand a small operation to another can cost
        # more than the operation.
        use_inter_op_parallelism=False,
        **_types(results),
    )


def _stack(dataset, n_rows, results):
    """Return the elements of a data set as one tensor."""
    table = tf.TensorSpec([None, *results.shape], results.dtype)
    stacked = tf.raw_ops.BatchDatasetV2(
        input_dataset=dataset,
        batch_size=tf.cast(n_rows, tf.int64),
        drop_remainder=False,
        **_types(table),
    )
    return tf.raw_ops.DatasetToSingleElement(dataset=stacked, **_types(table))[0]


def _types(results):
    return {"output_types": [results.dtype], "output_shapes": [results.shape]}


def _trace(function, signature):
    return tf.function(function, autograph=False).get_concrete_function(*signature)


def _row_spec(column):
    return tf.TensorSpec(column.shape[1:], column.dtype)
