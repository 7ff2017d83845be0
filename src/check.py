"""Check the settings and the raw table before anything is spent, and write the table's profile."""

from pathlib import Path
from typing import Any

from slipway.entry import UserError, parser, run
from slipway.settings import Data, closest, load_params


def check_label(profile: dict[str, Any], data: Data) -> None:
    """Raise a UserError when the label of a profiled table cannot be learned."""
    classes = profile["label"]["classes"]
    place = f"Edit conf/data/, or look into data/raw/{data.name}."
    if len(classes) < 2:
        raise UserError(
            f"Got {len(classes)} class in the label {data.label!r} ({', '.join(classes)}), expected 2. {place}"
        )
    if len(classes) > 2:
        raise UserError(f"Got {len(classes)} classes in the label {data.label!r}, expected 2 for task=binary. {place}")
    if str(data.positive_class) not in classes:
        raise UserError(
            f"Got data.positive_class={data.positive_class!r}, expected a class of {data.label!r}: "
            f"{' or '.join(classes)}. {place}"
        )
    rarest = min(classes, key=classes.__getitem__)
    if classes[rarest] < 2:
        raise UserError(f"Got one row of class {rarest!r}, expected at least 2, to train and to test on. {place}")


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params()
    from slipway.files import write_json
    from slipway.guard import check_conf_is_composed
    from slipway.profile import profile_of
    from slipway.reading import read_raw_table
    from slipway.schema import check_schema

    check_conf_is_composed(Path("conf"), params.conf_digest)
    data = params.data
    with read_raw_table(Path("data/raw") / data.name, data.read) as raw:
        for note in (*raw.notes, *raw.mixed):
            print(f"check: {note}")
        if data.label not in raw.kinds:
            raise UserError(
                f"Got data.label={data.label!r}, but data/raw/{data.name} has no such column"
                f"{closest(data.label, list(raw.kinds))}. Edit conf/data/."
            )
        profile = profile_of(raw, data.label)
        if unaccepted := check_schema(raw, profile, Path("data/schema") / f"{data.name}.yaml"):
            print(f"check: {unaccepted}")
    check_label(profile, data)
    profile["reading"] = {"notes": raw.notes, "mixed": [str(mixed) for mixed in raw.mixed]}
    write_json(Path("data/profile.json"), profile)
    balance = ", ".join(f"{n} of class {c}" for c, n in profile["label"]["classes"].items())
    files = "1 file" if len(raw.files) == 1 else f"{len(raw.files)} files"
    print(f"check: {profile['rows']} rows, {len(raw.kinds)} columns in {files}; {balance}")


if __name__ == "__main__":
    run(main)
