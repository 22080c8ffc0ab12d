"""The window onto a station: a Textual application that sees the facade and its views, and nothing else.

The screen *pulls* frozen pictures a few times a second and repaints only lines whose text changed; no worker ever waits
for it. Everything is drawn by two widgets, `bars.Bar` (one line) and `lines.LineList` (many), in named tones and with
one of two glyph sets. Start reading at `launch.run`, then `app.CourierApp`.
"""
