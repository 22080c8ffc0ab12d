"""The configs of older systems, turned into ours: recognised by shape, read key by key, drafted, written as TOML."""
