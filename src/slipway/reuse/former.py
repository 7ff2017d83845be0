"""What a file or a folder said when a stage last ran on it: from DVC's cache, or from Git's history."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvc.repo import Repo

# Commits that touched a path, the newest first, among which its former state is looked for.
COMMITS = 20


def former_files(path: str, md5: str, cache: Path) -> dict[str, bytes] | None:
    """Return the files of a path as they were when DVC gave it this MD5, by their name below it; None where nothing kept them.

    Parameters
    ----------
    path
        A file, whose name below itself is ``""``, or a folder.
    md5
        DVC's: of the bytes, or of the list of files for a folder.
    cache
        The folder of DVC's cache that holds files by their MD5.
    """
    kept = cache / md5[:2] / md5[2:]
    if kept.is_file() and not md5.endswith(".dir"):
        return {"": kept.read_bytes()}
    commits = ["HEAD", *_git("log", f"-{COMMITS}", "--format=%H", "--", path).decode().split()]
    seen: dict[str, bytes] = {}
    for commit in dict.fromkeys(commits):
        listed = _git("ls-tree", "-r", "-z", commit, "--", path).decode().split("\0")[:-1]
        blobs = {line.partition("\t")[2]: line.split()[2] for line in listed}
        seen |= _contents([blob for blob in blobs.values() if blob not in seen])
        files = {name[len(path) + 1 :]: seen[blob] for name, blob in blobs.items()}
        if files and dvc_md5(files) == md5:
            return files
    return None


def present_files(path: str, repo: "Repo") -> dict[str, bytes]:
    """Return the files of a path as they are, by their name below it, without what .dvcignore leaves out."""
    whole = Path(repo.root_dir, path)
    if whole.is_file():
        return {"": whole.read_bytes()}
    files = sorted(map(Path, repo.dvcignore.find(repo.fs, str(whole))))
    return {file.relative_to(whole).as_posix(): file.read_bytes() for file in files}


def dvc_md5(files: dict[str, bytes]) -> str:
    """Return what DVC writes into dvc.lock for a file, or for a folder of files."""
    found = {name: hashlib.md5(content, usedforsecurity=False).hexdigest() for name, content in files.items()}
    if "" in found:
        return found[""]
    listed = json.dumps([{"md5": found[name], "relpath": name} for name in sorted(found)])
    return hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest() + ".dir"


def _contents(blobs: list[str]) -> dict[str, bytes]:
    """Return Git's blob → its bytes, read by one process."""
    answer, contents = _git("cat-file", "--batch", given="\n".join(blobs).encode()), {}
    for blob in blobs:
        header, _, rest = answer.partition(b"\n")
        size = int(header.split()[2])
        contents[blob], answer = rest[:size], rest[size + 1 :]
    return contents


def _git(*command: str, given: bytes = b"") -> bytes:
    return subprocess.run(["git", *command], input=given, capture_output=True, check=False).stdout  # noqa: S603, S607
