//! Export of templates, probes and nearest rows for other programs.

use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::json;

use super::{BLOCK, TOP_N};
use crate::exact::Scored;
use crate::machine::Threads;
use crate::templates::{DIMENSIONS, Templates};
use crate::{Error, Result};

/// Writes `templates.f32` and `probes.f32` (rows of little-endian numbers), `nearest.i32` (the five nearest rows of
/// each verified probe, best first, padded with -1) and `made.json`.
pub(super) fn export(
    folder: &Path,
    templates: &Templates,
    probes: &[Vec<f32>],
    nearest: &[Vec<Scored>],
    threads: Threads,
) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let create = |name: &str| -> Result<BufWriter<std::fs::File>> {
        let path = folder.join(name);
        Ok(BufWriter::with_capacity(1 << 20, std::fs::File::create(&path).map_err(Error::file(path))?))
    };
    let write = |file: &mut BufWriter<std::fs::File>, numbers: &[f32]| {
        numbers.iter().try_for_each(|number| file.write_all(&number.to_le_bytes()))
    };
    let mut file = create("templates.f32")?;
    let mut rows = vec![0.0; BLOCK * DIMENSIONS];
    for first in (0..templates.people()).step_by(BLOCK) {
        let rows = &mut rows[..BLOCK.min(templates.people() - first) * DIMENSIONS];
        templates.rows(first, rows, threads);
        write(&mut file, rows)?;
    }
    file.flush()?;
    let mut file = create("probes.f32")?;
    probes.iter().try_for_each(|probe| write(&mut file, probe))?;
    file.flush()?;
    let mut file = create("nearest.i32")?;
    for nearest in nearest {
        for place in 0..TOP_N {
            let row = nearest.get(place).map_or(-1, |scored| scored.row as i32);
            file.write_all(&row.to_le_bytes())?;
        }
    }
    file.flush()?;
    let mut file = create("made.json")?;
    let made = json!({
        "people": templates.people(), "dimensions": DIMENSIONS, "probes": probes.len(), "verified": nearest.len(),
        "kind": templates.kind(), "places": TOP_N,
    });
    writeln!(file, "{made}")?;
    Ok(file.flush()?)
}
