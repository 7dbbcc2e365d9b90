"""Show staff each customer on one page, found from one search box.

A section of the page is a `Part` in `parts/`, listed in `parts.PARTS`; a kind of id to search by is a line of
`search.BY_STRIPE_ID`; what the timeline tells of is a `Source` in `timeline/`, listed in `timeline.SOURCES`.
"""
