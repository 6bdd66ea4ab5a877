//! Rebuilds the crate when a migration is added: `include_str!` tracks only the files that it names.

fn main() {
    #[allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
    {
        println!("cargo:rerun-if-changed=migrations");
    }
}
