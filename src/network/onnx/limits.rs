//! What a file may ask for, checked on the bytes before anything is decoded.
//!
//! An empty message takes two bytes of a file and hundreds of memory, so the
//! length of the file alone does not bound the memory its decoding takes. The
//! scan below walks the wire format once, allocates nothing, and counts
//! messages and the bytes outside tensor payloads; payloads decode one to one.

use super::Error;

/// The largest model file, compressed or not.
pub(crate) const MAX_BYTES: u64 = 1 << 31;
/// The most messages of any type in one file.
const MAX_MESSAGES: u64 = 1 << 19;
/// The most bytes outside tensor payloads.
const MAX_STRUCTURE: u64 = 1 << 24;
/// The deepest nesting of messages; a graph within a graph adds three.
const MAX_DEPTH: u32 = 24;
/// The most elements one sample's tensor may have.
pub(super) const MAX_ELEMENTS: usize = 1 << 24;
/// The most elements of index lists and constants the reader makes for a file.
pub(super) const MAX_MADE: usize = 1 << 25;

#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Value,
    Type,
    TensorType,
    Shape,
    Leaf,
}

enum Field {
    Message(Message),
    Payload,
    Plain,
}

/// The fields of `messages.rs` that hold messages or tensor payloads.
fn field(message: Message, number: u64) -> Field {
    use Message as M;
    Field::Message(match (message, number) {
        (M::Model, 7) | (M::Attribute, 6 | 11) => M::Graph,
        (M::Graph, 1) => M::Node,
        (M::Graph, 5) | (M::Attribute, 5) => M::Tensor,
        (M::Graph, 11 | 12) => M::Value,
        (M::Node, 5) => M::Attribute,
        (M::Value, 2) => M::Type,
        (M::Type, 1) => M::TensorType,
        (M::TensorType, 2) => M::Shape,
        (M::Shape, 1) | (M::Model, 8 | 25) | (M::Tensor, 13) => M::Leaf,
        (M::Tensor, 4 | 9 | 10) => return Field::Payload,
        _ => return Field::Plain,
    })
}

struct Scan {
    messages: u64,
    structure: u64,
}

/// Checks the limits above.
pub(super) fn check(bytes: &[u8]) -> Result<(), Error> {
    too_large("file", bytes.len() as u64, MAX_BYTES)?;
    let mut scan = Scan {
        messages: 0,
        structure: 0,
    };
    scan.message(Message::Model, bytes, 0)
}

fn too_large(what: &'static str, found: u64, limit: u64) -> Result<(), Error> {
    if found > limit {
        return Err(Error::TooLarge { what, found, limit });
    }
    Ok(())
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Error> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Error::Truncated)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Error::Wire {
        what: "a varint of more than ten bytes",
    })
}

fn skip<'a>(bytes: &mut &'a [u8], n: u64) -> Result<&'a [u8], Error> {
    let n = usize::try_from(n).map_err(|_| Error::Truncated)?;
    let (taken, rest) = bytes.split_at_checked(n).ok_or(Error::Truncated)?;
    *bytes = rest;
    Ok(taken)
}

impl Scan {
    fn message(&mut self, message: Message, mut bytes: &[u8], depth: u32) -> Result<(), Error> {
        self.messages += 1;
        too_large("number of messages", self.messages, MAX_MESSAGES)?;
        too_large(
            "nesting of messages",
            u64::from(depth),
            u64::from(MAX_DEPTH),
        )?;
        while !bytes.is_empty() {
            let before = bytes.len();
            let key = varint(&mut bytes)?;
            let mut payload = 0;
            match key & 7 {
                0 => drop(varint(&mut bytes)?),
                1 => drop(skip(&mut bytes, 8)?),
                5 => drop(skip(&mut bytes, 4)?),
                2 => {
                    let n = varint(&mut bytes)?;
                    let inner = skip(&mut bytes, n)?;
                    match field(message, key >> 3) {
                        Field::Plain => {}
                        Field::Payload => payload = inner.len(),
                        Field::Message(m) => {
                            self.message(m, inner, depth + 1)?;
                            payload = inner.len(); // counted within
                        }
                    }
                }
                _ => {
                    return Err(Error::Wire {
                        what: "a field of group or reserved wire type",
                    });
                }
            }
            self.structure += (before - bytes.len() - payload) as u64;
            too_large("bytes outside tensors", self.structure, MAX_STRUCTURE)?;
        }
        Ok(())
    }
}
