//! docdb-client
