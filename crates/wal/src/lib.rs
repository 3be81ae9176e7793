//! docdb-wal
