"""The edge: Linux tuns, taps, links and network namespaces."""
