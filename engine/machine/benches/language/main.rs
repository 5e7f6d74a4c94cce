//! What the language costs: `make bench-language`. Compiling, checking, Maps over ever more items, and single
//! expressions. What does not compile yet is skipped, with the reason.

mod checking;
mod compiling;
mod expressions;
mod limits;
mod maps;
mod node;
mod run;

fn main() {
    compiling::print();
    checking::print();
    maps::print();
    expressions::print();
    limits::print();
}
