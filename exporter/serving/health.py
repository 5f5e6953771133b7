"""The health check of a container: without curl, and without importing the rest of the exporter."""

import ssl
import urllib.error
import urllib.request

# A server that requires a password or a certificate is alive.
ALIVE = (401, 403)


def problem(url: str, seconds: float = 2.0) -> str | None:
    """Return why the sidecar at an http:// or https:// URL is unhealthy; None if it is healthy.

    Certificates are not verified, because they are not issued for the loopback address.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Without a proxy that is configured for the requests of the model.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return None if error.code in ALIVE else f"status {error.code}"
    except urllib.error.URLError as error:
        return str(getattr(error.reason, "strerror", None) or error.reason)
    except (OSError, ValueError) as error:
        return str(error)
