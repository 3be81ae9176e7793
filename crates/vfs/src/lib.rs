//! docdb-vfs
