"""Continuous integration: what runs when, and that it names what there is."""

import re
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"


def workflow(name: str) -> dict[str, Any]:
    """As YAML 1.1 reads it, for which the key `on` is true."""
    parsed = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
    parsed["on"] = parsed.pop(True)
    return parsed


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


ALL = {path.stem: workflow(path.stem) for path in sorted(FOLDER.iterdir())}


def test_quick_at_each_push_and_everything_weekly_and_at_a_release() -> None:
    assert ALL.keys() == {"quick", "everything"}
    assert ALL["quick"]["on"] == {"push": {"branches": ["**"]}, "pull_request": None}
    assert ALL["everything"]["on"]["push"] == {"tags": ["v*"]}
    (weekly,) = ALL["everything"]["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", weekly["cron"])
    assert commands(ALL["quick"]["jobs"]["quick"]) == ["make quick"]
    assert commands(ALL["everything"]["jobs"]["test"]) == ["bash .ci/run"]
    assert commands(ALL["everything"]["jobs"]["weekly"]) == ["make weekly"]
    assert re.search(r"^exec make .*\btest\b", (ROOT / ".ci" / "run").read_text(), re.M)


def test_every_notebook_runs_beside_the_quick_tests() -> None:
    job = ALL["quick"]["jobs"]["notebooks"]
    assert "needs" not in job
    *_, command = commands(job)
    assert command.endswith(" notebooks/${{ matrix.module }}*.ipynb")
    found = [
        path
        for module in job["strategy"]["matrix"]["module"]
        for path in (ROOT / "notebooks").glob(f"{module}*.ipynb")
    ]
    assert sorted(found) == sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert job["env"] == {"OMP_NUM_THREADS": 1, "STOCHPHYS_SIZE": "default"}  # as the Makefile
    options = re.search(r"^test: lint\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert options is not None
    nbval = re.findall(r"--nbval\S+", options[1])
    assert nbval and re.findall(r"--nbval\S+", command) == nbval


@pytest.mark.parametrize("name", ALL)
def test_a_workflow_names_targets_that_exist_and_pins_what_it_uses(name: str) -> None:
    text, targets = (FOLDER / f"{name}.yml").read_text(), (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake (\S+)", " ".join(x for j in jobs(name) for x in commands(j))):
        assert re.search(rf"^{target}:", targets, re.M), target
    used = [step["uses"] for job in jobs(name) for step in job["steps"] if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used)
    assert "secrets" not in text and ALL[name]["permissions"] == {"contents": "read"}
    for job in jobs(name):
        assert job["timeout-minutes"] <= 120
        versions = {step.get("with", {}).get("python-version") for step in job["steps"]} - {None}
        assert {f"python-{v}" for v in versions} == {
            (ROOT / "binder/runtime.txt").read_text().strip()
        }


def jobs(name: str) -> list[dict[str, Any]]:
    return list(ALL[name]["jobs"].values())
