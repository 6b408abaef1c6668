"""Further forms of results, for programs that read them: a figure's chart, a table's columns, JSON.

A form is left out where it would be large, where it would be wrong, or where making it fails: the
picture and the text are there in any case. Libraries are imported only when one of their objects is shown.
"""

import json
import math
import sys
import warnings

from IPython.core.formatters import BaseFormatter

from .boxes import boxes_of

CHART = "application/vnd.belljar.chart+json"
TABLE = "application/vnd.belljar.table+json"
# Extraction takes some microseconds for a point, and a mark for every tick.
POINTS_MAX = 50_000
AXES_MAX = 64
CELLS_MAX = 10_000
ITEMS_MAX = 10_000
TEXT_CHARS_MAX = 1 << 20
INTEGER_BITS_MAX = 64


class FormOf(BaseFormatter):
    """Makes one form, as JSON text, of the objects of one class of one library.

    Knows its class by itself: matplotlib takes its figures out of all lists of formatters.
    """

    def __init__(self, mime, place, make, **known):
        super().__init__(**known)
        self.format_type = mime
        self._place = place
        self._make = make

    def __call__(self, value):
        module, name = self._place
        kind = getattr(sys.modules.get(module), name, None)
        return self._make(value) if isinstance(kind, type) and isinstance(value, kind) else None


def install(shell):
    """Add the forms to a shell's formatters; imports nothing."""
    display = shell.display_formatter
    for mime, place, make in (
        (CHART, ("matplotlib.figure", "Figure"), chart_of),
        (TABLE, ("pandas", "DataFrame"), table_of),
    ):
        display.formatters[mime] = FormOf(mime, place, make, parent=display)
    for kind in (list, dict):
        display.formatters["application/json"].for_type(kind, json_of)


def chart_of(figure):
    """Return a figure's chart, or None."""
    try:
        if not 0 < _points_of(figure) <= POINTS_MAX or len(figure.axes) > AXES_MAX:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from e2b_charts import main

            if main.is_figure_blank(figure.axes):
                return None
            charts = [_chart_of_axes(axes) for axes in figure.axes]
        several = {"type": "superchart", "title": figure.get_suptitle(), "elements": charts}
        return _text_of(_plain(charts[0] if len(charts) == 1 else several, str))
    except Exception:
        return None


def _chart_of_axes(axes):
    from e2b_charts import main
    from e2b_charts.charts import base

    boxes = boxes_of(axes)
    if boxes is None:
        return main.get_chart_from_ax(axes).model_dump(warnings=False)
    return {**base.Chart2D(axes, type=base.ChartType.BOX_AND_WHISKER).model_dump(), "elements": boxes}


def _points_of(figure):
    """Return how many points, bars and pieces the figure has."""
    count = 0
    for axes in figure.axes:
        count += len(axes.get_children())
        count += sum(len(line.get_xdata(orig=True)) for line in axes.lines)
        count += sum(len(drawn.get_offsets()) for drawn in axes.collections)
    return count


def table_of(frame):
    """Return the columns of a DataFrame, or None."""
    try:
        if frame.size > CELLS_MAX or len(frame.columns) > CELLS_MAX:
            return None
        columns = {}
        for at, name in enumerate(frame.columns):
            values = frame.iloc[:, at].tolist()
            columns[str(name)] = [_plain(value, _cell) for value in values]
        return _text_of(columns)
    except Exception:
        return None


def _cell(value):
    pandas = sys.modules["pandas"]
    return None if value is pandas.NA or value is pandas.NaT else str(value)


def json_of(value):
    """Return a list or dict as a JSON document where it is one of a reasonable size, or None."""
    own = getattr(type(value), "_repr_json_", None)
    if own is not None:
        return own(value)
    try:
        waiting, items = [value], 0
        while waiting:
            inner = waiting.pop()
            if isinstance(inner, (dict, list, tuple)):
                items += len(inner)
                if items > ITEMS_MAX:
                    return None
                waiting.extend(inner.values() if isinstance(inner, dict) else inner)
        plain = _plain(value, _unfit)
        return plain if len(json.dumps(plain)) <= TEXT_CHARS_MAX else None
    except (Exception, RecursionError):
        return None


def _unfit(value):
    raise TypeError(type(value).__name__)


def _plain(value, other):
    """Return a value made of JSON's types; `other` gives what stands for anything else."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= INTEGER_BITS_MAX else other(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_key(key): _plain(item, other) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, other) for item in value]
    moment = getattr(value, "isoformat", None)
    # NaT has the method as well.
    if moment and value == value:
        return moment()
    item = getattr(value, "item", None)
    if item and type(value).__module__ == "numpy" and not getattr(value, "ndim", 1):
        return _plain(item(), other)
    return other(value)


def _key(key):
    if isinstance(key, (str, int, float)) or key is None:
        return key if isinstance(key, str) else json.dumps(key)
    raise TypeError(type(key).__name__)


def _text_of(plain):
    text = json.dumps(plain, allow_nan=False, ensure_ascii=False)
    return text if len(text) <= TEXT_CHARS_MAX else None
