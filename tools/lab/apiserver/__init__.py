"""The lab's Kubernetes API server: small, real HTTP, enough for kubectl and the Python client.

    resources   what it serves, one line each          (data)
    store       objects, versions, history             (pure)
    selectors   label and field selectors              (pure)
    patches     merge, strategic merge, JSON patch     (pure)
    routes      a URL path means this object           (pure)
    discovery   what clients ask first                 (pure)
    tables      what `kubectl get` prints              (pure)
    status      errors as Kubernetes says them         (pure)
    admission   what is added before storing           (pure)
    services    addresses and ports of Services        (pure)
    controller  keeps EndpointSlices
    slices      which EndpointSlices a Service has     (pure)
    store_file  the store on disk
    sockets     listening sockets, also in a network namespace
    watches     watch requests as streams
    requests    query, headers and body; the look of an answer
    server      HTTP requests to store calls
    process     the server as a child process

No authentication, no schemas: objects of the wrong shape are kept as they are, which is
what a test of bad input needs. Not for production.
"""
