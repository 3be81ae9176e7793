//! docdb-scheduler
