//! The normal form: a disjunction of branches, each a conjunction of input
//! bounds with a disjunction of conjunctions of other constraints.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::formula::{Atom, Bound};
use super::{Error, MAX_ATOMS, MAX_CONJUNCTIONS, MAX_ENDS, Specification};
use crate::exact::Rational;
use crate::verify::{Case, Conjunction, Constraint, Query};

/// All bounds and one of the conjunctions.
#[derive(Clone, Debug)]
pub struct Branch {
    bounds: Vec<Bound>,
    violation: Vec<Conjunction>,
}

/// One of the branches.
#[derive(Clone, Debug)]
pub struct Normal(Vec<Branch>);

/// How much a normal form holds.
struct Size {
    branches: u128,
    bounds: u128,
    conjunctions: u128,
    constraints: u128,
}

impl Branch {
    pub fn truth() -> Branch {
        Branch {
            bounds: Vec::new(),
            violation: vec![Conjunction::default()],
        }
    }

    pub fn bound(&mut self, bound: Bound) {
        self.bounds.push(bound);
    }

    /// Adds a constraint to every conjunction.
    pub fn constrain(&mut self, constraint: Constraint) {
        let Some((last, others)) = self.violation.split_last_mut() else {
            return;
        };
        for c in others {
            c.constraints.push(constraint.clone());
        }
        last.constraints.push(constraint);
    }

    /// Whether the bounds are all it says.
    fn is_certain(&self) -> bool {
        matches!(&self.violation[..], [one] if one.constraints.is_empty())
    }

    /// Both; its size has been checked.
    fn and(&mut self, mut other: Branch) {
        if self.bounds.len() < other.bounds.len() {
            std::mem::swap(&mut self.bounds, &mut other.bounds);
        }
        self.bounds.append(&mut other.bounds);
        match (&mut self.violation[..], &mut other.violation[..]) {
            (_, [one]) if one.constraints.is_empty() => {}
            ([one], _) if one.constraints.is_empty() => self.violation = other.violation,
            ([a], [b]) => {
                if a.constraints.len() < b.constraints.len() {
                    std::mem::swap(a, b);
                }
                a.constraints.append(&mut b.constraints);
            }
            (left, right) => self.violation = product(left, right),
        }
    }
}

/// Every conjunction of one with every one of the other.
fn product(left: &[Conjunction], right: &[Conjunction]) -> Vec<Conjunction> {
    let pair = |a: &Conjunction, b: &Conjunction| Conjunction {
        constraints: a
            .constraints
            .iter()
            .chain(&b.constraints)
            .cloned()
            .collect(),
    };
    left.iter()
        .flat_map(|a| right.iter().map(move |b| pair(a, b)))
        .collect()
}

impl From<Branch> for Normal {
    fn from(branch: Branch) -> Normal {
        Normal(vec![branch])
    }
}

impl Normal {
    pub fn truth() -> Normal {
        Normal::from(Branch::truth())
    }

    pub fn falsity() -> Normal {
        Normal(Vec::new())
    }

    pub fn atom(atom: Atom) -> Normal {
        let mut branch = Branch::truth();
        match atom {
            Atom::Truth(true) => {}
            Atom::Truth(false) => return Normal::falsity(),
            Atom::Bound(b) => branch.bound(b),
            Atom::Constraint(c) => branch.constrain(c),
        }
        Normal::from(branch)
    }

    /// One of the two. Neighbours with the same bounds become one branch.
    pub fn or(&mut self, mut other: Normal) {
        if self.0.len() < other.0.len() {
            std::mem::swap(self, &mut other);
        }
        for branch in other.0 {
            match self.0.last_mut() {
                Some(last) if last.bounds == branch.bounds => {
                    last.violation.extend(branch.violation);
                }
                _ => self.0.push(branch),
            }
        }
    }

    fn size(&self) -> Size {
        let mut size = Size {
            branches: self.0.len() as u128,
            bounds: 0,
            conjunctions: 0,
            constraints: 0,
        };
        for branch in &self.0 {
            size.bounds += branch.bounds.len() as u128;
            size.conjunctions += branch.violation.len() as u128;
            for c in &branch.violation {
                size.constraints += c.constraints.len() as u128;
            }
        }
        size
    }

    /// Both.
    ///
    /// # Errors
    /// [`Error::TooLarge`], before anything is multiplied out.
    pub fn and(mut self, mut other: Normal) -> Result<Normal, Error> {
        let truth = |n: &Normal| matches!(&n.0[..], [b] if b.bounds.is_empty() && b.is_certain());
        if truth(&self) {
            return Ok(other);
        }
        if truth(&other) {
            return Ok(self);
        }
        if let ([a], [b]) = (&self.0[..], &other.0[..])
            && (a.violation.len() == 1 && b.violation.len() == 1 || b.is_certain())
        {
            let branch = other.0.swap_remove(0);
            self.0[0].and(branch);
            return Ok(self);
        }
        let (a, b) = (self.size(), other.size());
        let conjunctions = a.conjunctions * b.conjunctions;
        let atoms = a.bounds * b.branches
            + b.bounds * a.branches
            + a.constraints * b.conjunctions
            + b.constraints * a.conjunctions;
        within(
            "conjunctions of the normal form",
            conjunctions,
            MAX_CONJUNCTIONS,
        )?;
        within("atoms of the normal form", atoms, MAX_ATOMS)?;
        let mut result = Vec::with_capacity(self.0.len() * other.0.len());
        for left in &self.0 {
            for right in &other.0 {
                let mut branch = left.clone();
                branch.and(right.clone());
                result.push(branch);
            }
        }
        Ok(Normal(result))
    }
}

fn within(what: &'static str, size: u128, limit: usize) -> Result<(), Error> {
    if size > limit as u128 {
        return Err(Error::TooLarge {
            what,
            limit: limit as u64,
        });
    }
    Ok(())
}

/// The assertions of a file, all of which hold.
pub struct Assertions {
    /// those that leave no choice of bounds: one branch
    common: Normal,
    /// the product of the others
    choice: Normal,
}

impl Assertions {
    pub fn new() -> Assertions {
        Assertions {
            common: Normal::truth(),
            choice: Normal::truth(),
        }
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the product is.
    pub fn push(&mut self, normal: Normal) -> Result<(), Error> {
        let target = if normal.0.len() == 1 {
            &mut self.common
        } else {
            &mut self.choice
        };
        *target = std::mem::replace(target, Normal::truth()).and(normal)?;
        Ok(())
    }

    /// The question.
    ///
    /// # Errors
    /// [`Error::Unbounded`], [`Error::TooLarge`].
    pub fn finish(mut self, inputs: usize, outputs: usize) -> Result<Specification, Error> {
        let common = self.common.0.swap_remove(0);
        let branches = self.choice.0;
        let total = branches.len();
        within(
            "ends of all input boxes",
            2 * total as u128 * inputs as u128,
            MAX_ENDS,
        )?;
        let own: usize = branches.iter().map(|b| b.violation.len()).sum();
        if common.violation.len() > 1 && own > 1 {
            let conjunctions = own as u128 * common.violation.len() as u128;
            within(
                "conjunctions of the normal form",
                conjunctions,
                MAX_CONJUNCTIONS,
            )?;
        }
        let shared: usize = common.violation.iter().map(|c| c.constraints.len()).sum();
        if total > 1 {
            let atoms = own as u128 * shared as u128;
            within("atoms of the normal form", atoms, MAX_ATOMS)?;
        }
        let mut base = Ends::new(inputs);
        base.tighten(common.bounds);
        let mut boxes = Boxes::default();
        let mut dropped = 0;
        for (k, branch) in branches.into_iter().enumerate() {
            let last = k + 1 == total;
            let mut ends = if last {
                std::mem::take(&mut base)
            } else {
                base.clone()
            };
            ends.tighten(branch.bounds);
            if ends.is_empty() || branch.violation.is_empty() || common.violation.is_empty() {
                dropped += 1;
                continue;
            }
            let mut rest = Branch {
                bounds: Vec::new(),
                violation: common.violation.clone(),
            };
            rest.and(Branch {
                bounds: Vec::new(),
                violation: branch.violation,
            });
            boxes.add(ends.case(rest, k + 1, total)?);
        }
        let query = Query {
            inputs,
            outputs,
            cases: boxes.cases,
        };
        Ok(Specification { query, dropped })
    }
}

/// The ends of an input box that are known so far.
#[derive(Clone, Default)]
struct Ends {
    lo: Vec<Option<Rational>>,
    hi: Vec<Option<Rational>>,
    /// the ends that do not belong to the set: input, whether upper
    open: BTreeSet<(u32, bool)>,
}

impl Ends {
    fn new(inputs: usize) -> Ends {
        Ends {
            lo: vec![None; inputs],
            hi: vec![None; inputs],
            open: BTreeSet::new(),
        }
    }

    fn tighten(&mut self, bounds: Vec<Bound>) {
        for b in bounds {
            let side = if b.upper { &mut self.hi } else { &mut self.lo };
            let end = &mut side[b.input as usize];
            let key = (b.input, b.upper);
            match end.as_ref().map(|e| b.value.cmp(e)) {
                Some(Ordering::Equal) => {
                    if b.strict {
                        self.open.insert(key);
                    }
                }
                Some(Ordering::Less) if !b.upper => {}
                Some(Ordering::Greater) if b.upper => {}
                _ => {
                    *end = Some(b.value);
                    if b.strict {
                        self.open.insert(key);
                    } else if !self.open.is_empty() {
                        self.open.remove(&key);
                    }
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        let mut ends = self.lo.iter().zip(&self.hi).zip(0..);
        ends.any(|((lo, hi), i)| match (lo, hi) {
            (Some(lo), Some(hi)) => {
                let open = || self.open.contains(&(i, false)) || self.open.contains(&(i, true));
                lo > hi || (lo == hi && open())
            }
            _ => false,
        })
    }

    /// The closed box, its open ends as constraints.
    fn case(self, mut rest: Branch, case: usize, cases: usize) -> Result<Case, Error> {
        let complete = |ends: Vec<Option<Rational>>, side| {
            if let Some(i) = ends.iter().position(Option::is_none) {
                return Err(Error::Unbounded {
                    name: format!("X_{i}"),
                    side,
                    case,
                    cases,
                });
            }
            Ok(ends.into_iter().flatten().collect::<Vec<_>>())
        };
        let (lo, hi) = (complete(self.lo, "lower")?, complete(self.hi, "upper")?);
        for (input, upper) in self.open {
            let i = input as usize;
            let (factor, constant) = if upper {
                (1, -hi[i].clone())
            } else {
                (-1, lo[i].clone())
            };
            rest.constrain(Constraint {
                x: vec![(i, Rational::from(factor))],
                y: Vec::new(),
                constant,
                strict: true,
            });
        }
        let violation = rest.violation;
        Ok(Case { lo, hi, violation })
    }
}

/// Cases by their boxes.
#[derive(Default)]
struct Boxes {
    cases: Vec<Case>,
    /// positions by the hash of the box
    known: HashMap<u64, Vec<usize>>,
}

impl Boxes {
    fn add(&mut self, mut case: Case) {
        let added = std::mem::take(&mut case.violation);
        let mut hasher = DefaultHasher::new();
        (&case.lo, &case.hi).hash(&mut hasher);
        let same = self.known.entry(hasher.finish()).or_default();
        let found = same
            .iter()
            .copied()
            .find(|&k| self.cases[k].lo == case.lo && self.cases[k].hi == case.hi);
        let k = found.unwrap_or_else(|| {
            same.push(self.cases.len());
            self.cases.push(case);
            self.cases.len() - 1
        });
        let violation = &mut self.cases[k].violation;
        violation.extend(added);
        // An alternative that is always true says all.
        if violation.len() > 1 && violation.iter().any(|c| c.constraints.is_empty()) {
            *violation = vec![Conjunction::default()];
        }
    }
}
