"""Fonts for the characters that names of columns, classes and series have."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import matplotlib as mpl
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font


def fonts_for(texts: Iterable[object]) -> tuple[list[str], str]:
    """Return the families that draw texts, matplotlib's own first, and the characters that no installed font has."""
    usual = list(mpl.rcParams["font.family"])
    lacking = {character for text in texts for character in str(text) if character.isprintable()}
    lacking -= _characters(findfont(FontProperties(family=usual)))
    families: list[str] = []
    # Unicode's Last Resort comes with matplotlib and has boxes for all there is.
    upright = [font for font in fontManager.ttflist if font.style == "normal" and "Last Resort" not in font.name]
    for font in sorted(upright, key=lambda font: (font.weight != 400, font.name, font.fname)):
        if not lacking:
            break
        if font.name not in families and (has := lacking & _characters(font.fname)):
            families.append(font.name)
            lacking -= has
    return [*usual, *families], "".join(sorted(lacking))


def _characters(file: str) -> set[str]:
    with suppress(OSError, RuntimeError):  # a font that was removed, or that FreeType cannot read
        return {chr(code) for code in FT2Font(file).get_charmap()}
    return set()


@contextmanager
def legible(texts: Iterable[object]) -> Iterator[None]:
    """Draw texts in fonts that have their characters, and names as they are; say it once where no font has them.

    A name may have dollars in it, between which matplotlib would look for a formula.
    """
    families, lacking = fonts_for(texts)
    if lacking:
        shown = lacking if len(lacking) <= 10 else f"{lacking[:10]}…"
        print(f"evaluate: overview.png has boxes for {len(lacking)} characters that no installed font has: {shown}")
    with mpl.rc_context({"font.family": families, "text.parse_math": False}), warnings.catch_warnings():
        # One for every character and every time that the layout is tried.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        yield
