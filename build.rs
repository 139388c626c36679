//! The description of the Console's API without the spaces that are there for its readers: half a KiB of the upload. And
//! `cfg(native)`, set where the tests run and not in the Worker: there the types can describe themselves.

use std::path::Path;
use std::{env, fs, io};

const DESCRIPTION: &str = "src/console/openapi.json";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={DESCRIPTION}");
    println!("cargo::rustc-check-cfg=cfg(native)");
    if env::var_os("CARGO_CFG_TARGET_FAMILY").is_none_or(|family| family != "wasm") {
        println!("cargo::rustc-cfg=native");
    }
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&folder).join("openapi.json"), dense(&fs::read_to_string(DESCRIPTION)?))
}

/// JSON without the white space between its tokens.
fn dense(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|c| {
            let kept = in_string || !c.is_ascii_whitespace();
            in_string ^= *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            kept
        })
        .collect()
}
