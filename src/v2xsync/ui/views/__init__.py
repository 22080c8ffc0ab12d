"""The rooms behind the number keys; only the one on screen is fed."""
