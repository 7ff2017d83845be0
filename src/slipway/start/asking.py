"""What the command line leaves open: asked of a person, or taken as it is proposed."""

from slipway.project.entry import UserError
from slipway.project.sections import closest


def one_of(what: str, got: str, known: list[str]) -> str:
    """Return what was got when it is known; otherwise raise a UserError with the closest name."""
    if got not in known:
        shown = ", ".join(known[:30]) + ", …" * (len(known) > 30)
        raise UserError(f"Got {what} {got!r}, expected one of {shown}{closest(got, known)}.")
    return got


def answer(what: str, given: str | None, proposed: str | None, known: list[str], asking: bool) -> str:
    """Return what was given on the command line, else what a person says, else what is proposed."""
    if given is not None:
        return one_of(what, given, known)
    if not asking:
        if proposed is None:
            raise UserError(
                f"Got no {what}, expected one: {what}, such as {what} {known[-1]!r}. {len(known)} columns are there: {', '.join(known[:30])}{', …' * (len(known) > 30)}."
            )
        return proposed
    from rich.prompt import Prompt

    while True:
        said = Prompt.ask(what.lstrip("-"), default=proposed) or ""
        if said in known:
            return said
        print(f"Expected one of {', '.join(known)}{closest(said, known)}.")


def number(what: str, given: int | None, proposed: int, asking: bool) -> int:
    """Return what was given on the command line, else what a person says, else what is proposed; 1 or more."""
    if given is None and not asking:
        return proposed
    from rich.prompt import IntPrompt

    said = given if given is not None else IntPrompt.ask(what.lstrip("-"), default=proposed)
    if said < 1:
        raise UserError(f"Got {what} {said}, expected 1 or more.")
    return said


def confirmed(question: str, proposed: bool) -> bool:
    from rich.prompt import Confirm

    return Confirm.ask(question, default=proposed)
