"""Numbers as people read them."""

_SIZES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def size(size_bytes: float) -> str:
    """Three digits and a unit, e.g. ``1.21 GiB``."""
    for unit_bytes, unit in _SIZES:
        if size_bytes >= 0.9995 * unit_bytes:  # of which three digits are all of it
            return f"{_three_digits(size_bytes / unit_bytes)} {unit}"
    return f"{size_bytes:.0f} B"


def duration(seconds: float) -> str:
    """From milliseconds to days, in two units at most, e.g. ``4 min 10 s``."""
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def count(number: int, noun: str) -> str:
    """A number with its noun in the right form."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def _three_digits(number: float) -> str:
    return (
        f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:.0f}"
    )
