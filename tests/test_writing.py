"""Files are written whole or not at all, and who has read or mapped the old one keeps it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stochphys.data import Trajectories
from stochphys.io.writing import check_writable, replacing, with_ending
from stochphys.movie import Movie
from stochphys.training import load_checkpoint, save_checkpoint

WRITERS = {
    "run.npz": lambda path: Trajectories(torch.zeros(2, 40_000, 3), 0.1).save(path),
    "film.npz": lambda path: Movie(torch.zeros(40, 50, 60), 0.1).save(path),
    "model.pt": lambda path: save_checkpoint(path, {"a": torch.zeros(100_000)}),
}


def in_a_process(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("name", WRITERS)
def test_a_new_file_takes_the_place_of_the_old_one_and_nothing_else_is_left(tmp_path, name):
    path = tmp_path / "new folder" / name
    for _ in range(2):
        WRITERS[name](path)
        assert [p.name for p in path.parent.iterdir()] == [name]
    assert os.stat(path).st_mode == os.stat(make(tmp_path / "plain")).st_mode


def make(path: Path) -> Path:
    path.write_bytes(b"")
    return path


FULL = """
import resource, runpy, sys
from pathlib import Path
writers = runpy.run_path(sys.argv[2])["WRITERS"]
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))  # no file may grow beyond: as on a full disk
path = Path(sys.argv[1])
try:
    writers[path.name](path)
except OSError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no limits of a process there")
@pytest.mark.parametrize("name", WRITERS)
def test_on_a_full_disk_the_old_file_stays_and_nothing_is_left(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    done = in_a_process(FULL, path, __file__)
    assert "was not written (File too large) and is as it was" in done.stdout, done.stderr
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_interrupts_is_passed_on_and_leaves_nothing(tmp_path, error):
    with pytest.raises(error), replacing(tmp_path / "a") as file:
        file.write(b"half")
        raise error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_where_nothing_can_be_written_no_work_is_done(tmp_path, name, monkeypatch):
    make(tmp_path / "a file")
    (tmp_path / name).mkdir()
    for wrong in (tmp_path / "a file" / name, tmp_path / name):
        with pytest.raises(ValueError, match="cannot be written"):
            WRITERS[name](wrong)
        with pytest.raises(ValueError, match="cannot be written"):
            check_writable(wrong)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(ValueError, match="protected"):
        check_writable(make(tmp_path / "read only"))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["a file", name, "read only"])


KILLED = """
import os, sys
from stochphys.io.writing import replacing
with replacing(sys.argv[1]) as file:
    file.write(b"half")
    os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such end of a process there")
def test_what_a_killed_process_had_begun_goes_with_the_next_file_and_nothing_else(tmp_path):
    assert in_a_process(KILLED, tmp_path / "a[1].pt").returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith("a[1].pt.") and left.name.endswith(".partial")
    elsewhere = make(tmp_path / left.name.replace("a[1].pt.", "a[1].pt.another machine's."))
    download = make(tmp_path / "a[1].pt.partial")
    with replacing(tmp_path / "a[1].pt") as file, replacing(tmp_path / "a[1].pt") as other:
        file.write(b"whole")
        other.write(b"while this one was at work")
    assert set(tmp_path.iterdir()) == {tmp_path / "a[1].pt", elsewhere, download}


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes there")
@pytest.mark.parametrize("mode", [0o640, 0o600, 0o664])
def test_a_new_file_is_as_open_to_others_as_the_old_one_was(tmp_path, mode):
    make(path := tmp_path / "model.pt").chmod(mode)
    with replacing(path):
        (partial,) = tmp_path.glob("*.partial")
        assert partial.stat().st_mode & 0o777 == mode  # from the first byte on
    assert path.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(
    "letter", ["a", "ä", "\N{MICROSCOPE}"], ids=["1 byte", "2 bytes", "4 bytes"]
)
def test_whatever_name_the_disk_allows_can_be_written(tmp_path, letter):
    path = tmp_path / (letter * (255 // len(letter.encode())))
    for _ in range(2):
        with replacing(path) as file:
            file.write(b"whole")
    assert path.read_bytes() == b"whole"
    with pytest.raises(ValueError, match="cannot be written"):
        check_writable(f"{path}{letter}")


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("path", ["", ".", "..", "/"])
def test_what_names_no_file_is_refused(writer, path):
    with pytest.raises(ValueError, match=r"path=? ?.*(must name a file|it is a folder)"):
        writer(path)


def test_a_link_onto_itself_is_refused_and_the_argument_is_named(tmp_path):
    (tmp_path / "link.pt").symlink_to(tmp_path / "link.pt")
    with pytest.raises(ValueError, match=r"checkpoint='.*link.pt'.*a link that leads to itself"):
        check_writable(tmp_path / "link.pt", "checkpoint")
    assert (tmp_path / "link.pt").is_symlink()


@pytest.mark.parametrize("name", WRITERS)
def test_a_tilde_is_the_home_for_whoever_writes_or_reads(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    WRITERS[name](f"~/{name}")
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*")] == [
        str(Path("home") / name)
    ]
    read = {"r": Trajectories.load, "f": Movie.load, "m": load_checkpoint}[name[0]]
    read(f"~/{name}", 0.1) if name[0] in "rf" else read(f"~/{name}")


@pytest.mark.parametrize("given, written", [
    ("T_h=1.5", "T_h=1.5.npz"), ("x.npz", "x.npz"), ("x.Npz", "x.Npz"), ("x.csv", "x.csv.npz"),
    (".npz", ".npz.npz"),
])  # fmt: skip
def test_an_ending_is_put_behind_a_name_that_has_none(tmp_path, given, written):
    assert with_ending(tmp_path / given, ".npz") == tmp_path / written


@pytest.mark.parametrize("name", ["run.NPZ", "film.NPZ"])
def test_capital_letters_are_as_good(tmp_path, name):
    small = f"{name[:-3]}{name[-3:].lower()}"
    WRITERS[small](tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    kind = Trajectories if name[0] == "r" else Movie
    assert kind.load(tmp_path / name, 0.1).n_times == (40_000 if kind is Trajectories else 40)


def test_a_link_goes_on_pointing_where_it_did(tmp_path):
    (tmp_path / "there").mkdir()
    make(target := tmp_path / "there" / "run.npz")
    (link := tmp_path / "run.npz").symlink_to(target)
    WRITERS["run.npz"](link)
    assert link.is_symlink() and Trajectories.load(target).n_times == 40_000


def test_a_file_in_use_is_named_where_the_system_does_not_replace_it(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(
        OSError, match="close what has it open or mapped into memory, or give another path"
    ):
        WRITERS["film.npz"](tmp_path / "film.npz")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------- mapped movies

OVER_ITSELF = """
import sys, torch
from stochphys.movie import Movie
path, every = sys.argv[1], int(sys.argv[2])
movie = Movie.load(path)
changed = movie.reversed().every(every)
wanted = changed.at(changed.x.flatten() * 0 + torch.arange(changed.x.numel()))
changed.save(path)
again, everything = Movie.load(path), torch.arange(movie.x.numel())
assert torch.equal(movie.at(everything)[:, 0, 0], everything.float())  # the old one, still mapped
assert torch.equal(again.at(torch.arange(again.x.numel())), wanted)
again.save(path)
assert torch.equal(Movie.load(path).at(torch.arange(again.x.numel())), wanted)
print("whole")
"""


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 2], ids=["equal size", "half as long"])
def test_a_movie_may_be_saved_over_the_file_it_lies_in(tmp_path, every):
    """In a process of its own: a mapped file that shrinks would kill it."""
    frames = torch.arange(200).float()[:, None, None].expand(200, 30, 40)
    Movie(frames, 0.1).save(tmp_path / "film.npz")
    done = in_a_process(OVER_ITSELF, tmp_path / "film.npz", every)
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr


def test_a_movie_is_saved_as_it_is(tmp_path):
    frames = torch.randint(0, 60_000, (3, 20, 6, 8)).to(torch.uint16)
    Movie.of(frames, 0.1).save(tmp_path / "film.npz")
    assert np.array_equal(np.load(tmp_path / "film.npz")["frames"], frames.numpy())


# ------------------------------------------------------------------------------- many at one file

WRITER = """
import sys, torch
from stochphys.training import save_checkpoint
for i in range(10**9):
    save_checkpoint(sys.argv[1], {"all": torch.full((20_000,), float(i)), "who": sys.argv[2]})
    if i == 0:
        print("begun", flush=True)
"""


@pytest.mark.slow
def test_two_processes_may_write_one_checkpoint_while_a_third_reads_it(tmp_path):
    path, seen = tmp_path / "run.pt", set()
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, who], stdout=subprocess.PIPE) for who in "ab"]
    try:
        for writer in writers:
            assert writer.stdout is not None and writer.stdout.readline() == b"begun\n"
        reads = 0
        while reads < 200 or len(seen) < 2:
            reads += 1
            found = load_checkpoint(path)
            assert len(found["all"]) == 20_000 and (found["all"] == found["all"][0]).all()
            seen.add(found["who"])
        assert [writer.poll() for writer in writers] == [None, None]  # neither broke
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
