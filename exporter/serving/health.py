"""Whether a sidecar is alive, as a container's healthcheck asks: without curl, and without loading what it runs on."""

import ssl
import urllib.error
import urllib.request

# Who asks for a password or a certificate is alive.
ALIVE = (401, 403)


def problem(url: str, seconds: float = 2.0) -> str | None:
    """Return what is wrong with the sidecar that answers at an http:// or https:// URL; None: it is well.

    A certificate is not verified: it is made for another name than the one that the sidecar has for itself.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # A proxy that is meant for the model's requests has no part in this.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return None if error.code in ALIVE else f"answers {error.code}"
    except urllib.error.URLError as error:
        return str(getattr(error.reason, "strerror", None) or error.reason)
    except (OSError, ValueError) as error:
        return str(error)
