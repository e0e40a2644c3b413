-- The words of the search index begin with their publisher's mark, so that one city's words cost nothing in another's
-- search. The words come as they are to be found: SQLite divides at spaces, and at no letter that its tables do not know.
-- Nothing of the index is lost: the app makes it again from the releases (search/mod.rs).
DROP TABLE search_term;
DROP TABLE search;
DELETE FROM searchable;
CREATE VIRTUAL TABLE search USING fts5 (
    names, others,
    content = '', contentless_delete = 1, detail = column,
    tokenize = "ascii"
);
CREATE VIRTUAL TABLE search_term USING fts5vocab (search, 'row');
