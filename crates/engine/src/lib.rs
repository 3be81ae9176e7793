//! docdb-engine
