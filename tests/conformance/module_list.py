"""The modules of `module_db` that pedigrad leaves out, and why; and those whose results are random."""

LAZY = "lazy modules, which learn their sizes from the first input, are not supported"

LEFT_OUT = {
    "LazyConv1d": LAZY, "LazyConv2d": LAZY, "LazyConv3d": LAZY,
    "LazyConvTranspose1d": LAZY, "LazyConvTranspose2d": LAZY, "LazyConvTranspose3d": LAZY,
}  # fmt: skip

RANDOM: set[str] = set()
