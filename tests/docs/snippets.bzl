# SPDX-License-Identifier: Apache-2.0
"""C++ blocks of pages, as sources."""

def snippet_sources(name, page, count):
    """The C++ blocks of a page: NAME_1.cc, NAME_2.cc, ...

    Args:
      name: of the rule, and how the files' names begin.
      page: the label of a file of Markdown.
      count: how many C++ blocks it has.
    """
    path = page[2:].replace(":", "/").lstrip("/")
    native.genrule(
        name = name,
        testonly = True,
        srcs = [page],
        outs = ["%s_%d.cc" % (name, i + 1) for i in range(count)],
        cmd = "awk -v page=%s -v outs='$(OUTS)' " % path +
              "-f $(location extract_snippets.awk) $<",
        tools = ["extract_snippets.awk"],
    )
