"""Write the schema of conf/ for editors, which complete and check its files by it: .vscode/schema/<group>.json."""

from pathlib import Path

from slipway.project.entry import parser, run


def main() -> None:
    parser(__doc__).parse_args()
    from slipway.project.files import write_json
    from slipway.reuse.editors import schemas

    for name, schema in schemas().items():
        write_json(Path(".vscode/schema") / f"{name}.json", schema)
    print("Wrote .vscode/schema/; .vscode/settings.json says which file of conf/ each is for.")


if __name__ == "__main__":
    run(main)
