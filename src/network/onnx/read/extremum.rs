//! Maxima and minima: `max(a, b) = a + relu(b - a)`, `min(a, b) = a - relu(a - b)`.
//!
//! Both hold exactly, so a maximum is no operator kind of its own, and a
//! search splits it like any rectifier. A window's extremum is a tree of pairs.

use std::sync::Arc;

use super::fold::Binary;
use super::{Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::ops::Relu;

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Extremum {
    Max,
    Min,
}

impl Extremum {
    fn sign(self) -> i32 {
        match self {
            Extremum::Max => 1,
            Extremum::Min => -1,
        }
    }

    fn folded(self) -> Binary {
        match self {
            Extremum::Max => Binary::Max,
            Extremum::Min => Binary::Min,
        }
    }
}

impl<'m> GraphReader<'m, '_> {
    /// `Max` or `Min` of any number of operands.
    pub(super) fn extremum(&mut self, n: &Node<'m>, which: Extremum) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let mut so_far = self.value(n, 0)?;
        for k in 1..n.proto.input.len() {
            let next = self.value(n, k)?;
            let part = if k + 1 == n.proto.input.len() {
                String::new()
            } else {
                format!("/pair{k}")
            };
            so_far = self.pair(n, &part, which, so_far, next)?;
        }
        Ok(so_far)
    }

    /// The extremum of two values, broadcasting.
    pub(super) fn pair(
        &mut self,
        n: &Node<'m>,
        part: &str,
        which: Extremum,
        a: Value<'m>,
        b: Value<'m>,
    ) -> Result<Value<'m>, Error> {
        let sign = || Rational::from(which.sign());
        match (a, b) {
            (Value::Constant(a), Value::Constant(b)) => {
                let (a, b) = (a.literal()?, b.literal()?);
                self.fold_binary(n, which.folded(), &a, &b)
            }
            // c ± relu(±(x - c)): the value enters once, so bounds stay tight.
            (Value::Variable(x), Value::Constant(c)) | (Value::Constant(c), Value::Variable(x)) => {
                let c = Value::Constant(c);
                let (above, below) = match which {
                    Extremum::Max => (Value::Variable(x), c.clone()),
                    Extremum::Min => (c.clone(), Value::Variable(x)),
                };
                let inside = format!("{part}/difference");
                let difference = self.apply(n, &inside, Binary::Sub, above, below)?;
                let difference = self.as_variable(n, difference)?;
                let excess =
                    self.pointwise(n, &format!("{part}/excess"), &difference, Arc::new(Relu));
                let excess = Value::Variable(excess);
                match which {
                    Extremum::Max => self.apply(n, part, Binary::Add, excess, c),
                    Extremum::Min => self.apply(n, part, Binary::Sub, c, excess),
                }
            }
            (Value::Variable(a), Value::Variable(b)) => {
                let [a, b] = self.aligned(n, &a, &b)?;
                let inside = format!("{part}/difference");
                let node = self.combine(n, &inside, vec![sign(), -sign()], vec![b.node, a.node]);
                let difference = Variable { node, ..a.clone() };
                let excess =
                    self.pointwise(n, &format!("{part}/excess"), &difference, Arc::new(Relu));
                let coefficients = vec![Rational::from(1), sign()];
                let node = self.combine(n, part, coefficients, vec![a.node, excess.node]);
                Ok(Value::Variable(Variable { node, ..a }))
            }
        }
    }

    /// Extrema along `axis`: output `o` is that over the elements with the
    /// coordinates `windows[o]`, of which there is at least one.
    pub(super) fn extrema(
        &mut self,
        n: &Node<'m>,
        part: &str,
        which: Extremum,
        x: &Variable,
        axis: usize,
        windows: &[Vec<usize>],
    ) -> Result<Variable, Error> {
        let most = windows.iter().map(Vec::len).max().unwrap_or(0);
        // Every window fills its first places, so where the right one of two
        // neighbouring groups of places has an element, the left one has too.
        let mut groups = Vec::new();
        for k in 0..most {
            let chosen: Vec<Option<usize>> = windows.iter().map(|w| w.get(k).copied()).collect();
            let name = format!("{part}/place{k}");
            let value = self.choose(n, &name, &Value::Variable(x.clone()), axis, &chosen)?;
            groups.push((k, self.as_variable(n, value)?));
        }
        let mut round = 0;
        while groups.len() > 1 {
            let mut merged = Vec::new();
            let mut rest = groups.into_iter();
            while let Some((start, a)) = rest.next() {
                let Some((middle, b)) = rest.next() else {
                    merged.push((start, a));
                    break;
                };
                let name = format!("{part}/pair{round}.{start}");
                let full = |w: &Vec<usize>| w.len() > middle;
                if windows.iter().all(full) {
                    let (a, b) = (Value::Variable(a), Value::Variable(b));
                    let y = self.pair(n, &name, which, a, b)?;
                    merged.push((start, self.as_variable(n, y)?));
                    continue;
                }
                // Where b has no element, a stays: the difference is masked.
                let chosen: Vec<Option<usize>> = (0..windows.len())
                    .map(|o| full(&windows[o]).then_some(o))
                    .collect();
                let both = format!("{name}/both");
                let masked = self.choose(n, &both, &Value::Variable(a.clone()), axis, &chosen)?;
                let masked = self.as_variable(n, masked)?;
                let sign = || Rational::from(which.sign());
                let inside = format!("{name}/difference");
                let terms = vec![b.node, masked.node];
                let node = self.combine(n, &inside, vec![sign(), -sign()], terms);
                let difference = Variable { node, ..a.clone() };
                let excess =
                    self.pointwise(n, &format!("{name}/excess"), &difference, Arc::new(Relu));
                let coefficients = vec![Rational::from(1), sign()];
                let node = self.combine(n, &name, coefficients, vec![a.node, excess.node]);
                merged.push((start, Variable { node, ..a }));
            }
            groups = merged;
            round += 1;
        }
        match groups.pop() {
            Some((_, y)) => Ok(y),
            None => Err(n.operand(0, "an empty window", "at least one element")),
        }
    }

    /// Extrema over whole axes, by halving: the extents of those axes become 1.
    pub(super) fn extrema_over(
        &mut self,
        n: &Node<'m>,
        which: Extremum,
        x: &Variable,
        axes: &[usize],
    ) -> Result<Variable, Error> {
        let mut y = x.clone();
        for &axis in axes {
            while y.full[axis] > 1 {
                let extent = y.full[axis];
                let half = extent.div_ceil(2);
                let windows: Vec<Vec<usize>> = (0..half)
                    .map(|i| [i, i + half].into_iter().filter(|&i| i < extent).collect())
                    .collect();
                let part = format!("/axis{axis}.{extent}");
                y = self.extrema(n, &part, which, &y, axis, &windows)?;
            }
        }
        Ok(y)
    }
}
