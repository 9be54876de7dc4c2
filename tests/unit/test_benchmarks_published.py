"""The figures that the documents show are those of the run that is committed, all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk")

from benchmarks.publish import JSON, PAGE, PICTURE, filled, picture, publish
from benchmarks.results import Results

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def results() -> Results:
    return Results.read(ROOT / JSON)


@pytest.mark.parametrize("name", ["README.md", PAGE])
def test_figures_are_those_of_the_run(name, results):
    document = (ROOT / name).read_text("utf-8")
    assert filled(document, results) == document


def test_the_picture_is_that_of_the_run(results):
    assert (ROOT / PICTURE).read_text("utf-8") == picture(results)


def test_the_readme_names_what_the_picture_holds(results):
    readme, shown = ((ROOT / name).read_text("utf-8") for name in ("README.md", PICTURE))
    assert f"]({PICTURE})" in readme
    named = set(re.findall(r"^\| ((?:GET|POST), \w+) \|", readme, re.MULTILINE))
    assert named == {"GET, ASGI", "POST, ASGI", "GET, WSGI", "POST, WSGI"}
    for title in named:
        assert f">{title}</text>" in shown
        whole = results.find("Full stack, " + title[:-6], title[-4:])
        assert whole is not None
        for row in whole.rows:
            assert (row.role == "bare") or f">{row.name}</text>" in shown


def test_the_run_was_whole(results):
    """Every layer, floor and stack, through both interfaces; and it says on what it ran."""
    layers = {name for each in results.measured for name in each.layers}
    assert layers >= {"https", "authentication", "authorization", "validation", "audit"}
    assert {each.interface for each in results.measured} >= {"ASGI", "WSGI"}
    assert results.curves
    assert results.about["versions"]
    assert results.about["measured"]


def test_what_is_published_is_read_back_alike(results, tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("README.md", PAGE):
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    written = publish(results, tmp_path)
    assert set(written) == {JSON, PICTURE, PAGE, "README.md"}
    for name in written:
        assert (tmp_path / name).read_text("utf-8") == (ROOT / name).read_text("utf-8"), name
