//! Has the crate built anew when a migration is added; the macro by itself only sees the files it already knows.

fn main() {
    #[allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
    {
        println!("cargo:rerun-if-changed=migrations");
    }
}
