//! Writes decoded pictures, which `conformance/pictures.py` compares with another decoder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use aicp_vision::Picture;
use clap::Args;
use serde::Serialize;

use crate::Outcome;

/// What to decode
#[derive(Debug, Args)]
pub struct Request {
    /// Folder for the pixels: `<n>.ppm` for the n-th file
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The files
    files: Vec<PathBuf>,
}

/// A line of the output.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a Path,
    /// File of the pixels.
    pixels: Option<PathBuf>,
    /// Why the picture was refused.
    refused: Option<String>,
}

/// Writes the pixels of each file, and a JSON line about it to the standard output.
pub fn run(request: &Request) -> Outcome<()> {
    let mut stdout = std::io::stdout().lock();
    for (number, file) in request.files.iter().enumerate() {
        let bytes = fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let line = match Picture::decode(&bytes) {
            Ok(picture) => {
                let pixels = request.out.join(format!("{number}.ppm"));
                let mut ppm = format!("P6 {} {} 255\n", picture.width(), picture.height()).into_bytes();
                ppm.extend_from_slice(picture.rgb().as_raw());
                fs::write(&pixels, ppm).map_err(|e| format!("{}: {e}", pixels.display()))?;
                Line { file, pixels: Some(pixels), refused: None }
            }
            Err(e) => Line { file, pixels: None, refused: Some(e.to_string()) },
        };
        serde_json::to_writer(&mut stdout, &line)?;
        stdout.write_all(b"\n")?;
    }
    Ok(())
}
