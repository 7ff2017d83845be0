"""How much memory there is: the machine's, or the container's, which AutoGluon does not see."""

from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
GIGABYTE = 1024**3


def container_limit_gb(root: Path = CGROUP) -> float | None:
    """Return how many gigabytes the control group of this process may fill, in either version; None without a limit."""
    limits = [root / "memory.max", root / "memory/memory.limit_in_bytes"]
    said = [text for file in limits if file.is_file() and (text := file.read_text(encoding="ascii").strip()).isdigit()]
    return min((int(text) / GIGABYTE for text in said if int(text) < 2**60), default=None)


def free_bytes(limit_gb: float | None) -> float:
    """Return how many bytes a search may fill: what is free, the container's limit, or the setting's."""
    import psutil

    limits = [gigabytes * GIGABYTE for gigabytes in (limit_gb, container_limit_gb()) if gigabytes]
    return min(float(psutil.virtual_memory().available), *limits) if limits else psutil.virtual_memory().available


def used_bytes(process_id: int) -> int:
    """Return the memory of a process and of all that it started, in bytes."""
    import psutil

    used = 0
    try:
        first = psutil.Process(process_id)
        for process in [first, *first.children(recursive=True)]:
            used += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return used
