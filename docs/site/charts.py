"""Charts of the tables in docs/performance.md, as SVG for the page: they follow its colours."""

import html
import math
import re

LIBRARIES = ["mio", "libuv", "libevent", "asio"]


def number(text):
    text = text.strip().replace(",", "").rstrip("*")
    if match := re.fullmatch(r"1/(\d+)", text):
        return 1 / int(match[1])
    return float(text)


def rows_of(page, first_cell):
    """The rows of the table whose header begins with `first_cell`."""
    lines = page.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_cell} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows


def legend(names, x, y):
    out = []
    for name in names:
        out.append(f'<circle class="series {name}" cx="{x}" cy="{y - 4}" r="5"/><text x="{x + 10}" y="{y}">{name}</text>')
        x += 30 + 9 * len(name)
    return "".join(out)


def ratios(title, rows, low, high, ticks, scale):
    left, width, step, top = 150, 520, 26, 62
    height = top + step * len(rows) + 12

    def x(value):
        return left + width * (scale(value) - scale(low)) / (scale(high) - scale(low))

    out = [f'<svg class="chart" viewBox="0 0 700 {height}" role="img" aria-label="{html.escape(title)}"><text class="title" x="0" y="16">{html.escape(title)}</text>']
    out.append(legend(LIBRARIES, left, 38))
    for value, label in ticks:
        out.append(f'<line class="{"one" if value == 1 else "grid"}" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{top - 6}" y2="{height - 10}"/><text class="tick" x="{x(value):.1f}" y="{top - 9}" text-anchor="middle">{label}</text>')
    for at, (name, values) in enumerate(rows):
        y = top + step * at + step / 2
        out.append(f'<text class="name" x="{left - 12}" y="{y + 4}" text-anchor="end">{name}</text><line class="row" x1="{left}" x2="{left + width}" y1="{y}" y2="{y}"/>')
        for library, value in reversed(list(zip(LIBRARIES, values))):
            out.append(f'<circle class="series {library}" cx="{x(min(max(value, low), high)):.1f}" cy="{y}" r="5"><title>{name}, {library}: {value:.3g}</title></circle>')
    return "".join(out) + "</svg>"


def bars(title, names, rows):
    left, width, step, top = 150, 470, 20, 30
    height = top + sum(step * len(names) + 22 for _ in rows)
    most = max(value for _, values in rows for value in values)
    out, y = [f'<svg class="chart" viewBox="0 0 700 {height}" role="img" aria-label="{html.escape(title)}"><text class="title" x="0" y="16">{html.escape(title)}</text>'], top
    for name, values in rows:
        y += 14
        out.append(f'<text class="name" x="0" y="{y + 4}">{name}</text>')
        for library, value in zip(names, values):
            out.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{library}</text><rect class="series {library}" x="{left}" y="{y - 7}" width="{width * value / most:.1f}" height="14"/><text class="tick" x="{left + width * value / most + 6:.1f}" y="{y + 4}">{value:g}</text>')
            y += step
        y += 8
    return "".join(out) + "</svg>"


def of_run(page):
    rows = [(row[0], [number(cell) for cell in row[2:6]]) for row in rows_of(page, "workload | bare: minimum – median – maximum, ns")]
    waiting = [row for row in rows if row[0].startswith(("wake", "timeout"))]
    working = [row for row in rows if row not in waiting]
    figures = [
        ratios("Time of an operation, relative to bare system calls: left is faster", working, 0.9, 2.4,
               [(1, "1"), (1.25, "1.25"), (1.5, "1.5"), (2, "2")], lambda value: value),
        ratios("Wake-ups and waits, logarithmic", waiting, 1 / 150, 16,
               [(1 / 100, "1/100"), (1 / 10, "1/10"), (1, "1"), (10, "10")], math.log),
    ]
    lines = page.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| | bare | mio |"))
    names = [cell.strip() for cell in lines[start].strip("|").split("|")[1:]]
    counted = []
    for line in lines[start + 2 : start + 5]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        counted.append((cells[0].split("`")[1], [number(cell) for cell in cells[1:]]))
    figures.append(bars("Instructions in user space per event", names, counted))
    return "".join(f"<figure>{figure}</figure>" for figure in figures)
