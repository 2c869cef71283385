"""What the operating system says, in its own words: without the addresses and brackets that libraries wrap it in."""

import os
import re

_NUMBER = re.compile(r"\[Errno (\d+)\]")


def in_words(error: OSError) -> str:
    """Such as ``connection refused``; where several attempts failed for several reasons, each of them once."""
    numbers = [error.errno] if error.errno else [int(each) for each in _NUMBER.findall(str(error))]
    known = dict.fromkeys(os.strerror(each).lower() for each in numbers if each > 0)
    return ", ".join(known) or error.strerror or str(error) or type(error).__name__
