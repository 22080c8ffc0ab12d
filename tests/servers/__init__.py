"""Real servers on loopback for tests: each starts in a folder of its own and is ended by its process id."""
