"""TrackMate's XML: the export of tracks, and the file of a whole model with spots and links."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, parse

import numpy as np

from .files import damaged
from .sheet import Sheet, counted


def read_trackmate(path: Path) -> Sheet:
    """A table with the columns TRACK_ID, FRAME and POSITION_X to POSITION_Z, and in a model POSITION_T.

    A track that splits or merges is no path: it is left out, and the line tells it.
    """
    left: list[str] = []
    try:
        root = parse(path).getroot()
        if root.tag == "Tracks":
            rows, remarks, names = _simple(root)
        elif root.tag == "TrackMate" and root.find("Model") is not None:
            (rows, left, names), remarks = _model(root), []
        else:
            raise ValueError(f"its root is {root.tag}, not Tracks or TrackMate with a Model")
    except (ParseError, LookupError, ValueError) as error:
        raise damaged(path, "XML of TrackMate", error) from None
    if not rows:
        raise ValueError(f"{path.name} holds no track" + "".join(f"; left out: {w}" for w in left))
    table = Sheet.of(path.name, names, [np.array(c) for c in zip(*rows, strict=True)], remarks)
    table.left = left
    return table


def _simple(root: Element) -> tuple[list, list[str], list[str]]:
    """Particles, each with its detections t, x, y, z; t is the number of the frame."""
    rows = [
        (track, float(spot.attrib["t"]), *(float(spot.attrib[axis]) for axis in "xyz"))
        for track, particle in enumerate(root.iter("particle"))
        for spot in particle.iter("detection")
    ]
    remarks = []
    if float(root.attrib.get("frameInterval", 0)) > 0:
        remarks.append(f"dt: {root.attrib['frameInterval']} {root.attrib.get('timeUnits', '')}")
    return rows, remarks, ["TRACK_ID", "FRAME", *(f"POSITION_{axis}" for axis in "XYZ")]


def _model(root: Element) -> tuple[list, list[str], list[str]]:
    """Spots, and the links between them; of the tracks those that the filters in the file kept."""
    names = ["FRAME", "POSITION_X", "POSITION_Y", "POSITION_Z", "POSITION_T"]
    spots = {
        spot.attrib["ID"]: [float(spot.attrib[name]) for name in names]
        for spot in root.iter("Spot")
    }
    shown = {element.attrib["TRACK_ID"] for element in root.iter("TrackID")}
    rows, branched = [], 0
    for track in root.iter("Track"):
        links = [
            (e.attrib["SPOT_SOURCE_ID"], e.attrib["SPOT_TARGET_ID"]) for e in track.iter("Edge")
        ]
        links = [(a, b) if spots[a][0] < spots[b][0] else (b, a) for a, b in links]
        if shown and track.attrib["TRACK_ID"] not in shown:
            continue
        if any(len(set(ends)) < len(links) for ends in zip(*links, strict=True)):
            branched += 1
            continue
        members = {spot for link in links for spot in link}
        rows += [(float(track.attrib["TRACK_ID"]), *spots[spot]) for spot in members]
    left = [f"{counted(branched, 'track')} with a split or a merger"] * bool(branched)
    return rows, left, ["TRACK_ID", *names]
