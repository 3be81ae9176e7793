//! docdb-storage
