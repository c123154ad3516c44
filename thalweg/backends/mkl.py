"""Intel's library of products, which is not used here."""


def is_available() -> bool:
    """False: products go through OpenBLAS."""
    return False
