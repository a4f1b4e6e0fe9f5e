"""The engine that needs no key: it takes the tasks that the image API takes, checks and prices them in the
same way, and draws each picture on this machine, as a pure function of its request. :class:`Offline` is the
engine, :class:`OfflineTransport` the way to it inside this process, with no port and no socket.
"""

from nbkit.offline.engine import Offline
from nbkit.offline.transport import OfflineTransport

__all__ = ["Offline", "OfflineTransport"]
