"""Devices: the ports (`base`) and one file per protocol. Adapters never import each other or the engine."""
