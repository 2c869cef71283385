"""How aiohttp fails, in words: every error of an exchange becomes a ``NoAnswer`` that tells the kinds apart."""

import errno
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp

from paramedic.packs.http.answer import NoAnswer, Trouble
from paramedic.sdk.system_error import in_words

_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}


@contextmanager
def telling(limit_s: float, phase: Callable[[], str]) -> Iterator[None]:
    """Within it every failure of an exchange is raised as what it is.

    Args:
        limit_s: how long the exchange may take, for the message of a time-out.
        phase: how far it has come.

    Raises:
        NoAnswer: for the reason it says.
    """
    try:
        yield
    except TimeoutError:
        raise NoAnswer(Trouble.TIMEOUT, f"nothing more came within {limit_s:.1f} s, {phase()}") from None
    except aiohttp.ClientConnectorDNSError as error:
        raise NoAnswer(Trouble.NAME, f"`{error.host}`: {error.os_error.strerror or error.os_error}") from None
    except (aiohttp.ClientSSLError, ssl.SSLError) as error:
        raise NoAnswer(Trouble.TLS, _tls_reason(error)) from None
    except aiohttp.ClientConnectorError as error:
        trouble = Trouble.OURS if error.os_error.errno in _OURS else Trouble.CONNECT
        raise NoAnswer(trouble, in_words(error.os_error)) from None
    except aiohttp.InvalidURL as error:
        raise NoAnswer(Trouble.REDIRECTS, f"`{error}` is no address") from None
    except aiohttp.ServerDisconnectedError:
        raise NoAnswer(Trouble.PROTOCOL, "the connection was closed without an answer") from None
    except aiohttp.WSServerHandshakeError as error:
        raise NoAnswer(Trouble.PROTOCOL, f"answered {error.status} instead of opening a WebSocket") from None
    except aiohttp.ClientResponseError as error:
        raise NoAnswer(Trouble.PROTOCOL, " ".join(error.message.split())[:200]) from None
    except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError) as error:
        raise NoAnswer(Trouble.PROTOCOL, " ".join(str(error).split())[:200] or type(error).__name__) from None
    except OSError as error:
        trouble = Trouble.OURS if error.errno in _OURS else Trouble.PROTOCOL
        raise NoAnswer(trouble, in_words(error)) from None
    except ValueError as error:  # a header that cannot be sent
        raise NoAnswer(Trouble.OURS, str(error)) from None


def _tls_reason(error: Exception) -> str:
    cause = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorSSLError):
        cause = error.os_error
    return getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or str(cause)
