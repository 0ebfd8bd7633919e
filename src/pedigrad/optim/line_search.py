"""A line search for the strong Wolfe conditions, as minFunc's (Schmidt 2005): brackets a good step, then narrows the bracket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
DECREASE = 1e-4  # the loss must fall by this part of what the slope at the start promises
CURVATURE = 0.9  # and the slope to this part of it
RESOLUTION = 1e-9  # no element would move further: the bracket is narrow enough


class Point(NamedTuple):
    """What is known at a distance `step` along the direction: loss, gradient, slope along the direction."""

    step: float
    loss: float
    gradient: Array
    slope: Any


def cubic_minimum(x: Point, y: Point, least: float, most: float) -> float:
    """Where the cubic through two points with their slopes is lowest, within bounds (Nocedal and Wright 2006, eq. 3.59)."""
    if x.step > y.step:
        x, y = y, x
    d1 = x.slope + y.slope - 3 * (x.loss - y.loss) / (x.step - y.step)
    square = d1 * d1 - x.slope * y.slope
    if not square >= 0:
        return (least + most) / 2
    d2 = square**0.5
    lowest = y.step - (y.step - x.step) * ((y.slope + d2 - d1) / (y.slope - x.slope + 2 * d2))
    return min(max(lowest, least), most)


def strong_wolfe(at: Callable[[float], Point], start: Point, step: float, direction: Array, budget: int = 25) -> tuple[Point, int]:
    """The point found and the number of evaluations.

    `at` evaluates a step, `start` is the point at step 0, and `step` the first to try.
    """
    bracket, done, tries = bracketed(at, start, step, budget)
    if done:
        return bracket[0], tries + 1
    return narrowed(at, start, bracket, float(np.max(np.abs(direction))), tries, budget)


def falls(point: Point, start: Point) -> bool:
    """The first Wolfe condition: whether the loss has fallen enough."""
    return not point.loss > start.loss + DECREASE * point.step * start.slope


def is_flat(point: Point, start: Point) -> bool:
    """The second, strong one: whether the slope is small enough."""
    return bool(abs(point.slope) <= -CURVATURE * start.slope)


def bracketed(at: Callable[[float], Point], start: Point, step: float, budget: int) -> tuple[list[Point], bool, int]:
    """Two points with a good step between them, or one that is good; whether it is; how often the step was lengthened."""
    last, point, tries = start, at(step), 0
    while tries < budget:
        if not falls(point, start) or (tries > 1 and point.loss >= last.loss):
            return [last, point], False, tries
        if is_flat(point, start):
            return [point], True, tries
        if point.slope >= 0:
            return [last, point], False, tries
        shortest = point.step + 0.01 * (point.step - last.step)
        longer = cubic_minimum(last, point, shortest, point.step * 10)
        last, point = point, at(longer)
        tries += 1
    return [start, point], False, tries


def narrowed(at: Callable[[float], Point], start: Point, bracket: list[Point], scale: float, tries: int, budget: int) -> tuple[Point, int]:
    """The best point of a bracket that is narrowed until it holds a good step; and the number of evaluations."""
    low, high = bracket if bracket[0].loss <= bracket[1].loss else reversed(bracket)
    evaluated, stuck = tries + 1, False
    while tries < budget:
        left, right = sorted((low.step, high.step))
        if (right - left) * scale < RESOLUTION:
            break
        step = cubic_minimum(low, high, left, right)
        margin = 0.1 * (right - left)
        if min(right - step, step - left) < margin:  # too near an end: once is allowed
            if stuck or step >= right or step <= left:
                step = right - margin if abs(step - right) < abs(step - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = at(step)
        evaluated += 1
        tries += 1
        if not falls(point, start) or point.loss >= low.loss:
            high = point
            if not low.loss <= high.loss:
                low, high = high, low
        else:
            if is_flat(point, start):
                return point, evaluated
            if point.slope * (high.step - low.step) >= 0:
                high = low
            low = point
    return low, evaluated
