"""The studies run at a tiny size, keep what they ran, and make their tables from the file."""

import json
from pathlib import Path

import pytest

from benchmarks import studies
from benchmarks.studies import digits, films
from stochphys.course.studies import fair_baselines
from stochphys.course.studies.digits import study_digits

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "runs", "words"),
    [
        ("digits", 12, ("600 steps", "forward correction", "noise rate 0.4")),
        ("films", 10, ("LaplaceNetwork()", "force × flow", "2 films of two wells")),
        ("coverage", 8, ("NEEP, five members", "passage time")),
        ("accuracy", 2, ("wells", "van der Pol, positions", "films wrong")),
        ("rates", 3, ("short_time_tur", "balanced", "landscape")),
        ("artefacts", 12, ("open shutter", "equilibrium", "beyond 3 s.e.")),
        ("bayesian_networks", 2, ("two humps", "right basis", "refused")),
    ],
)
def test_a_study_goes_on_where_it_was_and_prints_its_tables_from_the_file(
    name: str, runs: int, words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.jsonl"
    command = [name, "--tiny", "--results", str(results)]
    studies.main(command)
    tables = capsys.readouterr().out
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert len(rows) == runs and all("result" in row for row in rows)
    assert all(word in tables for word in words)

    whole = results.read_text()
    results.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    studies.main(command)  # makes the run that is missing
    again = [json.loads(line) for line in results.read_text().splitlines()]
    assert [row["key"] for row in again] == [row["key"] for row in rows]
    if name in ("digits", "coverage"):  # the tables of the others hold seconds
        assert again[-1]["result"] == rows[-1]["result"]
        assert capsys.readouterr().out == tables


def test_the_passes_of_the_table_are_the_study() -> None:
    """A column is what `study` gives for its rule, and a robust loss learns from wrong labels."""
    found = fair_baselines.baseline("lr 0.05", 0.4, 2, 300, seed=7)
    rules = [dict(generator=10), dict(generator=11)]
    expected = study_digits(
        (7, 8), 0.4, (0.0, 0.03), generator=1, rules=rules, steps=300, lr=0.05
    ).kept.T.tolist()
    assert list(found.values()) == expected
    short, long = (digits.losses("GCE", 2, steps, seed=7)["kept"] for steps in (20, 600))
    assert sum(long) > sum(short) + 20


def test_a_film_of_two_wells_shows_its_drift() -> None:
    """Told the true features, two numbers from τ = 100: their NMSE follows an exponential law, of
    mean 0.006 (a tenth of the 0.06 at τ = 10), which is above 0.1 once in 10⁷ films."""
    found = films.drift("regression, told the true features", 500, seed=1)
    assert found["nmse"] < 0.1


def test_an_unknown_study_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        studies.main(["walks"])
    assert "choose from" in capsys.readouterr().err
