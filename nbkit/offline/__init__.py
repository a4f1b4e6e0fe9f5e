"""The engine that needs no key: it checks, prices and answers tasks like the image API, and draws on this machine.

``engine.py`` has :class:`Offline`, which turns the bytes of a request into the bytes of an answer, without a network.
``transport.py`` routes HTTP requests to it, and has :class:`OfflineTransport`, which connects an ``httpx`` client to it
inside this process, without a socket.

``envelope.py`` reads the array of tasks and builds ``data`` and ``errors``; ``validation.py`` checks a task;
``failures.py`` decides which fault it meets. ``tasks.py`` has an accepted task with its results, ``task_store.py`` all
tasks with charges and balance. ``references.py`` reads the reference images in a task and stores uploaded ones,
``renderer.py`` draws and caches pictures with the painter in ``painting/``.

``pack.py`` reads a file of recorded requests, ``pack_file.py`` writes one from a log, ``replay.py`` finds the recording that
answers a request, and ``recorder.py`` has a notebook's pictures made by another engine while it is recorded.

``server.py`` serves the engine over HTTP and WebSocket; ``web_server.py`` has an application at an address, with uvicorn, and
``forms.py`` reads forms of a page; ``web.py`` is the engine's application, ``connection.py`` one
connection; ``turns.py`` decides whose turn it is, and ``state.py`` keeps tasks across a restart. ``delivery.py`` describes a webhook call or an upload, ``webhook_sender.py`` sends it, and ``safe_http.py``
makes that request without reaching private networks.
"""

from nbkit.offline.engine import Offline
from nbkit.offline.transport import OfflineTransport

__all__ = ["Offline", "OfflineTransport"]
