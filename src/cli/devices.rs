//! `devices`

use serde_json::json;

use super::common::print;
use super::{Error, Global};
use crate::exec::device::{Request, candidates, devices};

pub fn run(global: &Global) -> Result<(), Error> {
    let found = devices();
    let picked = candidates(&Request::Auto, &found).first().copied();
    if global.json {
        for (i, device) in found.iter().enumerate() {
            print(
                &json!({
                    "name": device.name,
                    "description": device.to_string(),
                    "max_buffer_bytes": device.max_buffer,
                    "max_binding_bytes": device.max_binding,
                    "auto": picked == Some(i),
                })
                .to_string(),
            )?;
        }
        return print(
            &json!({"name": "cpu", "description": "the CPU executor", "auto": picked.is_none()})
                .to_string(),
        );
    }
    let mark = |auto: bool| if auto { "* " } else { "  " };
    print(&format!("{}cpu: the CPU executor", mark(picked.is_none())))?;
    for (i, device) in found.iter().enumerate() {
        print(&format!(
            "{}{device}: buffers up to {} MiB, bindings up to {} MiB",
            mark(picked == Some(i)),
            device.max_buffer >> 20,
            device.max_binding >> 20
        ))?;
    }
    print("* is what --device auto picks")
}
