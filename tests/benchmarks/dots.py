"""All comparisons as one page: dots of ratios, a logarithmic axis a case, with what is needed and aimed at."""

from __future__ import annotations

from statistics import median

from table import cells, lines

DIRECTIONS = {
    "faster": "times as fast as the peer: right is better",
    "times": "times the peer's seconds: left is better",
    "s": "seconds: left is better",
    "slope": "slope of the seconds: left is better",
}
GOOD, BAD, GREY = "#1b7837", "#b2182b", "#888888"


def page(rows):
    """A self-contained page of all rows."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    groups = {}
    for line in lines(rows):
        groups.setdefault((line.case, line.unit), []).append(line)
    heights = [1 + len(each) for each in groups.values()]
    titles = [f"{case}: {DIRECTIONS[unit]}" for case, unit in groups]
    figure = make_subplots(
        rows=max(1, len(groups)), cols=1, row_heights=heights or [1], subplot_titles=titles, vertical_spacing=0.045
    )
    for place, own in enumerate(groups.values(), 1):
        names = [_name(line) for line in own]
        for bound, symbol in (("needed", "line-ns-open"), ("aim", "star-open")):
            at = [getattr(line, bound) for line in own]
            mark = {"symbol": symbol, "size": 16, "color": GREY, "line_width": 2}
            figure.add_trace(
                go.Scatter(x=at, y=names, mode="markers", marker=mark, name=bound, showlegend=place == 1), place, 1
            )
        for line, name in zip(own, names, strict=True):
            turns = _ratios(line)
            color = BAD if line.reached == "no" else GOOD
            figure.add_trace(
                go.Scatter(
                    x=turns,
                    y=[name] * len(turns),
                    mode="markers",
                    marker={"color": color, "opacity": 0.35, "size": 7},
                    showlegend=False,
                    hoverinfo="x",
                ),
                place,
                1,
            )
            figure.add_trace(
                go.Scatter(
                    x=[line.ratio],
                    y=[name],
                    mode="markers",
                    marker={"color": color, "size": 12},
                    showlegend=False,
                    hovertext=" | ".join(cells(line)),
                ),
                place,
                1,
            )
        figure.update_xaxes(type="linear" if own[0].unit == "slope" else "log", row=place, col=1)
        figure.update_yaxes(autorange="reversed", automargin=True, row=place, col=1)
    figure.update_layout(
        height=120 + 34 * sum(heights) + 60 * len(groups),
        template="plotly_white",
        title="Benchmarks",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )
    return figure.to_html(include_plotlyjs=True)


def _name(line):
    return f"{line.size} / {line.peer}" if line.peer and line.unit != "slope" else line.size


def _ratios(line):
    """The ratio of every turn of ours to the peer's median."""
    if line.unit == "slope":
        return []
    own = [row["seconds"] / (row.get("fits") or 1) for row in line.ours]
    if line.unit == "s":
        return own
    theirs = median(row["seconds"] / (row.get("fits") or 1) for row in line.theirs)
    return [theirs / each if line.unit == "faster" else each / theirs for each in own]
