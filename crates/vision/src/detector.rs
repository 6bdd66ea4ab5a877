//! CenterFace: where the faces are (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point",
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
use heat::{Heat, MAX_OVERLAP, suppress};
use view::{SIDE_STEP, View, first_scale};

/// Larger pictures are scaled down to this many pixels: the area of 640x384.
const INPUT_AREA: f32 = 640.0 * 384.0;
/// Pixels of a picture that the looks in finer detail show at full resolution; what is larger is scaled down to this.
const FINE_AREA: f32 = 24_000_000.0;
/// The same for callers without credentials.
const LIMITED_FINE_AREA: f32 = 4.0 * INPUT_AREA;
/// The most that one level of detail grows over the one before. A face too large for the tiles of one level then has a
/// side of 40 pixels in the level before, which shows it for certain.
const LEVEL_STEP: f32 = 4.0;
/// Longest side, in pixels of the network's input, of a face that a tile is trusted with.
const MAX_TILE_FACE: f32 = 160.0;
/// Tiles of a finer level overlap by this many pixels, so that a face up to this size is whole in one of them.
const TILE_OVERLAP: u32 = 64;
/// A face of a finer level that lies by this share in the box of a face of a coarser one is a part of that.
const PART_OF_FACE: f32 = 0.5;
/// Pictures that the first look took whole are scaled up to this many pixels for the second.
const SMALL_AREA: f32 = INPUT_AREA / 4.0;

/// Width and height of the inputs of a look at all faces that the usual shapes of pictures lead to: 16:9, 3:2, 4:3, square and the
/// same upright. They are few since a runtime may have to compile a network anew for each.
const FULL: [(u32, u32); 7] = [(640, 352), (576, 384), (544, 416), (480, 480), (416, 544), (384, 576), (352, 640)];
/// Width and height of the inputs of a look at large faces alone.
const COARSE: [(u32, u32); 5] = [(320, 192), (288, 224), (256, 256), (224, 288), (192, 320)];

/// A coarse look settles which face is the largest, if its box there has a side (the root of its area) of so many pixels:
/// from here on the box is as exact as the landmark network needs it,
const SURE_SIDE: f32 = 32.0;
/// and it is this certain to be a face,
const SURE_CONFIDENCE: f32 = 0.6;
/// and the area of the next is at most this share of its area, so that the finer look can't order them otherwise.
const SURE_LEAD: f32 = 0.7;

/// Runs of the network that are remembered for who asks.
const MAX_LOOKS: usize = 16;

/// How hard a picture is looked at when the first looks show no face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    /// Every size and every turn: for callers that are known.
    #[default]
    Full,
    /// A little finer detail, and turned looks at large faces alone: for callers without credentials.
    Limited,
}

impl Effort {
    /// Pixels that the looks in finer detail show.
    fn fine_area(self) -> f32 {
        match self {
            Self::Full => FINE_AREA,
            Self::Limited => LIMITED_FINE_AREA,
        }
    }
}

/// In how much detail a turned picture is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnedView {
    /// In few pixels.
    LargeFaces,
    /// As the first look at all faces.
    Whole,
}

impl TurnedView {
    /// What is tried, one after the other.
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
    /// The box as the detector gives it; it reaches outside the picture where the face is cut off.
    pub frame: Rect,
    /// The quarter turns that set the picture upright for this face.
    pub turn: Turn,
    /// Right eye, left eye, nose tip, right and left corner of the mouth, as the person has them; that is from left
    /// to right in the picture for an upright face.
    pub landmarks: [Point; 5],
    /// How sure the detector is, 0.5..1.
    pub confidence: f32,
}

impl DetectedFace {
    /// How far the line between the eyes is tilted in the picture, in degrees clockwise, -180..180.
    pub fn rotation(&self) -> f32 {
        let [right, left, ..] = self.landmarks;
        (left.y - right.y).atan2(left.x - right.x).to_degrees()
    }

    /// The face in a picture of so many times as many pixels along a side.
    pub(crate) fn enlarged(&self, factor: f32) -> Self {
        let enlarge = |p: Point| Point::new(p.x * factor, p.y * factor);
        Self {
            area: self.area.mapped(enlarge),
            frame: self.frame.mapped(enlarge),
            landmarks: self.landmarks.map(enlarge),
            ..self.clone()
        }
    }

    /// The face in the pixels of the file that the picture was decoded from.
    pub fn as_stored(&self, picture: &Picture) -> Self {
        self.enlarged(picture.stored_per_pixel())
    }

    /// The box, turned as the face is in its plane.
    pub(crate) fn frame(&self) -> Frame {
        Frame::of_detected(self.frame, &self.landmarks)
    }
}

/// The detector network for inputs of any size.
pub(crate) struct Network {
    /// Takes every size, on ONNX Runtime.
    any: Model,
    /// What a network for one size is made of, where the runtime is faster with such.
    made_of: Option<(Runtime, String, Arc<[u8]>)>,
    /// Networks for one size each, by width and height; made when a size is first seen.
    fixed: Vec<((u32, u32), Model)>,
}

impl Network {
    /// Loads the network, and those for the sizes that most pictures need.
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

/// Finds faces.
pub(crate) struct Detector {
    network: Network,
    input: Vec<f32>,
    looks: Vec<(u32, u32)>,
    deadline: Deadline,
}

impl Detector {
    pub fn load(runtime: &Runtime, name: &str, file: &Arc<[u8]>) -> Result<Self> {
        Ok(Self {
            network: Network::load(runtime, name, file)?,
            input: Vec::new(),
            looks: Vec::new(),
            deadline: Deadline::default(),
        })
    }

    /// No look is begun after this.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// All faces that are about upright, the largest first.
    ///
    /// The picture is scaled to a bounded number of pixels whatever its shape. A larger one is looked at again in finer
    /// detail, tile by tile, and what only that shows is added. A small one without a face is enlarged with a margin
    /// around it, since the network wants some surroundings.
    ///
    /// Where one face is wanted, the looks end with the first one that shows any: finer ones only show smaller faces.
    pub fn detect(&mut self, picture: &Picture, max_faces: usize, effort: Effort) -> Result<Vec<DetectedFace>> {
        let faces = self.first_look(picture)?;
        let mut faces = match faces.len() {
            0 => self.look_again(picture, effort)?,
            _ if max_faces == 1 => faces,
            _ => self.add_finer(picture, faces, effort)?,
        };
        faces.truncate(max_faces);
        Ok(faces)
    }

    /// The largest face: by a coarse look if that settles it, else by the looks of [`Detector::detect`] until one shows
    /// a face.
    pub fn detect_largest(&mut self, picture: &Picture, effort: Effort) -> Result<Option<DetectedFace>> {
        match self.detect_surely(picture)? {
            Some(face) => Ok(Some(face)),
            None => Ok(self.detect(picture, 1, effort)?.into_iter().next()),
        }
    }

    /// The largest face, if a coarse look settles which that is.
    pub fn detect_surely(&mut self, picture: &Picture) -> Result<Option<DetectedFace>> {
        let Some(view) = View::of_large_faces(picture.width(), picture.height()) else { return Ok(None) };
        let mut faces = self.look(picture, &view, Turn::None)?.into_iter();
        Ok(faces.next().filter(|first| {
            first.confidence >= SURE_CONFIDENCE
                && first.area.area().sqrt() * view.scale >= SURE_SIDE
                && faces.all(|other| other.area.area() <= SURE_LEAD * first.area.area())
        }))
    }

    /// The faces of the turned picture, the largest first, in the coordinates of the picture as it is.
    pub fn detect_turned(&mut self, picture: &Picture, turn: Turn, view: TurnedView) -> Result<Vec<DetectedFace>> {
        let (width, height) = turn.size(picture.width(), picture.height());
        let view = match view {
            TurnedView::LargeFaces => View::of_large_faces(width, height),
            TurnedView::Whole => Some(View::of_all_faces(width, height)),
        };
        view.map_or(Ok(Vec::new()), |view| self.look(picture, &view, turn))
    }

    fn first_look(&mut self, picture: &Picture) -> Result<Vec<DetectedFace>> {
        self.look(picture, &View::of_all_faces(picture.width(), picture.height()), Turn::None)
    }

    /// What further looks show of a picture in which the first one showed no face.
    fn look_again(&mut self, picture: &Picture, effort: Effort) -> Result<Vec<DetectedFace>> {
        let (width, height) = (picture.width(), picture.height());
        let area = width as f32 * height as f32;
        if area > INPUT_AREA {
            return self.add_finer(picture, Vec::new(), effort);
        }
        let scale = (SMALL_AREA / area).sqrt().clamp(1.0, 8.0);
        self.look(picture, &View::new(width, height, scale, 0.5), Turn::None)
    }

    /// Adds the faces that only finer detail shows.
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
                    // In finer detail a small face is placed better.
                    if same.area.area().sqrt() * coarser < SURE_SIDE {
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

    /// The faces of the picture at this scale that are small enough to be seen whole in a tile.
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
                let found = self.look_at_part(picture, part, &view, Turn::None)?;
                faces.extend(found.into_iter().filter(|face| {
                    let is_whole = face.area.width.max(face.area.height) * scale <= MAX_TILE_FACE;
                    is_whole && !touches_inner_edge(&face.frame, &part, width, height)
                }));
            }
        }
        Ok(faces)
    }

    /// Width and height of what the network was given, run after run, since this was asked last.
    pub fn take_looks(&mut self) -> Vec<(u32, u32)> {
        std::mem::take(&mut self.looks)
    }

    /// One run of the network on the turned picture; what it finds is told in the picture as it is.
    fn look(&mut self, picture: &Picture, view: &View, turn: Turn) -> Result<Vec<DetectedFace>> {
        let whole = Rect { x: 0.0, y: 0.0, width: picture.width() as f32, height: picture.height() as f32 };
        self.look_at_part(picture, whole, view, turn)
    }

    /// As [`Detector::look`], at a part of the picture; `view` is of the turned part.
    fn look_at_part(&mut self, picture: &Picture, part: Rect, view: &View, turn: Turn) -> Result<Vec<DetectedFace>> {
        self.deadline.check()?;
        if self.looks.len() < MAX_LOOKS {
            self.looks.push((view.input_width, view.input_height));
        }
        // Scaled before it is turned: that is quicker.
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
            |outputs| Heat::of(outputs).map(|heat| heat.faces()),
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

/// Sorts the largest to the front.
pub(crate) fn sort_by_area(faces: &mut [DetectedFace]) {
    faces.sort_by(|a, b| b.area.area().total_cmp(&a.area.area()));
}

/// The scales of the looks in finer detail at a picture of this size, from the coarsest.
fn finer_scales(width: u32, height: u32, fine_area: f32) -> Vec<f32> {
    let area = width as f32 * height as f32;
    let first = first_scale(width, height);
    let finest = (fine_area / area).sqrt().min(1.0);
    let ratio = finest / first;
    // A level that shows hardly more than the first look is left out.
    let levels = if ratio < 1.1 { 0 } else { (ratio.ln() / LEVEL_STEP.ln()).ceil() as i32 };
    (1..=levels).map(|level| first * ratio.powf(level as f32 / levels as f32)).collect()
}

/// Width and height of the tiles of a scaled picture. One that fills less than half of the usual tile gets narrower ones, so
/// that a long strip costs no more than other pictures of as many pixels.
fn tile_size(width: u32, height: u32) -> (u32, u32) {
    let (usual_width, usual_height) = if width >= height { FULL[0] } else { FULL[FULL.len() - 1] };
    let side = |side: u32, usual: u32| if 2 * side < usual { side.max(1).next_multiple_of(SIDE_STEP) } else { usual };
    (side(width, usual_width), side(height, usual_height))
}

/// Where the tiles of a side begin, and how long they are.
fn steps(side: u32, tile: u32) -> Vec<(u32, u32)> {
    if side <= tile {
        return vec![(0, side.max(1))];
    }
    let count = (side - TILE_OVERLAP).div_ceil(tile - TILE_OVERLAP);
    (0..count).map(|i| (i * (side - tile) / (count - 1).max(1), tile)).collect()
}

/// Whether a box touches an edge of a tile that is none of the picture's: the neighbour shows more of it.
fn touches_inner_edge(face: &Rect, tile: &Rect, width: f32, height: f32) -> bool {
    let (right, bottom) = (tile.x + tile.width, tile.y + tile.height);
    (tile.x > 0.5 && face.x < tile.x)
        || (tile.y > 0.5 && face.y < tile.y)
        || (right < width - 0.5 && face.x + face.width > right)
        || (bottom < height - 0.5 && face.y + face.height > bottom)
}

/// Writes the scaled picture as three planes of floats into an otherwise black input.
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

    /// Pixels of the network's input over all tiles of the finer looks, in units of the first look.
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
