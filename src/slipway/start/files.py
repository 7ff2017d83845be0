"""The files that describe a table: its settings, and a recipe to begin with."""

import json
import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# What YAML's two versions or Hydra's grammar take for something else than a text.
NOT_TEXT = "null|none|true|false|yes|no|on|off|y|n|nan|inf"
# A table's name is a folder, a file, a Python module and a word in `-S data=…`.
TABLE_NAME = rf"(?!(?:{NOT_TEXT})$)[a-z][a-z0-9_]{{0,62}}"

RECIPE = '''\
"""Yours. {table}: every column but those left out below. src/recipes/as_is.py explains the two functions of a recipe."""

from collections.abc import Mapping
from typing import Any

from sklearn.base import TransformerMixin
from sklearn.compose import ColumnTransformer

{left_out}


def features(settings: Mapping[str, Any]) -> TransformerMixin:
    """Return an unfitted transformer that leaves some columns out."""
    keep = ColumnTransformer([("left out", "drop", LEFT_OUT)], remainder="passthrough", verbose_feature_names_out=False)
    return keep.set_output(transform="pandas")
'''


def table_name(stem: str) -> str:
    """Return a table's name made of a file's.

    >>> table_name("Customers 2026 (final).v2"), table_name("2026-sales"), table_name("null")
    ('customers_2026_final_v2', 'table_2026_sales', 'table_null')
    """
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:50]
    return name if re.fullmatch(TABLE_NAME, name) and not keyword.iskeyword(name) else f"table_{name}".rstrip("_")


def as_yaml(value: Any) -> str:
    r"""Return a setting's value as YAML on one line, also where OmegaConf or an older YAML would take it for another.

    >>> as_yaml("churned"), as_yaml("yes"), as_yaml("a: ${b}"), as_yaml(None), as_yaml({"when": "%d.%m.%Y"})
    ('churned', '"yes"', '"a: \\\\${b}"', 'null', '{"when": "%d.%m.%Y"}')
    """
    if isinstance(value, dict):
        pairs = (f"{as_text(key)}: {as_text(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", value) and not re.fullmatch(NOT_TEXT, value, re.IGNORECASE)
        return value if plain else as_text(value.replace("${", "\\${"))
    return json.dumps(value)


def as_text(text: str) -> str:
    """Return a text in double quotes, as YAML and Python both read it."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(
        c if c.isprintable() or c == " " else f"\\u{ord(c):04x}" if ord(c) < 1 << 16 else f"\\U{ord(c):08x}"
        for c in written
    )


def settings_file(values: Mapping[str, Any]) -> str:
    """Return the text of conf/data/<table>.yaml, its comments included."""
    from jinja2 import Environment, StrictUndefined

    template = (Path(__file__).parent / "table.yaml.j2").read_text(encoding="utf-8")
    said = {key: " ".join(str(values[key]).split()) for key in ("about", "method", "others") if key in values}
    written = {key: as_yaml(value) for key, value in values.items()} | said
    # Autoescape is for HTML and would change the text; as_yaml quotes for YAML.
    environment = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)  # noqa: S701
    return environment.from_string(template).render(written)


def recipe_file(table: str, left_out: Mapping[str, str]) -> str:
    """Return the text of src/recipes/<table>.py, with the reason beside each column that it leaves out."""
    lines = [f"    # {why}\n    {as_text(column)}," for column, why in left_out.items()]
    written = "LEFT_OUT: list[str] = [" + "".join(f"\n{line}" for line in lines) + ("\n]" if lines else "]")
    return RECIPE.format(table=table, left_out=written)
