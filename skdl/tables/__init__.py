"""Tables as people have them: columns of any kind, read and made numbers."""
