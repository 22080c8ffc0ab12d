"""Our own themes: calm, dark and light, and one of the terminal's own sixteen colours for slow links."""

from __future__ import annotations

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

DARK = "courier"
LIGHT = "courier-light"
SIXTEEN = "courier-16"

THEMES: tuple[Theme, ...] = (
    Theme(
        name=DARK,
        primary="#7aa7d9",
        secondary="#8d9fb3",
        accent="#5fc3bd",
        success="#86c48a",
        warning="#e2b35a",
        error="#ee7d74",
        foreground="#d3dbe3",
        background="#11161c",
        surface="#161d25",
        panel="#1c2530",
        dark=True,
        variables={
            "quiet": "#8b9bac",
            "faint": "#4c5a69",
            "cursor": "#24384d",
            "cursor-idle": "#1a2530",
            "footer-key-foreground": "#7aa7d9",
            "input-selection-background": "#7aa7d9 35%",
            "block-cursor-background": "#24384d",
            "block-cursor-foreground": "#d3dbe3",
        },
    ),
    Theme(
        name=LIGHT,
        primary="#235f9e",
        secondary="#5b6b7b",
        accent="#0b7a74",
        success="#2c7a35",
        warning="#8f5b00",
        error="#b3261e",
        foreground="#1d2733",
        background="#f6f7f9",
        surface="#eef1f4",
        panel="#e2e7ec",
        dark=False,
        variables={
            "quiet": "#55636f",
            "faint": "#9aa7b3",
            "cursor": "#cfe0f2",
            "cursor-idle": "#e6ebf0",
            "footer-key-foreground": "#235f9e",
            "block-cursor-background": "#cfe0f2",
            "block-cursor-foreground": "#1d2733",
        },
    ),
    Theme(
        name=SIXTEEN,
        ansi=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        accent="ansi_cyan",
        success="ansi_green",
        warning="ansi_yellow",
        error="ansi_red",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        dark=True,
        variables={
            "quiet": "ansi_default",
            "faint": "ansi_bright_black",
            "cursor": "ansi_default",
            "cursor-idle": "ansi_default",
            "ansi-background": "ansi_black",
            "ansi-foreground": "ansi_white",
            "block-cursor-background": "ansi_blue",
            "block-cursor-foreground": "ansi_default",
        },
    ),
)


def our_names(theme: Theme) -> dict[str, str]:
    """Return colours for our own variables in `theme`, which may not know them; its own values win."""
    if theme.ansi:
        return {
            "quiet": "ansi_default",
            "faint": "ansi_bright_black",
            "cursor": "ansi_default",
            "cursor-idle": "ansi_default",
        }
    names = theme.to_color_system().generate()
    front, back, primary = (Color.parse(names[name]) for name in ("foreground", "background", "primary"))
    return {
        "quiet": back.blend(front, 0.66).hex,
        "faint": back.blend(front, 0.33).hex,
        "cursor": back.blend(primary, 0.3).hex,
        "cursor-idle": back.blend(primary, 0.12).hex,
    }


def name_for(wanted: str, *, low_bandwidth: bool) -> str:
    """Return the theme to start with."""
    return wanted or (SIXTEEN if low_bandwidth else DARK)


TONES: Mapping[str, tuple[str, bool]] = {
    "plain": ("foreground", False),
    "strong": ("foreground", True),
    "quiet": ("quiet", False),
    "faint": ("faint", False),
    "good": ("success", False),
    "busy": ("primary", False),
    "warn": ("warning", False),
    "bad": ("error", True),
    "accent": ("accent", False),
    "bar": ("primary", False),
    "track": ("faint", False),
    "brand": ("accent", True),
    "title": ("quiet", False),
    "title-on": ("primary", True),
    "tab-on": ("foreground", True),
    "key": ("primary", True),
    "alert": ("warning", True),
}
"""Every tone of text: the theme's variable that colours it, and whether it is bold."""

Inks = Mapping[str, Style]


def inks_of(variables: Mapping[str, str]) -> Inks:
    """Return the style of every tone, and of the cursor, which is reversed in the terminal's own colours."""
    styles = {tone: Style(color=_rich(variables[name]), bold=bold) for tone, (name, bold) in TONES.items()}
    over = {name: _ground(variables[name], name) for name in ("cursor", "cursor-idle")}
    return styles | over | {"tab-on": styles["tab-on"] + over["cursor"]}


def _ground(colour: str, name: str) -> Style:
    if Color.parse(colour).ansi is None:
        return Style(bgcolor=_rich(colour))
    return Style(reverse=True) if name == "cursor" else Style()


def _rich(colour: str) -> RichColor:
    return Color.parse(colour).rich_color
