"""Pages of text about one thing: a file, a device, a hold. Each story is a pure function of values and a width."""
