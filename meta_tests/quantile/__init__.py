"""A loss that torch lacks, added to torch and to the suite: the example of CONTRIBUTING.md.

`formula`, `declaration`, `row` and `digits` are what a new loss needs, one for each of the four places;
`in_torch` stands in for the new torch, and `plugin` puts everything where it belongs. The text of the four
is what CONTRIBUTING.md shows.
"""
