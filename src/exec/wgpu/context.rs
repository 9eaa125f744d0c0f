//! An open device: error scopes, loss, cached pipelines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::wgpu as gpu;

use super::kernels::{Access, Kernel};
use super::tile::Limits;
use crate::exec::Error;

/// A pipeline and the layout of its bind group.
pub(super) struct Pipeline {
    pub(super) pipeline: gpu::ComputePipeline,
    pub(super) layout: gpu::BindGroupLayout,
}

/// A message from a callback of the device.
type Note = Arc<Mutex<Option<String>>>;

/// A kernel by name, with the values of its flags.
type PipelineKey = (&'static str, Vec<bool>);

/// An open device.
pub(super) struct Context {
    pub(super) device: gpu::Device,
    pub(super) queue: gpu::Queue,
    pub(super) limits: Limits,
    lost: Note,
    stray: Note,
    pipelines: Mutex<HashMap<PipelineKey, Arc<Pipeline>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every holder leaves the value whole, so a poisoned lock is still good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Context {
    pub(super) fn new(device: gpu::Device, queue: gpu::Queue, limits: Limits) -> Context {
        let (lost, stray) = (Note::default(), Note::default());
        let note = lost.clone();
        device.set_device_lost_callback(move |reason, message| {
            *lock(&note) = Some(format!("{reason:?}: {message}"));
        });
        // Without a handler an error outside a scope panics.
        let note = stray.clone();
        device.on_uncaptured_error(Arc::new(move |error: gpu::Error| {
            lock(&note).get_or_insert_with(|| error.to_string());
        }));
        Context {
            device,
            queue,
            limits,
            lost,
            stray,
            pipelines: Mutex::default(),
        }
    }

    pub(super) fn refused(&self, what: &str, message: impl Into<String>) -> Error {
        Error::Device {
            device: self.limits.device.clone(),
            what: what.into(),
            message: message.into(),
        }
    }

    /// Errors when the device is lost or complained outside a scope.
    pub(super) fn alive(&self) -> Result<(), Error> {
        // The loss is reported by a callback that runs while polling.
        let polled = self.device.poll(gpu::PollType::Poll);
        if let Some(reason) = lock(&self.lost).clone() {
            return Err(Error::Lost {
                device: self.limits.device.clone(),
                reason,
            });
        }
        if let Some(message) = lock(&self.stray).take() {
            return Err(self.refused("an earlier command", message));
        }
        polled
            .map(|_| ())
            .map_err(|e| self.refused("poll", e.to_string()))
    }

    /// Runs commands with the device's errors caught.
    pub(super) fn scoped<T>(&self, what: &str, commands: impl FnOnce() -> T) -> Result<T, Error> {
        self.alive()?;
        let validation = self.device.push_error_scope(gpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(gpu::ErrorFilter::Internal);
        let memory = self.device.push_error_scope(gpu::ErrorFilter::OutOfMemory);
        let value = commands();
        let errors = [memory.pop(), internal.pop(), validation.pop()].map(ready);
        self.alive()?;
        match errors.into_iter().flatten().next() {
            Some(error) => Err(self.refused(what, error.to_string())),
            None => Ok(value),
        }
    }

    /// The pipeline of a kernel with these flags, built once.
    pub(super) fn pipeline(
        &self,
        kernel: &'static Kernel,
        flags: &[bool],
    ) -> Result<Arc<Pipeline>, Error> {
        let mut pipelines = lock(&self.pipelines);
        let key = (kernel.name, flags.to_vec());
        if let Some(pipeline) = pipelines.get(&key) {
            return Ok(pipeline.clone());
        }
        let what = format!("shader {}", kernel.name);
        let built = Arc::new(self.scoped(&what, || self.build(kernel, flags))?);
        pipelines.insert(key, built.clone());
        Ok(built)
    }

    fn build(&self, kernel: &'static Kernel, flags: &[bool]) -> Pipeline {
        let label = Some(kernel.name);
        let entry = |binding: usize, ty| gpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: gpu::ShaderStages::COMPUTE,
            ty: gpu::BindingType::Buffer {
                ty,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let mut entries = vec![entry(0, gpu::BufferBindingType::Uniform)];
        entries.extend(kernel.access.iter().enumerate().map(|(i, access)| {
            let read_only = *access == Access::Read;
            entry(i + 1, gpu::BufferBindingType::Storage { read_only })
        }));
        let layout = self
            .device
            .create_bind_group_layout(&gpu::BindGroupLayoutDescriptor {
                label,
                entries: &entries,
            });
        let pipeline_layout = self
            .device
            .create_pipeline_layout(&gpu::PipelineLayoutDescriptor {
                label,
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
        let module = self
            .device
            .create_shader_module(gpu::ShaderModuleDescriptor {
                label,
                source: gpu::ShaderSource::Wgsl(kernel.source().into()),
            });
        let constants: Vec<(&str, f64)> = kernel
            .flags
            .iter()
            .zip(flags)
            .map(|(name, on)| (*name, f64::from(u8::from(*on))))
            .collect();
        let pipeline = self
            .device
            .create_compute_pipeline(&gpu::ComputePipelineDescriptor {
                label,
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: gpu::PipelineCompilationOptions {
                    constants: &constants,
                    // Every kernel writes its workgroup memory before it reads it.
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            });
        Pipeline { pipeline, layout }
    }
}

/// The value of a future of the API that is ready when it is returned.
pub(super) fn ready<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}
