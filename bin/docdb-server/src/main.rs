//! docdb
fn main() {}
