"""Plots as SVG, by hand: lines over logarithmic or linear axes, and bars. Light or dark as the reader's screen is."""

import math
from xml.sax.saxutils import escape

WIDTH = 760
STYLE = """
  svg { color-scheme: light dark; }
  .ground { fill: #ffffff; } text { fill: #24292f; font: 13px system-ui, "DejaVu Sans", sans-serif; }
  .title { font-size: 16px; font-weight: 600; } .faint { fill: #57606a; font-size: 12px; }
  .grid { stroke: #d8dee4; stroke-width: 1; } .axis { stroke: #57606a; stroke-width: 1; fill: none; }
  .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
"""
LIGHT = ["#0b62c4", "#c2410c", "#15803d", "#7e22ce", "#6e7781"]
DARK = ["#58a6ff", "#fb923c", "#4ade80", "#c084fc", "#8b949e"]
COLOURS = "".join(
    f"  .s{i} .line, .s{i} .stem {{ stroke: {c}; }} .s{i} .mark, .s{i}.bar {{ fill: {c}; }}\n" for i, c in enumerate(LIGHT)
)
DARK_STYLE = (
    "  @media (prefers-color-scheme: dark) {\n"
    "    .ground { fill: #0d1117; } text { fill: #e6edf3; } .faint { fill: #9198a1; }\n"
    "    .grid { stroke: #2b3138; } .axis { stroke: #9198a1; }\n"
    + "".join(
        f"    .s{i} .line, .s{i} .stem {{ stroke: {c}; }} .s{i} .mark, .s{i}.bar {{ fill: {c}; }}\n"
        for i, c in enumerate(DARK)
    )
    + "  }\n"
)


def number(value):
    """A number as people write it."""
    if value == 0:
        return "0"
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"


class Axis:
    """Values to pixels; logarithmic axes end at powers of ten, linear ones begin at zero."""

    def __init__(self, values, start, end, log, label):
        self.start, self.end, self.log, self.label = start, end, log, label
        low, high = min(values), max(values)
        if log:
            self.low, self.high = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
            self.high = max(self.high, self.low + 1)
            self.ticks = [10.0**power for power in range(self.low, self.high + 1)]
        else:
            step = 10 ** math.floor(math.log10(high or 1))
            step = next(s for s in (step / 5, step / 2, step, 2 * step) if (high or 1) / s <= 6)
            self.low, self.high = 0, math.ceil((high or 1) / step) * step
            self.ticks = [i * step for i in range(round(self.high / step) + 1)]

    def at(self, value):
        place = math.log10(value) if self.log else value
        return self.start + (place - self.low) / (self.high - self.low) * (self.end - self.start)


def svg(height, parts, title):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{COLOURS}{DARK_STYLE}</style>\n"
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def lines(title, note, panels):
    """Panels one below the other, each {x, y, series: {name: [(x, y)]}, log_x, log_y}; x and y are the axes' labels."""
    parts = [text(16, 28, title, "title"), text(16, 48, note, "faint")]
    top, tall = 62, 270
    for panel in panels:
        series = {name: points for name, points in panel["series"].items() if points}
        left, right, bottom = 78, WIDTH - 24, top + tall
        legend_y = top + 16
        x_offset = left
        for index, name in enumerate(series):
            parts.append(f'<g class="s{index}"><rect class="mark" x="{x_offset}" y="{legend_y - 9}" width="18" height="4" rx="2"/></g>')
            parts.append(text(x_offset + 24, legend_y - 3, name))
            x_offset += 40 + 7.2 * len(name)
        plot_top = top + 34
        x = Axis([p[0] for points in series.values() for p in points], left, right, panel.get("log_x", True), panel["x"])
        y = Axis([p[1] for points in series.values() for p in points], bottom, plot_top, panel.get("log_y", True), panel["y"])
        x_ticks = panel.get("x_ticks", x.ticks)
        for tick in x_ticks:
            parts.append(f'<path class="grid" d="M{x.at(tick):.1f} {plot_top}V{bottom}"/>')
            parts.append(text(x.at(tick), bottom + 18, number(tick), "faint", "middle"))
        for tick in y.ticks:
            parts.append(f'<path class="grid" d="M{left} {y.at(tick):.1f}H{right}"/>')
            parts.append(text(left - 8, y.at(tick) + 4, number(tick), "faint", "end"))
        parts.append(f'<path class="axis" d="M{left} {plot_top}V{bottom}H{right}"/>')
        parts.append(text((left + right) / 2, bottom + 38, x.label, "", "middle"))
        middle = (plot_top + bottom) / 2
        parts.append(f'<text x="20" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 20 {middle:.1f})">{escape(y.label)}</text>')
        for index, points in enumerate(series.values()):
            at = [(x.at(px), y.at(py)) for px, py in sorted(points)]
            path = "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in at)
            marks = "".join(f'<circle class="mark" cx="{px:.1f}" cy="{py:.1f}" r="3.6"/>' for px, py in at)
            parts.append(f'<g class="s{index}"><path class="line" d="{path}"/>{marks}</g>')
        top = bottom + 58
    return svg(top - 4, parts, title)


def bars(title, note, label, rows, log=True):
    """Bars from left to right, each (name, value, words after the bar, is ours); the best first is up to the caller."""
    parts = [text(16, 28, title, "title"), text(16, 48, note, "faint")]
    left, right, top, step = 290, WIDTH - 210, 66, 30
    bottom = top + step * len(rows)
    axis = Axis([value for _, value, _, _ in rows], left, right, log, label)
    for tick in axis.ticks:
        parts.append(f'<path class="grid" d="M{axis.at(tick):.1f} {top}V{bottom}"/>')
        parts.append(text(axis.at(tick), bottom + 18, number(tick), "faint", "middle"))
    for index, (name, value, words, ours) in enumerate(rows):
        y = top + index * step
        parts.append(text(left - 10, y + 20, name, "", "end"))
        wide = max(axis.at(value) - left, 2)
        parts.append(f'<rect class="bar s{0 if ours else 4}" x="{left}" y="{y + 6}" width="{wide:.1f}" height="{step - 11}" rx="3"/>')
        parts.append(text(left + wide + 8, y + 20, words))
    parts.append(f'<path class="axis" d="M{left} {top}V{bottom}H{right}"/>')
    parts.append(text((left + right) / 2, bottom + 38, label, "", "middle"))
    return svg(bottom + 52, parts, title)
