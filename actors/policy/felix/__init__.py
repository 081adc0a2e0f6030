"""Felix's external dataplane protocol.

framing  messages in a stream of bytes   (pure)
decode   messages become events          (pure)
apply    events change the snapshot      (pure)
encode   messages to Felix               (pure)
server   the socket that the driver connects to
install  puts the driver where Felix starts it
"""
