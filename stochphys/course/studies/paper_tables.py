"""What the stored study of the systems of a paper says, in tables; the study is `paper_systems.paper_system`."""

from math import isnan, nan
from typing import Any

from .paper_systems import CASES, METHODS

ALL = (*METHODS, "right basis")
Rows = list[dict[str, Any]]


def results(rows: Rows, system: str, method: str) -> Rows:
    """Of the runs of all seeds, from films of the usual length."""
    wanted = dict(system=system, method=method)
    return [row["result"] for row in rows if row["setting"] == wanted]


def numbers(rows: Rows, field: str, what: str) -> dict[str, dict[str, list[float]]]:
    """By method and title of the system, what was measured of a field, "drift" or "diffusion", for all seeds."""
    told: dict[str, dict[str, list[float]]] = {}
    for method in ALL:
        of = {case.title: results(rows, name, method) for name, case in CASES.items()}
        told[method] = {
            title: [one[field][what] for one in found]
            for title, found in of.items()
            if found and what in found[0][field]
        }
    return told


def table(rows: Rows, field: str) -> str:
    """Means over seeds: NMSE by each method; of the network, how often intervals hold the truth inside, how much
    the std grows outside, the processor's seconds for drift and D together, and how its warnings begin. Of a neuron the drift is that
    of its gates; a line of its own has the voltage."""
    told = {what: numbers(rows, field, what) for what in ("nmse", "inside", "growth")}

    def mean(what: str, method: str, title: str) -> float:
        values = told[what][method].get(title, [])
        return sum(values) / len(values) if values else nan

    heads = "".join(f"{head:>10}" for head in ("network", "line", "regress.", "right"))
    lines = [f"{'NMSE of the ' + field:24}{heads}   inside growth CPU-s  warnings"]
    for name, case in CASES.items():
        errors = "".join(f"{mean('nmse', method, case.title):10.2g}" for method in ALL)
        inside, growth = (mean(what, "network", case.title) for what in ("inside", "growth"))
        seconds = [one["cpu_seconds"] for one in results(rows, name, "network")]
        ends = f"{inside:9.0%}{growth:7.3g}{sum(seconds) / len(seconds):6.0f}"
        warned = [
            w.partition(":")[0] for one in results(rows, name, "network") for w in one["warnings"]
        ]
        ends += "  " + ", ".join(dict.fromkeys(warned))
        lines.append(f"{case.title:24}{errors}{ends}".replace("nan", "  –").rstrip())
        of_voltage = {
            method: [
                one["voltage_nmse"] for one in results(rows, name, method) if "voltage_nmse" in one
            ]
            for method in ALL
        }
        if field == "drift" and any(of_voltage.values()):
            means = (sum(of) / len(of) if of else nan for of in of_voltage.values())
            errors = "".join(f"{value:10.2g}" for value in means)
            lines.append(f"{'  its voltage':24}{errors}".replace("nan", "  –"))
    return "\n".join(lines)


def followed_table(rows: Rows, *systems: str) -> str:
    """What follows from the network's equation, for each seed: the number, its interval of 95 %, the truth,
    which is exact or was counted on paths; of an engine its work, too."""
    lines = []

    def line(title: str, what: str, estimate: float, low: float, high: float, truth: float) -> None:
        known = "counted" if what in ("spikes per second", "swings per time") else "exact"
        says = f"{estimate:8.3f} [{low:7.3f}, {high:7.3f}]  {known} {truth:.3f}"
        if isnan(estimate):
            says = "       – (a draw runs to infinity)"
        lines.append(f"{title:24}{what:24}{says}")

    for name in systems:
        found, title = results(rows, name, "network"), CASES[name].title
        for one in found:
            line(title, **one["followed"])
        for one in found:
            if "curves" in one:
                exact = CASES[name].system.cycle().work_out  # type: ignore[attr-defined]
                estimate, low, high = one["curves"]["work"]
                line(title, "work per cycle", estimate, low, high, exact)
    return "\n".join(lines)
