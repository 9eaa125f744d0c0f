//! The GPU executor: one WGSL kernel per instruction, one submission per run.
//!
//! What it returns are estimates: WGSL lets a device round to either neighbour,
//! flush subnormals, fuse and reorder, and assume that no overflow occurs (see
//! `docs/gpu.md`). The header of each file in `shaders/` states bindings,
//! preconditions and error.
//!
//! **Large tensors.** A tensor may be larger than one storage binding: the
//! instruction is then cut along its batch, its rows or its elements. What
//! remains an [`Error::TooLarge`]: a buffer above the device's buffer limit; an
//! operand needed whole above its binding limit (weights and outputs of weight
//! gradients, the second factor of a product, the first one if stored
//! transposed and the second is too, index tables, channel scales); and fewer
//! rows than the device's offset alignment asks for (at most 64) above it.

mod adapter;
mod context;
mod kernels;
mod lower;
mod lowered;
mod session;
mod tile;

use std::sync::Arc;

pub use adapter::{Adapter, adapters};

use super::program::Program;
use super::{Error, Executor, Session};
use context::{Context, ready};
use session::GpuSession;
use tile::Limits;

/// Runs programs on a device of the graphics API.
pub struct Gpu {
    context: Arc<Context>,
}

impl Gpu {
    /// Opens an adapter with its own limits.
    ///
    /// **Errors**: [`Error::Device`] when the driver refuses.
    pub fn new(adapter: &Adapter) -> Result<Gpu, Error> {
        Gpu::with_binding_limit(adapter, u64::MAX)
    }

    /// Opens an adapter and binds at most `bytes` of a buffer at a time, where
    /// the adapter does not allow less: larger tensors are cut.
    ///
    /// **Errors**: [`Error::Device`] when the driver refuses.
    pub fn with_binding_limit(adapter: &Adapter, bytes: u64) -> Result<Gpu, Error> {
        let limits = adapter.handle.limits();
        let (device, queue) = ready(adapter.handle.request_device(&::wgpu::DeviceDescriptor {
            label: Some("dahlquist"),
            required_limits: limits.clone(),
            ..Default::default()
        }))
        .map_err(|e| Error::Device {
            device: adapter.device.to_string(),
            what: "opening".into(),
            message: e.to_string(),
        })?;
        // Element indices are 32-bit, with room for the surplus of a folded grid.
        let binding = limits
            .max_storage_buffer_binding_size
            .min(1 << 32)
            .min(bytes);
        let limits = Limits {
            device: adapter.device.to_string(),
            binding,
            buffer: limits.max_buffer_size,
            storage_alignment: u64::from(limits.min_storage_buffer_offset_alignment.max(4)),
            uniform_alignment: u64::from(limits.min_uniform_buffer_offset_alignment.max(16)),
            groups: limits.max_compute_workgroups_per_dimension,
        };
        Ok(Gpu {
            context: Arc::new(Context::new(device, queue, limits)),
        })
    }

    /// Gives the device back; every session on it ends with [`Error::Lost`].
    pub fn release(&self) {
        self.context.device.destroy();
        // The loss is announced once the commands under way are done; waiting fails
        // only if the device is gone already.
        let _ = self
            .context
            .device
            .poll(::wgpu::PollType::wait_indefinitely());
    }
}

impl Executor for Gpu {
    fn describe(&self) -> String {
        self.context.limits.device.clone()
    }

    fn load(&self, program: &Program) -> Result<Box<dyn Session>, Error> {
        Ok(Box::new(GpuSession::load(self.context.clone(), program)?))
    }
}

/// A shader module of the executor.
#[derive(Clone, Copy, Debug)]
pub struct Shader {
    /// the instruction's name; of a template `instruction:function`
    pub name: &'static str,
    /// files of `shaders/`, concatenated
    pub parts: &'static [&'static str],
    /// boolean override constants
    pub flags: &'static [&'static str],
}

/// Every shader module, templates expanded.
pub fn shaders() -> Vec<Shader> {
    let shader = |k: &&kernels::Kernel| Shader {
        name: k.name,
        parts: k.parts,
        flags: k.flags,
    };
    kernels::ALL.iter().map(shader).collect()
}
