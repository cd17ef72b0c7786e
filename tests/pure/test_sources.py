"""Whole functions with their colours, and where in them each operation is."""

import re
from pathlib import Path

from ncd.circuit.diagram import Place
from ncd.sources import MOST, sources, tokens

CODE = """import torch

class M:
    @cached
    def forward(self, x):
        "größer </script>"
        def inner(y):
            return y + 1
        größe, y = 1, x * 2
        return inner(y)

z = 1
"""


def looks(text: str) -> list[tuple[str, str]]:
    """Runs of text with their letters."""
    at, found = 0, []
    units = text.encode("utf-16-le")
    for letter, n in re.findall(r"([a-z])(\d+)", tokens(text)):
        found.append((letter, units[2 * at : 2 * (at + int(n))].decode("utf-16-le")))
        at += int(n)
    assert 2 * at == len(units)
    return found


def test_a_place_is_in_the_innermost_function_around_it(tmp_path: Path) -> None:
    file = str(tmp_path / "m.py")
    Path(file).write_text(CODE, encoding="utf-8")
    places = [Place(file, 9, 24, 9, 29, "M.forward"), None, Place(file, 8, 19, 8, 24, "inner"), Place(file, 12)]
    found, at = sources([*places, Place(str(tmp_path / "gone.py"), 1), Place(file, 99)])
    assert [(f["function"], f["line"], f["text"].count("\n")) for f in found] == [
        ("M.forward", 4, 7),
        ("inner", 7, 2),
        ("", 12, 1),
    ]
    assert at == {0: [0, 9, 22, 9, 27], 2: [1, 8, 19, 8, 24], 3: [2, 12, 0, 12, 0]}
    assert CODE.splitlines()[8][22:27] == "x * 2"  # characters, though Python counts bytes


def test_colours_cover_the_text_and_are_no_markup() -> None:
    found = looks(CODE)
    assert "".join(word for _, word in found) == CODE
    assert ("k", "def") in found and ("f", "forward") in found and ("d", "@cached") in found and ("n", "1") in found
    assert [w for letter, w in found if letter == "s"] == ['"größer </script>"']
    assert looks("x = '😀' # 😀\n")[-2] == ("c", "# 😀")
    assert looks("  (not ] python\n\n")[0][0] == "t"
    assert tokens("") == ""


def test_of_an_endless_function_the_lines_around_its_operations_are_shown(tmp_path: Path) -> None:
    file = str(tmp_path / "long.py")
    Path(file).write_text("def f(x):\n" + "    x = x + 1\n" * 3 * MOST)
    (found,), at = sources([Place(file, 2 * MOST, 8, 2 * MOST, 13, "f")])
    assert found["text"].count("\n") == MOST and found["line"] < 2 * MOST < found["line"] + MOST
    assert at[0][:2] == [0, 2 * MOST]


def test_runs_end_where_an_operation_does(tmp_path: Path) -> None:
    file = str(tmp_path / "m.py")
    Path(file).write_text("def f(x):\n    'ö'; y = x @ x.T\n    return (y +\n            x)\n", encoding="utf-8")
    (found,), at = sources([Place(file, 2, 14, 2, 21, "f"), Place(file, 3, 12, 4, 13, "f")])
    assert at == {0: [0, 2, 13, 2, 20], 1: [0, 3, 12, 4, 13]}
    ends, text = [0], found["text"]
    for n in re.findall(r"\d+", found["tokens"]):
        ends.append(ends[-1] + int(n))
    lines = text.splitlines(keepends=True)
    starts = [sum(map(len, lines[:k])) for k in range(len(lines))]
    for _, line, column, end_line, end_column in at.values():
        assert {starts[line - 1] + column, starts[end_line - 1] + end_column} <= set(ends)
    assert ends[-1] == len(text)


def test_code_that_is_no_python_gives_its_line(tmp_path: Path) -> None:
    file = str(tmp_path / "cell.py")
    Path(file).write_text("%%ncd\nx + 1\n")
    (found,), _ = sources([Place(file, 2)])
    assert found["text"] == "x + 1\n"


def test_words_look_as_what_they_are() -> None:
    found = looks(
        '@cache\ndef f(self, x=1e-5, *, k: int = 0x1F):\n    return x.max() @ k if max(x) is not None else rb"\\"a"'
    )
    of = {letter: [w for at, w in found if at == letter] for letter in "dkfnbs"}
    assert of["d"] == ["@cache"] and of["f"] == ["f"] and of["n"] == ["1e-5", "0x1F"] and of["s"] == ['rb"\\"a"']
    assert of["k"] == ["def", "return", "if", "is", "not", "None", "else"]
    assert of["b"] == ["self", "int", "max"]  # and the method is none
    assert looks('x = "open\ny = 1')[-1] == ("n", "1")  # a string that nothing closes ends with its line
    assert looks('"""open\nif x: # no comment')[-1] == ("s", '"""open\nif x: # no comment')
    assert "0" not in re.findall(r"\d+", tokens('f"{a}{b}"'))
    formatted = looks('f"{len(x)} of {{n}} {y:.3f}" "{z}"')
    assert [w for letter, w in formatted if letter == "s"] == ['f"', " of {{n}} ", '"', '"{z}"']
    assert ("b", "len") in formatted
