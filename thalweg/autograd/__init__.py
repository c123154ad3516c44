"""Walking the tape backward, and what stands on it: grad, custom functions, checks."""
