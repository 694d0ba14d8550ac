"""Compiled training: programs, their cache, and the loop over epochs."""
