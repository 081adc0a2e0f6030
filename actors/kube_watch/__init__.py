"""The only Kubernetes client: API objects become facts.

client    threads that list and watch, over HTTP   (edge)
watching  the list and watch protocol as data      (pure)
fields    checked reading of JSON objects          (pure)
parse     one object becomes one fact              (pure)
"""
