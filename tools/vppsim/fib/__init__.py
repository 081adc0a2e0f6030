"""Where packets go: tables, routes and their resolution. No I/O here."""
