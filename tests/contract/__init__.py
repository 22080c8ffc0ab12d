"""One contract for every device: each adapter's test file inherits the suite and says how to reach its far side."""
