"""What a search may take of the machine: its CPUs, and memory up to the container's limit, which AutoGluon does not see."""

from pathlib import Path

from slipway.project.automl_settings import Automl

CGROUP = Path("/sys/fs/cgroup")
GIGABYTE = 1024**3


def container_limit_gb(root: Path = CGROUP) -> float | None:
    """Return how many gigabytes the control group of this process may fill, in either version; None without a limit."""
    limits = [root / "memory.max", root / "memory/memory.limit_in_bytes"]
    said = [text for file in limits if file.is_file() and (text := file.read_text(encoding="ascii").strip()).isdigit()]
    return min((int(text) / GIGABYTE for text in said if int(text) < 2**60), default=None)


def cpus_of(settings: Automl) -> int | None:
    """Return how many CPUs a search takes: the setting's number, or its share of the machine; None for all of them."""
    from autogluon.common.utils.resource_utils import ResourceManager

    if settings.num_cpus or settings.share == 1:
        return settings.num_cpus
    return max(1, int(ResourceManager.get_cpu_count() * settings.share))


def memory_gb(settings: Automl) -> float | None:
    """Return how many gigabytes a search may fill: the setting's, or its share of the container or machine; None for all."""
    import psutil

    container = container_limit_gb()
    if settings.memory_limit or settings.share == 1:
        return min(filter(None, (settings.memory_limit, container)), default=None)
    return (container or psutil.virtual_memory().total / GIGABYTE) * settings.share


def free_bytes(settings: Automl) -> float:
    """Return how many bytes a search may fill: what is free, and no more than its limit."""
    import psutil

    limit = memory_gb(settings)
    return min(psutil.virtual_memory().available, limit * GIGABYTE if limit else float("inf"))


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
