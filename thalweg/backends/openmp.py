"""OpenMP, which is not used here: kernels run on threads of their own (``set_num_threads``)."""


def is_available() -> bool:
    """False: there is no such library here."""
    return False
