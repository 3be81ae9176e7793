//! The report that opens in a browser, without anything from elsewhere.

mod axis;
mod chart;
mod comparison;
mod markup;
mod matrix;
mod run;
mod tables;
mod unit;
mod whiskers;

pub(in crate::report) use comparison::page as comparison_page;
pub(in crate::report) use matrix::page as matrix_page;
pub(in crate::report) use run::page as run_page;
pub(in crate::report) use unit::Unit;
