//! Prints the OpenAPI document, for `docs/openapi.json`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(aicp_api::openapi())?)
}
