"""The matrix product on tiles, as LLVM text.

Note: the method. A tile is a panel of columns, three vectors wide, and a range of rows. The panel of ``b`` is packed
(turned where ``b`` lies column by column) so that a row of it is contiguous; then eight rows by three vectors of the
result stay in registers while the kernel walks along k: a broadcast of each row's element of ``a``, times three
vectors of ``b``. Source: Goto and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication"; ``a`` is not
packed, because a few rows of it at a time stay in the cache.

Note: bits. Each element is one chain of fused multiply-adds along k in order, from 0. So the result depends on no
tile, no thread, and not on how the operands lie in memory.
"""

from __future__ import annotations

from functools import cache

from .text import Type, Writer

ROWS, VECTORS = 8, 3  # what stays in registers
DEPTH = 512  # how much of k is packed at a time
# meta: places of a, b and out; offsets of a and b in elements; m, n, k; strides of a along m and k, of b along k and n;
# rows of a tile; tiles along rows, along columns; then for each member of the batch its offsets in a and b. Unit u is
# tile u mod (row tiles x column tiles) of member u div that; row tiles of one panel follow each other.
WORDS = (
    "place_a", "place_b", "place_out", "offset_a", "offset_b", "m", "n", "k", "a_row", "a_column", "b_row", "b_column",
    "tile", "row_tiles", "column_tiles",
)  # fmt: skip
_SIZE = {"float": 4, "double": 8}  # bytes


def panel(element: str) -> int:
    """How many columns a tile has."""
    return VECTORS * lanes(element)


def lanes(element: str) -> int:
    """Elements of a vector register of 64 bytes."""
    return 64 // _SIZE[element]


@cache
def product_text(element: str, attributes: str) -> str:
    """The module of ``product_float`` or ``product_double``: a command's function for ``out = a @ b``, row-major."""
    parts = [_product(element)]
    for vectors in range(1, VECTORS + 1):
        parts += [_rows(element, rows, vectors) for rows in _heights()]
    parts += [_packed(element), _turned(element)]
    declared: dict[str, str] = {}
    texts = []
    for name, arguments, writer, linkage in parts:
        declared |= writer.declared
        texts += [f"define {linkage}void @{name}({arguments}) #0 {{", "entry:", *writer.slots, *writer.lines, "  ret void", "}"]  # fmt: skip
    return "\n".join([*texts, *sorted(declared.values()), f"attributes #0 = {{ nounwind {attributes} }}"])  # fmt: skip


@cache
def tiles_text(attributes: str) -> str:
    """The module of ``tiles``: a command's function that follows each unit of a product by a kernel.

    Its meta: the address of the product's function, how many words its meta has, the address of the kernel's function,
    how many words each of its metas has, at which of them its rows are; the product's meta; the kernel's for each unit.
    """
    w = Writer()
    product, n_product, kernel, n_kernel, at_rows = (_word(w, n) for n in range(5))
    product, kernel = (w.set(f"inttoptr i64 {x} to ptr") for x in (product, kernel))
    own = w.set("getelementptr i64, ptr %meta, i64 5")
    metas = w.set(f"getelementptr i64, ptr {own}, i64 {n_product}")
    with w.loop("%begin", "%end") as unit:
        following = w.set(f"add i64 {unit}, 1")
        w.do(f"call void {product}(ptr %table, ptr {own}, i64 {unit}, i64 {following})")
        meta = w.set(f"getelementptr i64, ptr {metas}, i64 {w.set(f'mul i64 {unit}, {n_kernel}')}")
        rows = w.set(f"load i64, ptr {w.set(f'getelementptr i64, ptr {meta}, i64 {at_rows}')}")
        w.do(f"call void {kernel}(ptr %table, ptr {meta}, i64 0, i64 {rows})")
    return w.function("tiles", attributes)


def _heights() -> list[int]:
    """Numbers of rows for which there is a kernel: powers of two."""
    return [1 << n for n in range(ROWS.bit_length())]


_Part = tuple[str, str, Writer, str]


def _product(element: str) -> _Part:
    """Unit by unit: pack the panel, then go down its rows."""
    w, vector = Writer(), Type(element, lanes(element))
    wide = panel(element)
    word = {name: _word(w, n) for n, name in enumerate(WORDS)}
    a, b, out = (_table(w, word[f"place_{name}"]) for name in ("a", "b", "out"))
    buffer = "%" + w.name("panel")
    w.slots.append(f"  {buffer} = alloca [{(DEPTH + vector.lanes) * wide} x {element}], align 64")
    tiles = w.set(f"mul i64 {word['row_tiles']}, {word['column_tiles']}")
    size = w.set(f"mul i64 {word['m']}, {word['n']}")
    with w.loop("%begin", "%end") as unit:
        member, tile = (w.set(f"{op} i64 {unit}, {tiles}") for op in ("sdiv", "srem"))
        column_tile = w.set(f"sdiv i64 {tile}, {word['row_tiles']}")
        row_tile = w.set(f"srem i64 {tile}, {word['row_tiles']}")
        column = w.set(f"mul i64 {column_tile}, {wide}")
        columns = _least(w, w.set(f"sub i64 {word['n']}, {column}"), str(wide))
        row = w.set(f"mul i64 {row_tile}, {word['tile']}")
        rows = _least(w, w.set(f"sub i64 {word['m']}, {row}"), word["tile"])
        twice = w.set(f"mul i64 {member}, 2")
        at_a, at_b = (_word(w, w.set(f"add i64 {twice}, {len(WORDS) + n}")) for n in range(2))
        a_start = _sum(w, word["offset_a"], at_a, w.set(f"mul i64 {row}, {word['a_row']}"))
        b_start = _sum(w, word["offset_b"], at_b, w.set(f"mul i64 {column}, {word['b_column']}"))
        c_start = _sum(
            w, w.set(f"mul i64 {member}, {size}"), w.set(f"mul i64 {row}, {word['n']}"), column
        )
        c = _at(w, element, out, c_start)
        more = w.set(f"add i64 {columns}, {vector.lanes - 1}")
        vectors = w.set(f"sdiv i64 {more}, {vector.lanes}")
        whole = w.set(f"mul i64 {vectors}, {vector.lanes}")
        nothing = w.set(f"icmp eq i64 {word['k']}, 0")
        depth_end = w.set(f"select i1 {nothing}, i64 1, i64 {word['k']}")  # an empty sum is 0
        one_column = w.set(f"icmp eq i64 {word['n']}, 1")
        dense = w.set(f"icmp eq i64 {word['b_column']}, 1")
        plain = w.set(f"or i1 {one_column}, {dense}")
        turned = w.set(f"xor i1 {plain}, true")
        few = w.set(f"icmp slt i64 {rows}, {2 * ROWS}")
        full = w.set(f"icmp eq i64 {columns}, {whole}")
        as_it_is = w.set(f"and i1 {w.set(f'and i1 {few}, {full}')}, {dense}")
        packing = w.set(f"xor i1 {as_it_is}, true")
        with w.loop("0", depth_end, DEPTH) as start:
            depth = _least(w, w.set(f"sub i64 {word['k']}, {start}"), str(DEPTH))
            a_along, b_along = (
                w.set(f"mul i64 {start}, {word[step]}") for step in ("a_column", "b_row")
            )
            a_here = _at(w, element, a, _sum(w, a_start, a_along))
            b_here = _at(w, element, b, _sum(w, b_start, b_along))
            begun = w.set(f"icmp ne i64 {start}, 0")
            sizes = f"i64 {depth}, i64 {columns}, i64 {vectors}, ptr {buffer}"
            with w.when(packing):
                with w.when(plain):
                    w.do(f"call void @pack(ptr {b_here}, i64 {word['b_row']}, {sizes})")
                with w.when(turned):
                    w.do(f"call void @turn(ptr {b_here}, i64 {word['b_column']}, {sizes})")
            source = w.set(f"select i1 {as_it_is}, ptr {b_here}, ptr {buffer}")
            step = w.set(f"select i1 {as_it_is}, i64 {word['b_row']}, i64 {whole}")
            _down(
                w, element, word, (a_here, source, step, c), (rows, columns, vectors, depth, begun)
            )
    return f"product_{element}", "ptr %table, ptr %meta, i64 %begin, i64 %end", w, ""


def _down(
    w: Writer,
    element: str,
    word: dict[str, str],
    pointers: tuple[str, ...],
    counts: tuple[str, ...],
) -> None:
    """All rows of a tile: as many eights as there are, then by halves."""
    a, b, b_step, c = pointers
    rows, columns, vectors, depth, begun = counts
    done = w.variable(Type("i64", 1), "0")
    for height in reversed(_heights()):
        at = w.set(f"load i64, ptr {done}")
        left = w.set(f"sub i64 {rows}, {at}")
        count = w.set(f"sdiv i64 {left}, {height}")
        stop = w.set(f"add i64 {at}, {w.set(f'mul i64 {count}, {height}')}")
        w.do(f"store i64 {stop}, ptr {done}")
        for wide in range(1, VECTORS + 1):
            with w.when(w.set(f"icmp eq i64 {vectors}, {wide}")), w.loop(at, stop, height) as row:
                a_row = _at(w, element, a, w.set(f"mul i64 {row}, {word['a_row']}"))
                c_row = _at(w, element, c, w.set(f"mul i64 {row}, {word['n']}"))
                w.do(
                    f"call void @rows_{height}_{wide}(ptr {a_row}, i64 {word['a_row']}, i64 {word['a_column']}, "
                    f"ptr {b}, i64 {b_step}, ptr {c_row}, i64 {word['n']}, i64 {columns}, i64 {depth}, i1 {begun})"
                )


def _rows(element: str, rows: int, vectors: int) -> _Part:
    """So many rows by so many vectors of the result: kept in registers along k, added to what is there if begun."""
    w, vector = Writer(), Type(element, lanes(element))
    places = [(r, v) for r in range(rows) for v in range(vectors)]
    last = _mask(w, vector, w.set(f"sub i64 %columns, {(vectors - 1) * vector.lanes}"))
    masks = [None] * (vectors - 1) + [last]
    size = _SIZE[element]
    targets = {}
    for r in range(rows):
        row = w.set(f"mul i64 %c_row, {r}")
        for v in range(vectors):
            targets[r, v] = _at(w, element, "%c", w.set(f"add i64 {row}, {v * vector.lanes}"))
    sums = {place: w.variable(vector, "zeroinitializer") for place in places}
    with w.when("%begun"):
        for place in places:
            old = w.load(vector, targets[place], size, masks[place[1]])
            w.do(f"store {vector} {old}, ptr {sums[place]}")
    offsets = [w.set(f"mul i64 %a_row, {r}") for r in range(rows)]
    with w.loop("0", "%depth") as p:
        a = _at(w, element, "%a", w.set(f"mul i64 {p}, %a_column"))
        b = _at(w, element, "%b", w.set(f"mul i64 {p}, %b_row"))
        line = [
            w.load(vector, _at(w, element, b, str(v * vector.lanes)), size) for v in range(vectors)
        ]
        for r in range(rows):
            factor = w.splat(vector, w.set(f"load {element}, ptr {_at(w, element, a, offsets[r])}"))
            for v in range(vectors):
                old = w.set(f"load {vector}, ptr {sums[r, v]}")
                new = w.intrinsic("fma", vector, factor, line[v], old)
                w.do(f"store {vector} {new}, ptr {sums[r, v]}")
    for place in places:
        total = w.set(f"load {vector}, ptr {sums[place]}")
        w.store(vector, total, targets[place], size, masks[place[1]])
    arguments = (
        "ptr noalias %a, i64 %a_row, i64 %a_column, ptr noalias %b, i64 %b_row, ptr noalias %c, i64 %c_row, "
        "i64 %columns, i64 %depth, i1 %begun"
    )
    return f"rows_{rows}_{vectors}", arguments, w, "internal "


def _packed(element: str) -> _Part:
    """Copy a panel whose rows are contiguous; what is beyond its columns becomes 0."""
    w, vector = Writer(), Type(element, lanes(element))
    wide = w.set(f"mul i64 %vectors, {vector.lanes}")
    with w.loop("0", "%depth") as p:
        source = _at(w, element, "%b", w.set(f"mul i64 {p}, %b_row"))
        target = _at(w, element, "%panel", w.set(f"mul i64 {p}, {wide}"))
        with w.loop("0", wide, vector.lanes) as column:
            mask = _mask(w, vector, w.set(f"sub i64 %columns, {column}"))
            line = w.load(vector, _at(w, element, source, column), _SIZE[element], mask)
            w.store(vector, line, _at(w, element, target, column), _SIZE[element])
    arguments = (
        "ptr noalias %b, i64 %b_row, i64 %depth, i64 %columns, i64 %vectors, ptr noalias %panel"
    )
    return "pack", arguments, w, "internal "


def _turned(element: str) -> _Part:
    """Turn a panel whose columns are contiguous, a square of vectors at a time.

    Beyond the last column that one is repeated, and beyond k rows are 0: nothing of that reaches the result.
    """
    w, vector = Writer(), Type(element, lanes(element))
    wide = w.set(f"mul i64 %vectors, {vector.lanes}")
    last = w.set("sub i64 %columns, 1")
    with w.loop("0", wide, vector.lanes) as column:
        starts = []
        for n in range(vector.lanes):
            k = _least(w, w.set(f"add i64 {column}, {n}"), last)
            starts.append(_at(w, element, "%b", w.set(f"mul i64 {k}, %b_column")))
        with w.loop("0", "%depth", vector.lanes) as p:
            mask = _mask(w, vector, w.set(f"sub i64 %depth, {p}"))
            lines = [w.load(vector, _at(w, element, s, p), _SIZE[element], mask) for s in starts]
            for n, line in enumerate(_transposed(w, vector, lines)):
                row = w.set(f"mul i64 {w.set(f'add i64 {p}, {n}')}, {wide}")
                place = _at(w, element, "%panel", w.set(f"add i64 {row}, {column}"))
                w.store(vector, line, place, _SIZE[element])
    arguments = (
        "ptr noalias %b, i64 %b_column, i64 %depth, i64 %columns, i64 %vectors, ptr noalias %panel"
    )
    return "turn", arguments, w, "internal "


def _transposed(w: Writer, t: Type, lines: list[str]) -> list[str]:
    """A square of vectors turned: blocks off the diagonal change places, of half the size each time."""
    half = t.lanes // 2
    while half:
        turned = list(lines)
        low = [n if not n & half else n - half + t.lanes for n in range(t.lanes)]
        high = [n + half if not n & half else n + t.lanes for n in range(t.lanes)]
        for n in range(t.lanes):
            if not n & half:
                pair = f"{t} {lines[n]}, {t} {lines[n + half]}"
                for place, which in ((n, low), (n + half, high)):
                    order = ", ".join(f"i32 {k}" for k in which)
                    turned[place] = w.set(f"shufflevector {pair}, <{t.lanes} x i32> <{order}>")
        lines, half = turned, half // 2
    return lines


def _word(w: Writer, n: int | str) -> str:
    return w.set(f"load i64, ptr {w.set(f'getelementptr i64, ptr %meta, i64 {n}')}")


def _table(w: Writer, place: str) -> str:
    return w.set(f"load ptr, ptr {w.set(f'getelementptr ptr, ptr %table, i64 {place}')}")


def _at(w: Writer, element: str, start: str, offset: str) -> str:
    return w.set(f"getelementptr {element}, ptr {start}, i64 {offset}")


def _sum(w: Writer, first: str, *others: str) -> str:
    for x in others:
        first = w.set(f"add i64 {first}, {x}")
    return first


def _least(w: Writer, x: str, y: str) -> str:
    return w.intrinsic("smin", Type("i64", 1), x, y)


def _mask(w: Writer, t: Type, count: str) -> str:
    """True in the first ``count`` lanes."""
    truth, integer = t.of("i1"), Type("i64", 1)
    name = f"llvm.get.active.lane.mask.{truth.suffix}.i64"
    return w.call(name, truth, (integer, "0"), (integer, count))
