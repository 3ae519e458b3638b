"""The places that may break a rule, each with its reason; `*` stands for the whole file.

The list may shrink freely and grows only by a decision record. A test refuses an exception that is not needed.
"""

# (rule, path, subject) -> reason
EXCEPTIONS: dict[tuple[str, str, str], str] = {
    (
        "sql_in_python",
        "runtime/simulator/books.py",
        "*",
    ): "the venue's books are a private SQLite file of its own",
}
