"""A simulated world with a seed: writers, faults, deaths and people around the real engine, judged by an oracle."""
