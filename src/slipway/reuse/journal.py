"""What the last run of the pipeline ran and reused, from the journal that every stage writes a line into when it ends."""

import json

from slipway.project.entry import JOURNAL


def last_run(stages: list[str]) -> str | None:
    """Return in a sentence what the last run that ran anything ran, what it reused and the time which that saved.

    Parameters
    ----------
    stages
        All of the pipeline.
    """
    if not JOURNAL.is_file():
        return None
    lines = [json.loads(line) for line in JOURNAL.read_text(encoding="utf-8").splitlines()]
    ran = [line for line in lines if line["run"] == lines[-1]["run"]]
    names = {line["stage"] for line in ran}
    took = {line["stage"]: line["seconds"] for line in lines}  # of each stage the last time
    reused = [stage for stage in stages if stage not in names]
    says = (
        f"The last run ran {', '.join(s for s in stages if s in names)} in {sum(line['seconds'] for line in ran):.1f} s"
    )
    if not reused:
        return f"{says} and reused nothing."
    saved = sum(took.get(stage, 0) for stage in reused)
    known = "which saved " + (f"{saved:.1f} s" if all(s in took for s in reused) else f"{saved:.1f} s at least")
    return f"{says} and reused {', '.join(reused)}, {known}."
