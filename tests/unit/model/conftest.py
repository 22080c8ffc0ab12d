"""How hypothesis runs here: no deadlines, for machines are shared."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("model", deadline=None)
settings.load_profile("model")
