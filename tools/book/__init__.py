"""The message book, `schemas/README.md`: prose by hand, tables from the code.

fields     a struct's fields: type, default, and what they mean, read from the source
hearers    who hears which word
sections   the tables, one text for each pair of markers
page       the file: what stands between its markers is replaced
"""
