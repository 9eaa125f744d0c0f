//! The built-in methods, one file each, and their names.

mod ab;
mod euler;
mod midpoint;
mod rk4;
mod zerosnet;

use super::{Error, Method};
use crate::exact::Rational;

/// One of every built-in method.
pub fn registry() -> Vec<Method> {
    vec![
        Method::RungeKutta(euler::table()),
        Method::RungeKutta(midpoint::table()),
        Method::RungeKutta(rk4::table()),
        Method::Multistep(ab::ab2()),
        Method::Multistep(zerosnet::optimal()),
    ]
}

/// The method called `name`: a registry name, or `zerosnet(λ)` with a rational λ.
pub fn by_name(name: &str) -> Result<Method, Error> {
    if let Some(method) = registry().into_iter().find(|m| m.name() == name) {
        return Ok(method);
    }
    let lambda = name
        .strip_prefix("zerosnet(")
        .and_then(|s| s.strip_suffix(')'))
        .filter(|s| s.len() <= 64)
        .and_then(|s| s.trim().parse::<Rational>().ok());
    match lambda {
        Some(lambda) => Ok(Method::Multistep(zerosnet::member(&lambda)?)),
        None => Err(Error::Unknown {
            name: name.into(),
            known: registry()
                .iter()
                .map(|m| m.name().to_string())
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

fn q(n: i64, d: u64) -> Rational {
    Rational::from((n, d))
}
