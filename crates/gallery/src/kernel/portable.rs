//! The kernel for every processor, and what the others are measured against.

use super::{BIAS, Group, Line, Pack, QUAD, TILE, Test, Tiles, report};

pub(super) fn scan(tiles: Tiles<'_>, probes: &Pack, tests: &[Test], found: &mut impl FnMut(usize, usize)) {
    for group in &probes.groups {
        let lines_a_tile = (group.quads.len() / group.width).max(1);
        for (tile, (lines, scales)) in tiles.lines.chunks_exact(lines_a_tile).zip(tiles.scales).enumerate() {
            for member in 0..group.width {
                let test = &tests[group.first + member];
                let dots = dots(lines, group, member);
                let mut mask = 0;
                for row in 0..TILE {
                    let reaches = scales[row] * (dots[row] as f32 + test.plus) >= test.needed;
                    mask |= u32::from(reaches) << row;
                }
                report(mask, group.first + member, tile, found);
            }
        }
    }
}

/// The dot products of the codes of a tile's rows and a probe.
fn dots(lines: &[Line], group: &Group, member: usize) -> [i32; TILE] {
    let mut sums = [0; TILE];
    for (line, quads) in lines.iter().zip(group.quads.chunks_exact(group.width)) {
        let quad = quads[member].to_le_bytes().map(|code| i32::from(code.cast_signed()));
        for (sum, codes) in sums.iter_mut().zip(line.0.as_chunks::<QUAD>().0) {
            for (code, number) in codes.iter().zip(quad) {
                *sum += (i32::from(*code) - BIAS) * number;
            }
        }
    }
    sums
}
