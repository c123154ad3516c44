"""What tests stand on, here and in code that builds on Thalweg."""
