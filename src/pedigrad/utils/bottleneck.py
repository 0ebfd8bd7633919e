"""torch.utils.bottleneck: not there; the profiler shows where time goes."""

MESSAGE = (
    "torch.utils.bottleneck is not there: run the program under `python -m cProfile`, or a part of it "
    "within `with torch.profiler.profile() as p:` and print p.key_averages().table()"
)


def main() -> None:
    """An error that says what to use: NotImplementedError."""
    raise NotImplementedError(MESSAGE)


if __name__ == "__main__":
    raise SystemExit(MESSAGE)
