"""The running program: it supervises processes, hears what happens, and lets nothing pass unseen."""
