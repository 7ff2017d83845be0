"""Accept the raw table as it is: write what check holds new files to into data/schema/."""

from pathlib import Path

from slipway.project.entry import parser, run
from slipway.project.settings import load_params


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params(open_task=True)
    data = params.data
    from slipway.checks.profile import profile_of
    from slipway.checks.schema import schema_of, write_schema
    from slipway.tables.reading import read_raw_table

    path = Path("data/schema") / f"{data.name}.yaml"
    with read_raw_table(Path("data/raw") / data.name, data.read) as raw:
        profile, _ = profile_of(raw, data.label, data.task, params.check.sample_rows)
        schema = schema_of(raw, profile)
    write_schema(path, schema)
    print(f"Accepted {len(schema)} columns: {path}. Commit it; `dvc repro` goes on.")


if __name__ == "__main__":
    run(main)
