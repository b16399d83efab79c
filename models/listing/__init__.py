"""Lists of conversations: what is asked for, which index answers it, and how far one request reads.

How a page comes about, and the words for it (why it is so: decision 0037):

- A *term* (`models.list_terms`) is what an index finds conversations by: one for each tag, attribute, grantee, piece
  of the title, for archived or not, and one that all have. Each stands on *level* 0; by chance, for one conversation
  in 32 on level 1 too, for one in 1,024 on level 2, for one in 32,768 on level 3.
- A *line* (`lines.Line`) is one term's stretch of an index: its conversations in the order of a time. *Positions* on
  it are milliseconds; within one instant, ids. A conversation of a higher level is a *mark* on the line: some 32 lie
  between two marks of level 1.
- A *span* (`spans.Span`) is the part of a line that was asked for: from a cursor on, up to another, within the times
  wanted.
- A *scope* (`request.Scope`) is a set of conversations that the caller may read. For each, `choice.Choice` compares
  the lines that all that is wanted lies on, and takes the one with the fewest marks: a *source*.
- A `walk.Walk` reads a source in *windows*: from where it is up to a mark some way on, so that a window holds a few
  dozen conversations whatever their number. It finds the marks from the top level down, as in a skip list. Many of
  one instant are a *crowd*: they are walked through by their ids.
- `starts.Starts` remembers how far a line was read from its beginning, so that the next list begins with the marks up
  to that *edge*, or with all that lies before it, where that is little; and how many conversations there are, which
  says with which level a list begins of whose line nothing is known.
- `models.conversation_list` merges what the sources gave, in order, and cuts the page.

`filling` gives terms to what has none.
"""
