"""The kinds of component that come with Paramedic, one folder each.

They load through the entry points ``paramedic.packs`` like anybody's; nothing above the sdk imports them.
"""
