"""What several parts of skdl use, and nothing of skdl beside."""
