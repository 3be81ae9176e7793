//! docdb-ipc
