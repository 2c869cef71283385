"""What runs in a child process: everything that reads a data file.

A file may be large, endless in its nesting or full of aliases; the child has a limit of memory and of time.
"""
