"""Write the schema of conf/ for editors, which complete and check its files by it: .vscode/schema/<group>.json."""

import json
import re
from pathlib import Path
from typing import Any

from slipway.project.entry import parser, run
from slipway.project.files import write_json
from slipway.project.settings import Params

DRAFT = {"$schema": "http://json-schema.org/draft-07/schema#"}
# Hydra's own keys, and a value that is filled in when conf/ is composed.
DEFAULTS = {"defaults": {"type": "array", "description": "What this file builds on, in order."}}
FILLED_IN = {"type": "string", "pattern": r"\$\{.+\}"}


def schemas() -> dict[str, dict[str, Any]]:
    """Return a JSON Schema for the files of each folder of conf/, by the folder's name.

    ``config`` is for the files that are about the whole: config.yaml and conf/experiment/. A file that builds on others
    by ``defaults`` may leave out any key; so may all below the first level, since Hydra merges. Any value may be an
    interpolation.
    """
    whole = Params.model_json_schema(by_alias=True)
    kinds = whole["$defs"]
    found = {}
    for group, says in whole["properties"].items():
        if "$ref" in says:
            kind = kinds[says["$ref"].rpartition("/")[2]]
            complete = {"required": [key for key in kind["required"] if not key.startswith("_")]}
            found[group] = {**_lenient(kind), "anyOf": [complete, {"required": ["defaults"]}]}
    found["compute"] = {key: value for key, value in found["automl"].items() if key != "anyOf"}
    together = _lenient(whole)["properties"] | {"hydra": {"type": "object"}}
    found["config"] = {"type": "object", "additionalProperties": False, "properties": together}
    shared = {name: _lenient(kind) for name, kind in kinds.items()}
    return {
        name: {**DRAFT, **schema, "properties": DEFAULTS | schema["properties"], "$defs": _used(schema, shared)}
        for name, schema in sorted(found.items())
    }


def _used(schema: Any, kinds: dict[str, Any]) -> dict[str, Any]:
    """Return those of the named kinds that a schema refers to, sooner or later."""
    names = set(re.findall(r"#/\$defs/(\w+)", json.dumps(schema)))
    inner = [_used(kinds[name], kinds) for name in names]
    return {name: kinds[name] for name in sorted(names.union(*inner))}


def _lenient(schema: Any) -> Any:
    """Return a schema in which no key is required and any value of a key may be an interpolation."""
    if isinstance(schema, list):
        return [_lenient(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        # A split without a method fits several kinds, of which ``oneOf`` would allow one.
        "anyOf" if key == "oneOf" else key: _lenient(value)
        for key, value in schema.items()
        if key not in ("required", "title", "discriminator")
    }
    if isinstance(kept.get("properties"), dict) and kept.get("type") == "object":
        kept["properties"] = {key: {"anyOf": [value, FILLED_IN]} for key, value in kept["properties"].items()}
    return kept


def main() -> None:
    parser(__doc__).parse_args()
    for name, schema in schemas().items():
        write_json(Path(".vscode/schema") / f"{name}.json", schema)
    print("Wrote .vscode/schema/; .vscode/settings.json says which file of conf/ each is for.")


if __name__ == "__main__":
    run(main)
