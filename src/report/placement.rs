//! Places direct labels beside curves: for each label the cheapest of some
//! hundred positions, in order, where covering a curve or another label costs
//! most, then crossing curves with the leader, then distance.

/// A curve that wants a label; positions in pixels.
#[derive(Debug)]
pub(super) struct Wanted {
    pub text: String,
    pub path: Vec<(f64, f64)>,
    /// Whether the label should rather stand above the curve.
    pub above: bool,
}

/// Where a label goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// Point of the curve that the label names.
    pub dot: (f64, f64),
    /// Anchor of the text, vertically its middle.
    pub anchor: (f64, f64),
    /// Whether the text ends at the anchor rather than beginning there.
    pub ends: bool,
}

impl Placed {
    /// Length of the leader from the curve to the text.
    pub(super) fn length(&self) -> f64 {
        (self.anchor.0 - self.dot.0).hypot(self.anchor.1 - self.dot.1)
    }

    /// Where the leader stops, just short of the text.
    pub(super) fn leader_end(&self) -> (f64, f64) {
        let part = 1.0 - 3.0 / self.length().max(3.0);
        (
            self.dot.0 + part * (self.anchor.0 - self.dot.0),
            self.dot.1 + part * (self.anchor.1 - self.dot.1),
        )
    }
}

/// A rectangle: left, top, right, bottom.
type Rect = (f64, f64, f64, f64);

/// Places all labels of `size` pixels inside `frame`, off the curves and off `obstacles`.
pub(super) fn place(
    wanted: &[Wanted],
    obstacles: &[Vec<(f64, f64)>],
    frame: Rect,
    size: f64,
) -> Vec<Option<Placed>> {
    let paths = wanted.iter().map(|w| &w.path).chain(obstacles);
    let dense: Vec<Vec<(f64, f64)>> = paths.map(|p| densify(p)).collect();
    let mut taken: Vec<Rect> = Vec::new();
    let mut out = Vec::new();
    for (index, want) in wanted.iter().enumerate() {
        let width = 0.56 * size * want.text.chars().count() as f64;
        let best = candidates(&dense[index], want.above)
            .map(|(placed, distance)| {
                let cost = cost(&placed, width, size, &dense, index, &taken, frame);
                (placed, cost + distance)
            })
            .min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((placed, _)) = best {
            taken.push(extent(&placed, width, size));
        }
        out.push(best.map(|(placed, _)| placed));
    }
    out
}

/// Positions around some points of the curve, with the cost of their distance.
fn candidates(path: &[(f64, f64)], above: bool) -> impl Iterator<Item = (Placed, f64)> + '_ {
    let count = path.len().min(24);
    let sides = [(1.0, -1.0), (1.0, 0.2), (-1.0, 1.0), (-1.0, -0.2)];
    (0..count).flat_map(move |i| {
        let dot = path[i * (path.len() - 1) / count.max(2).saturating_sub(1)];
        sides.into_iter().flat_map(move |(sx, sy)| {
            let wrong = if (sx > 0.0) == above { 0.0 } else { 12.0 };
            [9.0, 18.0, 30.0, 46.0, 66.0].into_iter().map(move |d| {
                let placed = Placed {
                    dot,
                    anchor: (dot.0 + sx * d, dot.1 + sy * d),
                    ends: sx < 0.0,
                };
                (placed, d + wrong)
            })
        })
    })
}

fn cost(
    placed: &Placed,
    width: f64,
    size: f64,
    curves: &[Vec<(f64, f64)>],
    own: usize,
    taken: &[Rect],
    frame: Rect,
) -> f64 {
    let rect = extent(placed, width, size);
    let mut cost = 0.0;
    if rect.0 < frame.0 || rect.1 < frame.1 || rect.2 > frame.2 || rect.3 > frame.3 {
        cost += 1e5;
    }
    for other in taken {
        if rect.0 < other.2 && other.0 < rect.2 && rect.1 < other.3 && other.1 < rect.3 {
            cost += 1e4;
        }
    }
    for (index, curve) in curves.iter().enumerate() {
        for &(x, y) in curve {
            if x > rect.0 && x < rect.2 && y > rect.1 && y < rect.3 {
                cost += 300.0;
            }
            if index == own {
                continue;
            }
            // a dot that sits on another curve too names neither
            if (x - placed.dot.0).hypot(y - placed.dot.1) < 5.0 {
                cost += 25.0;
            } else if near(placed, (x, y)) {
                cost += 40.0;
            }
        }
    }
    cost
}

/// Whether a point is within two pixels of the leader.
fn near(placed: &Placed, (x, y): (f64, f64)) -> bool {
    let (ax, ay) = placed.dot;
    let (dx, dy) = (placed.anchor.0 - ax, placed.anchor.1 - ay);
    let t = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (x - ax - t * dx).hypot(y - ay - t * dy) < 2.0
}

fn extent(placed: &Placed, width: f64, size: f64) -> Rect {
    let (x, y) = placed.anchor;
    let left = if placed.ends { x - width } else { x };
    let margin = 2.0;
    (
        left - margin,
        y - 0.6 * size - margin,
        left + width + margin,
        y + 0.6 * size + margin,
    )
}

/// Points at most three pixels apart.
fn densify(path: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    for pair in path.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let steps = ((b.0 - a.0).hypot(b.1 - a.1) / 3.0).ceil().clamp(1.0, 1e4) as u32;
        for i in 0..steps {
            let t = f64::from(i) / f64::from(steps);
            out.push((a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1)));
        }
    }
    out.extend(path.last());
    out
}
