"""What notebook 43 stored of digits with wrong labels: how good a method is without resets and with them."""

from ..page import stored

Accuracies = list[float]  # of 24 seeds, in per cent

RUN = 3000  # steps


def fair_baselines(noise_rate: float) -> dict[str, tuple[Accuracies, Accuracies | None]]:
    """For each method the test accuracies without resets and with them, of the weights that noisy labels
    chose, seed by seed in one order; `None` where no resets were tried.

    The learning rate starts at 0.2 and falls along a cosine, in 3000 steps, where the name says nothing
    else; under EMA, an average of the weights, it is constant, and GCE begins at 0.4. `noise_rate`: 0.4 or 0.6.
    """
    found: dict[str, Accuracies] = {}
    for row in stored("43_baselines") + stored("43_short_runs"):
        if row["setting"]["noise_rate"] == noise_rate:
            found |= row["result"]
    ends = {}
    for row in stored("43_endings"):
        if (setting := row["setting"])["noise_rate"] == noise_rate:
            ends[setting["steps"], setting.get("ema")] = row["result"]
    slow = ends[RUN, 0.995]["kept"]
    return {
        "early stopping": (found["early stopping"], found["resets"]),
        "lr 0.05": (found["early stopping, lr 0.05"], found["resets, lr 0.05"]),
        "constant lr": (found["early stopping, constant lr"], found["resets, constant lr"]),
        "best of 5 short runs": (found["best of 5 short runs"], None),
        "600 steps, the last": (ends[600, None]["last"][0], None),
        "EMA 0.98": (found["EMA"], found["EMA + resets, 0.1"]),
        "EMA 0.995": (slow[0], slow[1]),
        "GCE": (found["GCE"], found["GCE + resets"]),
    }
