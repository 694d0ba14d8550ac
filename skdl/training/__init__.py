"""Compiled training: programs, their cache, and the loop over epochs."""

from skdl.training._cache import ProgramCache, programs

__all__ = ["ProgramCache", "programs"]
