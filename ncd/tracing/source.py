"""Where in the user's code an operation was called, to the column."""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType

import torch

from ncd.circuit.diagram import Place

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_EINOPS = os.sep + "einops" + os.sep


def is_users(code: CodeType) -> bool:
    """Whether code is the user's (or a model library's): not torch's, einops' or ours."""
    return is_users_file(code.co_filename)


def is_users_file(file: str) -> bool:
    """Whether a file of code is the user's."""
    if file.startswith(_HERE):
        return file.startswith(_HERE + "models" + os.sep)
    return not (file.startswith(_TORCH) or _EINOPS in file or file.startswith("<frozen") or file == "<string>")


class Stack:
    """Reads places off the running stack, remembering what it learned about each code object.

    Everything is kept by the id of a code object, which is kept too: hashing one reads all its constants.
    """

    def __init__(self) -> None:
        self.users: dict[int, bool] = {}
        self.codes: list[CodeType] = []
        self.positions: dict[int, list[tuple[int | None, int | None, int | None, int | None]]] = {}
        self.places: dict[tuple[int, int], Place] = {}

    def frames(self, skip: int = 1, last: FrameType | None = None) -> list[FrameType]:
        """The user's frames, innermost first, as far as ``last``."""
        frame: FrameType | None = sys._getframe(skip + 1)
        found = []
        while frame is not None:
            code = frame.f_code
            mine = self.users.get(id(code))
            if mine is None:
                mine = self.users[id(code)] = is_users(code)
                self.codes.append(code)
            if mine:
                found.append(frame)
                if frame is last:
                    break
            frame = frame.f_back
        return found

    def place(self, frame: FrameType) -> Place:
        """Where a frame is now.  It is one that ``frames`` gave."""
        code = frame.f_code
        key = (id(code), frame.f_lasti)
        if key not in self.places:
            if id(code) not in self.positions:
                self.positions[id(code)] = list(code.co_positions())
            line, end, column, end_column = self.positions[id(code)][frame.f_lasti // 2]
            self.places[key] = Place(
                code.co_filename,
                line or frame.f_lineno,
                column or 0,
                end or line or frame.f_lineno,
                end_column or 0,
                code.co_qualname,
            )
        return self.places[key]


def place_of_error(error: BaseException) -> Place | None:
    """The innermost line of the user's own code in a traceback."""
    tb, stack, found = error.__traceback__, Stack(), None
    while tb is not None:
        if is_users(tb.tb_frame.f_code):
            positions = list(tb.tb_frame.f_code.co_positions())
            line, end, column, end_column = positions[tb.tb_lasti // 2]
            at = line or tb.tb_lineno
            found = Place(
                tb.tb_frame.f_code.co_filename,
                at,
                column or 0,
                end or at,
                end_column or 0,
                tb.tb_frame.f_code.co_qualname,
            )
        tb = tb.tb_next
    del stack
    return found
