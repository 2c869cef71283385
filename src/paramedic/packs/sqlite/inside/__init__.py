"""What runs in a child process: everything that opens a database of the patient.

A damaged file may crash or hang SQLite, and closing any handle on a database drops every lock that the same process
holds on it. So no database of the patient is ever opened in Paramedic's own process. Standard library only, because
a child is started for every look.
"""
