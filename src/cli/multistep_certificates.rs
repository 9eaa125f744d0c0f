//! Certificates of the multistep commands: made, checked, then written.

use std::path::{Path, PathBuf};

use super::multistep::{Error, write_beside};
use crate::certificate::{Certificate, write, write_multistep};
use crate::check::check;
use crate::exact::{Poly, RatFunc, Rational};
use crate::multistep::matrix_norm::MatrixNorm;
use crate::multistep::power_bound::{PowerBound, power_bound};
use crate::multistep::power_evidence::evidence;
use crate::multistep::region::Property;
use crate::multistep::roots::enclose;
use crate::multistep::{
    Kind, LinearMultistep, ParametricFamily, RootCondition, RootEvidence, absolute_stability,
    parametric,
};

/// Checks a certificate and writes it.
pub(super) fn store(certificate: &Certificate, path: &Path) -> Result<(), Error> {
    check(certificate, None).map_err(|source| Error::Rejected {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    write_beside(path, &certificate.to_bytes()?)
}

/// What [`of_method`] wrote, and what it could not.
pub(super) struct Written {
    pub files: Vec<PathBuf>,
    pub missing: Vec<&'static str>,
}

/// Certificates of one method: its root condition, its power bounds, and for which `z < 0` (and all other
/// real `z`) `ρ − zσ` has all roots inside the unit circle.
pub(super) fn of_method(
    method: &LinearMultistep,
    number: usize,
    folder: &Path,
) -> Result<Written, Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::File {
        path: folder.to_owned(),
        source,
    })?;
    let place =
        |what: &str| folder.join(format!("{}-{what}.json", file_name(method.name(), number)));
    let mut written = Written {
        files: Vec::new(),
        missing: Vec::new(),
    };
    let mut keep = |certificate: Option<Certificate>, what: &'static str| -> Result<(), Error> {
        match certificate {
            Some(certificate) => {
                let path = place(what);
                store(&certificate, &path)?;
                written.files.push(path);
            }
            None => written.missing.push(what),
        }
        Ok(())
    };
    let condition = RootCondition::of(&method.rho(), method.kind());
    let record = RootEvidence::new(method, &condition);
    let root = match write::root_condition(method, &record) {
        Ok(certificate) => Some(certificate),
        // Numbers of the chain of a large method may be longer than a certificate takes.
        Err(write::Error::Number(_)) => None,
        Err(other) => return Err(other.into()),
    };
    keep(root, "root-condition")?;
    if condition.zero_stable() && condition.max_circle_multiplicity <= 1 {
        let roots = enclose(&condition, method.name())?;
        for (norm, what) in [
            (MatrixNorm::L2, "powers-l2"),
            (MatrixNorm::Linf, "powers-linf"),
        ] {
            let found = match power_bound(method, &condition, &roots, norm) {
                Some(PowerBound::Enclosed { upper, .. }) => {
                    evidence(method, &condition, norm, &upper)
                }
                _ => None,
            };
            keep(
                found.map(|e| write_multistep::powers(method, norm, &e)),
                what,
            )?;
        }
    }
    if method.kind() == Kind::First && method.steps() <= parametric::MAX_STEPS {
        keep(real_axis(method)?, "real-axis")?;
    }
    Ok(written)
}

/// The real `z` for which all roots of `ρ − zσ` are inside the unit circle; its end next to 0 is that of
/// the interval of absolute stability.
fn real_axis(method: &LinearMultistep) -> Result<Option<Certificate>, Error> {
    if absolute_stability::real_interval(method).is_none() {
        return Ok(None);
    }
    let line = |(a, b): (&Rational, &Rational)| {
        RatFunc::from(Poly::new(vec![a.clone(), Rational::from(-b)]))
    };
    let alpha: Vec<RatFunc> = method.alpha().iter().zip(method.beta()).map(line).collect();
    let none = vec![RatFunc::from(Poly::zero()); alpha.len()];
    let family = ParametricFamily::new(method.name(), "z", method.kind(), alpha, none)?;
    Ok(write_multistep::region(&family, Property::OpenDisc)?)
}

/// A name that any file system takes.
fn file_name(name: &str, number: usize) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = name.chars().take(48).map(plain).collect();
    let name = name.trim_matches('-');
    if number == 0 {
        name.to_owned()
    } else {
        format!("{number:03}-{name}")
    }
}

/// The exact set of a family in one parameter.
pub(super) fn of_line(family: &ParametricFamily, path: &Path) -> Result<(), Error> {
    let property = Property::RootCondition(family.kind());
    let certificate = write_multistep::region(family, property)?;
    let certificate = certificate.ok_or_else(|| Error::NoCertificate {
        what: family.name().to_owned(),
        why: "it has a pair of reciprocal roots for every parameter",
    })?;
    store(&certificate, path)
}

/// A little more than a proved bound, on a grid, so that another way of rounding reaches it too.
pub(super) fn raised(upper: &rug::Float) -> Rational {
    let exact = upper.to_rational().unwrap_or_default();
    let grid = crate::exact::Integer::from(1) << 40;
    let scaled = Rational::from(&exact * &grid).ceil() + 1;
    scaled / Rational::from(grid)
}
