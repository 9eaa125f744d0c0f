//! The adapters of this machine.

use ::wgpu as gpu;

use super::context::ready;
use crate::exec::device::{Device, Kind};

/// An adapter that can be opened.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub(super) device: Device,
    pub(super) handle: gpu::Adapter,
}

impl Adapter {
    /// Name, kind, interface and driver.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// Every adapter the drivers report, in their order.
pub fn adapters() -> Vec<Adapter> {
    let instance = gpu::Instance::new(gpu::InstanceDescriptor::new_without_display_handle());
    ready(instance.enumerate_adapters(gpu::Backends::all()))
        .into_iter()
        .map(|handle| {
            let info = handle.get_info();
            let limits = handle.limits();
            Adapter {
                device: Device {
                    name: info.name,
                    kind: match info.device_type {
                        gpu::DeviceType::DiscreteGpu => Kind::Discrete,
                        gpu::DeviceType::IntegratedGpu => Kind::Integrated,
                        gpu::DeviceType::VirtualGpu => Kind::Virtual,
                        gpu::DeviceType::Cpu => Kind::Software,
                        gpu::DeviceType::Other => Kind::Other,
                    },
                    backend: info.backend.to_string(),
                    driver: format!("{} {}", info.driver, info.driver_info)
                        .trim()
                        .to_string(),
                    max_buffer: limits.max_buffer_size,
                    max_binding: limits.max_storage_buffer_binding_size,
                },
                handle,
            }
        })
        .collect()
}
