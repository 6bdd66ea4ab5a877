//! Face detection with CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point",
//! 2019).

mod heat;
mod view;

use std::sync::Arc;

use crate::Result;
use crate::attributes::Frame;
use crate::geometry::{Point, Rect, Turn};
use crate::manifest::Role;
use crate::models::Deadline;
use crate::onnx::Shapes;
use crate::picture::{Picture, turned};
use crate::runtime::{Model, Output, Runtime};
use heat::{MAX_OVERLAP, OutputMaps, suppress};
use view::{SIDE_STEP, View, first_scale};

/// Pixels of the first detector pass, the area of 640x384; larger pictures are scaled down to it.
const INPUT_AREA: f32 = 640.0 * 384.0;
/// Maximum pixels of a picture in the tiled passes; larger pictures are scaled down to it.
const FINE_AREA: f32 = 24_000_000.0;
/// [`FINE_AREA`] for callers without credentials.
const LIMITED_FINE_AREA: f32 = 4.0 * INPUT_AREA;
/// Maximum ratio of scale between two successive levels of detail. A face too large for the tiles of one level has a
/// side of 40 pixels or more in the level before, where it is detected reliably.
const LEVEL_STEP: f32 = 4.0;
/// Longest side of a face accepted from a tile, in pixels of the network's input.
const MAX_TILE_FACE: f32 = 160.0;
/// Overlap of the tiles in pixels, so that a face up to this size is whole in at least one of them.
const TILE_OVERLAP: u32 = 64;
/// Share of a finer level's face inside the box of a coarser level's face from which it counts as a part of that.
const PART_OF_FACE: f32 = 0.5;
/// Pixels to which a small picture without a face is enlarged for the second pass.
const SMALL_AREA: f32 = INPUT_AREA / 4.0;

/// Width and height of the inputs of a pass for all faces, for common aspect ratios: 16:9, 3:2, 4:3, square, and the
/// same upright. They are few because a runtime may have to compile a network for each.
const FULL: [(u32, u32); 7] = [(640, 352), (576, 384), (544, 416), (480, 480), (416, 544), (384, 576), (352, 640)];
/// Width and height of the inputs of a coarse pass, which shows large faces only.
const COARSE: [(u32, u32); 5] = [(320, 192), (288, 224), (256, 256), (224, 288), (192, 320)];

/// Minimum side (root of the box's area), in input pixels, for a face of a coarse pass to be final. From here on the
/// box is exact enough for the landmark network.
const COARSE_MIN_SIDE: f32 = 32.0;
/// Minimum detector confidence for a face of a coarse pass to be final.
const COARSE_MIN_CONFIDENCE: f32 = 0.6;
/// Maximum area of the next face, as a share of the largest, for a coarse pass to be final: a finer pass could not
/// reverse their order.
const COARSE_MAX_AREA_RATIO: f32 = 0.7;

/// Number of detector passes recorded for diagnostics.
const MAX_RECORDED_PASSES: usize = 16;

/// Limit on further detector passes when the first ones find no face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    /// All sizes and all quarter turns, for callers with credentials.
    #[default]
    Full,
    /// A little finer detail, and turned passes for large faces only, for callers without credentials.
    Limited,
}

impl Effort {
    /// Maximum pixels of the picture in the tiled passes.
    fn fine_area(self) -> f32 {
        match self {
            Self::Full => FINE_AREA,
            Self::Limited => LIMITED_FINE_AREA,
        }
    }
}

/// The resolution of a pass over the turned picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnedView {
    /// A coarse pass, which shows large faces only.
    LargeFaces,
    /// The resolution of the first pass for all faces.
    Whole,
}

impl TurnedView {
    /// The passes in the order in which they are tried.
    pub fn of(effort: Effort) -> &'static [Self] {
        match effort {
            Effort::Full => &[Self::LargeFaces, Self::Whole],
            Effort::Limited => &[Self::LargeFaces],
        }
    }
}

/// A face found in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectedFace {
    /// The box from forehead to chin, in pixels of the upright picture, clipped to it.
    pub area: Rect,
    /// The unclipped box of the detector; it reaches outside the picture if the face is cut off.
    pub frame: Rect,
    /// The quarter turn that sets the picture upright for this face.
    pub turn: Turn,
    /// Right eye, left eye, nose tip, right and left corner of the mouth, from the person's point of view: for an
    /// upright face, from left to right in the picture.
    pub landmarks: [Point; 5],
    /// The detector's confidence, 0.5..1.
    pub confidence: f32,
}

impl DetectedFace {
    /// The tilt of the line between the eyes in the picture, in degrees clockwise, -180..180.
    pub fn rotation(&self) -> f32 {
        let [right, left, ..] = self.landmarks;
        (left.y - right.y).atan2(left.x - right.x).to_degrees()
    }

    /// The face in coordinates multiplied by `factor`.
    pub(crate) fn enlarged(&self, factor: f32) -> Self {
        let enlarge = |p: Point| Point::new(p.x * factor, p.y * factor);
        Self {
            area: self.area.mapped(enlarge),
            frame: self.frame.mapped(enlarge),
            landmarks: self.landmarks.map(enlarge),
            ..self.clone()
        }
    }

    /// The face in pixel coordinates of the stored file.
    pub fn as_stored(&self, picture: &Picture) -> Self {
        self.enlarged(picture.stored_per_pixel())
    }

    /// The box, rotated by the face's roll.
    pub(crate) fn frame(&self) -> Frame {
        Frame::of_detected(self.frame, &self.landmarks)
    }
}

/// The detector network for inputs of any size.
pub(crate) struct Network {
    /// The network for arbitrary sizes, on ONNX Runtime.
    any: Model,
    /// Source of the fixed-size networks, if the runtime is faster with them.
    made_of: Option<(Runtime, String, Arc<[u8]>)>,
    /// Fixed-size networks by width and height, loaded on first use.
    fixed: Vec<((u32, u32), Model)>,
}

impl Network {
    /// Loads the network, and the fixed-size ones for the most common sizes.
    pub fn load(runtime: &Runtime, name: &str, file: &Arc<[u8]>) -> Result<Self> {
        let any = Model::load(runtime, Role::Detector, name, file, Shapes::AnySize)?;
        let made_of =
            runtime.wants_fixed_sizes(Role::Detector).then(|| (runtime.clone(), name.to_owned(), Arc::clone(file)));
        let mut network = Self { any, made_of, fixed: Vec::new() };
        for (width, height) in [COARSE[0], FULL[0]] {
            network.for_size(width, height)?;
        }
        Ok(network)
    }

    /// Runs the network on an input of this shape, see [`Model::run`].
    pub fn run<T>(
        &mut self,
        shape: [usize; 4],
        input: &[f32],
        read: impl FnOnce(&[Output<'_>]) -> Option<T>,
    ) -> Result<T> {
        let [.., height, width] = shape;
        self.for_size(width as u32, height as u32)?.run(shape, input, read)
    }

    fn for_size(&mut self, width: u32, height: u32) -> Result<&mut Model> {
        let size = (width, height);
        let Some((runtime, name, file)) =
            self.made_of.as_ref().filter(|_| FULL.contains(&size) || COARSE.contains(&size))
        else {
            return Ok(&mut self.any);
        };
        let at = match self.fixed.iter().position(|(of, _)| *of == size) {
            Some(at) => at,
            None => {
                let shapes = Shapes::OneSize { width, height };
                self.fixed.push((size, Model::load(runtime, Role::Detector, name, file, shapes)?));
                self.fixed.len() - 1
            }
        };
        Ok(&mut self.fixed[at].1)
    }
}

/// The face detector.
pub(crate) struct Detector {
    network: Network,
    input: Vec<f32>,
    recorded_passes: Vec<(u32, u32)>,
    deadline: Deadline,
}

impl Detector {
    pub fn load(runtime: &Runtime, name: &str, file: &Arc<[u8]>) -> Result<Self> {
        Ok(Self {
            network: Network::load(runtime, name, file)?,
            input: Vec::new(),
            recorded_passes: Vec::new(),
            deadline: Deadline::default(),
        })
    }

    /// Sets the time after which no pass is started.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// Detects all faces that are nearly upright, the largest first.
    ///
    /// The picture is scaled to a bounded number of pixels whatever its shape. A larger one is searched again in finer
    /// detail, tile by tile, and faces found only there are added. A small one without a face is enlarged with a
    /// margin, since the network needs some surroundings.
    ///
    /// With `max_faces` of 1 the first pass that finds a face is the last: finer passes only find smaller faces.
    pub fn detect(&mut self, picture: &Picture, max_faces: usize, effort: Effort) -> Result<Vec<DetectedFace>> {
        let faces = self.first_pass(picture)?;
        let mut faces = match faces.len() {
            0 => self.second_pass(picture, effort)?,
            _ if max_faces == 1 => faces,
            _ => self.add_finer(picture, faces, effort)?,
        };
        faces.truncate(max_faces);
        Ok(faces)
    }

    /// Detects the largest face: by a coarse pass if its result is final, otherwise by the passes of
    /// [`Detector::detect`].
    pub fn detect_largest(&mut self, picture: &Picture, effort: Effort) -> Result<Option<DetectedFace>> {
        match self.detect_largest_coarse(picture)? {
            Some(face) => Ok(Some(face)),
            None => Ok(self.detect(picture, 1, effort)?.into_iter().next()),
        }
    }

    /// Detects the largest face by a coarse pass; `None` if the result is not final.
    pub fn detect_largest_coarse(&mut self, picture: &Picture) -> Result<Option<DetectedFace>> {
        let Some(view) = View::of_large_faces(picture.width(), picture.height()) else { return Ok(None) };
        let mut faces = self.run_pass(picture, &view, Turn::None)?.into_iter();
        Ok(faces.next().filter(|first| {
            first.confidence >= COARSE_MIN_CONFIDENCE
                && first.area.area().sqrt() * view.scale >= COARSE_MIN_SIDE
                && faces.all(|other| other.area.area() <= COARSE_MAX_AREA_RATIO * first.area.area())
        }))
    }

    /// Detects the faces of the turned picture, the largest first, in coordinates of the picture as it is.
    pub fn detect_turned(&mut self, picture: &Picture, turn: Turn, view: TurnedView) -> Result<Vec<DetectedFace>> {
        let (width, height) = turn.size(picture.width(), picture.height());
        let view = match view {
            TurnedView::LargeFaces => View::of_large_faces(width, height),
            TurnedView::Whole => Some(View::of_all_faces(width, height)),
        };
        view.map_or(Ok(Vec::new()), |view| self.run_pass(picture, &view, turn))
    }

    fn first_pass(&mut self, picture: &Picture) -> Result<Vec<DetectedFace>> {
        self.run_pass(picture, &View::of_all_faces(picture.width(), picture.height()), Turn::None)
    }

    /// Runs further passes on a picture in which the first one found no face.
    fn second_pass(&mut self, picture: &Picture, effort: Effort) -> Result<Vec<DetectedFace>> {
        let (width, height) = (picture.width(), picture.height());
        let area = width as f32 * height as f32;
        if area > INPUT_AREA {
            return self.add_finer(picture, Vec::new(), effort);
        }
        let scale = (SMALL_AREA / area).sqrt().clamp(1.0, 8.0);
        self.run_pass(picture, &View::new(width, height, scale, 0.5), Turn::None)
    }

    /// Adds the faces that are only found in finer detail.
    fn add_finer(
        &mut self,
        picture: &Picture,
        mut faces: Vec<DetectedFace>,
        effort: Effort,
    ) -> Result<Vec<DetectedFace>> {
        let mut coarser = first_scale(picture.width(), picture.height());
        for scale in finer_scales(picture.width(), picture.height(), effort.fine_area()) {
            let found = self.tiles(picture, scale)?;
            for face in suppress(found) {
                if let Some(same) = faces.iter_mut().find(|known| known.area.overlap(&face.area) > MAX_OVERLAP) {
                    // A small face is located better in finer detail.
                    if same.area.area().sqrt() * coarser < COARSE_MIN_SIDE {
                        *same = face;
                    }
                } else if faces.iter().all(|known| face.area.share_in(&known.area) <= PART_OF_FACE) {
                    faces.push(face);
                }
            }
            coarser = scale;
        }
        sort_by_area(&mut faces);
        Ok(faces)
    }

    /// Detects the faces of the picture at this scale that are small enough to be whole in a tile.
    fn tiles(&mut self, picture: &Picture, scale: f32) -> Result<Vec<DetectedFace>> {
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let scaled = |side: f32| (side * scale).ceil() as u32;
        let (tile_width, tile_height) = tile_size(scaled(width), scaled(height));
        let mut faces = Vec::new();
        for (y, rows) in steps(scaled(height), tile_height) {
            for (x, columns) in steps(scaled(width), tile_width) {
                let part = Rect {
                    x: x as f32 / scale,
                    y: y as f32 / scale,
                    width: columns as f32 / scale,
                    height: rows as f32 / scale,
                }
                .clamped(picture.width(), picture.height());
                let view = View {
                    width: columns,
                    height: rows,
                    left: 0,
                    top: 0,
                    input_width: tile_width,
                    input_height: tile_height,
                    scale,
                };
                let found = self.run_pass_on_part(picture, part, &view, Turn::None)?;
                faces.extend(found.into_iter().filter(|face| {
                    let is_whole = face.area.width.max(face.area.height) * scale <= MAX_TILE_FACE;
                    is_whole && !touches_inner_edge(&face.frame, &part, width, height)
                }));
            }
        }
        Ok(faces)
    }

    /// Returns and clears the recorded input sizes (width, height) of the detector passes.
    pub fn take_pass_sizes(&mut self) -> Vec<(u32, u32)> {
        std::mem::take(&mut self.recorded_passes)
    }

    /// Runs one pass on the turned picture; the faces are in coordinates of the picture as it is.
    fn run_pass(&mut self, picture: &Picture, view: &View, turn: Turn) -> Result<Vec<DetectedFace>> {
        let whole = Rect { x: 0.0, y: 0.0, width: picture.width() as f32, height: picture.height() as f32 };
        self.run_pass_on_part(picture, whole, view, turn)
    }

    /// Runs one pass on a part of the picture, as [`Detector::run_pass`]; `view` describes the turned part.
    fn run_pass_on_part(
        &mut self,
        picture: &Picture,
        part: Rect,
        view: &View,
        turn: Turn,
    ) -> Result<Vec<DetectedFace>> {
        self.deadline.check()?;
        if self.recorded_passes.len() < MAX_RECORDED_PASSES {
            self.recorded_passes.push((view.input_width, view.input_height));
        }
        // Scaling before turning is faster.
        let (scaled_width, scaled_height) = turn.size(view.width, view.height);
        let scaled = picture.scaled(part, scaled_width, scaled_height)?;
        if turn == Turn::None {
            fill_planes(&scaled, view, &mut self.input);
        } else {
            fill_planes(&turned(&scaled, turn), view, &mut self.input);
        }
        let cells = self.network.run(
            [1, 3, view.input_height as usize, view.input_width as usize],
            &self.input,
            |outputs| OutputMaps::of(outputs).map(|heat| heat.faces()),
        )?;
        // The two sides may be scaled by slightly different amounts.
        let (sx, sy) = (scaled_width as f32 / part.width, scaled_height as f32 / part.height);
        let back = |p: Point| {
            let p = Point::new(p.x - view.left as f32, p.y - view.top as f32);
            let p = turn.undo(p, scaled_width as f32, scaled_height as f32);
            Point::new(part.x + p.x / sx, part.y + p.y / sy)
        };
        let mut faces: Vec<DetectedFace> = suppress(cells)
            .into_iter()
            .map(|face| {
                let frame = face.area.mapped(back);
                DetectedFace {
                    area: frame.clamped(picture.width(), picture.height()),
                    frame,
                    turn,
                    landmarks: face.landmarks.map(back),
                    confidence: face.confidence,
                }
            })
            .filter(|face| face.area.width >= 1.0 && face.area.height >= 1.0)
            .collect();
        sort_by_area(&mut faces);
        Ok(faces)
    }
}

/// Sorts faces by area, the largest first.
pub(crate) fn sort_by_area(faces: &mut [DetectedFace]) {
    faces.sort_by(|a, b| b.area.area().total_cmp(&a.area.area()));
}

/// The scales of the tiled passes for a picture of this size, the coarsest first.
fn finer_scales(width: u32, height: u32, fine_area: f32) -> Vec<f32> {
    let area = width as f32 * height as f32;
    let first = first_scale(width, height);
    let finest = (fine_area / area).sqrt().min(1.0);
    let ratio = finest / first;
    // A level that is hardly finer than the first pass is omitted.
    let levels = if ratio < 1.1 { 0 } else { (ratio.ln() / LEVEL_STEP.ln()).ceil() as i32 };
    (1..=levels).map(|level| first * ratio.powf(level as f32 / levels as f32)).collect()
}

/// Width and height of the tiles of a scaled picture. A side under half of the usual tile gets a shorter tile, so that
/// a long strip costs no more than other pictures with as many pixels.
fn tile_size(width: u32, height: u32) -> (u32, u32) {
    let (usual_width, usual_height) = if width >= height { FULL[0] } else { FULL[FULL.len() - 1] };
    let side = |side: u32, usual: u32| if 2 * side < usual { side.max(1).next_multiple_of(SIDE_STEP) } else { usual };
    (side(width, usual_width), side(height, usual_height))
}

/// Start and length of the tiles along a side.
fn steps(side: u32, tile: u32) -> Vec<(u32, u32)> {
    if side <= tile {
        return vec![(0, side.max(1))];
    }
    let count = (side - TILE_OVERLAP).div_ceil(tile - TILE_OVERLAP);
    (0..count).map(|i| (i * (side - tile) / (count - 1).max(1), tile)).collect()
}

/// Whether a box touches a tile's edge inside the picture, where the neighbouring tile shows more of the face.
fn touches_inner_edge(face: &Rect, tile: &Rect, width: f32, height: f32) -> bool {
    let (right, bottom) = (tile.x + tile.width, tile.y + tile.height);
    (tile.x > 0.5 && face.x < tile.x)
        || (tile.y > 0.5 && face.y < tile.y)
        || (right < width - 0.5 && face.x + face.width > right)
        || (bottom < height - 0.5 && face.y + face.height > bottom)
}

/// Writes the scaled picture as three planes of floats into a black input.
fn fill_planes(pixels: &image::RgbImage, view: &View, out: &mut Vec<f32>) {
    let plane = (view.input_width * view.input_height) as usize;
    out.clear();
    out.resize(3 * plane, 0.0);
    let (red, rest) = out.split_at_mut(plane);
    let (green, blue) = rest.split_at_mut(plane);
    let row_bytes = pixels.width() as usize * 3;
    for (y, row) in pixels.as_raw().chunks_exact(row_bytes.max(3)).enumerate() {
        let start = (y + view.top as usize) * view.input_width as usize + view.left as usize;
        let end = start + view.width as usize;
        let planes = red[start..end].iter_mut().zip(&mut green[start..end]).zip(&mut blue[start..end]);
        for (((r, g), b), pixel) in planes.zip(row.chunks_exact(3)) {
            (*r, *g, *b) = (f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Input pixels over all tiles of the finer levels, relative to the first pass.
    fn units(width: u32, height: u32, effort: Effort) -> f32 {
        let at = |scale: f32| {
            let scaled = |side: u32| (side as f32 * scale).ceil() as u32;
            let (tile_width, tile_height) = tile_size(scaled(width), scaled(height));
            let tiles = steps(scaled(width), tile_width).len() * steps(scaled(height), tile_height).len();
            tiles as f32 * (tile_width * tile_height) as f32 / INPUT_AREA
        };
        finer_scales(width, height, effort.fine_area()).into_iter().map(at).sum()
    }

    #[test]
    fn finer_looks_cost_by_the_pixels_whatever_the_shape() {
        for side in [1, 8, 16, 63, 64, 175, 176, 177, 352, 640, 1000, 5000] {
            for other in [side, 1000, 20_000, 65_535] {
                for (width, height) in [(side, other), (other, side)] {
                    let limited = units(width, height, Effort::Limited);
                    assert!(limited <= 11.0, "{width}x{height}: {limited} units");
                    let full = units(width, height, Effort::Full);
                    assert!(full <= 220.0, "{width}x{height}: {full} units");
                }
            }
        }
        assert_eq!((units(1280, 720, Effort::Full) / 0.917).round(), 9.0, "as documented");
    }
}
