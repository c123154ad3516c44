"""Apple's devices, of which there is none."""


def is_available() -> bool:
    """False: there is no such device here."""
    return False


def is_built() -> bool:
    """False: nothing here is built for such a device."""
    return False
