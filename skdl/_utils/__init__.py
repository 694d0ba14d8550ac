"""Helpers that several parts of skdl use, and that use no other part of it."""
