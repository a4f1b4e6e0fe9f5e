"""An audience that votes from phones: which pairs it sees, who has voted on what, the pages, the server beside the kernel.

Loaded only when a vote is opened: it needs the extra ``serve``.
"""
