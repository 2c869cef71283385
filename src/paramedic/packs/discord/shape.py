"""The shape of a bot's token: what is certainly none is never sent anywhere."""

import base64
import binascii
import re

_SHAPE = re.compile(r"[A-Za-z0-9_-]{18,40}\.[A-Za-z0-9_-]{5,10}\.[A-Za-z0-9_-]{20,60}")


def misshapen(token: str) -> str | None:
    """Why this can be no token of a bot, without a letter of it; ``None`` where it may be one."""
    if not token.strip():
        return "it is empty"
    if token != token.strip() or token[0] in "'\"":
        return "it has spaces or quotation marks around it"
    if token.startswith(("Bot ", "Bearer ")):
        return "it begins with a word that only belongs into the header"
    if token.isdecimal():
        return "it is a number, as the id of an application or a user is"
    if "://" in token:
        return "it is an address"
    if token.count(".") != 2:
        return f"it has {token.count('.') + 1} parts where a token has 3, with dots between"
    if not _SHAPE.fullmatch(token):
        return "its parts have not the letters or the length of a token's"
    owner = token.partition(".")[0]
    try:
        whose = base64.urlsafe_b64decode(owner + "=" * (-len(owner) % 4))
    except binascii.Error:
        whose = b""
    return None if whose.isdigit() else "its first part does not name a bot"
