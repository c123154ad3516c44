"""oneDNN, which is not there: what programs set before they train is kept, and changes nothing."""

enabled = True
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """False: there is no such library here."""
    return False
