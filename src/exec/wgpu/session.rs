//! A program on the device: its buffers, and its dispatches with their bind
//! groups, encoded into one submission per run.

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ::wgpu as gpu;

use super::context::{Context, Pipeline};
use super::lower::lower;
use super::tile::{Dispatch, dispatches};
use crate::exec::program::{BufferId, Contents, Instruction, Program};
use crate::exec::{Error, Session};

/// Bytes handed to the queue at once: bounds the staging memory of a load.
const PIECE: usize = 64 << 20;

/// A buffer on the device.
struct Held {
    name: String,
    len: usize,
    is_u32: bool,
    /// labels must stay below this
    below: Option<usize>,
    buffer: gpu::Buffer,
}

struct Step {
    pipeline: Arc<Pipeline>,
    bind_group: gpu::BindGroup,
    groups: [u32; 2],
}

/// A loaded program.
pub(super) struct GpuSession {
    context: Arc<Context>,
    buffers: Vec<Held>,
    steps: Vec<Step>,
}

/// A dispatch not yet bound.
struct Planned {
    pipeline: Arc<Pipeline>,
    kernel: &'static str,
    dispatch: Dispatch,
}

impl GpuSession {
    pub(super) fn load(context: Arc<Context>, program: &Program) -> Result<GpuSession, Error> {
        program.validate()?;
        fits(&context, program)?;
        let planned = plan(&context, program)?;
        let mut session = GpuSession {
            buffers: allocate(&context, program)?,
            steps: Vec::new(),
            context,
        };
        for (id, buffer) in program.buffers().iter().enumerate() {
            match &buffer.contents {
                // The API hands out zeroed buffers.
                Contents::Zeros(_) => {}
                Contents::F32(v) => session.write(BufferId(id), v)?,
                Contents::U32(v) => session.write_u32(BufferId(id), v)?,
            }
        }
        session.steps = session.context.scoped("bind groups", || {
            bind(&session.context, &session.buffers, planned)
        })?;
        Ok(session)
    }

    fn held(&self, id: BufferId, u32_wanted: bool, found: Option<usize>) -> Result<&Held, Error> {
        let Some(held) = self.buffers.get(id.0) else {
            return Err(Error::BufferLength {
                buffer: id.0,
                name: String::new(),
                found: found.unwrap_or(0),
                expected: 0,
            });
        };
        if held.is_u32 != u32_wanted {
            return Err(Error::BufferKind {
                buffer: id.0,
                name: held.name.clone(),
                expected: if held.is_u32 { "u32" } else { "f32" },
            });
        }
        match found {
            Some(found) if found != held.len => Err(Error::BufferLength {
                buffer: id.0,
                name: held.name.clone(),
                found,
                expected: held.len,
            }),
            _ => Ok(held),
        }
    }

    fn upload(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        self.context.scoped("write", || {
            for (piece, bytes) in bytes.chunks(PIECE).enumerate() {
                let offset = (piece * PIECE) as u64;
                self.context.queue.write_buffer(&held.buffer, offset, bytes);
                if bytes.len() == PIECE {
                    // Staging memory is freed once it is submitted.
                    self.context.queue.submit([]);
                }
            }
        })
    }
}

/// Pipelines and dispatches of every instruction.
fn plan(context: &Context, program: &Program) -> Result<Vec<Planned>, Error> {
    let mut planned = Vec::new();
    for (index, instruction) in program.instructions().iter().enumerate() {
        let mut lowered = lower(program, index, false)?;
        let mut parts = dispatches(program, &lowered, &context.limits);
        if matches!(parts, Err(Error::TooLarge { .. }))
            && matches!(instruction, Instruction::Gemm { .. })
        {
            lowered = lower(program, index, true)?;
            parts = dispatches(program, &lowered, &context.limits);
        }
        for dispatch in parts? {
            planned.push(Planned {
                pipeline: context.pipeline(lowered.kernel, &dispatch.flags)?,
                kernel: lowered.kernel.name,
                dispatch,
            });
        }
    }
    Ok(planned)
}

/// Bytes of a buffer. An empty binding is not allowed, so even an empty buffer has
/// a few.
fn bytes_of(len: usize) -> u64 {
    (len as u64).saturating_mul(4).max(16)
}

/// Errors when a buffer is larger than the device's buffers can be.
fn fits(context: &Context, program: &Program) -> Result<(), Error> {
    for buffer in program.buffers() {
        let needed = bytes_of(buffer.contents.len());
        if needed > context.limits.buffer {
            return Err(Error::TooLarge {
                name: buffer.name.clone(),
                device: context.limits.device.clone(),
                needed,
                allowed: context.limits.buffer,
            });
        }
    }
    Ok(())
}

fn allocate(context: &Context, program: &Program) -> Result<Vec<Held>, Error> {
    let below = label_bounds(program);
    let mut buffers = Vec::new();
    for (id, buffer) in program.buffers().iter().enumerate() {
        let len = buffer.contents.len();
        let size = bytes_of(len);
        let what = format!("allocating {} ({size} bytes)", buffer.name);
        buffers.push(Held {
            name: buffer.name.clone(),
            len,
            is_u32: matches!(buffer.contents, Contents::U32(_)),
            below: below.get(&id).copied(),
            buffer: context.scoped(&what, || {
                context.device.create_buffer(&gpu::BufferDescriptor {
                    label: Some(&buffer.name),
                    size,
                    usage: gpu::BufferUsages::STORAGE
                        | gpu::BufferUsages::COPY_DST
                        | gpu::BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                })
            })?,
        });
    }
    Ok(buffers)
}

/// The number of classes that the labels of each label buffer index.
fn label_bounds(program: &Program) -> HashMap<usize, usize> {
    let mut below = HashMap::new();
    for instruction in program.instructions() {
        if let Instruction::WorstLogits {
            labels, classes, ..
        }
        | Instruction::WorstLogitsGrad {
            labels, classes, ..
        }
        | Instruction::CrossEntropy {
            labels, classes, ..
        }
        | Instruction::Margin {
            labels, classes, ..
        } = instruction
        {
            let bound = below.entry(labels.0).or_insert(*classes);
            *bound = (*bound).min(*classes);
        }
    }
    below
}

/// Uniform blocks and bind groups; equal dispatches (the steps of an attack)
/// share theirs.
fn bind(context: &Context, buffers: &[Held], planned: Vec<Planned>) -> Vec<Step> {
    let device = &context.device;
    let upload = |label, bytes: &[u8], usage| {
        let buffer = device.create_buffer(&gpu::BufferDescriptor {
            label: Some(label),
            size: bytes.len() as u64,
            usage: usage | gpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        context.queue.write_buffer(&buffer, 0, bytes);
        buffer
    };
    // Stands in for absent operands; a fixed coefficient is factor · 1.
    let one = upload(
        "one",
        bytemuck::bytes_of(&[1.0f32; 4]),
        gpu::BufferUsages::STORAGE,
    );

    let mut blocks: Vec<u8> = vec![0; 16];
    let mut offsets: HashMap<(&'static str, Dispatch), u64> = HashMap::new();
    for p in &planned {
        offsets
            .entry((p.kernel, p.dispatch.clone()))
            .or_insert_with(|| {
                let alignment = context.limits.uniform_alignment as usize;
                let offset = blocks.len().next_multiple_of(alignment);
                blocks.resize(offset, 0);
                blocks.extend_from_slice(bytemuck::cast_slice(&p.dispatch.words));
                // A uniform block's size is rounded up to 16 bytes.
                blocks.resize(blocks.len().next_multiple_of(16), 0);
                offset as u64
            });
    }
    let uniforms = upload("parameters", &blocks, gpu::BufferUsages::UNIFORM);

    let range = |buffer, offset, size| {
        gpu::BindingResource::Buffer(gpu::BufferBinding {
            buffer,
            offset,
            size: gpu::BufferSize::new(size),
        })
    };
    let mut groups: HashMap<u64, gpu::BindGroup> = HashMap::new();
    planned
        .into_iter()
        .map(|p| {
            let size = (p.dispatch.words.len() as u64 * 4).next_multiple_of(16);
            let dispatch_groups = p.dispatch.groups;
            let key = (p.kernel, p.dispatch);
            let offset = offsets[&key];
            let make = || {
                let mut entries = vec![gpu::BindGroupEntry {
                    binding: 0,
                    resource: range(&uniforms, offset, size),
                }];
                entries.extend(key.1.bindings.iter().enumerate().map(|(i, b)| {
                    let buffer = b.buffer.map_or(&one, |id| &buffers[id.0].buffer);
                    gpu::BindGroupEntry {
                        binding: i as u32 + 1,
                        resource: range(buffer, b.offset, b.size),
                    }
                }));
                device.create_bind_group(&gpu::BindGroupDescriptor {
                    label: Some(p.kernel),
                    layout: &p.pipeline.layout,
                    entries: &entries,
                })
            };
            Step {
                bind_group: groups.entry(offset).or_insert_with(make).clone(),
                pipeline: p.pipeline,
                groups: dispatch_groups,
            }
        })
        .collect()
}

impl Session for GpuSession {
    fn write(&mut self, buffer: BufferId, values: &[f32]) -> Result<(), Error> {
        let held = self.held(buffer, false, Some(values.len()))?;
        self.upload(held, bytemuck::cast_slice(values))
    }

    fn write_u32(&mut self, buffer: BufferId, values: &[u32]) -> Result<(), Error> {
        let held = self.held(buffer, true, Some(values.len()))?;
        if let Some(below) = held.below
            && let Some(at) = values.iter().position(|&v| v as usize >= below)
        {
            return Err(Error::Index {
                name: held.name.clone(),
                at,
                found: values[at],
                below,
            });
        }
        self.upload(held, bytemuck::cast_slice(values))
    }

    fn run(&mut self) -> Result<(), Error> {
        self.context.scoped("run", || {
            let mut encoder = self
                .context
                .device
                .create_command_encoder(&Default::default());
            {
                // Dispatches of a pass take effect in order: each sees the writes
                // of those before it.
                let mut pass = encoder.begin_compute_pass(&Default::default());
                for step in &self.steps {
                    pass.set_pipeline(&step.pipeline.pipeline);
                    pass.set_bind_group(0, &step.bind_group, &[]);
                    pass.dispatch_workgroups(step.groups[0], step.groups[1], 1);
                }
            }
            self.context.queue.submit([encoder.finish()]);
        })
    }

    fn read(&mut self, buffer: BufferId) -> Result<Vec<f32>, Error> {
        let held = self.held(buffer, false, None)?;
        if held.len == 0 {
            return Ok(Vec::new());
        }
        let context = &self.context;
        let size = held.len as u64 * 4;
        let (sender, receiver) = mpsc::channel();
        let staging = context.scoped("read", || {
            let staging = context.device.create_buffer(&gpu::BufferDescriptor {
                label: Some("read"),
                size,
                usage: gpu::BufferUsages::MAP_READ | gpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let mut encoder = context.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(&held.buffer, 0, &staging, 0, size);
            context.queue.submit([encoder.finish()]);
            staging.map_async(gpu::MapMode::Read, .., move |result| {
                // The receiver is gone only if this read has already failed.
                let _ = sender.send(result);
            });
            staging
        })?;
        let failed = |message: String| context.refused("read", message);
        loop {
            context
                .device
                .poll(gpu::PollType::wait_indefinitely())
                .map_err(|e| {
                    context
                        .alive()
                        .err()
                        .unwrap_or_else(|| failed(e.to_string()))
                })?;
            // Another thread's poll may have collected our callback and be about to
            // run it, so an empty channel is not yet a failure.
            match receiver.recv_timeout(Duration::from_millis(20)) {
                Ok(Ok(())) => break,
                Ok(Err(e)) => {
                    context.alive()?;
                    return Err(failed(e.to_string()));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => context.alive()?,
                Err(e) => return Err(failed(e.to_string())),
            }
        }
        let view = staging
            .get_mapped_range(..)
            .map_err(|e| context.refused("read", e.to_string()))?;
        Ok(bytemuck::pod_collect_to_vec(&view))
    }
}
