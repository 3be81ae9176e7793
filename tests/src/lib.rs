//! docdb-tests
