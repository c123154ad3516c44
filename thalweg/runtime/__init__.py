"""What runs: values and storages, the recorder and its trie, programs, the interpreter, random numbers."""
