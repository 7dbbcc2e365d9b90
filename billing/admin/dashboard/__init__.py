"""The figures of the business on the admin's front page: numbers with their definitions, charts with their tables, and
each table as a file. `periods` says what time they cover, `key_figures` are the numbers, `sheets` the tables, `charts`
their pictures, `page` puts them together.
"""
