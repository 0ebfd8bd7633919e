"""Packing: from any strided view to the panels that the microkernel reads.

An index (m, n, k or the batch) is a tuple of dimensions, last one fastest. In the layout that native code is given, it is

    index = rank (size stride_a stride_b stride_c)*rank        64-bit integers, strides in elements

so that an element's place is a sum of one offset per index. `offsets` writes these for a block of an index into a table

    table = start count (offset run)*

where `run` is the number of elements from here on that follow each other in memory. Panels are read by vectors where runs are
long enough: along the panel, piece by piece along it, or along k through a transposition in registers.
"""

from __future__ import annotations

import functools

from .microkernel import SQUARE, Body, Tile, lanes_below, load, load_source, splat, widened

A, B, C = 0, 1, 2  # the columns of strides
STEPS = 8  # so many are packed at a time for panels that lie side by side


def offsets(name: str, bits: int) -> Body:
    """Fill a table with `count` entries from `start`, then repeat the last offset up to `padded`; nothing if it has them already."""
    body = Body(name, "ptr %index, i64 %column, i64 %start, i64 %count, i64 %padded, ptr %table", bits)
    same = body.put(f"icmp eq i64 {body.word('%table', 0)}, %start")
    equal = body.put(f"icmp eq i64 {body.word('%table', 1)}, %count")
    both = body.put(f"and i1 {same}, {equal}")
    body.do(f"br i1 {both}, label %known, label %fill")
    body.label("known")
    body.do("ret void")
    body.label("fill")
    body.do("store i64 %start, ptr %table")
    body.do(f"store i64 %count, ptr {body.at('%table', 1)}")
    entries = body.at("%table", 2)
    single = body.put(f"icmp eq i64 {body.word('%index', 0)}, 1")
    body.choose(single, "void", lambda: _fill_line(body, entries), lambda: _fill_offsets(body, entries) + _fill_runs(body, entries))
    with body.loop("%count", "%padded") as loop:
        last = body.integer("shl", body.integer("sub", "%count", 1), 1)
        entry = body.at(entries, body.integer("shl", loop.index, 1))
        body.do(f"store i64 {body.word(entries, last)}, ptr {entry}")
        body.do(f"store i64 0, ptr {body.at(entry, 1)}")
    return body


def _fill_line(body: Body, entries: str) -> str:
    """The whole table of an index of one dimension, which most are."""
    stride = body.word(body.at("%index", "%column"), 2)
    near = body.put(f"icmp eq i64 {stride}, 1")
    with body.loop(0, "%count") as loop:
        entry = body.at(entries, body.integer("shl", loop.index, 1))
        offset = body.integer("mul", body.integer("add", "%start", loop.index), stride)
        run = body.put(f"select i1 {near}, i64 {body.integer('sub', '%count', loop.index)}, i64 1")
        body.do(f"store i64 {offset}, ptr {entry}")
        body.do(f"store i64 {run}, ptr {body.at(entry, 1)}")
    return ""


def _fill_offsets(body: Body, entries: str) -> str:
    strides = body.at("%index", body.integer("add", "%column", 1))
    inner = body.integer("sub", body.word("%index", 0), 1)
    with body.loop(0, "%count") as loop:
        linear = body.integer("add", "%start", loop.index)
        with body.loop(0, inner, carry=[("i64", linear), ("i64", "0")]) as dims:
            left, offset = dims.carried
            place = body.integer("shl", body.integer("sub", inner, dims.index), 2)
            size = body.word(body.at("%index", 1), place)
            quotient = body.integer("udiv", left, size)
            position = body.integer("sub", left, body.integer("mul", quotient, size))
            step = body.integer("mul", position, body.word(body.at(strides, 1), place))
            dims.next = [quotient, body.integer("add", offset, step)]
        left, offset = dims.carried
        offset = body.integer("add", offset, body.integer("mul", left, body.word(strides, 1)))
        body.do(f"store i64 {offset}, ptr {body.at(entries, body.integer('shl', loop.index, 1))}")
    return ""


def _fill_runs(body: Body, entries: str) -> str:
    with body.loop(0, "%count", carry=[("i64", "-1"), ("i64", "0")]) as loop:  # from the end
        following, length = loop.carried
        back = body.integer("sub", body.integer("sub", "%count", 1), loop.index)
        entry = body.at(entries, body.integer("shl", back, 1))
        offset = body.word(entry, 0)
        near = body.put(f"icmp eq i64 {body.integer('sub', following, offset)}, 1")
        run = body.integer("add", body.put(f"select i1 {near}, i64 {length}, i64 0"), 1)
        body.do(f"store i64 {run}, ptr {body.at(entry, 1)}")
        loop.next = [offset, run]
    return ""


def words_of(body: Body, k: str, tile: Tile) -> str:
    """How many words of a panel so many elements along k are; of squares there are whole ones."""
    if tile.square:
        step = SQUARE * tile.depth
        return body.integer("mul", body.integer("udiv", body.integer("add", k, step - 1), step), SQUARE)
    return k if tile.depth == 1 else body.integer("udiv", body.integer("add", k, tile.depth - 1), tile.depth)


def pack(name: str, tile: Tile, width: int) -> Body:
    """panels[p][k][i] = source[rows[width * p + i] + steps[k]] for `count` rows, up to a multiple of `width`, and `k` steps.

    Where the tile's words are of several elements, panels[p][w][i] is the word of those of the steps from w * depth on, zero beyond k.

    `rows` and `steps` are entries of tables. What is written may reach into the next steps, which are written later, and up to
    `lanes` steps beyond the panels.
    """
    body = Body(name, "ptr %source, ptr %rows, ptr %steps, i64 %count, i64 %k, ptr %panels", tile.bits)
    many = body.put(f"icmp sgt i64 %count, {width}")
    rows = "%count" if _masks(tile) else body.integer("mul", body.integer("udiv", body.integer("add", "%count", width - 1), width), width)
    whole = body.put(f"and i1 {many}, {body.put(f'icmp sge i64 {_run(body)}, {rows}')}")  # without masks the last panel is read whole
    body.choose(whole, "void", lambda: _pack_whole(body, tile, width), lambda: _pack_panels(body, tile, width))
    return body


def pack_squares(name: str, tile: Tile, width: int) -> Body:
    """The same with words [p][w / 16][i / 16][i][w]: squares of the words that 16 rows have after each other."""
    body = pack(name, tile, width)
    words = words_of(body, "%k", tile)
    with body.loop(0, "%count", width) as loop:
        panel = body.at("%panels", body.integer("mul", loop.index, words), tile.word)
        with body.loop(0, words, SQUARE) as down:
            block = body.at(panel, body.integer("mul", down.index, width), tile.word)
            squares = []
            for first in range(0, width, SQUARE):
                places = [body.at(block, w * width + first, tile.word) for w in range(SQUARE)]
                vectors = [body.put(f"load {tile.words}, ptr {place}, align {tile.size}") for place in places]
                squares += transposed(body, tile.words, vectors)
            for i, row in enumerate(squares):
                body.do(f"store {tile.words} {row}, ptr {body.at(block, i * SQUARE, tile.word)}, align {tile.size}")
    return body


def _run(body: Body) -> str:
    """The run of the first row, 0 where there is none."""
    some = body.put("icmp sgt i64 %count, 0")
    return body.choose(some, "i64", lambda: body.word("%rows", 1), lambda: "0")


def _pack_whole(body: Body, tile: Tile, width: int) -> str:
    """Pack a few steps of all panels at a time where those lie in memory side by side: long pieces are fetched ahead."""
    words = words_of(body, "%k", tile)
    with body.loop(0, words, STEPS) as some:
        steps = body.smaller(body.integer("sub", words, some.index), STEPS)
        from_step = some.index if tile.depth == 1 else body.integer("mul", some.index, tile.depth)
        left = "" if tile.depth == 1 else body.integer("sub", "%k", from_step)
        with body.loop(0, "%count", width) as loop:
            first = body.integer("add", body.integer("mul", loop.index, words), body.integer("mul", some.index, width))
            panel = body.at("%panels", first, tile.word)
            entry = body.at("%rows", body.integer("shl", loop.index, 1))
            table = body.at("%steps", body.integer("shl", from_step, 1))
            _pack_along_rows(body, tile, width, entry, table, panel, _there(body, tile, loop.index, width), steps, left)
    return ""


def _there(body: Body, tile: Tile, index: str, width: int) -> str:
    return body.smaller(body.integer("sub", "%count", index), width) if _masks(tile) else str(width)


def _pack_panels(body: Body, tile: Tile, width: int) -> str:
    words = words_of(body, "%k", tile)
    with body.loop(0, "%count", width) as loop:
        panel = body.at("%panels", body.integer("mul", loop.index, words), tile.word)
        entry = body.at("%rows", body.integer("shl", loop.index, 1))
        there = _there(body, tile, loop.index, width)
        straight = body.put(f"icmp sge i64 {body.word(entry, 1)}, {there}")
        body.choose(
            straight,
            "void",
            functools.partial(_pack_along_rows, body, tile, width, entry, "%steps", panel, there),
            functools.partial(_pack_pieces, body, tile, width, entry, "%steps", panel, there),
        )
    return ""


def _masks(tile: Tile) -> bool:
    return tile.bits > 128  # on narrower registers a load under a mask is a branch for every lane


def _pack_along_rows(
    body: Body, tile: Tile, width: int, entry: str, steps: str, panel: str, there: str, count: str = "", left: str = "%k"
) -> str:
    """Pack `count` steps, or words of those `left`, of a panel whose rows lie side by side."""
    source = body.at("%source", body.word(entry, 0), tile.source)
    firsts = range(0, width, tile.lanes)
    masks = {first: lanes_below(body, tile, body.integer("sub", there, first)) if _masks(tile) else None for first in firsts}
    with body.loop(0, count or words_of(body, "%k", tile)) as loop:
        to = body.at(panel, body.integer("mul", loop.index, width), tile.word)
        if tile.depth == 1:
            row = body.at(source, body.word(steps, body.integer("shl", loop.index, 1)), tile.source)
        else:
            rows = [body.at(source, offset, tile.source) for offset, _ in _elements_of(body, tile, steps, loop.index, left)]
            last = body.integer("sub", left, body.integer("mul", loop.index, tile.depth))
            known = [splat(body, "i1", tile.lanes, body.put(f"icmp sgt i64 {last}, {e}")) for e in range(tile.depth)]
        for first in firsts:
            if tile.depth == 1:
                value = load_source(body, tile, body.at(row, first, tile.source), masks[first])
            else:
                value = _woven(body, tile, [body.at(row, first, tile.source) for row in rows], str(masks[first]), known)
            _store_first(body, tile, value, body.at(to, first, tile.word), min(width - first, tile.lanes))
    return ""


def _elements_of(body: Body, tile: Tile, steps: str, word: str, left: str) -> list[tuple[str, str]]:
    """The offsets of the elements of a word, and whether there are such: beyond the last step it is that one's offset."""
    first, found = body.integer("mul", word, tile.depth), []
    last = body.integer("sub", left, 1)
    for e in range(tile.depth):
        step = body.integer("add", first, e)
        offset = body.word(steps, body.integer("shl", body.smaller(step, last), 1))
        found.append((offset, body.put(f"icmp sle i64 {step}, {last}")))
    return found


def _woven(body: Body, tile: Tile, places: list[str], mask: str, known: list[str]) -> str:
    """A vector of words, of which each place has the vector of one element."""
    lanes, narrow, bits = tile.lanes, tile._replace(element=f"i{8 * tile.source_size}", size=tile.source_size), 8 * tile.source_size
    whole = ""
    for e, (place, there) in enumerate(zip(places, known, strict=True)):
        value = load(body, narrow, place, body.put(f"and <{lanes} x i1> {mask}, {there}"))
        value = body.put(f"zext {narrow.vector} {value} to <{lanes} x i32>")
        if e:
            value = body.put(f"shl <{lanes} x i32> {value}, splat (i32 {e * bits})")
        whole = body.put(f"or <{lanes} x i32> {whole}, {value}") if whole else value
    return body.put(f"bitcast <{lanes} x i32> {whole} to {tile.words}")


def _store_first(body: Body, tile: Tile, value: str, place: str, count: int) -> None:
    """Store the first `count` lanes of a vector and nothing beyond them."""
    done = 0
    while done < count:
        lanes = 1 << (count - done).bit_length() - 1
        part = value
        if lanes < tile.lanes:
            chosen = ", ".join(f"i32 {done + i}" for i in range(lanes))
            part = body.put(f"shufflevector {tile.words} {value}, {tile.words} poison, <{lanes} x i32> <{chosen}>")
        body.do(f"store <{lanes} x {tile.word}> {part}, ptr {body.at(place, done, tile.word)}, align {tile.size}")
        done += lanes


def _pack_pieces(body: Body, tile: Tile, width: int, entry: str, steps: str, panel: str, there: str) -> str:
    """Pack along the panel where it has runs of some length, as the rows of an image, else across it."""
    across = functools.partial(_pack_across, body, tile, width, entry, steps, panel)
    if not _masks(tile) or tile.depth > 1:
        return across()
    first = body.word(entry, 1)  # 0 in a panel of padding alone, which there is not
    second = body.word(entry, body.integer("add", body.integer("shl", first, 1), 1))  # in the panel, which the first run does not fill
    longest = body.put(f"icmp sge i64 {body.smaller(first, second, 'sgt')}, {max(tile.lanes // 4, 2)}")
    return body.choose(longest, "void", functools.partial(_pack_runs, body, tile, width, entry, steps, panel, there), across)


def _pack_runs(body: Body, tile: Tile, width: int, entry: str, steps: str, panel: str, there: str) -> str:
    with body.loop(0, "%k") as loop:
        source = body.at("%source", body.word(steps, body.integer("shl", loop.index, 1)), tile.source)
        to = body.at(panel, body.integer("mul", loop.index, width), tile.element)
        with body.loop(0, there) as piece:
            here = body.at(entry, body.integer("shl", piece.index, 1))
            piece.step = body.smaller(body.smaller(body.word(here, 1), tile.lanes), body.integer("sub", there, piece.index))
            place = body.at(source, body.word(here, 0), tile.source)
            value = load_source(body, tile, place, lanes_below(body, tile, piece.step))
            body.do(f"store {tile.vector} {value}, ptr {body.at(to, piece.index, tile.element)}, align {tile.size}")
    return ""


def _pack_across(body: Body, tile: Tile, width: int, entry: str, steps: str, panel: str) -> str:
    least = max(tile.lanes // 4, 2) if _masks(tile) else tile.lanes
    with body.loop(0, words_of(body, "%k", tile)) as loop:
        first = loop.index if tile.depth == 1 else body.integer("mul", loop.index, tile.depth)
        if tile.square:  # which may be filled up
            known, first = body.put(f"icmp slt i64 {first}, %k"), body.smaller(first, body.integer("sub", "%k", 1))
        step = body.at(steps, body.integer("shl", first, 1))
        source = body.at("%source", body.word(step, 0), tile.source)
        to = body.at(panel, body.integer("mul", loop.index, width), tile.word)
        run = body.word(step, 1) if tile.depth == 1 else body.integer("udiv", body.word(step, 1), tile.depth)
        run = body.put(f"select i1 {known}, i64 {run}, i64 0") if tile.square else run
        by_vectors = functools.partial(_by_vectors, body, tile, width, entry, source, to, run)
        by_elements = functools.partial(_by_elements, body, tile, width, entry, source, to)
        if tile.depth > 1:
            by_elements = functools.partial(_by_words, body, tile, width, entry, (steps, loop.index), to)
        loop.step = body.choose(body.put(f"icmp sge i64 {run}, {least}"), "i64", by_vectors, by_elements)
    return ""


def _by_elements(body: Body, tile: Tile, width: int, entry: str, source: str, to: str) -> str:
    with body.loop(0, width) as across:
        place = body.at(source, body.word(entry, body.integer("shl", across.index, 1)), tile.source)
        value = body.put(f"load {tile.source}, ptr {place}")
        if tile.converts:
            one = body.put(f"insertelement <1 x {tile.source}> poison, {tile.source} {value}, i64 0")
            value = body.put(f"extractelement <1 x float> {widened(body, tile.source, 1, one)}, i64 0")
        body.do(f"store {tile.element} {value}, ptr {body.at(to, across.index, tile.element)}")
    return "1"


def _by_words(body: Body, tile: Tile, width: int, entry: str, at: tuple[str, str], to: str) -> str:
    elements = _elements_of(body, tile, *at, "%k")
    with body.loop(0, width) as across:
        row = body.at("%source", body.word(entry, body.integer("shl", across.index, 1)), tile.source)
        word = body.at(to, across.index, tile.word)
        for e, (offset, known) in enumerate(elements):
            value = body.put(f"load {tile.source}, ptr {body.at(row, offset, tile.source)}")
            value = body.put(f"select i1 {known}, {tile.source} {value}, {tile.source} 0")
            body.do(f"store {tile.source} {value}, ptr {body.at(word, e, tile.source)}")
    return "1"


def _by_vectors(body: Body, tile: Tile, width: int, entry: str, source: str, to: str, run: str) -> str:
    """Write up to `lanes` steps of a panel from vectors along k, a square at a time; returns how many.

    Squares that reach beyond the panel's width are stored step by step with the others.
    """
    lanes = tile.lanes
    steps = body.smaller(run, lanes)
    mask = lanes_below(body, tile, steps) if _masks(tile) else None

    def along(place: str) -> str:
        if tile.depth == 1:
            return load_source(body, tile, place, mask)
        return load(body, tile._replace(element=tile.word, size=tile.source_size), place, mask)

    def square(entry: str, count: int) -> list[str]:
        places = [body.at(source, body.word(entry, 2 * r), tile.source) for r in range(count)]
        return transposed(body, tile.words, [along(place) for place in places] + ["zeroinitializer"] * (lanes - count))

    if width % lanes == 0:
        with body.loop(0, width, lanes) as loop:
            rows = square(body.at(entry, body.integer("shl", loop.index, 1)), lanes)
            _store_steps(body, tile, width, body.at(to, loop.index, tile.word), [(0, rows)])
    else:
        squares = [(first, square(body.at(entry, 2 * first), min(lanes, width - first))) for first in range(0, width, lanes)]
        _store_steps(body, tile, width, to, squares)
    return steps


def _store_steps(body: Body, tile: Tile, width: int, to: str, blocks: list[tuple[int, list[str]]]) -> None:
    for k in range(tile.lanes):
        for first, rows in blocks:
            body.do(f"store {tile.words} {rows[k]}, ptr {body.at(to, k * width + first, tile.word)}, align {tile.size}")


def transposed(body: Body, vector: str, rows: list[str]) -> list[str]:
    """The columns of a square of vectors: blocks off the diagonal change places, for blocks of 1, 2, 4, ... elements."""
    lanes, rows = len(rows), list(rows)

    def exchange(r: int, s: int, *orders: list[int]) -> list[str]:
        pair = f"{vector} {rows[r]}, {vector} {rows[s]}"
        typed = (", ".join(f"i32 {i}" for i in order) for order in orders)
        return [body.put(f"shufflevector {pair}, <{lanes} x i32> <{order}>") for order in typed]

    half = 1
    if vector.endswith("float>"):  # a single instruction exchanges pairs of floats, or interleaves them, but not floats
        low = [lanes * (i & 1) + (i & ~3) + (i >> 1 & 1) for i in range(lanes)]
        high = [i + 2 for i in low]
        near = [i if not i & 2 else lanes + i - 2 for i in range(lanes)]
        far = [i + 2 for i in near]
        for r in range(0, lanes, 4):
            rows[r : r + 4] = *exchange(r, r + 1, low, high), *exchange(r + 2, r + 3, low, high)
            rows[r : r + 4] = *exchange(r, r + 2, near, far), *exchange(r + 1, r + 3, near, far)
        half = 4
    while half < lanes:
        upper = [i if not i & half else lanes + i - half for i in range(lanes)]
        lower = [i + half for i in upper]
        for r in range(lanes):
            if not r & half:
                rows[r], rows[r + half] = exchange(r, r + half, upper, lower)
        half *= 2
    return rows
