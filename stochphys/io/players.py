"""Movies made to be played: gif, mp4 and others. Their frames are packed, often as colours though they are
grey; they say how fast to play, which need not be how fast the camera was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .files import Found, even_step, library, number_of, reading
from .sheet import counted

ENDINGS = (".gif", ".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg")
CHROMA = 2  # levels of 255 by which a compressed grey pixel may differ from having no colour
PLAYED = "from its play speed, which need not be the camera's"


def read(path: Path, given: bool, channel: int | str | None) -> Found:
    """Frames, unpacked one by one, and the time between two, unless it is given: see `Movie.load`."""
    channel = None if channel is None else number_of(path, "channel", channel, 3)
    words = [f"channel {channel} of red, green and blue, the rest left out"] * (channel is not None)
    if path.suffix.lower() == ".gif":
        image = library("PIL.Image", "pillow", path)
        with reading(path, "film"):
            times = gif_times(path)
        dt, varies = (None, "") if given else even_step(path, times, rounding=0.01)
        frames = _gif_frames(path, image, len(times), channel)
        return Found(frames, dt, tuple(words), PLAYED + varies)
    av = library("av", "av", path)
    with reading(path, "film", av.FFmpegError), av.open(str(path)) as video:
        n, hidden, times = packed_frames(path, video)
        dt, varies = (None, "") if given else even_step(path, times)
    words += [f"left out: {counted(hidden, 'frame')} that a player hides"] * (hidden > 0)
    return Found(_video_frames(path, av, n, channel), dt, tuple(words), PLAYED + varies)


def gif_times(path: Path) -> list[float]:
    """When each frame of a gif is shown, in seconds; `ValueError` if the file ends too early."""
    data = path.read_bytes()
    if data[:4] != b"GIF8":
        raise ValueError(f"{path.name} is no gif, whatever its ending says")

    def behind(place: int, flags: int) -> int:
        """The place behind a palette, if there is one."""
        return place + (6 << (flags & 7) if flags & 128 else 0)

    times, now, wait = [], 0.0, 0.0
    try:
        place = behind(13, data[10])
        while data[place] != 0x3B:  # a file ends with that
            image = data[place] == 0x2C
            if not image and data[place + 1] == 0xF9:  # how long the next image is shown
                wait = int.from_bytes(data[place + 4 : place + 6], "little") / 100
            place = behind(place + 10, data[place + 9]) + 1 if image else place + 2
            while data[place]:  # pieces, each behind its length, up to one of length 0
                place += 1 + data[place]
            place += 1
            if image:
                times.append(now)
                now, wait = now + wait, 0.0
    except IndexError:
        raise ValueError(
            f"{path.name} is cut off behind {len(times)} whole frames; copy it again from where it "
            "was made, or save these anew"
        ) from None
    return times


def _gif_frames(path: Path, image: Any, n: int, channel: int | None) -> Iterator[np.ndarray]:
    with (
        reading(path, "film", image.DecompressionBombError),
        image.open(path, formats=["GIF"]) as gif,
    ):
        for page in range(n):
            gif.seek(page)
            yield one_of(np.asarray(gif.convert("RGB")), channel, path)


def packed_frames(path: Path, video: Any) -> tuple[int, int, list[float]]:
    """How many frames a video shows and hides, without unpacking them, and when each is shown, in seconds.

    Raises `ValueError` for fewer than it announces, and for one of which a part is missing.
    """
    if not video.streams.video:
        raise ValueError(f"{path.name} is cut off, or holds no video")
    stream = video.streams.video[0]
    packets = [packet for packet in video.demux(stream) if packet.size]
    stamps = sorted(p.dts if p.pts is None else p.pts for p in packets if p.dts is not None)
    n = held = len(packets)
    if path.suffix.lower() == ".avi" and len(stamps) == n > 1:  # it counts places, some are empty
        held = stamps[-1] + (stamps[-1] - stamps[0]) // (n - 1)
    if held < stream.frames or any(packet.is_corrupt for packet in packets):
        raise ValueError(
            f"{path.name} is cut off or damaged: of {stream.frames or 'its'} frames it holds {n}, the "
            f"last in part; copy it again, or save what there is: ffmpeg -i {path.name} new.avi"
        )
    hidden = sum(packet.is_discard for packet in packets)  # others are unpacked with their help
    return n - hidden, hidden, [float(stamp * stream.time_base) for stamp in stamps]


def _video_frames(path: Path, av: Any, n: int, channel: int | None) -> Iterator[np.ndarray]:
    unpacked = 0
    with reading(path, "film", av.FFmpegError), av.open(str(path)) as video:
        for frame in video.decode(video=0):
            # With threads for several frames at once this would be told now and then only.
            if frame.is_corrupt:
                break
            unpacked += 1
            yield np.rot90(_one_of_frame(frame, channel, path), frame.rotation // 90)
    if unpacked < n:
        raise ValueError(
            f"{path.name} is damaged: of the {n} frames it announces, {unpacked} can be unpacked "
            "unharmed; copy it again from where it was made"
        )


def _one_of_frame(frame: Any, channel: int | None, path: Path) -> np.ndarray:
    """Levels of grey, or those of one colour: up to 255, or to 65535 where a frame has more than 8 bits."""
    kind, bits = frame.format.name, frame.format.components[0].bits
    grey, rgb = ("gray", "rgb24") if bits == 8 else ("gray16le", "rgb48le")
    if channel is not None or not kind.startswith(("gray", "yuv")):
        return one_of(frame.to_ndarray(format=rgb), channel, path)
    for plane in frame.planes[1:3] if kind[0] == "y" else ():  # colours lie apart from brightness
        lines = np.frombuffer(plane, np.uint8 if bits == 8 else "<u2").reshape(plane.height, -1)
        lines, none = lines[:, : plane.width], 1 << (bits - 1)
        if max(none - int(lines.min()), int(lines.max()) - none) > CHROMA << (bits - 8):
            raise ValueError(colours(path))
    return frame.to_ndarray(format=grey)


def one_of(image: np.ndarray, channel: int | None, path: Path) -> np.ndarray:
    """One channel of an image `(height, width, 3 or 4)`; where none is chosen, all must be equal, and a
    fourth, which says how transparent a pixel is, the same everywhere."""
    alpha, grey = image[..., 3:], (image[..., :3] == image[..., :1]).all()
    if channel is None and not (grey and (alpha == alpha[0, 0]).all()):
        raise ValueError(colours(path))
    return image[..., channel or 0]


def colours(path: Path) -> str:
    return (
        f"{path.name} has colours, red, green and blue, or is transparent in part; keep one channel, "
        f"Movie.load({path.name!r}, channel=0), or save the mean of all"
    )
