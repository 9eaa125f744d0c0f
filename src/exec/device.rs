//! Which device runs a program: the CPU, or one of the adapters present.
//!
//! | request | runs on |
//! |---|---|
//! | `auto` | the first discrete, else integrated, else virtual GPU that opens; else the CPU |
//! | `cpu` | the CPU executor |
//! | `gpu` | as `auto`, then any other adapter, then a software one; never the CPU executor |
//! | other text | the first adapter whose name contains it, letter case ignored |

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::cpu::Cpu;
use super::{Error, Executor};

/// What an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// a GPU with its own memory
    Discrete,
    /// a GPU that shares the CPU's memory
    Integrated,
    /// a GPU handed through by a hypervisor
    Virtual,
    /// unknown to the driver interface
    Other,
    /// a driver that computes on the CPU
    Software,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Discrete => "discrete GPU",
            Kind::Integrated => "integrated GPU",
            Kind::Virtual => "virtual GPU",
            Kind::Other => "unknown kind",
            Kind::Software => "software",
        })
    }
}

/// An adapter, as the driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// its name
    pub name: String,
    /// what it is
    pub kind: Kind,
    /// driver interface: `vulkan`, `metal`, `dx12`
    pub backend: String,
    /// driver and version
    pub driver: String,
    /// largest buffer, bytes
    pub max_buffer: u64,
    /// largest part of a buffer that one kernel can address, bytes; larger
    /// tensors are tiled
    pub max_binding: u64,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {}", self.name, self.kind, self.backend)?;
        if !self.driver.is_empty() {
            write!(f, ", {}", self.driver)?;
        }
        f.write_str(")")
    }
}

/// A wish for a device; the table is in the [module](self)'s text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Request {
    /// a real GPU, else the CPU
    #[default]
    Auto,
    /// the CPU executor
    Cpu,
    /// any adapter, the best first
    Gpu,
    /// an adapter by a part of its name
    Named(String),
}

impl FromStr for Request {
    type Err = Infallible;
    fn from_str(s: &str) -> Result<Request, Infallible> {
        Ok(match s {
            "auto" => Request::Auto,
            "cpu" => Request::Cpu,
            "gpu" => Request::Gpu,
            name => Request::Named(name.into()),
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Request::Auto => "auto",
            Request::Cpu => "cpu",
            Request::Gpu => "gpu",
            Request::Named(name) => name,
        })
    }
}

/// The adapters present; empty without the feature `gpu`. The CPU executor is
/// always there and not listed.
pub fn devices() -> Vec<Device> {
    #[cfg(feature = "gpu")]
    let devices = super::wgpu::adapters()
        .iter()
        .map(|a| a.device().clone())
        .collect();
    #[cfg(not(feature = "gpu"))]
    let devices = Vec::new();
    devices
}

/// Positions in `devices` of those that serve the request, the best first.
pub fn candidates(request: &Request, devices: &[Device]) -> Vec<usize> {
    let mut found: Vec<usize> = (0..devices.len())
        .filter(|&i| match request {
            Request::Auto => devices[i].kind <= Kind::Virtual,
            Request::Cpu => false,
            Request::Gpu => true,
            Request::Named(part) => devices[i]
                .name
                .to_lowercase()
                .contains(&part.to_lowercase()),
        })
        .collect();
    if !matches!(request, Request::Named(_)) {
        found.sort_by_key(|&i| devices[i].kind);
    }
    found
}

/// The executor for a request.
///
/// **Errors**: [`Error::NoAdapter`] when `gpu` or a name finds nothing (it lists
/// what is there), [`Error::Device`] when the adapter found cannot be opened.
pub fn open(request: &Request) -> Result<Box<dyn Executor>, Error> {
    match request {
        Request::Cpu => Ok(Box::new(Cpu)),
        Request::Auto => Ok(open_adapter(request).unwrap_or_else(|error| {
            if !matches!(error, Error::NoAdapter { .. }) {
                tracing::warn!("{error}; the CPU is used");
            }
            Box::new(Cpu)
        })),
        Request::Gpu | Request::Named(_) => open_adapter(request),
    }
}

#[cfg(feature = "gpu")]
fn open_adapter(request: &Request) -> Result<Box<dyn Executor>, Error> {
    let adapters = super::wgpu::adapters();
    let devices: Vec<Device> = adapters.iter().map(|a| a.device().clone()).collect();
    let mut result = Err(no_adapter(request, &devices));
    for i in candidates(request, &devices) {
        match super::wgpu::Gpu::new(&adapters[i]) {
            Ok(gpu) => return Ok(Box::new(gpu)),
            // The first candidate's reason is the one to tell.
            Err(e) if matches!(result, Err(Error::NoAdapter { .. })) => result = Err(e),
            Err(_) => {}
        }
    }
    result
}

#[cfg(not(feature = "gpu"))]
fn open_adapter(request: &Request) -> Result<Box<dyn Executor>, Error> {
    Err(Error::NoAdapter {
        wanted: request.to_string(),
        found: "this program is built without the feature gpu".into(),
    })
}

#[cfg(feature = "gpu")]
fn no_adapter(request: &Request, devices: &[Device]) -> Error {
    let names: Vec<String> = devices.iter().map(Device::to_string).collect();
    Error::NoAdapter {
        wanted: request.to_string(),
        found: if names.is_empty() {
            "none".into()
        } else {
            names.join("; ")
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str, kind: Kind) -> Device {
        Device {
            name: name.into(),
            kind,
            backend: "vulkan".into(),
            driver: String::new(),
            max_buffer: 0,
            max_binding: 0,
        }
    }

    #[test]
    fn requests_round_trip() {
        for text in ["auto", "cpu", "gpu", "llvmpipe"] {
            let request: Request = text.parse().expect("every text is a request");
            assert_eq!(request.to_string(), text);
        }
    }

    #[test]
    fn auto_takes_real_gpus_only_and_gpu_takes_the_best() {
        let all = [
            device("llvmpipe (LLVM 15)", Kind::Software),
            device("Iris", Kind::Integrated),
            device("strange", Kind::Other),
            device("Radeon A", Kind::Discrete),
            device("Radeon B", Kind::Discrete),
            device("virtio", Kind::Virtual),
        ];
        assert_eq!(candidates(&Request::Auto, &all), [3, 4, 1, 5]);
        assert_eq!(candidates(&Request::Gpu, &all), [3, 4, 1, 5, 2, 0]);
        assert!(candidates(&Request::Cpu, &all).is_empty());
        assert_eq!(candidates(&Request::Named("radeon".into()), &all), [3, 4]);
        assert_eq!(candidates(&Request::Named("LLVM".into()), &all), [0]);
        assert!(candidates(&Request::Auto, &all[..1]).is_empty());
        assert!(candidates(&Request::Named("H100".into()), &all).is_empty());
    }

    #[test]
    fn a_name_that_fits_nothing_is_a_typed_error() {
        let request = Request::Named("no such adapter".into());
        assert!(matches!(open(&request), Err(Error::NoAdapter { .. })));
    }
}
