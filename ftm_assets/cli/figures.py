"""`ftm figures`: figures for a paper, at a journal's column width, each with the data behind it."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ftm_assets.cli import arguments, failing, screen
from ftm_assets.cli.arguments import Quarter
from ftm_assets.cli.csv_cells import marked
from ftm_assets.cli.failing import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from matplotlib.figure import Figure

    from ftm_assets.report.car_rows import CarEvents
    from ftm_resources.warehouse import Warehouse

commands = typer.Typer()


class Kind(StrEnum):
    """Figures."""

    map = "map"
    tone = "tone"
    car = "car"


class _Made(NamedTuple):
    """A figure, its data and what is to be said of it."""

    figure: Figure
    rows: pa.Table
    said: str
    caption: str


def _formats(text: str) -> str:
    from ftm_assets.report.figure_style import FORMATS

    chosen = [part.strip().lower() for part in text.split(",") if part.strip()]
    if not chosen or (unknown := [f for f in chosen if f not in FORMATS]):
        wrong = ", ".join(unknown) if chosen else repr(text)
        raise typer.BadParameter(f"{wrong}: give one or more of {', '.join(FORMATS)}, separated by commas")
    return ",".join(dict.fromkeys(chosen))


def _width(text: str) -> str:
    from ftm_assets.report.figure_style import width_mm

    try:
        return f"{width_mm(text):g}"
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@commands.command(rich_help_panel="Read")
def figures(
    quarter: Quarter,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder to write to.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="QUARTER",
            help="Last quarter of tone and returns, whose themes the map shows. Default: QUARTER alone.",
            callback=arguments.quarter_key,
            autocompletion=arguments.known_quarters,
        ),
    ] = None,
    figure: Annotated[
        list[Kind] | None,
        typer.Option(
            "--figure",
            help="Which figures; may be given several times. map: topics by meaning. tone: themes over quarters, with "
            "95% bands. car: abnormal returns around calls, by tone. Default: all; tone only with --to.",
        ),
    ] = None,
    theme: Annotated[
        list[str] | None,
        typer.Option(
            "--theme",
            metavar="TEXT",
            help="Draw tone and returns of this theme: its id, or words of its name; may be given several times.",
        ),
    ] = None,
    series: Annotated[
        list[str] | None,
        typer.Option(
            "--series",
            metavar="SERIES_ID",
            help="Draw tone and returns of this series; may be given several times. Default: tone of the six longest "
            "series, returns by tone about all themes.",
        ),
    ] = None,
    width: Annotated[
        str,
        typer.Option(
            metavar="WIDTH",
            help="single (90 mm), onehalf (140 mm) or double (190 mm), as Elsevier's journals have them, or a number "
            "of mm.",
            callback=_width,
        ),
    ] = "double",
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="LIST",
            help="Format of the files: pdf, png (600 dpi), svg, or several, as in pdf,png.",
            callback=_formats,
        ),
    ] = "pdf",
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Draw figures for a paper: the theme map, tone over time, and returns around calls.

    Beside each are a CSV file with the data behind it and a text file with a draft caption. Fonts are embedded,
    colours are told apart by the colour-blind and in grey, and the same data give the same bytes. A figure that cannot
    be drawn is named with the reason; the others are written, and the exit code is 1.
    """
    from ftm_assets.report.figure_captions import state_of
    from ftm_assets.report.figure_rows import FigureError, series_named
    from ftm_resources.quarters import between
    from ftm_resources.warehouse.errors import WarehouseError

    last = to or quarter
    if quarter > last:
        raise typer.BadParameter(f"{quarter} is after {last}")
    warehouse = arguments.warehouse()
    pinned = warehouse.pin()
    if absent := [q for q in (quarter, last) if not pinned.holds(q)]:
        raise warehouse.no_such_quarter(absent[0])
    chosen = list(dict.fromkeys(figure or [k for k in Kind if k is not Kind.tone or to]))
    try:
        of = list(dict.fromkeys([*(series or ()), *series_named(warehouse, quarter, last, theme or ())]))
    except FigureError as error:
        raise CommandError(str(error)) from error
    planned = _planned(warehouse, quarter, last, chosen, of, float(width))
    formats = format_.split(",")
    endings = (*formats, "csv", "txt")
    listed = arguments.outputs(
        [out / f"{name}.{ending}" for name in planned for ending in endings], force=force, makes_folder=True
    )
    files = {name: listed[i * len(endings) : (i + 1) * len(endings)] for i, name in enumerate(planned)}
    failed, state = [], state_of(warehouse, between(quarter, last))
    for name, draw in planned.items():
        try:
            made = draw()
        except (FigureError, WarehouseError) as error:
            failed.append(f"{name} was not drawn: {error}.")
            continue
        files[name][0].parent.mkdir(parents=True, exist_ok=True)
        _write(made, files[name], state)
        typer.echo(f"{', '.join(map(str, files[name]))}\n    {made.said}")
    if quarter == last and not figure and not failed:
        failing.tell("To draw tone over time too, add --to with a later quarter.")
    if failed:
        raise CommandError("\n".join(failed))


def _planned(
    warehouse: Warehouse, first: str, last: str, chosen: Sequence[Kind], series: Sequence[str], width: float
) -> dict[str, Callable[[], _Made]]:
    """Return the figures to draw, by the names of their files."""
    from functools import cache

    from ftm_resources.tables.categories import POOLED

    @cache
    def read() -> CarEvents:
        from ftm_assets.report.car_rows import car_events

        return car_events(warehouse, first, last)

    planned: dict[str, Callable[[], _Made]] = {}
    for kind in chosen:
        if kind is Kind.map:
            planned["theme_map"] = lambda: _map(warehouse, last, width)
        elif kind is Kind.tone:
            planned["tone_over_time"] = lambda: _tone(warehouse, first, last, series, width)
        else:
            for one in series or [POOLED]:
                name = "car_paths" if one == POOLED else f"car_paths_{re.sub('[^0-9A-Za-z]+', '-', one)}"
                planned[name] = lambda one=one: _car(read, first, last, one, width)  # type: ignore[misc]
    return planned


def _map(warehouse: Warehouse, quarter: str, width: float) -> _Made:
    from ftm_assets.report.figure_captions import map_caption
    from ftm_assets.report.figure_rows import map_rows
    from ftm_assets.report.map_figure import theme_map_figure

    found = map_rows(warehouse, quarter)
    drawn, named = theme_map_figure(found.points, found.themes, width=width)
    said = f"{quarter}: {screen.count(found.rows.num_rows, 'topic')}; {len(named)} of {len(found.themes)} themes are "
    said += "named, the largest for which there is room."
    caption = map_caption(found, quarter, len(named))
    return _Made(drawn, found.rows, " ".join([said, *found.warnings]), caption)


def _tone(warehouse: Warehouse, first: str, last: str, series: Sequence[str], width: float) -> _Made:
    from ftm_assets.report.figure_captions import tone_caption
    from ftm_assets.report.figure_rows import FigureError, tone_rows
    from ftm_assets.report.tone_figure import tone_figure

    if first == last:
        raise FigureError(f"{first} is one quarter; tone over time needs several: add --to with a later one")
    found = tone_rows(warehouse, first, last, series)
    said = f"{first} to {last}: {len(found.lines)} series"
    said += (
        f" of {len(found.lines) + found.n_left_out}; choose others with --theme." if found.n_left_out else "."
    )
    said += f" Without a panel, so gaps: {', '.join(found.missing)}." if found.missing else ""
    drawn = tone_figure(found.quarters, found.lines, width=width)
    return _Made(drawn, found.rows, " ".join([said, *found.warnings]), tone_caption(found))


def _car(read: Callable[[], CarEvents], first: str, last: str, series: str, width: float) -> _Made:
    from ftm_assets.report.car_figure import car_figure
    from ftm_assets.report.car_rows import car_rows
    from ftm_assets.report.figure_captions import car_caption

    found = car_rows(read(), series)
    n = sum(found.found.n_events)
    said = f"{found.name}: {screen.count(n, 'call')} of {first} to {last}, abnormal returns by {found.model}."
    if found.left_out:
        said += f" Without returns, so left out: {', '.join(found.left_out)}."
    drawn = car_figure(found.found, found.placebo, width=width, model=found.model)
    return _Made(drawn, found.rows, said, car_caption(found, first, last))


def _write(made: _Made, files: Sequence[Path], state: str) -> None:
    """Write a figure, its data and its caption, these to the last two files; each appears once it is complete."""
    import csv

    from ftm_assets.report.figure_style import write_figure
    from ftm_resources.replaced_file import replaced

    for file in files[:-2]:
        with replaced(file) as partial:
            write_figure(made.figure, partial, file.suffix.removeprefix("."))
    with replaced(files[-2]) as partial, partial.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(made.rows.column_names)
        for row in made.rows.to_pylist():
            writer.writerow([marked(v) if isinstance(v, str) else v for v in row.values()])
    with replaced(files[-1]) as partial:
        partial.write_text(f"{made.caption} {state}\n", encoding="utf-8")
