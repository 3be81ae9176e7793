//! docdb-types
