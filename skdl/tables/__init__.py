"""Read data frames whose columns are of any kind, and encode them as numbers."""
