"""Every parser that reads from a wire or a disk meets whatever comes (invariants 8 and 9)."""
