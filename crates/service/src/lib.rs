//! docdb-service
