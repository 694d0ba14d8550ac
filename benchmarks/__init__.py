"""Benchmarks: skdl and its peers on the same work, in one run, alternating."""
