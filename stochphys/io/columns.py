"""What the columns of a table hold, by the names that people and programs give them.

Which columns are coordinates decides every number that is inferred later: what is not known by its
name and could be one is refused, and everything left out is told.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..brief import Brief
from .doubts import refuse_doubts
from .sheet import Asked, Sheet, listed, plain

# Names in small letters, without units, blanks and signs: POSITION_X is positionx.
NUMBERED = "(?:id|ids|no|n|nr|num|number|index|name)?"
NAMES = {
    "track": rf"(?!objectnumber)(?:id)?(?:tracks?|particle|traj|trajectory|bead|cell|object|molecule|animal|fish|walker|replicate){NUMBERED}"
    r"|trackobjectslabel\d*|ntraj",
    "frame": r"(?:frames?|framet|slice|image|timepoint|timestep|timeframe|step|snapshot)(?:id|no|n|nr|number|index|idx|num)?"
    r"|(?:t|time)(?:index|idx)|fr",
    "time": r"(?:t|times?)(?:min|minutes|h|hours)?|positiont|timestamps?|elapsed(?:time)?|seconds?|secs?|unixtime|datetime|date|(?:abs|rel|relative)time",
    "coordinate": r"(?:spot)?(?:position|pos|(?:location)?(?:center|centre)(?:ofmass)?|(?:weighted)?centroid|centroid|location|com|coord|coordinate)?[xyz]"
    r"|[xyz](?:position|pos|coord|coordinate|center|centre|centroid)|[xyz]\d+|centroid\d|theta|phi|psi|angle|c[xyz]|position|extension",
    "velocity": r"v[xyz]|v\d+|v|(?:vel|velocity)[xyz]|[xyz](?:vel|velocity|dot)|omega|thetadot|v(?:theta|phi)",
    "other": r"id|ids|index|spotid|label|labels|quality|(?:raw)?mass|size|radius|diameter|ecc|eccentricity|signal|visibility|ep|m\d|npscore"
    r"|snr\w*|contrast\w*|\w*intensity\w*|area\w*|perimeter|circularity|solidity|roundness|aspectratio|shapeindex|ellipse\w+"
    r"|pixelvalue|score|likelihood|confidence|probability|p|brightness|ch|channel\w*|colou?r|manual(?:spot)?colou?r"
    r"|sigma\w*|uncertainty\w*|err\w*|error\w*|precision|photons|background|bg|offset|chi2?|amplitude|snr|noise"
    r"|distance\w*|displacement\w*|speed|velocity|msd|duration|linkcost|parent\w*|child\w*|generation|neighbou?rs?\w*"
    r"|(?:mean|median|min|max|std|total|sum|intden|rawintden)(?:ch\d)?|objectnumber|groupnumber|groupindex"
    r"|(?:areashape|texture|trackobjects|metadata|granularity|correlation|radialdistribution|math|children)\w+|unnamed\w*",
}  # fmt: skip
ROLES = {role: re.compile(names) for role, names in NAMES.items()}
TIME_UNITS = re.compile(
    r"(?i)[num\u00b5\u03bc]?s|[mu]?secs?|seconds?|mins?|minutes?|h|hrs?|hours?|d|days?|frames?|raw|-|"
)
EDGES = re.compile(r"(?i)SPOT_SOURCE_ID|EDGE_X_LOC|TRACK_X_LOC")


def recognised(name: str) -> str:
    """The role, a key of `NAMES`, of a column of that name; empty where the name says nothing."""
    bare, _ = plain(name)
    return next((role for role, names in ROLES.items() if names.fullmatch(bare)), "")


@dataclass(eq=False)
class Roles(Brief):
    """Which column is what; `left` says why the others were left out: reason → names."""

    track: str | None
    frame: str | None
    time: str | None
    coordinates: list[str]
    left: dict[str, list[str]] = field(default_factory=dict)

    @property
    def clock(self) -> str | None:
        """The column that says when: frame numbers before times."""
        return self.time if self.frame is None else self.frame


def roles(table: Sheet, asked: Asked) -> Roles:
    """The role of each column of a table, given or recognised.

    Raises `ValueError` for a name that is no column or more than one, two columns for one role, a
    column that is not known and could be a coordinate, tell tracks apart or say when, no coordinate.
    """
    names = list(table.columns)
    if not table.named and asked.columns is None:
        first = ", ".join(str(table.columns[name][0]) for name in names[:6])
        raise table.error(
            f"it has no header that names its {len(names)} columns (the first row is {first}); say by "
            "their numbers, from 0, what they hold, as far as they do",
            asked.again(columns=..., track=..., time=..., frame=..., dt=...),
        )
    if any(map(EDGES.match, names)):
        raise table.error(
            "TrackMate's links and tracks hold no path; export the table of its spots"
        )
    wanted: list[str] = []
    if asked.columns is not None:
        several = [asked.columns] if isinstance(asked.columns, str | int) else asked.columns
        wanted = [table.find(name, "columns") for name in several]
    by_name = {name: recognised(name) for name in names if name not in wanted}
    counters = {"", "other"} | ({"frame"} if asked.time is not None else set())  # left out
    for name, role in by_name.items():
        if table.blocks is None and role in counters:
            table.blocks, table.counter = table.starts_again(name), name
    given: dict[str, str] = {}
    used: list[str] = []
    for role in ("track", "frame", "time"):
        said = getattr(asked, role)
        if said is not None:  # a list: the name of a film, and of a track
            several = said if isinstance(said, list | tuple) else [said]
            parts = [table.find(name, role) for name in several]
            given[role], used = table.joined(parts), used + parts
    if asked.columns is not None and not 0 < len(wanted) == len({*wanted, *used}) - len(used):
        raise table.error(
            f"columns={asked.columns!r} names none, a column twice, or one that tells tracks or times; "
            f"its columns are {listed(names)}"
        )
    by_role: dict[str, list[str]] = {role: [] for role in (*NAMES, "")}
    for name in names:
        if name not in (*used, *wanted, *given.values()):
            by_role[_role(table, name) if table.named else "other"].append(name)
    for role in ("track", "frame", "time"):
        found = by_role[role]
        if role in given or (role == "frame" and "time" in given):  # then times decide
            by_role["other"] += found
        elif not all(_same(table, found[0], other) for other in found[1:]):
            ways = [found, *found] if role == "track" else found
            calls = [asked.again(**{role: way}) for way in ways]
            raise table.error(f"{listed(found)} could each be the {role}; say which", *calls)
        elif found:
            given[role] = found[0]
            by_role["other"] += found[1:]
    if given.keys() >= {"frame", "time"} and asked.time is None:
        days = plain(given["time"])[0] == "date"
        days = days and 2 * len(set(table.text(given["time"]))) <= len(table.text(given["time"]))
        if days or not table.numeric(given["time"]):  # such as 12:30
            by_role["other"].append(given.pop("time"))
    if len(by_role["coordinate"]) > 1:  # one of several positions in a film, say
        vague = [n for n in by_role["coordinate"] if plain(n)[0] in ("position", "extension")]
        by_role[""] += vague
        by_role["coordinate"] = [n for n in by_role["coordinate"] if n not in vague]
    ids = [name for name in by_role["other"] if plain(name)[0] == "id"]
    if "track" not in given and ids and len(set(table.text(ids[0]))) < len(table.text(ids[0])):
        given["track"] = ids[0]  # an id of its own for each row is no track
        by_role["other"].remove(ids[0])
    result = Roles(given.get("track"), given.get("frame"), given.get("time"), wanted)
    used += [*given.values(), *(wanted or by_role["coordinate"]), *by_role["velocity"]]
    unused = [name for name in names if name not in used]
    refuse_doubts(table, asked, result.track, result.clock, unused, by_role[""])
    result.left["no coordinates"] = by_role["other"]
    if wanted:
        result.left["not asked for"] = by_role["coordinate"] + by_role["velocity"] + by_role[""]
    else:
        result.coordinates = _coordinates(table, asked, by_role, result)
    return result


def _role(table: Sheet, name: str) -> str:
    """The role that the name says, if what stands there can have it: a length of steps is no number of
    frames, and the one date of all rows is no time."""
    role, (bare, unit) = recognised(name), plain(name)
    if role not in ("frame", "time"):
        return role
    if bare == "t" and unit and not TIME_UNITS.fullmatch(unit):  # a temperature, in K
        return "other"
    if not table.numeric(name):
        return role if len(set(table.text(name))) > 1 else "other"
    if role == "frame":
        return role if table.whole(name) else ""
    still = _constant(table.values(name), table.groups(None)[0])
    return "other" if still and len(table.values(name)) > 1 else role


def _coordinates(
    table: Sheet, asked: Asked, by_role: dict[str, list[str]], result: Roles
) -> list[str]:
    """The columns that are coordinates by their names, then velocities if they are wanted."""
    found, velocities = sorted(by_role["coordinate"], key=_place), by_role["velocity"]
    unknown = [name for name in by_role[""] if _could_be(table, name, result)]
    axes = [_axis(name) for name in found]
    if len(found) != 1 or unknown:  # a v may be a voltage
        unknown += [name for name in velocities if plain(name)[0] == "v"]
        velocities = [name for name in velocities if name not in unknown]
    if found and not any(re.match("[xyz]|centroid", axis) for axis in axes):  # angles alone
        radii = (name for name in by_role["other"] if plain(name)[0] == "radius")
        unknown += [name for name in radii if _could_be(table, name, result)]
    sets: dict[Any, list[str]] = {}  # in pixels and in µm, say; where it is, and where it began
    for i, (name, axis) in enumerate(zip(found, axes, strict=True)):
        scheme = re.sub(r"[xyz]", "x", re.sub(r"\d+", "#", axis))
        if scheme in ("x", "x#", "centroid#"):
            sets.setdefault((scheme, axes[:i].count(axis)), []).append(name)
    first = [n for n, axis in zip(found, axes, strict=True) if axis[1:] == axes[0][1:] != ""]
    if len(sets) == 1 and ("x#", 0) in sets and 1 < len(first) < len(found):  # x1, y1, x2, y2
        sets = {"all": found, "one of several particles": first}
    if len(sets) > 1:
        calls = [asked.again(columns=names) for names in sets.values()][:2]
        raise table.error(
            f"of {listed(found)} some could be the same coordinate, or of several particles; say which to take",
            *calls,
        )
    if unknown:
        order = sorted(found + unknown, key=list(table.columns).index)
        owners: dict[str, list[str]] = {}
        for name in unknown:
            if (match := re.fullmatch(r"[xyz](.+)|(.+)[xyz]", plain(name)[0])) is not None:
                owners.setdefault(match[1] or match[2], []).append(name)
        several = [names for names in owners.values() if len(names) > 1]
        one = several[0] if len(several) > 1 else []  # a_x, a_y, b_x, b_y
        are = "is a coordinate" if len(unknown) == 1 else "are coordinates"
        raise table.error(
            f"whether {listed(unknown)} {are} is not known; its columns are {listed(list(table.columns))}. "
            "Name those that are",
            *(asked.again(columns=names) for names in (found, one, order) if names),
        )
    result.left["no coordinates"] += by_role[""]
    label = table.groups(result.track)[0]
    still = [name for name in found if _constant(table.values(name), label)]
    if len(still) < len(found):  # as z of a flat film, or where a track began
        result.left["never changes"] = still
        found = [name for name in found if name not in still]
    if not found:
        raise table.error(
            f"it has no column whose name is that of a coordinate, only {listed(list(table.columns))}; name them",
            asked.again(columns=...),
        )
    if not asked.underdamped:
        result.left["velocities, read with underdamped=True"] = velocities
        return found
    if len(velocities) != len(found):
        raise table.error(
            f"underdamped=True needs a velocity for each of {listed(found)}, has "
            f"{listed(velocities) or 'none'}; name both, positions first",
            asked.again(columns=...),
        )
    place = {_axis(name): i for i, name in enumerate(found)}
    return found + sorted(velocities, key=lambda name: place.get(_axis(name), len(found)))


def _place(name: str) -> tuple[str, int]:
    """Where a coordinate stands among others: x before y before z, x2 before x10."""
    letter, number = re.fullmatch(r"([xyz]|centroid)?(\d*).*", _axis(name)).groups()  # type: ignore[union-attr]
    return (letter or "~", int(number or 0))


def _axis(name: str) -> str:
    """`POSITION_X`, `x (µm)`, `vx` → `x`; `x_1` → `x1`; `vtheta` → `theta`."""
    bare = re.sub(r"^v(?=theta|phi|\d)|(?<=theta)dot$", "", plain(name)[0])
    found = re.fullmatch(r"([xyz])[a-z]*|[a-z]*?([xyz])", bare)
    return (found[1] or found[2]) if found else bare


def _same(table: Sheet, a: str, b: str) -> bool:
    """Do two columns hold the same, but for a constant?"""
    if table.numeric(a) and table.numeric(b):
        return bool(np.ptp(table.values(a) - table.values(b)) == 0)
    return table.text(a) == table.text(b)


def _constant(values: np.ndarray, group: np.ndarray) -> bool:
    """Are all of each group the same, as far as there are any?"""
    low, high = np.full((2, group.max() + 1), np.nan)
    np.fmin.at(low, group, values)
    np.fmax.at(high, group, values)
    return not (low < high).any()


def _could_be(table: Sheet, name: str, known: Roles) -> bool:
    """No coordinate is text, constant, a count of rows, or one number for each track or frame."""
    if not table.numeric(name):
        return False
    values = table.values(name)
    if len(values) > 2 and (np.diff(values) == 1).all():
        return False
    groups = [table.groups(key)[0] for key in (None, known.track, known.frame, known.time)]
    shared = [group for group in groups if group.max() + 1 < len(values)]
    if any(_constant(values, group) for group in shared):
        return False
    return not (known.frame and _same(table, name, known.frame))
