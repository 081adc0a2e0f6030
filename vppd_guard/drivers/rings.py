"""Sizes of rings that VPP's drivers take. Pure."""

from schemas.config import UplinkSpec


def ring_size_problems(spec: UplinkSpec, low: int, high: int, multiple_of: int = 0) -> list[str]:
    """What is wrong with `rxqsz` and `txqsz`. Sizes are powers of two, or else multiples of `multiple_of`."""
    sizes = {"rxqsz": spec.rx_ring, "txqsz": spec.tx_ring}
    rule = f"a multiple of {multiple_of}" if multiple_of else "a power of two"
    return [
        f"{field} is {size}, not {rule} from {low} to {high}"
        for field, size in sizes.items()
        if not low <= size <= high or (size % multiple_of if multiple_of else size & (size - 1))
    ]
