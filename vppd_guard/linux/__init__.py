"""Edge: links, addresses, routes and namespaces, over netlink. Blocking; called in a worker thread.

All functions are idempotent: restoring what is restored already changes nothing.
"""
