"""One exchange with the service, without memory of the ones before it.

``client.py`` posts a task and reads the answer, ``response.py`` turns any answer into a :class:`~nbkit.service.response.TaskResponse`,
``download.py`` fetches pictures. ``network.py`` ends each exchange by time and by bytes, and ``addresses.py`` says which hosts an address
of somebody else may lead to. ``secret.py`` holds the key, ``pace.py`` says how long to wait between two attempts,
``cancel.py`` has the token that pauses and cancels what has not been sent, ``threads.py`` runs work in a thread that
the Stop button does not kill. What an answer means for the money is decided one folder further, in ``ledger/``.
"""
