//! Every shader module parses and validates, without a device.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dahlquist::exec::wgpu::shaders;
use dahlquist::exec::{device, wgpu};
use naga::back::pipeline_constants::process_overrides;
use naga::valid::{Capabilities, ValidationFlags, Validator};

/// (name, text) of the files of `shaders/`.
fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    fs::read_dir(folder)
        .expect("the folder shaders")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read_to_string(&path).expect("text"))
        })
        .collect()
}

fn validate(name: &str, text: &str) -> (naga::Module, naga::valid::ModuleInfo) {
    let module = naga::front::wgsl::parse_str(text)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
    (module, info)
}

#[test]
fn every_module_validates_with_every_flag() {
    for shader in shaders() {
        let text = shader.parts.concat();
        let (module, info) = validate(shader.name, &text);
        let declared: BTreeSet<&str> = module
            .overrides
            .iter()
            .filter_map(|(_, o)| o.name.as_deref())
            .collect();
        assert_eq!(
            declared,
            shader.flags.iter().copied().collect(),
            "{}",
            shader.name
        );
        for bits in 0..1u32 << shader.flags.len() {
            let constants = shader
                .flags
                .iter()
                .enumerate()
                .map(|(i, f)| ((*f).to_string(), f64::from(bits >> i & 1)))
                .collect();
            let stage = Some((naga::ShaderStage::Compute, "main"));
            let (module, _) = process_overrides(&module, &info, stage, &constants)
                .unwrap_or_else(|e| panic!("{} {bits:b}: {e}", shader.name));
            Validator::new(ValidationFlags::all(), Capabilities::empty())
                .validate(&module)
                .unwrap_or_else(|e| panic!("{} {bits:b}: {e}", shader.name));
        }
    }
}

#[test]
fn every_file_is_used_parses_and_has_a_header() {
    let modules = shaders();
    for (name, text) in files() {
        assert!(
            modules.iter().any(|m| m.parts.contains(&text.as_str())),
            "{name} belongs to no module"
        );
        let header: String = text
            .lines()
            .take_while(|l| l.starts_with("//"))
            .map(|l| format!("{l}\n"))
            .collect();
        assert!(
            header.contains("indings") && header.contains("// Error"),
            "{name}"
        );
        if text.contains("@compute") {
            for word in ["Bindings: 1 ", "Workgroup: ", "Preconditions: "] {
                assert!(header.contains(word), "{name}: no {word:?} in the header");
            }
        }
        for banned in [
            "isNan", "isInf", "fma(", "atomic", "tanh(x)", "pow(", "length(",
        ] {
            assert!(!text.contains(banned), "{name} uses {banned}");
        }
    }
}

/// The file of an instruction is named as the instruction; a template is
/// expanded for each pointwise function.
#[test]
fn every_instruction_has_its_file() {
    let names: BTreeSet<String> = files().into_iter().map(|(name, _)| name).collect();
    let mut expected: BTreeSet<String> = shaders()
        .iter()
        .map(|s| format!("{}.wgsl", s.name.split(':').next().expect("a name")))
        .collect();
    for f in dahlquist::ops::activation_registry() {
        expected.insert(format!("pointwise_{}.wgsl", f.name()));
        for template in ["pointwise", "pointwise_grad"] {
            let name = format!("{template}:{}", f.name());
            assert!(shaders().iter().any(|s| s.name == name), "{name}");
        }
    }
    expected.insert("log1p.wgsl".into());
    assert_eq!(names, expected);
}

/// Validation accepts a barrier in divergent control flow, so this looks at the
/// text: a barrier stands in the body of a function, or of a loop marked
/// `// uniform`, and no invocation leaves early.
#[test]
fn barriers_are_reached_by_all() {
    for (name, text) in files() {
        let mut blocks: Vec<&str> = Vec::new();
        let main = text.split("fn main(").nth(1).unwrap_or("");
        if text.contains("workgroupBarrier") {
            for word in ["return", "break", "continue", "discard"] {
                assert!(!main.contains(word), "{name}: {word} beside a barrier");
            }
        }
        for line in text.lines() {
            let code = line.split("//").next().unwrap_or("");
            if code.contains("Barrier()") {
                let inside = blocks
                    .iter()
                    .filter(|b| !b.starts_with("fn ") && !b.starts_with(')'));
                for block in inside {
                    assert!(
                        block.starts_with("for (") && block.contains("// uniform"),
                        "{name}: a barrier inside {block:?}"
                    );
                }
            }
            for c in code.chars() {
                match c {
                    '{' => blocks.push(line.trim()),
                    '}' => {
                        blocks.pop();
                    }
                    _ => {}
                }
            }
        }
        assert!(blocks.is_empty(), "{name}");
    }
}

#[test]
fn devices_are_the_adapters() {
    let adapters: Vec<_> = wgpu::adapters()
        .iter()
        .map(|a| a.device().clone())
        .collect();
    assert_eq!(device::devices(), adapters);
}
