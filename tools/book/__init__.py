"""The message book, `schemas/README.md`: prose by hand, tables from the code.

fields       a struct's fields: type, default, and what they mean, read from the source
subscribers  which processes subscribe to which word
sections     the tables, one text for each pair of markers
page         the files: text between markers is replaced
life         the guard's states as a diagram and a table
contracts    setup.cfg's import contracts: what may know what
rooms        the house as a picture, drawn from the import contracts
"""
