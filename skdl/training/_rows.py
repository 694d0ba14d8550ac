"""Map a step over the rows of a table inside a TensorFlow graph.

TensorFlow has one pool of threads for the inside of its operations, sized once
for the whole process. Small matrix products are split over that pool at a loss,
and at a larger one when several fits run side by side. Only ``tf.data`` can
narrow the pool for a part of a graph, so the loop over small steps is written
as a data set of one element: a function that TensorFlow runs inline, on one
thread, beside whatever else the process does.
"""

import tensorflow as tf

__all__ = ["map_rows", "map_rows_on_one_thread"]


def map_rows(step, table):
    """Apply ``step`` to each row, in order, and stack what it returns.

    Parameters
    ----------
    step : callable
        Takes one row (a tuple of tensors) and returns a vector of floats.
    table : tuple of tf.Tensor
        The columns: tensors of one length, the number of rows.

    Returns
    -------
    tf.Tensor of shape (n_rows, n_results)
        What the steps returned, as float32.
    """
    signature = tf.TensorSpec([None], tf.float32)
    return tf.map_fn(step, table, fn_output_signature=signature, parallel_iterations=1)


def map_rows_on_one_thread(step, table):
    """Do what ``map_rows`` does, with every operation inline on one CPU thread."""
    result = {
        "output_types": [tf.float32],
        "output_shapes": [tf.TensorShape([None, None])],
    }
    one = tf.constant(1, tf.int64)

    def loop(element):
        rows = tf.raw_ops.TensorSliceDataset(
            components=table, output_shapes=[column.shape[1:] for column in table]
        )
        traced = _trace(lambda *row: step(row), [_row_spec(c) for c in table])
        stepped = tf.raw_ops.MapDataset(
            input_dataset=rows,
            other_arguments=traced.captured_inputs,
            f=traced,
            use_inter_op_parallelism=False,
            output_types=[tf.float32],
            output_shapes=[tf.TensorShape([None])],
        )
        stacked = tf.raw_ops.BatchDatasetV2(
            input_dataset=stepped,
            batch_size=tf.shape(table[0], out_type=tf.int64)[0],
            drop_remainder=False,
            **result,
        )
        return tf.raw_ops.DatasetToSingleElement(dataset=stacked, **result)[0]

    traced_loop = _trace(loop, [tf.TensorSpec([], tf.int64)])
    whole = tf.raw_ops.ParallelMapDatasetV2(
        input_dataset=tf.raw_ops.RangeDataset(
            start=one - 1,
            stop=one,
            step=one,
            output_types=[tf.int64],
            output_shapes=[tf.TensorShape([])],
        ),
        other_arguments=traced_loop.captured_inputs,
        num_parallel_calls=one,
        f=traced_loop,
        use_inter_op_parallelism=False,
        deterministic="true",
        **result,
    )
    narrow = tf.raw_ops.MaxIntraOpParallelismDataset(
        input_dataset=whole, max_intra_op_parallelism=one, **result
    )
    return tf.raw_ops.DatasetToSingleElement(dataset=narrow, **result)[0]


def _trace(function, signature):
    return tf.function(function, autograph=False).get_concrete_function(*signature)


def _row_spec(column):
    return tf.TensorSpec(column.shape[1:], column.dtype)
