"""The boxes of a box-and-whisker plot, read from what matplotlib drew.

`Axes.boxplot` leaves nothing that names the parts of a box, so they are found by where they lie: an outline,
a whisker at either end of it, a line across it. Boxes may stand or lie, be filled, notched or a single one.
"""

from collections import namedtuple
from itertools import pairwise

# What is drawn at one place may differ by rounding.
NEAR = 1e-9
# A rectangle's outline, closed; a notched one has more.
OUTLINE_POINTS_MIN = 5

Box = namedtuple("Box", "left middle right low high")
Drawn = namedtuple("Drawn", "points marks")


def boxes_of(axes):
    """Return what is told of each box, in order, or None where the axes show anything but boxes."""
    # An empty patch stands for a colour in the legend.
    patches = [patch for patch in axes.patches if patch.get_window_extent().size.any()]
    if axes.collections or axes.images or any(type(patch).__name__ != "PathPatch" for patch in patches):
        return None
    closed = [line for line in axes.lines if _is_outline(line.get_xydata())]
    if not patches and not closed:
        return None
    outlines = [_points(patch.get_path().vertices) for patch in patches]
    outlines += [_points(line.get_xydata()) for line in closed]
    others = [line for line in axes.lines if line not in closed and len(line.get_xydata())]
    lines = [Drawn(_points(line.get_xydata()), line.get_linestyle() == "None") for line in others]
    standing = _read(outlines, lines, axes.xaxis)
    if standing is not None:
        return standing
    turned = [line._replace(points=_turned(line.points)) for line in lines]
    return _read([_turned(points) for points in outlines], turned, axes.yaxis)


def _points(pairs):
    return [(float(across), float(up)) for across, up in pairs]


def _turned(points):
    return [(up, across) for across, up in points]


def _is_outline(points):
    return len(points) >= OUTLINE_POINTS_MIN and tuple(points[0]) == tuple(points[-1])


def _read(outlines, lines, axis):
    """Return the boxes as standing ones, or None where one lacks a part."""
    labels = [(place, label.get_text()) for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels())]
    told = []
    for outline in outlines:
        left, right = min(across for across, _ in outline), max(across for across, _ in outline)
        # A notch may reach beyond the quartiles.
        edges = [up for (one, up), (other, same) in pairwise(outline) if up == same and abs(one - other) == right - left]
        if not edges:
            return None
        box = Box(left, (left + right) / 2, right, min(edges), max(edges))
        own = [line for line in lines if all(box.left <= x <= box.right for x, _ in line.points)]
        one = _parts(box, own)
        if one is None:
            return None
        _, label = min(labels, key=lambda place: abs(place[0] - box.middle), default=(0, ""))
        told.append({"label": label, **one})
    return told


def _parts(box, lines):
    below, above, across = None, None, []
    for points, marks in lines:
        if marks or len(points) != 2:
            continue
        (left, one), (right, other) = points
        low, high = min(one, other), max(one, other)
        if left == right and below is None and _near(high, box.low):
            below = low
        elif left == right and _near(low, box.high):
            above = high
        elif left < right and one == other and box.low <= low <= box.high:
            across.append((right - left, low))
    if below is None or above is None or not across:
        return None
    # The median's line is as wide as the box or its notch; a whisker's cap may be as wide as the notch.
    width = max(width for width, _ in across)
    medians = [up for wide, up in across if _near(wide, width)]
    return {
        "min": below,
        "first_quartile": box.low,
        "median": next((up for up in medians if up not in (below, above)), medians[0]),
        "third_quartile": box.high,
        "max": above,
        "outliers": [up for line in lines if line.marks for _, up in line.points if not below <= up <= above],
    }


def _near(one, other):
    return abs(one - other) <= NEAR * max(1.0, abs(one), abs(other))
