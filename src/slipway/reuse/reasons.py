"""For every stage: would it run, and why. DVC compares; here it is put into words, and nothing is run."""

from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import networkx as nx
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.meta import Meta
from dvc_data.hashfile.tree import Tree

from slipway.project.data_settings import Read
from slipway.project.sections import flat
from slipway.reuse.changes import changes, packages
from slipway.reuse.former import former_files, present_files
from slipway.reuse.tables import difference

FROM_CACHE = "would be restored from the cache, which computes nothing"


@dataclass
class Answer:
    """What `dvc repro` would do with a stage.

    Attributes
    ----------
    verdict
        "unchanged"; "would run"; "may run", as what it reads would be made anew; or FROM_CACHE: the run cache has the
        result of these very inputs.
    reasons
        Why, a line each.
    """

    stage: str
    verdict: str
    reasons: list[str] = field(default_factory=list)


class Reasons:
    """The answers for the stages of a project.

    Parameters
    ----------
    repo
        DVC's.
    settings
        The settings that the stages would read.
    read
        How raw files are read.
    """

    def __init__(self, repo: Repo, settings: dict[str, Any], read: Read) -> None:
        self.repo, self.settings, self.flat, self.read = repo, settings, flat(settings), read
        self.cache = Path(repo.cache.local.path)
        self.makers: dict[str, Answer] = {}  # out of a stage that is not unchanged → what would become of that stage
        self.restored: dict[str, str] = {}  # out that would come from the run cache → its MD5

    def answers(self) -> list[Answer]:
        """Return an answer per stage, in the order in which they run."""
        graph = self.repo.index.graph
        return [self.answer(stage) for stage in nx.dfs_postorder_nodes(graph) if stage.cmd]

    def answer(self, stage: Any) -> Answer:
        """Return whether a stage would run, given the answers for those before it."""
        answer = Answer(stage.addressing, "unchanged")
        waits = self.waiting(stage)
        if not any(out.hash_info for out in stage.outs):
            answer.reasons.append("it never ran here")
        else:
            if stage.cmd_changed:
                answer.reasons.append(f"its command is now {stage.cmd}")
            answer.reasons += [line for dep in stage.deps for line in self.changed(dep)]
            answer.reasons += [line for out in stage.outs if (line := self.spoilt(out))]
        if answer.reasons or waits:
            answer.verdict = "may run" if not answer.reasons else "would run"
            outs = None if waits else self.in_run_cache(stage)
            if outs is not None:
                answer.verdict = FROM_CACHE
                self.restored |= outs
            answer.reasons += waits
            self.makers |= {out.def_path: answer for out in stage.outs}
        return answer

    def waiting(self, stage: Any) -> list[str]:
        """Return a line per stage that would run first, with what it may change of what this stage reads."""
        changing: dict[str, list[str]] = {}
        for dep in stage.deps:
            if self.is_open(dep):
                changing.setdefault(self.makers_of(dep)[0].stage, []).append(dep.def_path)
        return [f"{', '.join(paths)} may change when {maker} runs" for maker, paths in changing.items()]

    def is_open(self, dep: Any) -> bool:
        """Return whether nobody knows what a dep will be, since the stage that makes it would run first."""
        return any(maker.verdict != FROM_CACHE for maker in self.makers_of(dep))

    def makers_of(self, dep: Any) -> list[Answer]:
        """Return the answer for the stage that makes a dep, if there is one and it is not unchanged."""
        places = [dep.def_path, *(parent.as_posix() for parent in Path(dep.def_path).parents)]
        return [self.makers[place] for place in places if place in self.makers]

    def md5(self, dep: Any) -> str | None:
        """Return a dep's MD5 as it would be when its stage's turn comes, None where nobody knows."""
        path = Path(dep.def_path)
        for place in [path, *path.parents]:
            md5 = self.restored.get(place.as_posix())
            if md5 and place == path:
                return md5
            if md5:
                inner = Tree.load(self.repo.cache.local, HashInfo("md5", md5)).get(path.relative_to(place).parts)
                return inner[1].value if inner and inner[1] else None
        return dep.get_hash().value if dep.exists else None

    def changed(self, dep: Any) -> list[str]:
        """Return in lines how a dep differs from what the stage last ran on."""
        if isinstance(dep, ParamsDependency):
            before = flat(dep.hash_info.value or {}) if dep.hash_info else {}
            wanted = tuple(dep.params)
            now = {k: v for k, v in self.flat.items() if k in wanted or k.startswith(tuple(f"{w}." for w in wanted))}
            return changes(before, now)
        path, former = dep.def_path, dep.hash_info.value
        md5 = former if self.is_open(dep) else self.md5(dep)
        if md5 == former:
            return []
        if not former:
            return [f"{path} is a new dependency"]
        if md5 is None:
            return [f"{path} is missing"]
        if self.makers_of(dep):
            return [f"{path} would be another one"]
        return self.in_words(path, former)

    def in_words(self, path: str, former_md5: str) -> list[str]:
        """Return how a file or folder differs from its former state."""
        former, present = former_files(path, former_md5, self.cache), present_files(path, self.repo)
        if former is None:
            return [f"{path} changed (what it was is neither in DVC's cache nor among the last commits)"]
        if path.startswith("requirements"):
            before, now = (packages(files[""].decode()) for files in (former, present))
            return changes(before, now) or [f"{path} changed, no version did"]
        if path == "params.yaml":
            return self.settings_in(former[""])
        names = sorted(name for name in former.keys() | present.keys() if former.get(name) != present.get(name))
        says = [f"{path}/{name}".rstrip("/") + how_changed(former.get(name), present.get(name)) for name in names]
        if path.startswith("data/raw/") or path.endswith(".parquet"):
            rows = difference(former, present, self.read)
            says += [f"{path}: {rows}"] if rows else []
        return says

    def settings_in(self, former: bytes) -> list[str]:
        """Return how the settings differ from a former params.yaml."""
        from ruamel.yaml import YAML

        before = {k: v for k, v in flat(YAML(typ="safe").load(former)).items() if not k.startswith("conf_digest.")}
        now = {k: v for k, v in self.flat.items() if not k.startswith("conf_digest.")}
        return changes(before, now) or ["params.yaml was composed again, from another conf/"]

    def spoilt(self, out: Any) -> str | None:
        """Return that an out is missing or was changed by hand."""
        if not out.exists:
            return f"{out.def_path} is missing"
        return f"{out.def_path} is not what the stage wrote" if out.changed_checksum() else None

    def in_run_cache(self, stage: Any) -> dict[str, str] | None:
        """Return out → MD5 of the result that the run cache has for a stage's present inputs, or None."""
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                dep.hash_info = HashInfo("params", {key: self.nested(key) for key in dep.params})  # type: ignore[arg-type]
            else:
                md5 = self.md5(dep)
                dep.hash_info, dep.meta = HashInfo("md5", md5) if md5 else HashInfo(), Meta()
        if not all(dep.hash_info for dep in stage.deps) or not all(out.use_cache for out in stage.outs):
            return None
        try:
            found = self.repo.stage_cache._load(stage)  # noqa: SLF001  DVC has no public door to ask without running
        except AssertionError:
            return None
        outs = {out["path"]: out["md5"] for out in found["outs"]} if found else {}
        return outs if outs and all(self.repo.cache.local.exists(md5) for md5 in outs.values()) else None

    def nested(self, key: str) -> Any:
        """Return a setting or a section of settings as it stands in dvc.lock."""
        return reduce(lambda section, name: section[name], key.split("."), self.settings)


def how_changed(former: bytes | None, present: bytes | None) -> str:
    """Return a word for what became of a file."""
    return " is new" if former is None else " is gone" if present is None else " changed"
