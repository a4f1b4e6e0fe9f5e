"""One exchange with the service, without memory of the ones before it.

``client.py`` posts a task and reads the answer, ``response.py`` turns any answer into a
:class:`~nbkit.service.response.TaskResponse`, with ``failure.py`` for its errors, and ``download.py`` fetches pictures.
``network.py`` ends each exchange by time and by bytes, ``addresses.py`` decides which hosts an address of somebody else may
lead to, and ``environment.py`` reads the proxies and certificates of the environment. ``secret.py`` holds the key,
``redaction.py`` takes secrets out of texts, ``pace.py`` says how long to wait between two attempts,
``cancel.py`` has the token that pauses and cancels what has not been sent, ``threads.py`` runs work in a thread that
the Stop button does not kill. What an answer means for the money is decided one folder further, in ``ledger/``.
"""
