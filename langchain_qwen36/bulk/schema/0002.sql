-- A row is in flight for a moment: to list it in an index and take it out again costs each row more
-- than the look through all rows by which a run finds those that a crash left in flight.
DROP INDEX bulk_row_state;
CREATE INDEX bulk_row_state ON bulk_row (state) WHERE state IN ('batch', 'failed');
