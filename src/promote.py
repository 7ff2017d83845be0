"""Move an alias to a version of the registered model by hand, for a reason that is kept, or roll back."""

import getpass
import platform
from datetime import UTC, datetime

from slipway.project.entry import UserError, parser, run
from slipway.project.settings import load_params


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("version", nargs="?", type=int, help="who gets the alias")
    arguments.add_argument("--back", action="store_true", help="the version that had it before, instead")
    arguments.add_argument("--reason", required=True, help="why; kept as a tag of the version")
    arguments.add_argument("--alias", help="default: register.alias")
    arguments.add_argument("--replacing", type=int, metavar="N", help="the version that you expect to have it now")
    given = arguments.parse_args()
    if (given.version is None) == (not given.back):
        raise UserError("Got neither or both of a version and --back, expected one. `python src/promote.py --help`.")
    settings = load_params(open_task=True).register_
    name, alias = settings.model, given.alias or settings.alias
    from slipway.registration.registry import aliases_of, move_alias
    from slipway.registration.tracking import client_of_store, retrying

    def move() -> None:
        client = client_of_store()
        aliases = aliases_of(client, name)
        now, version = aliases.get(alias), aliases.get(f"previous-{alias}") if given.back else given.version
        known = sorted(int(v.version) for v in client.search_model_versions(f"name = '{name}'"))
        if version not in known:
            what = f"version {version} of {name}" if version else f"no previous {alias} of {name} to go back to"
            raise UserError(f"Got {what}, expected one of its versions: {', '.join(map(str, known)) or 'it has none'}.")
        older = now is not None and version < now and not given.back
        if given.replacing != now and (older or given.replacing is not None):
            raise UserError(
                f"Got version {version} for the {alias}, which is version {now} at present; expected you to know. If the older "
                f"one is what you want, say `--replacing {now}`."
            )
        if version == now:
            print(f"promote: version {version} is the {alias} already")
            return
        when = datetime.now(UTC)
        says = f"{alias} from version {now} by {getpass.getuser()} at {platform.node()}: {given.reason}"
        client.set_model_version_tag(name, str(version), f"moved {when:%Y-%m-%d %H.%M.%S}", says[:5000])
        move_alias(client, name, alias, version)
        print(
            f"promote: version {version} of {name} is the {alias}; before it was {f'version {now}' if now else 'none'}"
        )

    retrying("promote", move)


if __name__ == "__main__":
    run(main)
