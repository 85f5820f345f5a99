"""Free memory of machines, containers and batch jobs, made of files in a folder."""

import psutil
import pytest

from jaxstyle.runtime.free_memory import free_memory

MB = 1 << 20


@pytest.fixture
def machine(tmp_path):
    """A machine with 800 MB free; called with the text of /proc/self/cgroup, its root folder."""
    (tmp_path / "proc/self").mkdir(parents=True)
    lines = f"MemTotal: {9000 * 1024} kB\nMemAvailable: {800 * 1024} kB\n"
    (tmp_path / "proc/meminfo").write_text(lines, encoding="utf-8")

    def root(groups=None):
        if groups is not None:
            (tmp_path / "proc/self/cgroup").write_text(groups, encoding="utf-8")
        return tmp_path

    return root


def group(root, name, **files):
    folder = root / "sys/fs/cgroup" / name
    folder.mkdir(parents=True, exist_ok=True)
    for key, value in files.items():
        (folder / f"memory.{key}").write_text(f"{value}\n", encoding="utf-8")


def test_a_machine_without_groups(machine):
    assert free_memory(machine()) == 800 * MB


def test_where_there_is_no_proc(tmp_path):
    assert free_memory(tmp_path) == pytest.approx(psutil.virtual_memory().available, rel=0.5)


@pytest.mark.parametrize(("limit", "expected"), [(500 * MB, 400), (2000 * MB, 800), ("max", 800)])
def test_a_container_of_version_2(machine, limit, expected):
    root = machine("0::/\n")
    group(root, "", max=limit, current=100 * MB)
    assert free_memory(root) == expected * MB


def test_cached_files_count_as_free(machine):
    root = machine("0::/\n")
    group(root, "", max=500 * MB, current=450 * MB, stat=f"anon 1\ninactive_file {300 * MB}\nactive_file 7")
    assert free_memory(root) == 350 * MB


def test_the_narrowest_of_the_groups_around_a_job(machine):
    root = machine("0::/slurm/job_3/step_0\n")
    group(root, "slurm", max=700 * MB, current=100 * MB)
    group(root, "slurm/job_3", max=400 * MB, current=100 * MB)
    group(root, "slurm/job_3/step_0", max="max", current=50 * MB)
    assert free_memory(root) == 300 * MB


def test_version_1(machine):
    root = machine("5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n")
    group(root, "memory", limit_in_bytes=9223372036854771712, usage_in_bytes=5)
    group(root, "memory/docker/abc", limit_in_bytes=300 * MB, usage_in_bytes=200 * MB)
    group(root, "memory/docker/abc", stat=f"total_inactive_file {50 * MB}")
    group(root, "cpu/docker/abc", limit_in_bytes=1, usage_in_bytes=1)
    assert free_memory(root) == 150 * MB


def test_a_path_outside_of_the_container(machine):
    root = machine("0::/../../other\n")
    group(root, "", max=100 * MB, current=0)
    assert free_memory(root) == 100 * MB
