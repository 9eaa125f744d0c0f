//! How a question about a network is worked on.

use std::fmt;
use std::str::FromStr;

use crate::bounds;

/// Bounds alone, or a search that splits until they suffice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// bounds of the whole input set
    Once(bounds::Method),
    /// branch and bound: complete on piecewise-linear networks, given time
    #[default]
    Bab,
}

/// No method of that name.
#[derive(Debug, thiserror::Error)]
#[error("no method is named {name:?}; known: {}", Method::names())]
pub struct UnknownMethod {
    name: String,
}

impl Method {
    /// Every method, weakest first.
    pub fn all() -> impl Iterator<Item = Method> {
        let once = bounds::Method::ALL.into_iter().map(Method::Once);
        once.chain([Method::Bab])
    }

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Once(method) => method.name(),
            Method::Bab => "bab",
        }
    }

    fn names() -> String {
        Method::all()
            .map(Method::name)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl From<bounds::Method> for Method {
    fn from(method: bounds::Method) -> Method {
        Method::Once(method)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Method, UnknownMethod> {
        Method::all()
            .find(|m| m.name() == name)
            .ok_or_else(|| UnknownMethod { name: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for method in Method::all() {
            assert_eq!(method.name().parse::<Method>().unwrap(), method);
        }
        let error = "zonotope".parse::<Method>().unwrap_err().to_string();
        assert!(
            error.contains("\"zonotope\"") && error.contains("interval, crown, alpha-crown, bab")
        );
    }
}
