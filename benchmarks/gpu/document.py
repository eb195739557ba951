"""From the file of results to the part of `docs/performance.md` that speaks of GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .figures import Figure

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN = "<!-- Made by `python -m benchmarks gpu --document`; do not edit. -->\n"
END = "<!-- Until here. -->"
NOTHING = (
    "No figures have been recorded yet: `python -m benchmarks gpu`, on a machine with an NVIDIA GPU, "
    "will write them.\n"
)


def number(value: float) -> str:
    """Three digits, whole numbers whole."""
    if value != value:
        return "nan"
    if value == int(value) or abs(value) >= 1000:
        digits = max(0, len(str(int(abs(value)))) - 3)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def line(stored: dict[str, Any]) -> tuple[str, str, str]:
    """Name, value with unit and spread, target and whether it was met."""
    figure = Figure(**stored)
    value = number(figure.value)
    if figure.spread is not None:
        value += f" ± {float(f'{figure.spread:.1g}'):g}"
    value = f"{value} {figure.unit}".strip()
    bounds = [
        f"{sign} {bound:g}"
        for sign, bound in (("≥", figure.least), ("≤", figure.most))
        if bound is not None
    ]
    target = f"{' and '.join(bounds)}: {'met' if figure.met else 'MISSED'}" if bounds else ""
    return figure.name, value, target


def section(results: dict[str, Any] | None) -> str:
    """The text between the two marks of the page."""
    if results is None:
        return NOTHING
    machine = results["machine"]
    card = ", ".join(
        text
        for text in (
            machine["card"],
            f"{machine['memory_gb']} GB" if "memory_gb" in machine else "",
            f"driver {machine['driver']}" if machine.get("driver") else "",
            f"CUDA {machine['cuda']}" if "cuda" in machine else "",
            f"torch {machine['torch']}",
            f"Python {machine['python']}",
            f"{machine['processors']} processors",
            machine["date"],
        )
        if text
    )
    text = [f"Measured on {card}.\n"]
    if results["dry_run"]:
        text = [f"**A dry run on a CPU ({card}): these figures say nothing.**\n"]
    for part in results["parts"]:
        text.append(f"### {part['title']}\n")
        if part["skipped"]:
            text.append(f"Not measured: it {part['skipped']}.\n")
            continue
        if part["failed"]:
            text.append(f"**Failed:** {part['failed'].splitlines()[0]}\n")
        if part["figures"]:
            rows = [f"| {' | '.join(line(figure))} |" for figure in part["figures"]]
            head = [f"| {part['seconds']} s in all | | target |", "|---|---|---|"]
            text.append("\n".join([*head, *rows]) + "\n")
    return "\n".join(text)


def write(results: dict[str, Any] | None, page: Path = PAGE) -> None:
    """Put the section into the page, between its marks."""
    text = page.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{section(results)}\n{END}{after}")
