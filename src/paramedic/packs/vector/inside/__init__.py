"""What runs in a child process: everything that loads an index of the patient, or needs numpy.

A damaged file may crash FAISS, make it ask for any amount of memory, or make it read for ever. So no index is ever
opened in Paramedic's own process.
"""
